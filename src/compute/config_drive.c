/* SPDX-License-Identifier: Apache-2.0
 * Building the config drive with genisoimage, with Joliet and Rock Ridge names. */
#include "compute/config_drive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/crypto.h"
#include "bus/work.h"
#include "compute/document.h"
#include "compute/files.h"

/* Makes the directories above 'path' that lie below the first 'from' bytes. */
static void parents_make(char *path, size_t from) {
    for (char *slash = strchr(path + from, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(path, 0755);
        *slash = '/';
    }
}

static bool file_write(const char *path, const void *bytes, size_t size) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    const char *text = bytes;
    bool ok = fd >= 0;

    while (ok && size) {
        ssize_t wrote = write(fd, text, size);

        ok = wrote > 0;
        text += ok ? wrote : 0;
        size -= ok ? (size_t)wrote : 0;
    }
    return (fd < 0 || !close(fd)) && ok;
}

static bool files_write(struct work *work, const struct server *server, const char *directory) {
    for (JSON_EACH(file, server->config_drive)) {
        char *path = arena_printf(work->arena, "%s/%s", directory, file->key);
        size_t size = file->count;
        const void *bytes = file->type == JSON_TEXT
                                ? file->text
                                : (const void *)base64_decode(work->arena, json_get_text(file, "base64"), &size);

        parents_make(path, strlen(directory) + 1);
        if (!bytes || !file_write(path, bytes, size)) {
            return work_fail(work, "server %s: config drive: cannot write %s: %s", work->id, file->key,
                             strerror(errno));
        }
    }
    return true;
}

bool config_drive_make(struct work *work, const struct server *server) {
    char *directory = arena_printf(work->arena, "%s/config-XXXXXX",
                                   server_path(work->arena, work->host, server->id, NULL));
    const char *path = server_path(work->arena, work->host, server->id, "disk.config");
    const char *partial = path_partial(work->arena, path);
    bool ok;

    if (!mkdtemp(directory)) {
        return work_fail(work, "server %s: config drive: %s", work->id, strerror(errno));
    }
    ok = files_write(work, server, directory)
         && TOOL(work, "genisoimage", "-quiet", "-o", partial, "-V", "config-2", "-publisher", "Haneul", "-J", "-r",
                 "-l", "-ldots", "-allow-lowercase", "-allow-multidot", directory)
         && !chmod(partial, 0600) && !rename(partial, path);
    tree_remove(directory);
    return ok;
}
