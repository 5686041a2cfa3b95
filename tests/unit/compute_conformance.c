/* SPDX-License-Identifier: Apache-2.0
 * The life of a server, for every driver. */
#include "compute_conformance.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/json.h"
#include "bus/agent.h"
#include "compute/driver.h"
#include "test.h"

static struct arena *arena;
static const char *last_error;

static const char server_id[] = "11111111-2222-4333-8444-555555555555";

const char *conformance_error(void) {
    return last_error ? last_error : "";
}

void conformance_release(void) {
    arena_free(arena);
    arena = NULL;
}

static const struct work_kind *kind_find(const char *name) {
    for (const struct work_kind *kind = compute_agent_service.work; kind->name; kind++) {
        if (!strcmp(kind->name, name)) {
            return kind;
        }
    }
    return NULL;
}

const struct json *conformance_run(const struct conformance *with, const char *name, const char *id, const char *doc) {
    const struct work_kind *kind = kind_find(name);
    const struct json *result = NULL;
    const char *error = NULL;
    struct buf buf = {0};

    arena = arena ? arena : arena_new(0);
    struct work work = {
        .host = with->host,
        .arena = arena,
        .kind = name,
        .id = id,
        .doc = doc ? json_parse(arena, doc, strlen(doc), &error) : NULL,
        .result = {.buf = &buf},
        .deadline = clock_monotonic() + kind->seconds * SECOND,
    };

    check(!error);
    json_map(&work.result);
    if (kind->run(&work)) {
        json_map_end(&work.result);
        result = json_parse(arena, buf.at, buf.size, &error);
        check(result);
    }
    check(result || work.error);
    last_error = result ? NULL : work.error;
    buf_release(&buf);
    return result;
}

const char *conformance_document(const struct conformance *with, const char *id, int ram, int root, const char *more) {
    arena = arena ? arena : arena_new(0);
    return arena_printf(
        arena,
        "{\"id\": \"%s\", \"name\": \"instance-%.8s\", \"display_name\": \"<a>&'\\\"\\u0007\", \"hostname\": \"guest\","
        " \"project_id\": \"p\", \"user_id\": \"u\", \"flavor\": {\"name\": \"tiny\", \"vcpus\": 1, \"ram\": %d,"
        " \"root\": %d}, \"image\": {\"id\": \"%s\", \"path\": \"%s\", \"format\": \"%s\", \"properties\": %s},"
        " \"disks\": [{\"source\": \"image\", \"device\": \"vda\", \"boot_index\": 0},"
        "             {\"source\": \"swap\", \"device\": \"vdb\", \"size\": 16777216}],"
        " \"nics\": [{\"port_id\": \"0000aaaa-0000-4000-8000-%.12s\", \"mac_address\": \"fa:16:3e:00:00:%.2s\","
        "            \"device\": \"taph%.8s\", \"mtu\": 1442}],"
        " \"config_drive\": {\"openstack/latest/meta_data.json\":"
        "                    \"{\\\"uuid\\\": \\\"%s\\\", \\\"hostname\\\": \\\"from-config-drive\\\"}\","
        "                    \"openstack/latest/user_data\": \"#!/bin/sh\\necho user data ran > /dev/console\\n\"}"
        "%s%s}",
        id, id, ram, root, with->image_id, with->image, with->format, with->properties ? with->properties : "{}",
        id + 24, id, id, id, *more ? ", " : "", more);
}

bool conformance_booted(const struct conformance *with, const char *id) {
    int64_t end = clock_monotonic() + with->boot_seconds * SECOND;

    do {
        const struct json *log = conformance_run(with, "compute.console_log", id, NULL);
        const char *output = json_get_text(log, "output");

        if (output && strstr(output, "BOOT COMPLETE")) {
            return true;
        }
        usleep(200000);
    } while (clock_monotonic() < end);
    return false;
}

static int64_t power_of(const struct json *result) {
    if (!result) {
        test_fail(__FILE__, __LINE__, "%s", conformance_error());
    }
    return json_get_int(result, "power_state", -1);
}

/* Does a power action twice: the second time changes nothing. */
static void act_twice(const struct conformance *with, const char *action, enum power_state power) {
    const char *more = arena_printf(arena, "\"action\": \"%s\", \"timeout\": 60", action);
    const char *doc = conformance_document(with, server_id, 160, 0, more);

    test_context(action);
    check_int(power_of(conformance_run(with, "compute.power", server_id, doc)), power);
    check_int(power_of(conformance_run(with, "compute.power", server_id, doc)), power);
    test_context(NULL);
}

static void run_twice(const struct conformance *with, const char *kind, const char *doc) {
    for (int i = 0; i < 2; i++) {
        if (!conformance_run(with, kind, server_id, doc)) {
            test_fail(__FILE__, __LINE__, "%s: %s", kind, conformance_error());
        }
    }
}

static bool is_listed(const struct conformance *with, const char *id) {
    const struct json *result = conformance_run(with, "compute.list", with->host->name, NULL);

    check(result);
    for (JSON_EACH(server, json_get(result, "servers"))) {
        const char *its = json_get_text(server, "id");

        if (its && !strcmp(its, id)) {
            return true;
        }
    }
    return false;
}

static void check_absent(const struct conformance *with) {
    check(!is_listed(with, server_id));
    check(!conformance_run(with, "compute.console_log", server_id, NULL));
    check(!conformance_run(with, "compute.vnc", server_id, NULL));
    check(!conformance_run(with, "compute.attach_volume", server_id,
                           "{\"disk\": {\"source\": \"volume\", \"device\": \"vdc\", \"path\": \"/x\"}}"));
}

static void check_spawn(const struct conformance *with) {
    const char *doc = conformance_document(with, server_id, 160, 0, "");
    const struct json *result;

    check_int(power_of(conformance_run(with, "compute.spawn", server_id, doc)), POWER_RUNNING);
    check_int(power_of(conformance_run(with, "compute.spawn", server_id, doc)), POWER_RUNNING);
    check(is_listed(with, server_id));
    check(conformance_booted(with, server_id));
    result = conformance_run(with, "compute.console_log", server_id, "{\"lines\": 1}");
    check(result && strstr(json_get_text(result, "output"), "BOOT COMPLETE"));
    check(result && !strchr(json_get_text(result, "output"), '\n')
          | (strchr(json_get_text(result, "output"), '\n')[1] == 0));
}

static void check_looks(const struct conformance *with) {
    const struct json *result = conformance_run(with, "compute.vnc", server_id, NULL);

    check(json_get_int(result, "port", 0) >= 5900);
    result = conformance_run(with, "compute.diagnostics", server_id, NULL);
    check_text(json_get_text(result, "state"), "running");
    check_int(json_get_int(result, "num_cpus", 0), 1);
    check_int(json_get_int(result, "num_nics", 0), 1);
}

/* How many volumes the list says that the server has. */
static int attached(const struct conformance *with) {
    const struct json *result = conformance_run(with, "compute.list", with->host->name, NULL);
    int count = 0;

    for (JSON_EACH(pair, json_get(result, "attached"))) {
        count += pair->type == JSON_TEXT && !strncmp(pair->text, server_id, strlen(server_id)) &&
                 !strcmp(pair->text + strlen(server_id), "/0000bbbb-0000-4000-8000-000000000001");
    }
    return count;
}

static void check_devices(const struct conformance *with) {
    const char *stray = "{\"disk\": {\"source\": \"blank\", \"device\": \"vdz\","
                        " \"serial\": \"0000bbbb-0000-4000-8000-000000000001\"}}";
    const char *disk = arena_printf(arena,
                                    "{\"disk\": {\"source\": \"volume\", \"device\": \"vdc\", \"path\": \"%s\","
                                    " \"format\": \"raw\", \"serial\": \"0000bbbb-0000-4000-8000-000000000001\"}}",
                                    with->volume);
    const char *nic = "{\"nic\": {\"port_id\": \"0000aaaa-0000-4000-8000-000000000002\", \"device\": \"taphconf2\","
                      " \"mac_address\": \"FA:16:3E:00:00:02\"}}";

    check_int(attached(with), 0);
    run_twice(with, "compute.attach_volume", disk);
    check_int(attached(with), 1);
    run_twice(with, "compute.detach_volume", disk);
    check_int(attached(with), 0);
    run_twice(with, "compute.attach_volume", disk);
    run_twice(with, "compute.detach_volume", stray);        /* its serial number says which one */
    check_int(attached(with), 0);
    run_twice(with, "compute.attach_interface", nic);
    check_int(json_get_int(conformance_run(with, "compute.diagnostics", server_id, NULL), "num_nics", 0), 2);
    run_twice(with, "compute.detach_interface", nic);
}

/* The snapshot is there, whole, and said to be as large as it is. */
static void check_snapshot(const struct conformance *with, const char *format) {
    const char *path = arena_printf(arena, "%s/snapshot.%s", with->scratch, format);
    const char *doc = arena_printf(arena, "{\"path\": \"%s\", \"format\": \"%s\"}", path, format);
    const struct json *result = NULL;
    char magic[4] = "";
    struct stat st = {0};
    FILE *file;

    for (int i = 0; i < 2; i++) {
        result = conformance_run(with, "compute.snapshot", server_id, doc);
        if (!result) {
            test_fail(__FILE__, __LINE__, "%s: %s", format, conformance_error());
        }
    }
    check(!stat(path, &st));
    check_int(json_get_int(result, "size", -1), st.st_size);
    check(json_get_int(result, "virtual_size", -1) > 0);
    file = fopen(path, "re");
    check(file && fread(magic, 1, 4, file) == 4);
    check(!memcmp(magic, "QFI\xfb", 4) == !strcmp(format, "qcow2"));
    if (file) {
        fclose(file);
    }
    unlink(path);
}

static void check_resize(const struct conformance *with) {
    const char *larger = conformance_document(with, server_id, 192, 1, "\"timeout\": 60");
    const char *before = conformance_document(with, server_id, 160, 0, "");
    const struct json *result;

    test_context("resize");
    check_int(power_of(conformance_run(with, "compute.resize", server_id, larger)), POWER_RUNNING);
    result = conformance_run(with, "compute.diagnostics", server_id, NULL);
    check_int(json_get_int(json_get(result, "memory_details"), "maximum", 0), 192);
    run_twice(with, "compute.resize_confirm", larger);
    check(conformance_booted(with, server_id));
    check_int(power_of(conformance_run(with, "compute.resize", server_id, larger)), POWER_RUNNING);
    for (int i = 0; i < 2; i++) {
        check_int(power_of(conformance_run(with, "compute.resize_revert", server_id, before)), POWER_RUNNING);
    }
    result = conformance_run(with, "compute.diagnostics", server_id, NULL);
    check_int(json_get_int(json_get(result, "memory_details"), "maximum", 0), 160);
    check(conformance_booted(with, server_id));
    test_context(NULL);
}

static void check_rescue(const struct conformance *with) {
    const char *rescue = arena_printf(arena, "\"action\": \"reboot_hard\", \"rescue\": {\"id\": \"%s\", \"path\": \"%s\","
                                             " \"format\": \"%s\"}", with->image_id, with->image, with->format);

    test_context("rescue");
    check_int(power_of(conformance_run(with, "compute.power", server_id,
                                       conformance_document(with, server_id, 160, 0, rescue))), POWER_RUNNING);
    check(conformance_booted(with, server_id));
    check_int(power_of(conformance_run(with, "compute.power", server_id,
                                       conformance_document(with, server_id, 160, 0,
                                                            "\"action\": \"reboot_hard\""))), POWER_RUNNING);
    check(conformance_booted(with, server_id));
    test_context(NULL);
}

void conformance_life(const struct conformance *with) {
    arena = arena ? arena : arena_new(0);
    check_absent(with);
    check_spawn(with);
    check_looks(with);
    check_devices(with);
    check_snapshot(with, "qcow2");
    act_twice(with, "pause", POWER_PAUSED);
    check_snapshot(with, "raw");
    act_twice(with, "unpause", POWER_RUNNING);
    act_twice(with, "suspend", POWER_SUSPENDED);
    act_twice(with, "resume", POWER_RUNNING);
    act_twice(with, "stop", POWER_SHUTDOWN);
    check(!conformance_run(with, "compute.vnc", server_id, NULL));
    check_snapshot(with, "qcow2");
    check_snapshot(with, "raw");
    act_twice(with, "start", POWER_RUNNING);
    check(conformance_booted(with, server_id));
    check_resize(with);
    check_rescue(with);
    check_int(power_of(conformance_run(with, "compute.rebuild", server_id,
                                       conformance_document(with, server_id, 160, 0, "\"power\": \"shutdown\""))),
              POWER_SHUTDOWN);
    run_twice(with, "compute.destroy", NULL);
    check_absent(with);
    conformance_release();
}
