/* SPDX-License-Identifier: Apache-2.0
 * Images as raw bytes, converted once per host. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct host;
struct server_image;
struct work;

/* Links the image's raw bytes to 'path', converting them first when they are not cached. An image whose disk
 * has more than 'most' bytes (0: any) is refused, before it is converted where its header tells. */
bool image_link(struct work *work, const struct server_image *image, const char *path, int64_t most);

/* Removes cached images that no server of this host uses and none has used for 'seconds'. */
void image_cache_prune(const struct host *host, int64_t seconds);
