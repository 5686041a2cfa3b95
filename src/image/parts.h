/* SPDX-License-Identifier: Apache-2.0
 * What the files of the image service share. */
#pragma once
#include "image/image.h"
#include "image/inspect.h"
#include "image/types.h"
#include "rest/task.h"

/* Fails 403 unless the caller may change the image: its owner, or an admin. */
bool image_mutable(struct call *call, const struct image_image *row);

/* DATA/images/ID, and the same with an ending (".staged"). */
const char *image_path(struct arena *arena, const char *id, const char *ending);

/* What was learned of an image's bytes while they passed by. */
struct image_sums {
    const char *checksum, *hash;        /* md5, sha512 */
    struct image_facts facts;
};

/* Reads bytes as they pass: digests and inspector. */
struct image_reader;
struct image_reader *image_reader_new(struct arena *arena);
void image_reader_feed(struct image_reader *reader, const void *bytes, size_t size);
struct image_sums image_reader_finish(struct image_reader *reader);

/* Reads a whole file; false with the cause in '*ret_error'. */
bool image_measure(struct arena *arena, const char *path, struct image_sums *ret_sums, const char **ret_error);

/* Why bytes like these are not taken under that label; null when they are. */
const char *image_refusal(struct arena *arena, const char *disk_format, const struct image_facts *facts);

/* Writes digests and the length of the file into the row. */
void image_set_digests(struct image_image *row, const struct image_sums *sums);

/* Writes all that was learned into the row, which becomes active. */
void image_set_data(struct image_image *row, const struct image_sums *sums);

/* The largest image in bytes: [image] max_size, 1 TiB. */
int64_t image_max_size(void);

/* Gives the written file its final name, durably. False with errno. */
bool image_file_commit(struct arena *arena, int fd, const char *from, const char *id);

/* The types of resources that metadata definitions know from the beginning. */
bool image_metadef_bootstrap(struct call *call);

/* Import, digests, removal. */
extern const struct task_kind image_tasks[];
