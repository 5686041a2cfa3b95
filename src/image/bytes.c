/* SPDX-License-Identifier: Apache-2.0
 * The bytes of images: where they lie, what is learned of them as they pass, and which are not taken. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/crypto.h"
#include "image/parts.h"
#include "rest/cloud.h"

struct image_reader {
    struct arena *arena;
    struct digest *md5, *sha512;
    struct inspector *inspector;
};

const char *image_path(struct arena *arena, const char *id, const char *ending) {
    return arena_printf(arena, "%s/images/%s%s", cloud.data, id, ending);
}

int64_t image_max_size(void) {
    return conf_int(cloud.conf, "image", "max_size", 1LL << 40);
}

static void reader_drop(void *pointer) {
    struct image_reader *reader = pointer;

    digest_free(reader->md5);
    digest_free(reader->sha512);
}

struct image_reader *image_reader_new(struct arena *arena) {
    struct image_reader *reader = ARENA_NEW(arena, struct image_reader);

    *reader = (struct image_reader){.arena = arena, .md5 = digest_new("md5"), .sha512 = digest_new("sha512"),
                                    .inspector = inspector_new(arena)};
    arena_defer(arena, reader_drop, reader);
    return reader;
}

void image_reader_feed(struct image_reader *reader, const void *bytes, size_t size) {
    digest_add(reader->md5, bytes, size);
    digest_add(reader->sha512, bytes, size);
    inspector_feed(reader->inspector, bytes, size);
}

struct image_sums image_reader_finish(struct image_reader *reader) {
    struct image_sums sums = {.checksum = digest_hex(reader->md5, reader->arena),
                              .hash = digest_hex(reader->sha512, reader->arena),
                              .facts = inspector_finish(reader->inspector)};

    reader->md5 = reader->sha512 = NULL;
    return sums;
}

bool image_measure(struct arena *arena, const char *path, struct image_sums *ret_sums, const char **ret_error) {
    struct image_reader *reader = image_reader_new(arena);
    char *bytes = arena_alloc(arena, 1 << 18);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t size = -1;

    while (fd >= 0 && (size = read(fd, bytes, 1 << 18)) > 0) {
        image_reader_feed(reader, bytes, (size_t)size);
    }
    if (size < 0) {
        *ret_error = arena_printf(arena, "the image's file cannot be read: %s", strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
    if (size == 0) {
        *ret_sums = image_reader_finish(reader);
    }
    return size == 0;
}

const char *image_refusal(struct arena *arena, const char *disk_format, const struct image_facts *facts) {
    if (!facts->safe) {
        return arena_printf(arena, "Image content is not accepted: %s", facts->problem);
    }
    if (facts->format != IMAGE_RAW && !image_format_fits(disk_format, facts->format)) {
        return arena_printf(arena, "Image content does not match disk_format: it is %s, not %s",
                            image_format_name(facts->format), disk_format);
    }
    return NULL;
}

/* The size of the disk is known when the image tells it, or when its bytes are the disk. */
static int64_t virtual_size(const struct image_image *row, const struct image_facts *facts) {
    bool bytes = row->disk_format && image_format_fits(row->disk_format, IMAGE_RAW);

    if (facts->virtual_size) {
        return (int64_t)facts->virtual_size;
    }
    return bytes ? (int64_t)facts->size : NO_INT;
}

void image_set_digests(struct image_image *row, const struct image_sums *sums) {
    row->checksum = sums->checksum;
    row->os_hash_algo = "sha512";
    row->os_hash_value = sums->hash;
    row->size = (int64_t)sums->facts.size;
}

void image_set_data(struct image_image *row, const struct image_sums *sums) {
    image_set_digests(row, sums);
    row->status = "active";
    row->virtual_size = virtual_size(row, &sums->facts);
    row->data_format = image_format_name(sums->facts.format);
    row->stores = "file";
    row->upload_id = row->upload_host = NULL;
}

bool image_file_commit(struct arena *arena, int fd, const char *from, const char *id) {
    int directory;
    bool ok;

    if (fsync(fd) || fchmod(fd, 0640) || rename(from, image_path(arena, id, ""))) {
        return false;
    }
    directory = open(image_path(arena, "", ""), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ok = directory >= 0 && !fsync(directory);
    if (directory >= 0) {
        close(directory);
    }
    return ok;
}
