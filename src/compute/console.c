/* SPDX-License-Identifier: Apache-2.0
 * Cutting and cleaning console output. */
#include "compute/console.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "bus/work.h"

/* Bytes of the well-formed UTF-8 sequence at 'at', 0 when there is none. */
static size_t sequence_size(const char *at, size_t left) {
    unsigned char first = (unsigned char)*at;
    size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

    return first && size <= left && utf8_valid(at, size) ? size : 0;
}

static const char *text_clean(struct arena *arena, const char *text, size_t size, size_t *ret_size) {
    struct buf buf = {0};
    const char *clean;

    for (size_t i = 0; i < size;) {
        size_t valid = sequence_size(text + i, size - i);

        if (valid) {
            buf_put(&buf, text + i, valid);
        } else if (text[i]) {
            BUF_LITERAL(&buf, "\xef\xbf\xbd");
        }
        i += valid ? valid : 1;
    }
    clean = arena_text_size(arena, buf.at ? buf.at : "", buf.size);
    *ret_size = buf.size;
    buf_release(&buf);
    return clean;
}

void console_put(struct work *work, const char *text, size_t size, int64_t lines) {
    size_t from = size;

    if (from && text[from - 1] == '\n') {
        from--;
    }
    for (int64_t seen = 0; from && size - from < CONSOLE_MAX; from--) {
        if (text[from - 1] == '\n' && lines > 0 && ++seen == lines) {
            break;
        }
    }
    text = text_clean(work->arena, text + from, size - from, &size);
    json_key(&work->result, "output");
    json_text_size(&work->result, text, size);
}

/* Adds the last 'most' bytes of 'path' to 'buf'. */
static void tail_read(struct buf *buf, const char *path, size_t most) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;

    if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode)) {
        off_t from = st.st_size > (off_t)most ? st.st_size - (off_t)most : 0;
        ssize_t got = pread(fd, buf_reserve(buf, most), most, from);

        buf->size += got > 0 ? (size_t)got : 0;
    }
    if (fd >= 0) {
        close(fd);
    }
}

void console_put_file(struct work *work, const char *path, int64_t lines) {
    struct buf now = {0}, all = {0};

    tail_read(&now, path, CONSOLE_MAX);
    if (now.size < CONSOLE_MAX) {
        tail_read(&all, arena_printf(work->arena, "%s.0", path), CONSOLE_MAX - now.size);
    }
    buf_put(&all, now.at ? now.at : "", now.size);
    console_put(work, all.at ? all.at : "", all.size, lines);
    buf_release(&now);
    buf_release(&all);
}
