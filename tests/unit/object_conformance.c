/* SPDX-License-Identifier: Apache-2.0
 * The life of objects, for every driver. */
#include "object_conformance.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/id.h"
#include "object_store/index.h"
#include "object_store/store.h"
#include "test.h"

#define ACCOUNT "AUTH_conformance"

enum { LARGE = 9 * 1024 * 1024 + 12345, WRITERS = 4, EACH = 40, RACES = 40,
       RACE_BYTES = STORE_INLINE + 1 };

static struct arena *arena;

/* ---- what a test says in one line ---- */

static enum store_result container_put(const char *container, int versions) {
    struct store_change change = {.arena = arena, .account = ACCOUNT, .container = container, .policy = -1,
                                  .versions = versions};

    return store_put_container(&change);
}

static enum store_result put(const char *container, const char *name, const char *bytes, size_t size) {
    struct store_upload *upload = store_upload_new(arena);
    struct store_change change = {.arena = arena, .account = ACCOUNT, .container = container, .name = name, .upload = upload,
                                  .object = {.type = "text/plain"}};

    for (size_t at = 0; at < size; at += 100000) {
        check(store_upload_add(upload, bytes + at, size - at < 100000 ? size - at : 100000));
    }
    check_int(store_upload_end(upload), STORE_OK);
    return store_put_object(&change);
}

static enum store_result put_text(const char *container, const char *name, const char *text) {
    return put(container, name, text, strlen(text));
}

static enum store_result delete(const char *container, const char *name) {
    struct store_change change = {.arena = arena, .account = ACCOUNT, .container = container, .name = name,
                                  .version = STORE_CURRENT};

    return store_delete_object(&change);
}

static enum store_result find(const char *container, const char *name, struct store_found *ret) {
    struct store_find wanted = {.account = ACCOUNT, .container = container, .name = name, .version = STORE_CURRENT,
                                .want_account = ACCOUNT_ALL, .want_bytes = true};

    return store_find(arena, &wanted, ret);
}

/* The bytes [first, first + size) of the object, or null. */
static char *read_range(const char *container, const char *name, int64_t first, int64_t size) {
    struct store_found found;
    struct store_reader *reader;
    char *bytes = arena_alloc(arena, (size_t)size + 1);
    int64_t got = 0;
    ssize_t more = 0;

    if (find(container, name, &found) != STORE_OK) {
        return NULL;
    }
    reader = store_reader_open(ACCOUNT, container, &found.object, first, size);
    while (reader && got < size && (more = store_reader_read(reader, bytes + got, (size_t)(size - got))) > 0) {
        got += more;
    }
    store_reader_close(reader);
    return got == size ? bytes : NULL;
}

static void check_counts(const char *container, int64_t objects, int64_t bytes) {
    struct store_found found;

    check_int(find(container, NULL, &found), STORE_OK);
    check_int(found.container.objects, objects);
    check_int(found.container.bytes, bytes);
}

static char *noise(size_t size) {
    char *bytes = arena_alloc(arena, size);
    uint64_t state = 88172645463325252ULL;

    for (size_t i = 0; i < size; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes[i] = (char)state;
    }
    return bytes;
}

/* ---- lists: names in one text, each with a comma ---- */

static bool add_object(void *user, const struct store_object *object) {
    buf_printf(user, "%s%s,", object->name, object->kind == STORE_MARKER ? "!" : "");
    return true;
}

static bool add_common(void *user, const char *name) {
    buf_printf(user, "(%s),", name);
    return true;
}

static bool add_container(void *user, const struct store_container *container) {
    buf_printf(user, "%s=%lld,", container->name, (long long)container->objects);
    return true;
}

static const char *listed(struct store_list list) {
    struct buf text = {0};

    list.account = ACCOUNT;
    list.limit = list.limit ? list.limit : 10000;
    list.on_object = add_object;
    list.on_container = add_container;
    list.on_common = add_common;
    list.user = &text;
    buf_text(&text, "");
    check_int(store_list(arena, &list, NULL), STORE_OK);
    return buf_taken(&text, arena);
}

/* ---- what must hold ---- */

static void unknown_names(void) {
    struct store_list list = {.account = ACCOUNT, .container = "no-such", .limit = 10, .on_object = add_object};
    struct store_change change = {.arena = arena, .account = ACCOUNT, .container = "no-such"};
    struct store_found found;

    check_int(find("no-such", NULL, &found), STORE_NO_CONTAINER);
    check_int(find("no-such", "o", &found), STORE_NO_CONTAINER);
    check_int(put_text("no-such", "o", "x"), STORE_NO_CONTAINER);
    check_int(delete("no-such", "o"), STORE_NO_CONTAINER);
    check_int(store_list(arena, &list, NULL), STORE_NO_CONTAINER);
    check_int(store_delete_container(&change), STORE_NO_CONTAINER);
    check_int(container_put("plain", 0), STORE_CREATED);
    check_int(container_put("plain", 0), STORE_OK);
    check_int(find("plain", "o", &found), STORE_MISSING);
    check_int(delete("plain", "o"), STORE_MISSING);
    change.container = "plain";
    check_int(put_text("plain", "o", "x"), STORE_CREATED);
    check_int(store_delete_container(&change), STORE_NOT_EMPTY);
    check_int(delete("plain", "o"), STORE_OK);
    check_int(store_delete_container(&change), STORE_OK);
    check_int(find("plain", NULL, &found), STORE_NO_CONTAINER);
}

static void bytes_of_all_sizes(void) {
    static const size_t sizes[] = {0, 1, 4096, 4097, STORE_INLINE, STORE_INLINE + 1, 4 * 1024 * 1024 - 4, 4 * 1024 * 1024, LARGE};
    char *bytes = noise(LARGE);
    int64_t sum = 0;

    check_int(container_put("sizes", 0), STORE_CREATED);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const char *name = arena_printf(arena, "size-%zu", sizes[i]), *got;

        check_int(put("sizes", name, bytes, sizes[i]), STORE_CREATED);
        got = read_range("sizes", name, 0, (int64_t)sizes[i]);
        check(got && !memcmp(got, bytes, sizes[i]));
        sum += (int64_t)sizes[i];
    }
    check_counts("sizes", sizeof sizes / sizeof *sizes, sum);
}

static void ranges(void) {
    static const int64_t places[][2] = {{0, 1}, {65535, 2}, {4 * 1024 * 1024 - 1, 3}, {4 * 1024 * 1024 + 7, 200000},
                                        {LARGE - 1, 1}, {123456, 5000000}};
    char *bytes = noise(LARGE);

    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *got = read_range("sizes", arena_printf(arena, "size-%d", LARGE), places[i][0], places[i][1]);

        check(got && !memcmp(got, bytes + places[i][0], (size_t)places[i][1]));
    }
}

static void overwriting(void) {
    struct store_found found;
    char *large = noise(300000);

    check_int(container_put("over", 0), STORE_CREATED);
    check_int(put_text("over", "o", "first"), STORE_CREATED);
    check_int(put("over", "o", large, 300000), STORE_CREATED);
    check_counts("over", 1, 300000);
    check_int(put_text("over", "o", "third one"), STORE_CREATED);
    check_counts("over", 1, 9);
    check_int(find("over", "o", &found), STORE_OK);
    check_text(found.object.bytes, "third one");
    check_text(found.object.type, "text/plain");
    check_int(delete("over", "o"), STORE_OK);
    check_counts("over", 0, 0);
    check_int(delete("over", "o"), STORE_MISSING);
}

static void check_still_is(const struct store_object *object, const char *bytes) {
    struct store_reader *reader = store_reader_open(ACCOUNT, "over", object, 0, object->size);
    char *got = arena_alloc(arena, (size_t)object->size);
    struct store_upload *copy;
    int64_t size = 0;
    ssize_t more = 0;

    while (reader && size < object->size && (more = store_reader_read(reader, got + size, (size_t)(object->size - size))) > 0) {
        size += more;
    }
    store_reader_close(reader);
    check(size == object->size && !memcmp(got, bytes, (size_t)size));
    copy = store_upload_copy(arena, ACCOUNT, "over", object);
    check_int(copy->failed, STORE_OK);
    check_int(copy->size, object->size);
    check_text(copy->etag, object->etag);
}

/* Who found an object can read it, though it was replaced meanwhile. */
static void replaced_while_read(void) {
    static const size_t sizes[] = {9, STORE_INLINE, 300000};
    char *bytes = noise(300000), *other = arena_alloc(arena, 300000);

    memset(other, 'x', 300000);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const char *place;
        struct blob *blob;
        struct store_found found;

        put("over", "r", bytes, sizes[i]);
        check_int(find("over", "r", &found), STORE_OK);
        place = found.object.place;
        check_int(put("over", "r", other, sizes[i]), STORE_CREATED);
        for (int tries = 0; place && tries < 1000 && (blob = store.driver->open(place)); tries++) {
            store.driver->close(blob);          /* it is removed after the answer */
            usleep(10000);
        }
        check_still_is(&found.object, bytes);
    }
    check_int(delete("over", "r"), STORE_OK);
}

static void metadata(void) {
    struct store_change change = {.arena = arena, .account = ACCOUNT, .container = "over", .name = "m", .version = STORE_CURRENT};
    struct store_found found;

    check_int(put_text("over", "m", "x"), STORE_CREATED);
    store_meta_set(arena, &change.set, "meta-colour", "red \xc3\xa9");
    change.object.expires = clock_now() / SECOND + 3600;
    check_int(store_post_object(&change), STORE_OK);
    check_int(find("over", "m", &found), STORE_OK);
    check_text(store_meta_get(&found.object.meta, "meta-colour"), "red \xc3\xa9");
    check_int(found.object.expires, change.object.expires);
    change.if_etag = "other";
    check_int(store_post_object(&change), STORE_PRECONDITION);
}

static void lists(void) {
    static const char *const names[] = {"b/2", "a", "b", "b/1", "b0", "c/x/1", "c/x/2", "\x01low", "z\xff", "a\x01", "\xc3\xa9"};
    static const char all[] = "\x01low,a,a\x01,b,b/1,b/2,b0,c/x/1,c/x/2,z\xff,\xc3\xa9,";
    char *longest = arena_alloc(arena, 1025);
    struct store_found found;

    check_int(container_put("lists", 0), STORE_CREATED);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        check_int(put_text("lists", names[i], "x"), STORE_CREATED);
    }
    check_text(listed((struct store_list){.container = "lists"}), all);
    check_text(listed((struct store_list){.container = "lists", .names_only = true}), all);
    check_text(listed((struct store_list){.container = "lists", .limit = 3}), "\x01low,a,a\x01,");
    check_text(listed((struct store_list){.container = "lists", .marker = "b", .end_marker = "c"}), "b/1,b/2,b0,");
    check_text(listed((struct store_list){.container = "lists", .marker = "aaa", .limit = 2}), "b,b/1,");
    check_text(listed((struct store_list){.container = "lists", .prefix = "b"}), "b,b/1,b/2,b0,");
    check_text(listed((struct store_list){.container = "lists", .prefix = "b", .marker = "b/1"}), "b/2,b0,");
    check_text(listed((struct store_list){.container = "lists", .delimiter = "/", .marker = "a"}),
               "a\x01,b,(b/),b0,(c/),z\xff,\xc3\xa9,");
    check_text(listed((struct store_list){.container = "lists", .delimiter = "/", .prefix = "c/"}), "(c/x/),");
    check_text(listed((struct store_list){.container = "lists", .reverse = true, .limit = 4}), "\xc3\xa9,z\xff,c/x/2,c/x/1,");
    check_text(listed((struct store_list){.container = "lists", .reverse = true, .marker = "b0", .prefix = "b"}), "b/2,b/1,b,");
    memset(longest, 'n', 1024);
    check_int(put_text("lists", longest, "x"), STORE_CREATED);
    check_int(find("lists", longest, &found), STORE_OK);
    check_text(listed((struct store_list){.container = "lists", .prefix = "nnn"}), arena_printf(arena, "%s,", longest));
    check(strstr(listed((struct store_list){0}), "lists=12,over=1,sizes=9,") != NULL);
}

static void long_list(void) {
    const char *text, *at;
    int count = 0;

    check_int(container_put("long", 0), STORE_CREATED);
    for (int i = 0; i < 300; i++) {
        check_int(put_text("long", arena_printf(arena, "%03d", (i * 7) % 300), "x"), STORE_CREATED);
    }
    text = listed((struct store_list){.container = "long"});
    for (at = text; *at; at += 4) {
        check(atoi(at) == count++);
    }
    check_int(count, 300);
    check_text(listed((struct store_list){.container = "long", .delimiter = "9", .prefix = "29", .limit = 20}),
               "290,291,292,293,294,295,296,297,298,(299),");
}

static void versions(void) {
    struct store_found found;

    check_int(container_put("versions", VERSIONS_ON + 1), STORE_CREATED);
    check_int(put_text("versions", "o", "1"), STORE_CREATED);
    check_int(put_text("versions", "o", "22"), STORE_CREATED);
    check_int(put_text("versions", "p", "333"), STORE_CREATED);
    check_int(delete("versions", "o"), STORE_OK);
    check_int(find("versions", "o", &found), STORE_MISSING);
    check_text(listed((struct store_list){.container = "versions"}), "p,");
    check_text(listed((struct store_list){.container = "versions", .versions = true}), "o!,o,o,p,");
    check_counts("versions", 1, 3);
    check_int(find("versions", NULL, &found), STORE_OK);
    check_int(found.container.old_objects, 3);
    check_int(found.container.old_bytes, 3);
}

static void count_expired(void *user, const char *account, const char *container, const char *name) {
    *(int *)user += !strcmp(name, "old") && !strcmp(container, "expiry") && !strcmp(account, ACCOUNT);
}

static void expiry(void) {
    int64_t now = clock_now() / SECOND;
    int count = 0;

    check_int(container_put("expiry", 0), STORE_CREATED);
    check_int(put_text("expiry", "never", "x"), STORE_CREATED);
    for (int i = 0; i < 2; i++) {
        struct store_upload *upload = store_upload_new(arena);
        struct store_change change = {.arena = arena, .account = ACCOUNT, .container = "expiry", .name = i ? "later" : "old",
                                      .upload = upload, .object = {.expires = i ? now + 1000 : now - 5}};

        store_upload_end(upload);
        check_int(store_put_object(&change), STORE_CREATED);
    }
    check(store_each_expired(arena, now, 100, count_expired, &count));
    check_int(count, 1);
    check_text(listed((struct store_list){.container = "expiry"}), "later,never,");
}

/* ---- many at once ---- */

static int won;

static void *write_many(void *argument) {
    struct arena *own = arena_new(0);
    long number = (long)argument;

    for (int i = 0; i < EACH; i++) {
        struct store_upload *upload = store_upload_new(own), *only = store_upload_new(own);
        struct store_change change = {.arena = own, .account = ACCOUNT, .container = "many", .upload = upload,
                                      .name = arena_printf(own, "%ld-%d", number, i)};
        struct store_change first = {.arena = own, .account = ACCOUNT, .container = "many", .upload = only, .if_absent = true,
                                     .name = arena_printf(own, "once-%d", i)};

        store_upload_add(upload, "12345", 5);
        store_upload_end(upload);
        check_int(store_put_object(&change), STORE_CREATED);
        store_upload_add(only, "1", 1);
        store_upload_end(only);
        if (store_put_object(&first) == STORE_CREATED) {
            __atomic_add_fetch(&won, 1, __ATOMIC_RELAXED);
        } else {
            check_int(first.result, STORE_PRECONDITION);
        }
        change = (struct store_change){.arena = own, .account = ACCOUNT, .container = "many", .version = STORE_CURRENT,
                                       .name = arena_printf(own, "%ld-%d", number, i)};
        if (i % 2) {
            check_int(store_delete_object(&change), STORE_OK);
        }
    }
    arena_free(own);
    return NULL;
}

static void count(void *user, const char *what) {
    printf("  miscounted: %s\n", what);
    ++*(int *)user;
}

static void many_at_once(void) {
    pthread_t threads[WRITERS];
    int wrong = 0;

    check_int(container_put("many", 0), STORE_CREATED);
    for (long i = 0; i < WRITERS; i++) {
        check(!pthread_create(&threads[i], NULL, write_many, (void *)i));
    }
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
    }
    check_int(won, EACH);
    check_counts("many", WRITERS * EACH / 2 + EACH, WRITERS * EACH / 2 * 5 + EACH);
    check(store_each_miscount(arena, count, &wrong));
    check_int(wrong, 0);
}

/* ---- damage and orphans ---- */

static bool rot(const char *place, int64_t size, int64_t where) {
    int64_t all = size + (size + STORE_BLOCK - 1) / STORE_BLOCK * 4;
    char *bytes = arena_alloc(arena, (size_t)all);
    struct blob *blob = store.driver->open(place);
    bool ok = blob && store.driver->read(blob, 0, bytes, (size_t)all) == all;

    if (blob) {
        store.driver->close(blob);
    }
    bytes[where] ^= 1;
    blob = ok ? store.driver->create(place) : NULL;
    return blob && store.driver->write(blob, bytes, (size_t)all) && store.driver->commit(blob);
}

static void damage(void) {
    char *bytes = noise(300000);
    struct store_found found;
    const char *got;

    check_int(container_put("rot", 0), STORE_CREATED);
    check_int(put("rot", "o", bytes, 300000), STORE_CREATED);
    check_int(find("rot", "o", &found), STORE_OK);
    check(rot(found.object.place, 300000, 200000));
    check(!read_range("rot", "o", 0, 300000));
    check(!read_range("rot", "o", 200001, 10));
    got = read_range("rot", "o", 0, 100000);
    check(got && !memcmp(got, bytes, 100000));
    check_int(delete("rot", "o"), STORE_OK);
}

struct seen {
    const char *name;
    int whole, part;
};

static void see(void *user, const char *name, int64_t age, bool whole) {
    struct seen *seen = user;

    if (!strcmp(name, seen->name)) {
        seen->whole += whole;
        seen->part += !whole;
    }
}

static void see_orphan(void *user, const char *name) {
    see(user, name, 0, true);
}

static void blobs_without_object(void) {
    struct seen seen = {.name = id_hex(arena)}, orphan = {.name = seen.name};
    struct blob *blob = store.driver->create(seen.name);
    char *bytes = noise(LARGE);

    check(blob && store.driver->write(blob, bytes, LARGE) && store.driver->commit(blob));
    check(store.driver->each(see, &seen));
    check_int(seen.whole, 1);
    check_int(seen.part, 0);
    check(store_each_orphan(arena, see_orphan, &orphan));
    check_int(orphan.whole, !store.driver->shared);     /* another machine's may be under way */
    check(store_remove_orphan(arena, seen.name));
    check(store.driver->remove(seen.name));
    seen = (struct seen){.name = seen.name};
    check(store.driver->each(see, &seen));
    check_int(seen.whole + seen.part, 0);
    blob = store.driver->create(seen.name);
    check(blob && store.driver->write(blob, bytes, LARGE));
    if (blob) {
        store.driver->discard(blob);
    }
    check(!store.driver->open(seen.name));
    check(store.driver->each(see, &seen));
    check_int(seen.whole + seen.part, 0);
}

static void copies(void) {
    char *bytes = noise(300000);
    struct store_found found;
    struct store_change change = {.arena = arena, .account = ACCOUNT, .container = "copies", .name = "copy"};
    const char *got;

    check_int(container_put("copies", 0), STORE_CREATED);
    check_int(put("copies", "original", bytes, 300000), STORE_CREATED);
    check_int(find("copies", "original", &found), STORE_OK);
    change.upload = store_upload_copy(arena, ACCOUNT, "copies", &found.object);
    check_int(store_put_object(&change), STORE_CREATED);
    check_int(delete("copies", "original"), STORE_OK);
    got = read_range("copies", "copy", 0, 300000);
    check(got && !memcmp(got, bytes, 300000));
}

/* ---- lives ---- */

static void begin(const struct conf *conf, const char *root) {
    const char *error = "";

    arena = arena_new(0);
    if (!store_start_encryption(arena, conf, arena_printf(arena, "%s/keys", root), &error) ||
        !store_start(arena, conf, arena_printf(arena, "%s/objects", root), &error)) {
        test_fail(__FILE__, __LINE__, "the store does not start: %s", error);
        _exit(1);
    }
}

static void first_life(void) {
    unknown_names();
    bytes_of_all_sizes();
    ranges();
    overwriting();
    if (store.driver->keeps_open) {
        replaced_while_read();
    }
    metadata();
    lists();
    long_list();
    versions();
    expiry();
    many_at_once();
    damage();
    blobs_without_object();
    copies();
}

static void next_life(void) {
    struct store_change change = {.arena = arena, .account = ACCOUNT};
    int wrong = 0;

    ranges();
    check_counts("many", WRITERS * EACH / 2 + EACH, WRITERS * EACH / 2 * 5 + EACH);
    check_text(listed((struct store_list){.container = "versions", .versions = true}), "o!,o,o,p,");
    check(store_each_miscount(arena, count, &wrong));
    check_int(wrong, 0);
    check_int(container_put("another", 0), STORE_CREATED);
    check_int(store_delete_account(&change), STORE_OK);
    check_text(listed((struct store_list){0}), "");
    check_int(container_put("another", 0), STORE_CREATED);
    check_text(listed((struct store_list){.container = "another"}), "");
}

static pid_t live(const struct conf *conf, const char *root, void (*run)(void)) {
    pid_t child = fork();

    if (child) {
        return child;
    }
    begin(conf, root);
    run();
    _exit(test_failures() > 0);     /* nothing is closed: each life ends like a crash */
}

static void check_life(pid_t child) {
    int status = -1;

    check(child > 0 && waitpid(child, &status, 0) == child);
    check_int(status, 0);
}

void object_conformance(const struct conf *conf, const char *root, bool keeps) {
    check_life(live(conf, root, first_life));
    if (keeps) {
        check_life(live(conf, root, next_life));
    }
}

static int *meetings;               /* of two processes */

static void make_shared(void) {
    check_int(container_put("shared", 0), STORE_CREATED);
}

/* Both processes go on from here at the same time. */
static void meet(int number) {
    __atomic_add_fetch(&meetings[number], 1, __ATOMIC_SEQ_CST);
    for (int i = 0; i < 100000 && __atomic_load_n(&meetings[number], __ATOMIC_SEQ_CST) < 2; i++) {
        usleep(100);
    }
}

/* Who comes second leaves no blob. */
static void put_once(int number) {
    static const char bytes[RACE_BYTES];
    struct arena *own = arena_new(0);
    struct store_upload *upload = store_upload_new(own);
    struct store_change change = {.arena = own, .account = ACCOUNT, .container = "shared", .if_absent = true, .upload = upload,
                                  .name = arena_printf(own, "race-%d", number)};

    store_upload_add(upload, bytes, sizeof bytes);
    check_int(store_upload_end(upload), STORE_OK);
    meet(number);
    check(store_put_object(&change) == STORE_CREATED || change.result == STORE_PRECONDITION);
    arena_free(own);
}

static void write_shared(void) {
    for (int i = 0; i < 100; i++) {
        if (i < RACES) {
            put_once(i);
        }
        check_int(put_text("shared", arena_printf(arena, "%d-%d", (int)getpid(), i), "1234567"), STORE_CREATED);
        check_int(put_text("shared", "same", "1234567"), STORE_CREATED);
    }
}

static void count_blob(void *user, const char *name, int64_t age, bool whole) {
    ++*(int *)user;
}

static void count_shared(void) {
    int wrong = 0, blobs = 0;

    check_counts("shared", 201 + RACES, 201 * 7 + RACES * RACE_BYTES);
    check(store.driver->each(count_blob, &blobs));
    check_int(blobs, RACES);
    check(store_each_miscount(arena, count, &wrong));
    check_int(wrong, 0);
}

void object_conformance_shared(const struct conf *conf, const char *root) {
    pid_t one, other;

    meetings = mmap(NULL, RACES * sizeof *meetings, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    check(meetings != MAP_FAILED);
    check_life(live(conf, root, make_shared));
    one = live(conf, root, write_shared);
    other = live(conf, root, write_shared);
    check_life(one);
    check_life(other);
    check_life(live(conf, root, count_shared));
    munmap(meetings, RACES * sizeof *meetings);
}
