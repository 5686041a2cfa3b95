/* SPDX-License-Identifier: Apache-2.0
 * What every driver of volumes must do, as driver.h says it: one life of a volume, each step done twice. Runs through
 * the agent's table of work. The file driver's bytes are looked at besides. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/conf.h"
#include "base/json.h"
#include "test.h"
#include "volume/driver.h"

static const char volume_id[] = "11111111-2222-4333-8444-555555555555";
static const char clone_id[] = "22222222-2222-4333-8444-555555555555";
static const char snapshot_id[] = "33333333-2222-4333-8444-555555555555";
static const char image_id[] = "99999999-2222-4333-8444-555555555555";

static struct conf *conf;
static struct host host;
static struct arena *arena;
static const char *last_error;

static void begin(const char *driver) {
    char error[256];

    arena = arena_new(0);
    conf = conf_read(NULL, error, sizeof error);
    conf_set(conf, "volume", "driver", driver);
    host = (struct host){.conf = conf, .name = "host-1", .data = test_directory()};
    mkdir(arena_printf(arena, "%s/images", host.data), 0755);
    check(volume_agent_start(&host));
}

static void end(void) {
    conf_free(conf);
    arena_free(arena);
}

/* The result of the kind of work, null when it failed. */
static const struct json *run(const char *kind, const char *id, const char *doc) {
    struct buf buf = {0};
    struct work work = {.host = &host, .arena = arena, .kind = kind, .id = id, .result = {.buf = &buf}};
    const struct json *result = NULL;
    bool ok = false;

    work.doc = doc ? json_parse(arena, doc, strlen(doc), NULL) : NULL;
    json_map(&work.result);
    for (const struct work_kind *known = volume_work; known->name; known++) {
        if (!strcmp(known->name, kind)) {
            ok = known->run(&work);
        }
    }
    json_map_end(&work.result);
    last_error = work.error;
    if (ok) {
        result = json_parse(arena, arena_text(arena, buf.at), buf.size, NULL);
    }
    check(ok == !work.error);
    buf_release(&buf);
    return result;
}

/* Each step is success when it is done already. */
static const struct json *twice(const char *kind, const char *id, const char *doc) {
    check(run(kind, id, doc));
    return run(kind, id, doc);
}

static const char *path_in(const struct json *result) {
    return json_get_text(json_get(result, "connection"), "path");
}

static int64_t size_of(const char *path) {
    struct stat st;

    return path && !stat(path, &st) ? (int64_t)st.st_size : -1;
}

static void image_write(const char *bytes) {
    FILE *file = fopen(arena_printf(arena, "%s/images/%s", host.data, image_id), "w");

    fputs(bytes, file);
    fclose(file);
}

static const char from_image[] =
    "{\"size\": 1, \"image\": {\"id\": \"99999999-2222-4333-8444-555555555555\", \"format\": \"raw\"}}";
static const char from_volume[] = "{\"size\": 2, \"volume\": \"11111111-2222-4333-8444-555555555555\"}";
static const char of_volume[] = "{\"size\": 1, \"volume\": \"11111111-2222-4333-8444-555555555555\"}";
static const char from_snapshot[] = "{\"size\": 1, \"snapshot\": \"33333333-2222-4333-8444-555555555555\"}";
static const char to_image[] = "{\"image\": \"99999999-2222-4333-8444-555555555555\", \"format\": \"raw\"}";

static bool lists(const char *part, const char *id) {
    for (JSON_EACH(item, json_get(run("volume.list", host.name, NULL), part))) {
        if (item->type == JSON_TEXT && !strcmp(item->text, id)) {
            return true;
        }
    }
    return false;
}

static void life(void) {
    const struct json *result;
    const char *path;

    image_write("an image");
    path = path_in(twice("volume.create", volume_id, from_image));
    check_int(size_of(path), 1LL << 30);
    twice("volume.extend", volume_id, "{\"size\": 3}");
    check_int(size_of(path), 3LL << 30);
    twice("volume.extend", volume_id, "{\"size\": 2}");
    check_int(size_of(path), 3LL << 30);
    check(!run("volume.snapshot_create", snapshot_id, of_volume));
    twice("volume.snapshot_create", snapshot_id, "{\"size\": 3, \"volume\": \"11111111-2222-4333-8444-555555555555\"}");
    check(!run("volume.create", clone_id, from_volume));
    check(lists("volumes", volume_id) && lists("snapshots", snapshot_id) && !lists("volumes", clone_id));
    result = twice("volume.upload_image", volume_id, to_image);
    check_int(json_get_int(result, "virtual_size", 0), 3LL << 30);
    check_int(json_get_int(result, "size", 0), size_of(arena_printf(arena, "%s/images/%s", host.data, image_id)));
    twice("volume.delete", volume_id, NULL);
    check_int(size_of(path), -1);
    check(!lists("volumes", volume_id));
    twice("volume.snapshot_delete", snapshot_id, NULL);
    check(!run("volume.create", clone_id, from_snapshot));
}

TEST(fake_volumes_keep_the_contract_of_drivers) {
    begin("fake");
    life();
    end();
}

TEST(file_volumes_keep_the_contract_of_drivers) {
    begin("file");
    life();
    end();
}

static void check_begins(const char *path, const char *bytes) {
    char got[64] = "";
    int fd = open(path ? path : "", O_RDONLY);

    check(fd >= 0 && read(fd, got, strlen(bytes)) == (ssize_t)strlen(bytes));
    check_text(got, bytes);
    if (fd >= 0) {
        close(fd);
    }
}

TEST(file_volumes_have_the_bytes_of_their_source_and_are_sparse) {
    const char *volume, *clone;
    struct stat st;

    begin("file");
    image_write("first bytes");
    volume = path_in(run("volume.create", volume_id, from_image));
    check_begins(volume, "first bytes");
    clone = path_in(run("volume.create", clone_id, from_volume));
    check_begins(clone, "first bytes");
    check_int(size_of(clone), 2LL << 30);
    check(!stat(clone, &st) && st.st_blocks < 1024);
    end();
}

TEST(what_a_killed_conversion_left_goes_at_the_next_start) {
    const char *scratch;
    FILE *file;

    begin("file");
    scratch = arena_printf(arena, "%s/volumes/convert-Ab12Cd", host.data);
    check(!mkdir(scratch, 0700));
    file = fopen(arena_printf(arena, "%s/raw", scratch), "we");
    check(file && !fclose(file));
    check(volume_agent_start(&host));
    check(access(scratch, F_OK) != 0);
    end();
}

TEST(a_volume_is_not_made_of_a_larger_image) {
    begin("file");
    image_write("x");
    check(!truncate(arena_printf(arena, "%s/images/%s", host.data, image_id), (1LL << 30) + 1));
    check(!run("volume.create", volume_id, from_image));
    check(strstr(last_error, "more than") != NULL);
    check_int(size_of(arena_printf(arena, "%s/volumes/volume-%s.new", host.data, volume_id)), -1);
    end();
}

TEST(names_in_documents_of_volumes_cannot_become_paths) {
    begin("file");
    check(!run("volume.create", "../../etc/passwd", "{\"size\": 1}"));
    check(!run("volume.create", volume_id, "{\"size\": 1, \"volume\": \"../x\"}"));
    check(!run("volume.create", volume_id, "{\"size\": 1, \"image\": {\"id\": \"/etc/passwd\", \"format\": \"raw\"}}"));
    check(!run("volume.create", volume_id, "{\"size\": -1}"));
    check(!run("volume.delete", "..", NULL));
    check(!run("volume.upload_image", volume_id, "{\"image\": \"../../x\", \"format\": \"raw\"}"));
    end();
}
