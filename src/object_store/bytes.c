/* SPDX-License-Identifier: Apache-2.0
 * The way of bytes: in, with MD5 and a CRC-32C a block; out, each block verified before a byte of it is given.
 *
 * A blob is the object's bytes (as they are, or encrypted), then one CRC-32C (4 bytes, little endian) for each block of STORE_BLOCK bytes. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/id.h"
#include "base/log.h"
#include "base/map.h"
#include "object_store/crc32c.h"
#include "object_store/index.h"
#include "object_store/seal.h"
#include "object_store/write_ring.h"

LOG_MODULE("object_store.bytes");

struct upload {
    struct store_upload public;     /* first */
    struct arena *arena;
    struct digest *md5;
    char *memory;                   /* STORE_INLINE bytes of the heap, until there is a blob */
    const void *whole;
    const struct seal *seal;        /* or null */
    void *sealed;                   /* bytes of the index encrypted */
    struct blob *blob;
    struct ring *ring;              /* on which its bytes are hashed and written; null: where they are added */
    int64_t stored;                 /* bytes given to the blob */
    const char *place;
    const char *claimed;            /* the blob's name, known as being under way */
    struct buf sums;                /* of whole blocks */
    uint32_t sum;                   /* of the block that is filled, or of bytes in memory */
    bool ended, taken;
};

/* ---- blobs under way: no object has them yet ---- */

static pthread_mutex_t claims_lock = PTHREAD_MUTEX_INITIALIZER;
static struct map *claims;

static void unclaim(struct upload *upload) {
    if (upload->claimed) {
        pthread_mutex_lock(&claims_lock);
        map_set(claims, upload->claimed, NULL);
        pthread_mutex_unlock(&claims_lock);
        upload->claimed = NULL;
    }
}

static void claim(struct upload *upload, const char *name) {
    unclaim(upload);
    upload->claimed = name;
    pthread_mutex_lock(&claims_lock);
    claims = claims ? claims : map_new();
    map_set(claims, name, upload);
    pthread_mutex_unlock(&claims_lock);
}

bool upload_under_way(const char *blob) {
    bool found;

    pthread_mutex_lock(&claims_lock);
    found = claims && map_get(claims, blob);
    pthread_mutex_unlock(&claims_lock);
    return found;
}

static void release(void *pointer) {
    struct upload *upload = pointer;

    ring_free(upload->ring);
    free(upload->memory);
    digest_free(upload->md5);
    buf_release(&upload->sums);
    if (upload->blob) {
        store.driver->discard(upload->blob);
    } else if (upload->place && !upload->taken) {
        store.driver->remove(upload->place);
    }
    unclaim(upload);
}

static struct upload *upload_new(struct arena *arena) {
    struct upload *upload = ARENA_NEW(arena, struct upload);

    upload->arena = arena;
    upload->seal = seal_new(arena);
    arena_defer(arena, release, upload);
    return upload;
}

struct store_upload *store_upload_new(struct arena *arena) {
    struct upload *upload = upload_new(arena);

    upload->md5 = digest_new("md5");
    return &upload->public;
}

static bool failed(struct upload *upload, const char *what) {
    bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;

    if (!full) {
        log_error("%s a blob: %s", what, strerror(errno));
    }
    if (upload->public.failed == STORE_OK) {
        upload->public.failed = full ? STORE_FULL : STORE_FAILED;
    }
    return false;
}

static void put_sum(struct upload *upload) {
    unsigned char bytes[4] = {(unsigned char)upload->sum, (unsigned char)(upload->sum >> 8),
                              (unsigned char)(upload->sum >> 16), (unsigned char)(upload->sum >> 24)};

    buf_put(&upload->sums, bytes, sizeof bytes);
    upload->sum = 0;
}

static void hash(void *user, const char *bytes, size_t size) {
    digest_add(((struct upload *)user)->md5, bytes, size);
}

/* Encrypts the bytes where they stand. */
static bool write_blob(void *user, char *bytes, size_t size) {
    struct upload *upload = user;

    if (upload->seal) {
        seal_bytes(upload->seal, upload->stored, bytes, bytes, size);
    }
    if (!store.driver->write(upload->blob, bytes, size)) {
        return false;
    }
    while (size) {
        size_t room = STORE_BLOCK - (size_t)(upload->stored % STORE_BLOCK), part = size < room ? size : room;

        upload->sum = crc32c(upload->sum, bytes, part);
        if (part == room) {
            put_sum(upload);
        }
        upload->stored += (int64_t)part;
        bytes += part;
        size -= part;
    }
    return true;
}

/* Hashes and writes right here. */
static bool write_here(struct upload *upload, const char *bytes, size_t size) {
    char *copy = NULL;
    bool ok = true;

    hash(upload, bytes, size);
    if (!upload->seal) {
        return write_blob(upload, (char *)(uintptr_t)bytes, size);
    }
    copy = malloc(STORE_BLOCK);
    while (copy && ok && size) {
        size_t part = size < STORE_BLOCK ? size : STORE_BLOCK;

        memcpy(copy, bytes, part);
        ok = write_blob(upload, copy, part);
        bytes += part;
        size -= part;
    }
    free(copy);
    return copy && ok;
}

static bool add_to_blob(struct upload *upload, const char *bytes, size_t size) {
    return (upload->ring ? ring_add(upload->ring, bytes, size) : write_here(upload, bytes, size)) ||
           failed(upload, "writing");
}

/* What the index keeps of an upload that has no blob. */
static const void *in_index(const struct upload *upload) {
    return upload->sealed ? upload->sealed : upload->whole ? upload->whole : upload->memory;
}

static bool begin_blob(struct upload *upload) {
    bool ok;

    upload->place = id_hex(upload->arena);
    claim(upload, upload->place);
    upload->blob = store.driver->create(upload->place);
    if (!upload->blob) {
        upload->place = NULL;
        return failed(upload, "making");
    }
    upload->ring = ring_new(&(struct ring_user){hash, write_blob, upload});
    ok = !upload->public.size || add_to_blob(upload, upload->memory, (size_t)upload->public.size);
    free(upload->memory);
    upload->memory = NULL;
    return ok;
}

bool store_upload_add(struct store_upload *public, const void *bytes, size_t size) {
    struct upload *upload = (struct upload *)public;
    int64_t total = public->size + (int64_t)size;

    if (public->failed != STORE_OK) {
        return false;
    }
    total = total > public->expected ? total : public->expected;
    if (!upload->blob && total <= store.driver->inline_bytes) {
        upload->memory = upload->memory ? upload->memory : malloc(STORE_INLINE);
        if (!upload->memory) {
            abort();
        }
        memcpy(upload->memory + public->size, bytes, size);
    } else if ((!upload->blob && !begin_blob(upload)) || !add_to_blob(upload, bytes, size)) {
        return false;
    }
    public->size += (int64_t)size;
    return true;
}

bool store_upload_whole(struct store_upload *public, const void *bytes, size_t size) {
    struct upload *upload = (struct upload *)public;

    if ((int64_t)size > store.driver->inline_bytes || public->size) {
        return store_upload_add(public, bytes, size);
    }
    upload->whole = bytes;
    public->size = (int64_t)size;
    return true;
}

static void end_in_index(struct upload *upload) {
    size_t size = (size_t)upload->public.size;

    hash(upload, in_index(upload), size);
    if (upload->seal && size) {
        const void *plain = in_index(upload);

        upload->sealed = arena_alloc(upload->arena, size);
        seal_bytes(upload->seal, 0, plain, upload->sealed, size);
    }
    upload->sum = crc32c(0, in_index(upload), size);
}

static bool end_blob(struct upload *upload) {
    struct blob *blob = upload->blob;

    if (upload->ring && !ring_end(upload->ring)) {
        return failed(upload, "writing");
    }
    ring_free(upload->ring);
    upload->ring = NULL;
    if (upload->stored % STORE_BLOCK) {
        put_sum(upload);
    }
    if (!store.driver->write(blob, upload->sums.at, upload->sums.size)) {
        return failed(upload, "writing");
    }
    upload->blob = NULL;
    if (!store.driver->commit(blob)) {
        upload->place = NULL;
        return failed(upload, "keeping");
    }
    return true;
}

enum store_result store_upload_end(struct store_upload *public) {
    struct upload *upload = (struct upload *)public;

    if (upload->ended || public->failed != STORE_OK) {
        return public->failed;
    }
    upload->ended = true;
    if (!upload->blob) {
        end_in_index(upload);
    } else if (!end_blob(upload)) {
        return public->failed;
    }
    public->etag = digest_hex(upload->md5, upload->arena);
    upload->md5 = NULL;
    return STORE_OK;
}

struct upload_bytes upload_bytes(const struct store_upload *public) {
    const struct upload *upload = (const struct upload *)public;

    return (struct upload_bytes){upload->place, in_index(upload), upload->place ? 0 : upload->sum, upload->seal};
}

void upload_taken(struct store_upload *public, bool taken) {
    ((struct upload *)public)->taken = taken;
}

/* ---- copies ---- */

/* Copies byte by byte: for what cannot be shared. */
static bool copy_bytes(struct store_upload *upload, const char *account, const char *container,
                       const struct store_object *object, int64_t size) {
    struct store_reader *reader = store_reader_open(account, container, object, 0, size);
    char *bytes = reader ? malloc(STORE_BLOCK) : NULL;
    ssize_t got = -1;

    while (bytes && (got = store_reader_read(reader, bytes, STORE_BLOCK)) > 0) {
        if (!store_upload_add(upload, bytes, (size_t)got)) {
            break;
        }
    }
    free(bytes);
    store_reader_close(reader);
    return got == 0;
}

struct store_upload *store_upload_copy(struct arena *arena, const char *account, const char *container,
                                       const struct store_object *object) {
    struct upload *upload = (struct upload *)store_upload_new(arena);
    const char *place = id_hex(arena);

    claim(upload, place);
    /* Blobs that are shared share their keys; what is not encrypted and should be is written anew. */
    if (object->place && (object->seal || !upload->seal) && store.driver->link(object->place, place)) {
        upload->seal = object->seal;
        upload->place = place;
        upload->ended = true;
        upload->public.size = object->size;
        upload->public.etag = object->etag;
        return &upload->public;
    }
    if (!copy_bytes(&upload->public, account, container, object, object->size)) {
        upload->public.failed = upload->public.failed != STORE_OK ? upload->public.failed : STORE_FAILED;
    }
    store_upload_end(&upload->public);
    return &upload->public;
}

/* ---- reading ---- */

struct store_reader {
    struct blob *blob;              /* null: bytes in memory */
    const char *bytes;
    struct blob *own_blob;          /* null: it is the object's */
    char *own_bytes;                /* null: they are */
    int64_t size;                   /* of the object */
    int64_t at, end;                /* bytes to give */
    char *block;                    /* a verified block for pieces of it */
    int64_t block_number;           /* -1: none */
    char place[40];
    char account_and_name[256];
    struct seal seal;
    bool sealed;
    unsigned char *sums;            /* of the blocks from first_sum on */
    int64_t first_sum, sum_count;
};

enum { SUMS_AT_ONCE = 4096 };

static bool load_memory(struct store_reader *reader, const char *account, const char *container,
                        const struct store_object *object) {
    struct arena *arena = arena_new(0);
    struct store_find find = {.account = account, .container = container, .name = object->name, .version = object->version,
                              .want_bytes = true, .want_expired = true};
    struct store_found found;
    bool ok = store_find(arena, &find, &found) == STORE_OK && found.object.bytes && !found.damaged &&
              found.object.size == object->size && !strcmp(found.object.etag, object->etag);

    if (ok) {
        reader->bytes = reader->own_bytes = malloc((size_t)object->size + 1);
        ok = reader->bytes != NULL;
    }
    if (ok) {
        memcpy(reader->own_bytes, found.object.bytes, (size_t)object->size);
    }
    arena_free(arena);
    return ok;
}

struct store_reader *store_reader_open(const char *account, const char *container, const struct store_object *object,
                                       int64_t first, int64_t size) {
    struct store_reader *reader = calloc(1, sizeof *reader);
    bool ok;

    if (!reader) {
        abort();
    }
    reader->size = object->size;
    reader->at = first;
    reader->end = first + size;
    reader->block_number = -1;
    snprintf(reader->account_and_name, sizeof reader->account_and_name, "%s/%s/%s", account, container, object->name);
    if (object->seal) {
        reader->seal = *object->seal;
        reader->sealed = true;
    }
    reader->blob = object->blob;
    reader->bytes = object->bytes;
    if (object->place) {
        snprintf(reader->place, sizeof reader->place, "%s", object->place);
    }
    if (object->shut) {
        ok = false;
    } else if (object->place && !object->blob) {
        reader->blob = reader->own_blob = store.driver->open(object->place);
        ok = reader->blob != NULL;
    } else {
        ok = object->place || object->bytes || !object->size || load_memory(reader, account, container, object);
    }
    if (!ok) {
        log_error("%s: its bytes cannot be opened", reader->account_and_name);
        store_reader_close(reader);
        return NULL;
    }
    return reader;
}

static bool damaged(const struct store_reader *reader, int64_t block) {
    log_error("%s: block %lld of its blob %s is not what was written", reader->account_and_name, (long long)block,
              reader->place);
    return false;
}

/* Reads the sums around 'block' ahead. */
static bool load_sums(struct store_reader *reader, int64_t block) {
    int64_t blocks = (reader->size + STORE_BLOCK - 1) / STORE_BLOCK;
    int64_t count = blocks - block < SUMS_AT_ONCE ? blocks - block : SUMS_AT_ONCE;

    if (!reader->sums) {
        reader->sums = malloc(4 * SUMS_AT_ONCE);
        if (!reader->sums) {
            abort();
        }
    }
    reader->first_sum = block;
    reader->sum_count = count;
    return store.driver->read(reader->blob, reader->size + block * 4, reader->sums, (size_t)count * 4) == count * 4;
}

static bool read_block(struct store_reader *reader, int64_t block, char *bytes, size_t size) {
    const unsigned char *sum;

    if (store.driver->read(reader->blob, block * STORE_BLOCK, bytes, size) != (ssize_t)size ||
        ((block < reader->first_sum || block >= reader->first_sum + reader->sum_count) && !load_sums(reader, block))) {
        return damaged(reader, block);
    }
    sum = reader->sums + (block - reader->first_sum) * 4;
    if (crc32c(0, bytes, size) != ((uint32_t)sum[0] | (uint32_t)sum[1] << 8 | (uint32_t)sum[2] << 16 |
                                   (uint32_t)sum[3] << 24)) {
        return damaged(reader, block);
    }
    if (reader->sealed) {
        seal_bytes(&reader->seal, block * STORE_BLOCK, bytes, bytes, size);
    }
    return true;
}

static ssize_t read_verified(struct store_reader *reader, char *bytes, size_t size) {
    int64_t block = reader->at / STORE_BLOCK, begin = block * STORE_BLOCK;
    size_t block_size = reader->size - begin < STORE_BLOCK ? (size_t)(reader->size - begin) : STORE_BLOCK;
    size_t skip = (size_t)(reader->at - begin), part = block_size - skip;

    if (!skip && size >= block_size && reader->end >= begin + (int64_t)block_size) {
        return read_block(reader, block, bytes, block_size) ? (ssize_t)block_size : -1;
    }
    if (!reader->block) {
        reader->block = malloc(STORE_BLOCK);
        if (!reader->block) {
            abort();
        }
    }
    if (reader->block_number != block) {
        if (!read_block(reader, block, reader->block, block_size)) {
            return -1;
        }
        reader->block_number = block;
    }
    part = part < size ? part : size;
    part = (int64_t)part < reader->end - reader->at ? part : (size_t)(reader->end - reader->at);
    memcpy(bytes, reader->block + skip, part);
    return (ssize_t)part;
}

ssize_t store_reader_read(struct store_reader *reader, void *bytes, size_t size) {
    ssize_t given;

    if (reader->at >= reader->end || !size) {
        return 0;
    }
    if (reader->blob) {
        given = read_verified(reader, bytes, size);
    } else {
        given = reader->end - reader->at < (int64_t)size ? reader->end - reader->at : (ssize_t)size;
        memcpy(bytes, reader->bytes + reader->at, (size_t)given);
    }
    reader->at += given > 0 ? given : 0;
    return given;
}

void store_reader_close(struct store_reader *reader) {
    if (!reader) {
        return;
    }
    if (reader->own_blob) {
        store.driver->close(reader->own_blob);
    }
    free(reader->own_bytes);
    free(reader->block);
    free(reader->sums);
    free(reader);
}
