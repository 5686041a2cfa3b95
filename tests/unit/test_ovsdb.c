/* SPDX-License-Identifier: Apache-2.0
 * The OVSDB client against a server of the test that says what the test wants: rows as they come and go, refusals,
 * broken connections, nonsense. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/json.h"
#include "network/ovsdb.h"
#include "network/ovsdb_wire.h"
#include "test.h"

#define ROW1 "a1000000-0000-4000-8000-000000000001"
#define ROW2 "a1000000-0000-4000-8000-000000000002"
#define REF "a1000000-0000-4000-8000-000000000003"

static const struct ovsdb_table tables[] = {
    {"Switch", (const char *const[]){"name", "ports", "up", "external_ids", NULL}, "name", {"owner"}}, {0}};

static const char first_rows[] =
    "{\"Switch\": {\"" ROW1 "\": {\"new\": {\"name\": \"one\", \"up\": true,"
    " \"ports\": [\"set\", [[\"uuid\", \"" REF "\"]]],"
    " \"external_ids\": [\"map\", [[\"owner\", \"me\"], [\"a\", \"b\"]]]}},"
    " \"" ROW2 "\": {\"new\": {\"name\": \"two\", \"up\": [\"set\", []], \"ports\": [\"set\", []],"
    " \"external_ids\": [\"map\", [[\"owner\", \"me\"]]]}}}}";

/* The server: one connection at a time, one thread of the test. */
static struct {
    char path[128], remote[160];
    int listener, fd;
    struct buf in;
    struct ovsdb_frame frame;
    struct arena *arena;
    struct ovsdb *db;
} peer;

static int count_new, count_changed, count_gone;

static void on_change(void *user, const struct ovsdb_row *old, const struct ovsdb_row *new) {
    __atomic_add_fetch(!old ? &count_new : !new ? &count_gone : &count_changed, 1, __ATOMIC_SEQ_CST);
}

static void peer_say(const char *text) {
    check(send(peer.fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

/* The next message of the client. */
static const struct json *peer_hear(void) {
    long size;

    while ((size = peer.in.at ? ovsdb_frame_next(&peer.frame, peer.in.at, peer.in.size) : 0) == 0) {
        ssize_t got = recv(peer.fd, buf_reserve(&peer.in, 4096), 4096, 0);

        if (got <= 0) {
            return NULL;
        }
        peer.in.size += (size_t)got;
    }
    const struct json *message =
        json_parse(peer.arena, arena_text_size(peer.arena, peer.in.at, (size_t)size), (size_t)size, NULL);

    memmove(peer.in.at, peer.in.at + size, peer.in.size - (size_t)size);
    peer.in.size -= (size_t)size;
    return message;
}

static void peer_accept(const char *rows) {
    const struct json *monitor;

    peer.in.size = 0;
    peer.frame = (struct ovsdb_frame){0};
    peer.fd = accept(peer.listener, NULL, NULL);
    check(peer.fd >= 0);
    monitor = peer_hear();
    check_text(json_get_text(monitor, "method"), "monitor");
    peer_say(arena_printf(peer.arena, "{\"id\": %s, \"result\": %s, \"error\": null}",
                          json_print(peer.arena, json_get(monitor, "id")), rows));
}

static void peer_start(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    peer.arena = arena_new(0);
    snprintf(peer.path, sizeof peer.path, "%s/db", test_directory());
    snprintf(peer.remote, sizeof peer.remote, "unix:%s", peer.path);
    strcpy(address.sun_path, peer.path);
    peer.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(!bind(peer.listener, (struct sockaddr *)&address, sizeof address) && !listen(peer.listener, 4));
    count_new = count_changed = count_gone = 0;
    peer.db = ovsdb_open(&(struct ovsdb_options){.remote = peer.remote, .database = "D", .tables = tables,
                                                 .changed = on_change});
}

static void peer_stop(void) {
    ovsdb_close(peer.db);
    close(peer.fd);
    close(peer.listener);
    unlink(peer.path);
    buf_release(&peer.in);
    arena_free(peer.arena);
}

static bool soon(const int *counter, int wanted) {
    for (int i = 0; i < 200 && __atomic_load_n(counter, __ATOMIC_SEQ_CST) != wanted; i++) {
        usleep(10000);
    }
    check_int(__atomic_load_n(counter, __ATOMIC_SEQ_CST), wanted);
    return true;
}

TEST(ovsdb_replica_shows_rows_and_follows_them) {
    const struct ovsdb_row *row;
    size_t count;

    peer_start();
    check(!ovsdb_ready(peer.db, 10));
    peer_accept(first_rows);
    check(ovsdb_ready(peer.db, 2000));
    row = ovsdb_find(peer.db, peer.arena, "Switch", "one");
    check(row && ovsdb_true(row, "up"));
    check_text(row->uuid, ROW1);
    check_text(ovsdb_text(peer.arena, row, "ports"), REF);
    check_text(ovsdb_pair(peer.arena, row, "external_ids", "a"), "b");
    check_text(ovsdb_items(peer.arena, row, "ports", &count)[0], REF);
    check_int(count, 1);
    ovsdb_rows(peer.db, peer.arena, "Switch", "owner", "me", &count);
    check_int(count, 2);
    peer_say("{\"id\": null, \"method\": \"update\", \"params\": [null, {\"Switch\": {"
             "\"" ROW1 "\": {\"old\": {\"name\": \"one\"}, \"new\": {\"name\": \"uno\", \"up\": false,"
             " \"ports\": [\"set\", []], \"external_ids\": [\"map\", []]}},"
             " \"" ROW2 "\": {\"old\": {\"name\": \"two\"}}}}]}");
    check(soon(&count_gone, 1));
    check(!ovsdb_find(peer.db, peer.arena, "Switch", "one"));
    check(ovsdb_find(peer.db, peer.arena, "Switch", "uno"));
    check(!ovsdb_get(peer.db, peer.arena, "Switch", ROW2));
    ovsdb_rows(peer.db, peer.arena, "Switch", "owner", "me", &count);
    check_int(count, 0);
    check_int(count_changed, 1);
    peer_stop();
}

TEST(ovsdb_reconnects_and_tells_only_what_changed_meanwhile) {
    peer_start();
    peer_accept(first_rows);
    check(soon(&count_new, 2));
    close(peer.fd);
    peer_accept("{\"Switch\": {\"" ROW1 "\": {\"new\": {\"name\": \"one\", \"up\": true,"
                " \"ports\": [\"uuid\", \"" REF "\"],"
                " \"external_ids\": [\"map\", [[\"a\", \"b\"], [\"owner\", \"me\"]]]}}}}");
    check(soon(&count_gone, 1));
    check_int(count_new, 2);
    check_int(count_changed, 0);
    check(ovsdb_ready(peer.db, 2000));
    peer_stop();
}

TEST(ovsdb_answers_echoes) {
    const struct json *said;

    peer_start();
    peer_accept("{}");
    peer_say(" {\"id\": \"echo\", \"method\": \"echo\", \"params\": [1, \"x\"]}\n");
    said = peer_hear();
    check_text(json_get_text(said, "id"), "echo");
    check_text(json_print(peer.arena, json_get(said, "result")), "[1, \"x\"]");
    peer_stop();
}

TEST(ovsdb_gives_up_a_server_that_speaks_nonsense) {
    static const char *const nonsense[] = {
        "hello", "[1, 2]", "{\"id\": }", "{\"id\": null, \"method\": \"update\", \"params\": [null, 7]}",
        "{\"id\": null, \"method\": \"update\", \"params\": [null, {\"Other\": {}}]}",
        "{\"id\": null, \"method\": \"update\", \"params\": [null, {\"Switch\": {\"x\": {\"new\": {}}}}]}"};

    peer_start();
    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++) {
        char byte;

        peer_accept(first_rows);
        peer_say(nonsense[i]);
        check(recv(peer.fd, &byte, 1, 0) <= 0);
        close(peer.fd);
    }
    peer_accept(first_rows);
    check(ovsdb_ready(peer.db, 2000));
    peer_stop();
}

/* One transaction on a thread of its own, for the test plays the server. */
struct attempt {
    pthread_t thread;
    struct arena *arena;
    bool done;
    const char *error;
    const struct json *results;
};

static void *attempt_run(void *argument) {
    struct attempt *attempt = argument;
    struct ovsdb_values *values = ovsdb_values_new(attempt->arena);
    struct ovsdb_txn *txn = ovsdb_txn_new(attempt->arena);

    ovsdb_set_text(values, "name", "quote \" and \\ and\nline");
    ovsdb_add_ref(values, "ports", "@p");
    ovsdb_add_ref(values, "ports", REF);
    ovsdb_add_pair(values, "external_ids", "owner", "me");
    ovsdb_insert(txn, "Switch", "s", values);
    ovsdb_wait_exists(txn, "Switch", ROW1);
    attempt->done = ovsdb_commit(peer.db, txn, 500, &attempt->results, &attempt->error);
    return NULL;
}

static void attempt_start(struct attempt *attempt) {
    *attempt = (struct attempt){.arena = arena_new(0)};
    check(!pthread_create(&attempt->thread, NULL, attempt_run, attempt));
}

static void attempt_end(struct attempt *attempt) {
    pthread_join(attempt->thread, NULL);
}

static void answer(const struct json *asked, const char *rest) {
    peer_say(arena_printf(peer.arena, "{\"id\": %s, %s}", json_print(peer.arena, json_get(asked, "id")), rest));
}

TEST(ovsdb_transactions_bring_their_results) {
    struct attempt attempt;
    const struct json *asked, *row;

    peer_start();
    peer_accept("{}");
    attempt_start(&attempt);
    asked = peer_hear();
    check_text(json_get_text(asked, "method"), "transact");
    check_text(json_get(asked, "params")->first->text, "D");
    row = json_get(json_get(asked, "params")->first->next, "row");
    check_text(json_get_text(row, "name"), "quote \" and \\ and\nline");
    check_text(json_print(peer.arena, json_get(row, "ports")),
               "[\"set\", [[\"named-uuid\", \"p\"], [\"uuid\", \"" REF "\"]]]");
    answer(asked, "\"result\": [{\"uuid\": [\"uuid\", \"" ROW1 "\"]}, {}], \"error\": null");
    attempt_end(&attempt);
    check(attempt.done && attempt.results->count == 2);
    arena_free(attempt.arena);
    peer_stop();
}

TEST(ovsdb_transactions_fail_with_a_reason) {
    static const struct {
        const char *answer, *reason;
    } cases[] = {
        {"\"result\": [{}, {\"error\": \"timed out\", \"details\": \"wait\"}], \"error\": null",
         "the database refused: timed out: wait"},
        {"\"result\": [{}, {}, {\"error\": \"constraint violation\"}], \"error\": null",
         "the database refused: constraint violation"},
        {"\"result\": null, \"error\": {\"error\": \"unknown database\"}",
         "the database refused: {\"error\": \"unknown database\"}"},
        {"\"result\": [{}], \"error\": null", "the database answered with a malformed result"},
        {"\"result\": 5", "the database answered with a malformed result"},
    };
    struct attempt attempt;

    peer_start();
    peer_accept("{}");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        attempt_start(&attempt);
        answer(peer_hear(), cases[i].answer);
        attempt_end(&attempt);
        check(!attempt.done);
        check_text(attempt.error, cases[i].reason);
        arena_free(attempt.arena);
    }
    peer_stop();
}

TEST(ovsdb_transactions_end_when_the_server_does_not) {
    struct attempt attempt;

    peer_start();
    peer_accept("{}");
    attempt_start(&attempt);
    check(peer_hear());
    close(peer.fd);
    attempt_end(&attempt);
    check(!attempt.done && strstr(attempt.error, "broke"));
    arena_free(attempt.arena);
    peer_accept("{}");
    attempt_start(&attempt);
    check(peer_hear());
    attempt_end(&attempt);
    check(!attempt.done && strstr(attempt.error, "timed out"));
    arena_free(attempt.arena);
    peer_stop();
}
