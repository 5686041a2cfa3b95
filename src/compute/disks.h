/* SPDX-License-Identifier: Apache-2.0
 * The files of a server on its host, all in DATA/instances/<id>/:
 *
 *   disk            the root disk: qcow2 over "base"
 *   base            hard link to DATA/instances/_base/<image id>, the image as raw bytes; never written
 *   disk.<device>   a local ephemeral or swap disk, qcow2
 *   disk.rescue     root disk while the server is rescued; qcow2 over "base.rescue"
 *   disk.config     the config drive, ISO 9660
 *   console.log     written by the hypervisor
 *
 * A file is made under a temporary name and renamed when it is whole, so that one that exists can be trusted. A cached
 * image that only the cache links to is out of use. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct arena;
struct host;
struct server;
struct server_disk;
struct work;

/* Makes DATA/instances and DATA/instances/_base, for a hypervisor that may run as another user. */
bool disks_prepare(const struct host *host);

/* The file of a local disk; null for a volume. */
const char *disk_path(struct work *work, const struct server_disk *disk);

/* Makes the directory and every local file of the document that is not there; takes away rescue files when the document
 * has no rescue. */
bool disks_make(struct work *work, const struct server *server);

/* Removes the local disks and the config drive, so that disks_make begins anew. */
bool disks_discard(struct work *work, const struct server *server);

/* Removes the whole directory. */
bool disks_remove(struct work *work);

/* For resize, all with the server stopped: keeps the state of the local disks inside them under a name; grows them to
 * the document; forgets the kept state; or goes back to it. Each is success when it is done already. */
bool disks_keep(struct work *work, const struct server *server);
bool disks_grow(struct work *work, const struct server *server);
bool disks_forget(struct work *work, const struct server *server, bool go_back);
extern const char disk_kept_name[];     /* of the state inside the file: an internal snapshot of qcow2 */

/* Writes local qcow2 file 'from' to 'to' in 'format' without backing file; 'from' is not in use. */
bool disk_export(struct work *work, const char *from, const char *to, const char *format);

/* Gives 'path' to the owner of its directory (file_give) and adds its "size" and "virtual_size" to the result. */
bool disk_deliver(struct work *work, const char *path, const char *format);
