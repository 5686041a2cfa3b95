/* SPDX-License-Identifier: Apache-2.0
 * PUT ?extract-archive: a tar (plain, gzip, bzip2) that becomes objects as it streams in. */
#include <bzlib.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "object_store/swift_parts.h"
#include "rest/dispatch.h"

enum { BLOCK = 512, MAX_NAME = 16 * 1024, MAX_ERRORS = 1000, MAX_CONTAINERS = 10000, PIECE = 64 * 1024 };

enum packing { PLAIN, GZIP, BZIP2 };

/* What the bytes that come now are. */
enum part { HEADER, CONTENT, PADDING, LONG_NAME, PAX, SKIPPED };

struct archive {
    struct swift *sw;
    enum packing packing;
    z_stream gzip;
    bz_stream bzip;
    bool opened, ended, broken;     /* the packing's stream */
    struct swift_bulk bulk;
    char header[BLOCK];
    size_t header_size;
    enum part part;
    int64_t left;                   /* bytes of the part */
    size_t padding;                 /* that follow it */
    char *next_name;                /* of a long name or extended header, for the entry that follows */
    size_t next_size;
    int64_t next_length;            /* size from an extended header; -1: none */
    char *extra;                    /* a long name or extended header as it comes */
    size_t extra_size;
    struct arena *arena;            /* of the file under way */
    struct store_upload *upload;    /* null: it is not wanted */
    const char *container, *name;
    const char *known;              /* a container that is there and may be written */
    size_t containers;
};

/* ---- the end of a file ---- */

static const char *path_of(struct archive *archive) {
    return arena_printf(archive->sw->arena, "/%s/%s", archive->container, archive->name);
}

static bool container_ready(struct archive *archive) {
    struct swift *sw = archive->sw;
    struct store_find find = {.account = sw->account, .container = archive->container};
    struct store_found found;
    enum store_result result;

    if (archive->known && !strcmp(archive->known, archive->container)) {
        return true;
    }
    result = store_find(sw->arena, &find, &found);
    if (result == STORE_NO_CONTAINER && sw->owner && archive->containers++ < MAX_CONTAINERS) {
        struct store_change change = {.arena = sw->arena, .account = sw->account, .container = archive->container, .policy = -1};

        result = store_put_container(&change);
        result = result == STORE_CREATED ? STORE_OK : result;
    } else if (result == STORE_OK && !swift_may(sw, sw->account, &found.container, true)) {
        swift_bulk_error(sw, &archive->bulk, path_of(archive), sw->call->caller.user_id ? 403 : 401, "");
        return false;
    }
    if (result != STORE_OK) {
        swift_bulk_error(sw, &archive->bulk, path_of(archive), result == STORE_NO_CONTAINER ? 404 : 503, "");
        return false;
    }
    archive->known = arena_text(sw->arena, archive->container);
    return true;
}

static void put_file(struct archive *archive) {
    struct swift *sw = archive->sw;
    struct store_change change = {.arena = archive->arena, .account = sw->account, .container = archive->container,
                                  .name = archive->name, .upload = archive->upload};
    enum store_result result = store_upload_end(archive->upload);

    if (result == STORE_OK && !container_ready(archive)) {
        return;
    }
    change.object.type = swift_guess_type(sw->arena, archive->name);
    result = result == STORE_OK ? store_put_object(&change) : result;
    if (result == STORE_CREATED) {
        archive->bulk.done++;
    } else {
        swift_bulk_error(sw, &archive->bulk, path_of(archive), result == STORE_FULL ? 507 : result == STORE_OVER_QUOTA ? 413 : 503,
                         "");
    }
}

static void end_file(struct archive *archive) {
    if (archive->upload) {
        put_file(archive);
    }
    if (archive->arena) {
        arena_free(archive->arena);
    }
    archive->arena = NULL;
    archive->upload = NULL;
}

/* ---- headers ---- */

/* An octal number, or (first bit set) a binary one. */
static int64_t number(const char *field, size_t size) {
    int64_t value = 0;

    if (*field & 0x80) {
        for (size_t i = size - 8; i < size; i++) {
            value = (int64_t)((uint64_t)value << 8 | (unsigned char)field[i]);
        }
        return value;
    }
    for (size_t i = 0; i < size && field[i] && value < INT64_MAX / 16; i++) {
        if (field[i] >= '0' && field[i] <= '7') {
            value = value * 8 + (field[i] - '0');
        }
    }
    return value;
}

static bool sum_fits(const char *header) {
    int64_t sum = 0;

    for (int i = 0; i < BLOCK; i++) {
        sum += i >= 148 && i < 156 ? ' ' : (unsigned char)header[i];
    }
    return number(header + 148, 8) == sum;
}

/* The entry's path below the request's own: container and object. */
static bool split_name(struct archive *archive, const char *path) {
    struct swift *sw = archive->sw;
    const char *base = sw->container ? arena_printf(sw->arena, "%s/%s%s", sw->container, sw->object ? sw->object : "",
                                                    sw->object && sw->object[strlen(sw->object) - 1] != '/' ? "/" : "") : "";

    while (!strncmp(path, "./", 2) || *path == '/') {
        path += *path == '/' ? 1 : 2;
    }
    return swift_split_path(sw->arena, arena_printf(sw->arena, "%s%s", base, path), &archive->container, &archive->name) &&
           strlen(archive->container) <= MAX_CONTAINER_NAME && strlen(archive->name) <= MAX_OBJECT_NAME &&
           utf8_valid(archive->container, strlen(archive->container)) && utf8_valid(archive->name, strlen(archive->name));
}

static const char *entry_name(struct archive *archive) {
    const char *header = archive->header;
    bool ustar = !memcmp(header + 257, "ustar", 5);

    if (archive->next_name) {
        return archive->next_name;
    }
    if (ustar && header[345]) {
        return arena_printf(archive->sw->arena, "%.155s/%.100s", header + 345, header);
    }
    return arena_printf(archive->sw->arena, "%.100s", header);
}

static void begin_file(struct archive *archive, int64_t size) {
    const char *name = entry_name(archive);

    if (!split_name(archive, name)) {
        swift_bulk_error(archive->sw, &archive->bulk, name, 400, "");
        return;
    }
    if (size > MAX_FILE_SIZE) {
        swift_bulk_error(archive->sw, &archive->bulk, name, 413, "");
        return;
    }
    archive->arena = arena_new(0);
    archive->upload = store_upload_new(archive->arena);
}

static void begin_entry(struct archive *archive) {
    char type = archive->header[156];
    int64_t size = number(archive->header + 124, 12);

    if (size < 0 || !sum_fits(archive->header)) {
        /* Zeroes end an archive; anything else is none. */
        archive->broken = archive->header[0] != 0;
        return;
    }
    if (archive->next_length >= 0 && (type == '0' || !type)) {
        size = archive->next_length;
    }
    archive->left = size;
    archive->padding = (size_t)((BLOCK - size % BLOCK) % BLOCK);
    if (type == 'L' || type == 'x') {
        archive->part = type == 'L' ? LONG_NAME : PAX;
        archive->extra = arena_alloc(archive->sw->arena, (size_t)(size < MAX_NAME ? size : MAX_NAME) + 1);
        archive->extra_size = 0;
        return;
    }
    archive->part = type == '0' || !type ? CONTENT : SKIPPED;
    if (archive->part == CONTENT) {
        begin_file(archive, size);
    }
    archive->next_name = NULL;
    archive->next_length = -1;
}

/* "27 path=some/long/name\n" lines. */
static void read_pax(struct archive *archive) {
    const char *at = archive->extra, *end = at + archive->extra_size;

    while (at < end) {
        char *word;
        int64_t size = strtoll(at, &word, 10);
        const char *value;

        if (size <= 0 || size > end - at || *word != ' ') {
            return;
        }
        value = memchr(word, '=', (size_t)(at + size - word));
        if (value && !strncmp(word, " path=", 6)) {
            archive->next_name = arena_text_size(archive->sw->arena, value + 1, (size_t)(at + size - value - 2));
        } else if (value && !strncmp(word, " size=", 6)) {
            archive->next_length = strtoll(value + 1, NULL, 10);
        }
        at += size;
    }
}

static void end_part(struct archive *archive) {
    if (archive->part == CONTENT) {
        end_file(archive);
    } else if (archive->part == LONG_NAME) {
        archive->next_name = archive->extra;
    } else if (archive->part == PAX) {
        read_pax(archive);
    }
    archive->part = archive->padding ? PADDING : HEADER;
    archive->left = (int64_t)archive->padding;
    archive->padding = 0;
}

static void take(struct archive *archive, const char *bytes, size_t size) {
    if (archive->part == CONTENT && archive->upload) {
        store_upload_add(archive->upload, bytes, size);
    } else if ((archive->part == LONG_NAME || archive->part == PAX) && archive->extra_size + size <= MAX_NAME) {
        memcpy(archive->extra + archive->extra_size, bytes, size);
        archive->extra_size += size;
    }
}

static bool feed(struct archive *archive, const char *bytes, size_t size) {
    while (size && !archive->broken && archive->bulk.error_count < MAX_ERRORS) {
        size_t part;

        if (archive->part == HEADER) {
            part = BLOCK - archive->header_size < size ? BLOCK - archive->header_size : size;
            memcpy(archive->header + archive->header_size, bytes, part);
            archive->header_size += part;
            if (archive->header_size == BLOCK) {
                archive->header_size = 0;
                begin_entry(archive);
            }
        } else {
            part = archive->left < (int64_t)size ? (size_t)archive->left : size;
            take(archive, bytes, part);
            archive->left -= (int64_t)part;
        }
        bytes += part;
        size -= part;
        while (archive->part != HEADER && !archive->left) {
            end_part(archive);
        }
    }
    return !archive->broken && archive->bulk.error_count < MAX_ERRORS;
}

/* ---- unpacking ---- */

static bool feed_gzip(struct archive *archive, const void *bytes, size_t size) {
    char out[PIECE];
    int code = Z_OK;

    archive->gzip.next_in = (unsigned char *)(uintptr_t)bytes;
    archive->gzip.avail_in = (unsigned)size;
    do {
        archive->gzip.next_out = (unsigned char *)out;
        archive->gzip.avail_out = sizeof out;
        code = inflate(&archive->gzip, Z_NO_FLUSH);
        if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
            archive->broken = true;
        } else if (!feed(archive, out, sizeof out - archive->gzip.avail_out)) {
            return false;
        }
    } while (!archive->broken && code == Z_OK && (archive->gzip.avail_in || !archive->gzip.avail_out));
    archive->ended = code == Z_STREAM_END;
    return !archive->broken;
}

static bool feed_bzip(struct archive *archive, const void *bytes, size_t size) {
    char out[PIECE];
    int code = BZ_OK;

    archive->bzip.next_in = (char *)(uintptr_t)bytes;
    archive->bzip.avail_in = (unsigned)size;
    do {
        archive->bzip.next_out = out;
        archive->bzip.avail_out = sizeof out;
        code = BZ2_bzDecompress(&archive->bzip);
        if (code != BZ_OK && code != BZ_STREAM_END) {
            archive->broken = true;
        } else if (!feed(archive, out, sizeof out - archive->bzip.avail_out)) {
            return false;
        }
    } while (!archive->broken && code == BZ_OK && (archive->bzip.avail_in || !archive->bzip.avail_out));
    archive->ended = code == BZ_STREAM_END;
    return !archive->broken;
}

static bool sink(struct http_request *http, const void *bytes, size_t size) {
    struct archive *archive = swift_of(dispatch_call(http))->extra;

    if (archive->ended) {
        return true;
    }
    switch (archive->packing) {
    case GZIP:
        return feed_gzip(archive, bytes, size);
    case BZIP2:
        return feed_bzip(archive, bytes, size);
    default:
        return feed(archive, bytes, size);
    }
}

static void release(void *pointer) {
    struct archive *archive = pointer;

    if (archive->arena) {
        arena_free(archive->arena);
    }
    if (archive->opened && archive->packing == GZIP) {
        inflateEnd(&archive->gzip);
    } else if (archive->opened && archive->packing == BZIP2) {
        BZ2_bzDecompressEnd(&archive->bzip);
    }
}

bool swift_archive_begin(struct swift *sw) {
    const char *format = swift_argument(sw, "extract-archive");
    struct archive *archive = ARENA_NEW(sw->arena, struct archive);

    *archive = (struct archive){.sw = sw, .next_length = -1, .opened = true};
    if (swift_format_accepted(sw) < 0) {
        return swift_bulk_respond(sw, &(struct swift_bulk){.status = "406 Not Acceptable"}, "Number Files Created"), false;
    }
    if (!strcmp(format, "tar.gz")) {
        archive->packing = GZIP;
        archive->opened = inflateInit2(&archive->gzip, 15 + 16) == Z_OK;
    } else if (!strcmp(format, "tar.bz2")) {
        archive->packing = BZIP2;
        archive->opened = BZ2_bzDecompressInit(&archive->bzip, 0, 0) == BZ_OK;
    } else if (strcmp(format, "tar") != 0) {
        return swift_error(sw, 400, "Unsupported archive format"), false;
    }
    if (!archive->opened) {
        return swift_status(sw, 503), false;
    }
    arena_defer(sw->arena, release, archive);
    sw->extra = archive;
    sw->http->sink = sink;
    sw->http->on_worker = true;
    return true;
}

bool swift_archive(struct swift *sw) {
    struct archive *archive = sw->extra;
    struct swift_bulk *bulk = &archive->bulk;

    if (archive->broken || (archive->packing != PLAIN && !archive->ended) || archive->part != HEADER || archive->header_size) {
        bulk->status = "400 Bad Request";
        bulk->body = "Invalid Tar File: it is damaged or not of the format that was named.";
    } else if (bulk->error_count >= MAX_ERRORS) {
        bulk->status = "400 Bad Request";
        bulk->body = "There were too many errors; the rest was not read.";
    } else if (!bulk->done && !bulk->error_count) {
        bulk->status = "400 Bad Request";
        bulk->body = "Invalid Tar File: No Valid Files";
    }
    return swift_bulk_respond(sw, bulk, "Number Files Created");
}
