/* SPDX-License-Identifier: Apache-2.0
 * Unix sockets. Who may connect is decided by the kernel twice: by the socket's mode, and by the credentials that it
 * keeps of the peer (SO_PEERCRED). */
#include "base/local.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/arena.h"

enum { BACKLOG = 128 };

static int refuse(struct arena *arena, int fd, const char *what, const char *path, const char **ret_error) {
    *ret_error = arena_printf(arena, "cannot %s %s: %s", what, path, strerror(errno));
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

static bool address_set(struct sockaddr_un *address, const char *path) {
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (!*path || strlen(path) >= sizeof address->sun_path) {
        errno = *path ? ENAMETOOLONG : EINVAL;
        return false;
    }
    memcpy(address->sun_path, path, strlen(path) + 1);
    return true;
}

static bool somebody_answers(const struct sockaddr_un *address) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool answers = fd >= 0 && (!connect(fd, (const struct sockaddr *)address, sizeof *address) || errno == EAGAIN);

    if (fd >= 0) {
        close(fd);
    }
    return answers;
}

int local_listen(struct arena *arena, const char *path, const char **ret_error) {
    struct sockaddr_un address;
    struct stat st;
    int fd = -1;

    if (!address_set(&address, path)) {
        return refuse(arena, fd, "listen at", path, ret_error);
    }
    if (somebody_answers(&address)) {
        errno = EADDRINUSE;
        return refuse(arena, fd, "listen at", path, ret_error);
    }
    if (!lstat(path, &st) && S_ISSOCK(st.st_mode)) {
        unlink(path);
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || fchmod(fd, 0600) || bind(fd, (struct sockaddr *)&address, sizeof address) || chmod(path, 0600) ||
        listen(fd, BACKLOG)) {
        return refuse(arena, fd, "listen at", path, ret_error);
    }
    return fd;
}

/* Who made the socket, when only root and those whom root let in can make files where it lies; else nobody. */
static uid_t socket_owner(const char *path) {
    char directory[sizeof((struct sockaddr_un *)0)->sun_path];
    char *slash;
    struct stat st;

    snprintf(directory, sizeof directory, "%s", path);
    slash = strrchr(directory, '/');
    if (!slash) {
        return (uid_t)-1;
    }
    slash[slash == directory] = 0;
    if (stat(directory, &st) || st.st_mode & S_IWOTH || lstat(path, &st) || !S_ISSOCK(st.st_mode)) {
        return (uid_t)-1;
    }
    return st.st_uid;
}

int local_connect(struct arena *arena, const char *path, bool blocking, const char **ret_error) {
    struct sockaddr_un address;
    int fd = -1;

    if (!address_set(&address, path)) {
        return refuse(arena, fd, "connect to", path, ret_error);
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (blocking ? 0 : SOCK_NONBLOCK), 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address)) {
        return refuse(arena, fd, "connect to", path, ret_error);
    }
    if (!local_trusted(fd, socket_owner(path))) {
        errno = EPERM;
        return refuse(arena, fd, "trust who listens at", path, ret_error);
    }
    return fd;
}

bool local_trusted(int fd, uid_t also) {
    struct ucred peer;
    socklen_t size = sizeof peer;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size)) {
        return false;
    }
    return peer.uid == 0 || peer.uid == geteuid() || (also != (uid_t)-1 && peer.uid == also);
}
