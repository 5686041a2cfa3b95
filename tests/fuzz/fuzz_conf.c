/* SPDX-License-Identifier: Apache-2.0
 * Configuration files: refused with a sentence that names the line, or read; then every way to ask an option holds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    int fd = memfd_create("conf", MFD_CLOEXEC);
    char path[64], error[128] = "";
    struct conf *conf;

    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size) {
        abort();
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    conf = conf_read(path, error, sizeof error);
    close(fd);
    if (!conf && !strstr(error, " line ")) {
        abort();
    }
    if (conf) {
        const char *text = conf_text(conf, "a", "b", NULL);

        conf_bool(conf, "a", "b", false);
        if (!text && conf_int(conf, "a", "b", 7) != 7) {
            abort();
        }
        conf_set(conf, "a", "b", "42");
        if (conf_int(conf, "a", "b", 0) != 42) {
            abort();
        }
        conf_free(conf);
    }
    return 0;
}
