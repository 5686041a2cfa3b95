/* SPDX-License-Identifier: Apache-2.0
 * The config drive: an ISO 9660 file system labelled config-2 with the files of the server document, as cloud-init and
 * other guests look for it (the compute service's user guide, "config drive"). */
#pragma once
#include <stdbool.h>

struct server;
struct work;

/* Makes disk.config of the document's files, in place of an older one. */
bool config_drive_make(struct work *work, const struct server *server);
