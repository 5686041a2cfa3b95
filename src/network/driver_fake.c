/* SPDX-License-Identifier: Apache-2.0
 * The fake driver: keeps the documents in memory, and as files below DATA/fake/network when DATA/fake is there, so that
 * what was applied outlives the process as it would in a real back end. A port is up when it is bound to a host or
 * belongs to the network itself. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/id.h"
#include "base/map.h"
#include "network/driver.h"

enum kind { NETWORK, PORT, ROUTER, SECURITY_GROUP, ADDRESS_GROUP, PLUG, KINDS };

static const char *const kind_names[] = {"network", "port", "router", "security_group", "address_group", "plug"};

static struct {
    pthread_mutex_t lock;
    struct map *documents[KINDS];       /* id -> JSON text */
    char *folder;                       /* null: memory only */
} fake = {.lock = PTHREAD_MUTEX_INITIALIZER};

static char *file_path(struct arena *arena, enum kind kind, const char *id) {
    return arena_printf(arena, "%s/%s/%s.json", fake.folder, kind_names[kind], id);
}

static void load_file(struct arena *arena, enum kind kind, const char *name) {
    char *id = arena_text(arena, name), *dot = strrchr(id, '.'), *line = NULL;
    size_t capacity = 0;
    FILE *file;

    if (!dot || strcmp(dot, ".json") != 0) {
        return;
    }
    *dot = 0;
    file = id_is_uuid(id) ? fopen(file_path(arena, kind, id), "re") : NULL;
    if (file && getline(&line, &capacity, file) > 0) {
        free(map_set(fake.documents[kind], id, line));
        line = NULL;
    }
    free(line);
    if (file) {
        fclose(file);
    }
}

static void load_folder(struct arena *arena, enum kind kind) {
    const char *path = arena_printf(arena, "%s/%s", fake.folder, kind_names[kind]);
    const struct dirent *entry;
    DIR *folder;

    mkdir(path, 0700);
    folder = opendir(path);
    while (folder && (entry = readdir(folder)) != NULL) {
        load_file(arena, kind, entry->d_name);
    }
    if (folder) {
        closedir(folder);
    }
}

static void start(const struct host *host) {
    struct arena *arena = arena_new(0);
    const char *parent = arena_printf(arena, "%s/fake", host->data ? host->data : "");

    pthread_mutex_lock(&fake.lock);
    for (int i = 0; i < KINDS; i++) {
        fake.documents[i] = map_new();
    }
    if (host->data && access(parent, W_OK) == 0) {
        fake.folder = strdup(arena_printf(arena, "%s/network", parent));
        mkdir(fake.folder, 0700);
        for (int i = 0; i < KINDS; i++) {
            load_folder(arena, (enum kind)i);
        }
    }
    pthread_mutex_unlock(&fake.lock);
    arena_free(arena);
}

static void stop(void) {
    pthread_mutex_lock(&fake.lock);
    for (int i = 0; i < KINDS; i++) {
        map_free(fake.documents[i], free);
        fake.documents[i] = NULL;
    }
    free(fake.folder);
    fake.folder = NULL;
    pthread_mutex_unlock(&fake.lock);
}

/* Writes the document whole or not at all. */
static bool save_file(struct work *work, enum kind kind, const char *text) {
    const char *path = file_path(work->arena, kind, work->id), *fresh = arena_printf(work->arena, "%s.new", path);
    FILE *file;
    bool good;

    if (!text) {
        return unlink(path) == 0 || errno == ENOENT;
    }
    file = fopen(fresh, "we");
    good = file && fprintf(file, "%s\n", text) > 0;
    good = file && fclose(file) == 0 && good;
    return good && rename(fresh, path) == 0;
}

static bool keep(struct work *work, enum kind kind) {
    const char *id = json_get_text(work->doc, "id"), *text = work->doc ? json_print(work->arena, work->doc) : NULL;
    bool saved;

    if (!id_is_uuid(work->id) || (work->doc && work->doc->type != JSON_MAP) ||
        (kind != PLUG && id && strcmp(id, work->id) != 0)) {
        return work_fail(work, "%s %s: the document is of another", kind_names[kind], work->id);
    }
    pthread_mutex_lock(&fake.lock);
    saved = !fake.folder || save_file(work, kind, text);
    if (saved) {
        free(map_set(fake.documents[kind], work->id, text ? strdup(text) : NULL));
    }
    pthread_mutex_unlock(&fake.lock);
    return saved || work_fail(work, "%s %s: cannot be saved: %s", kind_names[kind], work->id, strerror(errno));
}

static bool is_up(const struct json *port) {
    const char *host = json_get_text(port, "binding:host_id"), *owner = json_get_text(port, "device_owner");
    const struct json *up = json_get(port, "admin_state_up");

    return (!up || up->type != JSON_FALSE) && ((host && *host) || (owner && !strncmp(owner, "network:", 8)));
}

static bool apply_network(struct work *work) {
    return keep(work, NETWORK);
}

/* 1: up, 0: down, -1: there is no such port. */
static int port_state(struct arena *arena, const char *id) {
    const char *text;
    int state;

    pthread_mutex_lock(&fake.lock);
    text = map_get(fake.documents[PORT], id);
    state = text ? is_up(json_parse(arena, text, strlen(text), NULL)) : -1;
    pthread_mutex_unlock(&fake.lock);
    return state;
}

static void tell(const char *id, bool up) {
    work_report("network.port", id, up ? "{\"status\": \"ACTIVE\"}" : "{\"status\": \"DOWN\"}");
}

static bool apply_port(struct work *work) {
    const char *network = json_get_text(work->doc, "network_id");
    int before = port_state(work->arena, work->id), now;

    if (work->doc && !(network && id_is_uuid(network))) {
        return work_fail(work, "port %s: no network", work->id);
    }
    if (!keep(work, PORT)) {
        return false;
    }
    now = port_state(work->arena, work->id);
    if (now >= 0 && now != before) {
        tell(work->id, now);
    }
    return true;
}

static bool apply_router(struct work *work) {
    return keep(work, ROUTER);
}

static bool apply_security_group(struct work *work) {
    return keep(work, SECURITY_GROUP);
}

static bool apply_address_group(struct work *work) {
    return keep(work, ADDRESS_GROUP);
}

/* What a plug is made of; the document may say more, as one of a server does. */
static const struct json *plug_members(struct work *work) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    const struct json *members;

    json_map(&out);
    json_put_text(&out, "device", json_get_text(work->doc, "device"));
    json_put_text(&out, "mac_address", json_get_text(work->doc, "mac_address"));
    json_put_int(&out, "mtu", json_get_int(work->doc, "mtu", 0));
    json_put_text(&out, "device_id", json_get_text(work->doc, "device_id"));
    json_map_end(&out);
    members = json_parse(work->arena, buf.at, buf.size, NULL);
    buf_release(&buf);
    return members;
}

static bool plug(struct work *work) {
    const char *device = json_get_text(work->doc, "device");

    if (work->doc && (!device || !*device || strlen(device) > 15)) {
        return work_fail(work, "port %s: '%.40s' is no device to plug", work->id, device ? device : "");
    }
    work->doc = work->doc ? plug_members(work) : NULL;
    return keep(work, PLUG);
}

static void report(void) {
    struct arena *arena = arena_new(0);
    size_t cursor = 0;
    const char *id;
    void *text;

    pthread_mutex_lock(&fake.lock);
    while ((id = map_next(fake.documents[PORT], &cursor, &text)) != NULL) {
        tell(id, is_up(json_parse(arena, text, strlen(text), NULL)));
    }
    pthread_mutex_unlock(&fake.lock);
    arena_free(arena);
}

static void list_kind(struct work *work, enum kind kind, const char *name) {
    size_t cursor = 0;
    const char *id;
    void *text;

    json_key(&work->result, name);
    (kind == PORT || kind == PLUG ? json_map : json_list)(&work->result);
    while ((id = map_next(fake.documents[kind], &cursor, &text)) != NULL) {
        const struct json *doc = json_parse(work->arena, text, strlen(text), NULL);

        if (kind == PORT) {
            json_put_text(&work->result, id, is_up(doc) ? "ACTIVE" : "DOWN");
        } else if (kind == PLUG) {
            json_put_text(&work->result, id, json_get_text(doc, "device"));
        } else {
            json_text(&work->result, id);
        }
    }
    (kind == PORT || kind == PLUG ? json_map_end : json_list_end)(&work->result);
}

static bool list(struct work *work) {
    pthread_mutex_lock(&fake.lock);
    list_kind(work, NETWORK, "networks");
    list_kind(work, ROUTER, "routers");
    list_kind(work, SECURITY_GROUP, "security_groups");
    list_kind(work, ADDRESS_GROUP, "address_groups");
    list_kind(work, PORT, "ports");
    list_kind(work, PLUG, "plugs");
    pthread_mutex_unlock(&fake.lock);
    return true;
}

const struct network_driver network_driver_fake = {
    .name = "fake",
    .start = start,
    .stop = stop,
    .apply_network = apply_network,
    .apply_port = apply_port,
    .apply_router = apply_router,
    .apply_security_group = apply_security_group,
    .apply_address_group = apply_address_group,
    .plug = plug,
    .report = report,
    .list = list,
};
