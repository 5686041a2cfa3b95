/* SPDX-License-Identifier: Apache-2.0
 * Daemons that outlive us, found again by pid file; and sockets that answer. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/arena.h"
#include "cmd/engine_process.h"
#include "cmd/engines.h"
#include "test.h"

static bool start_sleep(struct arena *arena, const char *pid_file) {
    return process_start((const char *const[]){"sleep", "60", NULL}, NULL, NULL,
                         arena_printf(arena, "%s/log", test_directory()), pid_file);
}

TEST(a_daemon_is_found_and_stopped_by_its_pid_file) {
    struct arena *arena = arena_new(0);
    const char *pid_file = arena_printf(arena, "%s/pid", test_directory());
    pid_t pid;

    check(process_find(pid_file) == 0);
    check(start_sleep(arena, pid_file));
    pid = process_find(pid_file);
    check(pid > 0 && !kill(pid, 0));
    check(getpgid(pid) == pid);         /* a session of its own: our end is not its end */
    process_stop(pid_file, 5);
    check(process_find(pid_file) == 0);
    check(access(pid_file, F_OK));
    arena_free(arena);
}

TEST(a_killed_daemon_is_gone_even_when_nobody_reaps_it) {
    struct arena *arena = arena_new(0);
    const char *pid_file = arena_printf(arena, "%s/pid", test_directory());

    check(start_sleep(arena, pid_file));
    kill(process_find(pid_file), SIGKILL);
    for (int i = 0; i < 100 && process_find(pid_file); i++) {
        usleep(10000);
    }
    check(process_find(pid_file) == 0);
    arena_free(arena);
}

TEST(a_recycled_pid_is_not_taken_for_the_daemon) {
    struct arena *arena = arena_new(0);
    const char *pid_file = arena_printf(arena, "%s/pid", test_directory());
    FILE *file = fopen(pid_file, "we");

    fprintf(file, "%d 1\n", (int)getpid());     /* we run, but did not start at tick 1 */
    fclose(file);
    check(process_find(pid_file) == 0);
    process_stop(pid_file, 1);                  /* and so it does not end us */
    arena_free(arena);
}

TEST(a_socket_answers_while_somebody_listens) {
    struct arena *arena = arena_new(0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = arena_printf(arena, "%s/s", test_directory());
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    check(!socket_answers(path));
    check(!bind(fd, (struct sockaddr *)&address, sizeof address) && !listen(fd, 1));
    check(socket_answers(path));
    close(fd);
    check(!socket_answers(path));
    check(!socket_answers("/a/name/that/is/far/too/long/for/a/socket/0123456789012345678901234567890123456789012345678"
                          "90123456789012345678901234567890"));
    arena_free(arena);
}
