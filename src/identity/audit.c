/* SPDX-License-Identifier: Apache-2.0
 * CADF records. What telemetry will pass on is what the log has. */
#include "identity/audit.h"

#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "http/http.h"

LOG_MODULE("identity.audit");

/* What CADF's taxonomy calls our resources. */
static const struct {
    const char *kind, *type;
} types[] = {
    {"user", "data/security/account/user"}, {"group", "data/security/group"},
    {"project", "data/security/project"},   {"domain", "data/security/domain"},
    {"role", "data/security/role"},         {"role_assignment", "data/security/account/user"},
    {"region", "data/security/region"},     {"endpoint", "data/security/endpoint"},
    {"service", "data/security/service"},   {"policy", "data/security/policy"},
    {"trust", "data/security/trust"},       {"consumer", "data/security/account"},
    {"credential", "data/security/credential"}, {"access_token", "data/security/credential"},
    {"application_credential", "data/security/credential"},
};

/* Names that differ in notifications. */
static const struct {
    const char *kind, *name;
} names[] = {{"trust", "OS-TRUST:trust"}, {"consumer", "OS-OAUTH1:consumer"}, {"access_token", "OS-OAUTH1:access_token"}};

static const char *type_of(const char *kind) {
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (!strcmp(types[i].kind, kind)) {
            return types[i].type;
        }
    }
    return "unknown";
}

static const char *name_of(const char *kind) {
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!strcmp(names[i].kind, kind)) {
            return names[i].name;
        }
    }
    return kind;
}

static void put_given(struct json_out *out, const char *key, const char *text) {
    if (text) {
        json_put_text(out, key, text);
    }
}

static void write_initiator(struct call *call, const char *user_id, struct json_out *out) {
    json_key(out, "initiator");
    json_map(out);
    json_put_text(out, "typeURI", "service/security/account/user");
    json_put_text(out, "id", user_id ? user_id : call->caller.internal ? "cloud" : "unknown");
    put_given(out, "user_id", user_id);
    put_given(out, "username", call->caller.user_name);
    put_given(out, "project_id", call->caller.project_id);
    put_given(out, "domain_id", call->caller.domain_id);
    put_given(out, "request_id", call->request_id);
    if (call->http) {
        json_key(out, "host");
        json_map(out);
        put_given(out, "address", call->http->client);
        put_given(out, "agent", http_header(call->http, "User-Agent"));
        json_map_end(out);
    }
    json_map_end(out);
}

/* The parts of a grant, which its path names. */
static void write_grant(struct call *call, struct json_out *out) {
    static const char *const parts[] = {"user", "group", "project", "domain", "role"};

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        put_given(out, parts[i], call_parameter(call, arena_printf(call->arena, "%s_id", parts[i])));
    }
    json_put_bool(out, "inherited_to_projects", call->http && strstr(call->http->raw_path, "/inherited_to_projects"));
}

struct record {
    const char *event_type, *action, *target_type, *target_id, *user_id;
    bool ok, grant;
};

static void write_record(struct call *call, const struct record *record) {
    struct buf buf = {0};
    struct json_out json = {.buf = &buf}, *out = &json;
    char time[TIME_TEXT_SIZE];

    json_map(out);
    json_put_text(out, "event_type", record->event_type);
    json_key(out, "payload");
    json_map(out);
    json_put_text(out, "typeURI", "http://schemas.dmtf.org/cloud/audit/1.0/event");
    json_put_text(out, "id", id_hex(call->arena));
    json_put_text(out, "eventType", "activity");
    json_put_text(out, "eventTime", time_print(clock_now(), TIME_MICRO_Z, time));
    json_put_text(out, "action", record->action);
    json_put_text(out, "outcome", record->ok ? "success" : "failure");
    write_initiator(call, record->user_id, out);
    json_key(out, "target");
    json_map(out);
    json_put_text(out, "typeURI", record->target_type);
    json_put_text(out, "id", record->target_id ? record->target_id : "unknown");
    json_map_end(out);
    json_put_raw(out, "observer", "{\"typeURI\": \"service/security\"}");
    put_given(out, "resource_info", record->target_id);
    if (record->grant) {
        write_grant(call, out);
    }
    json_map_end(out);
    json_map_end(out);
    log_info("%.*s", (int)buf.size, buf.at);
    buf_release(&buf);
}

void identity_publish(struct call *call, const char *what, const char *id) {
    const char *dot = strrchr(what, '.'), *kind, *verb;

    if (!dot) {
        return;
    }
    kind = arena_text_size(call->arena, what, (size_t)(dot - what));
    verb = arena_printf(call->arena, "%sd", dot + 1);       /* create, update, delete */
    write_record(call, &(struct record){
        .event_type = arena_printf(call->arena, "identity.%s.%s", name_of(kind), verb),
        .action = arena_printf(call->arena, "%s.%s", verb, name_of(kind)),
        .target_type = type_of(kind), .target_id = id, .user_id = call->caller.user_id, .ok = true,
        .grant = !strcmp(kind, "role_assignment")});
}

void audit_authenticate(struct call *call, const char *user_id, bool ok) {
    write_record(call, &(struct record){.event_type = "identity.authenticate", .action = "authenticate",
                                        .target_type = "service/security/account/user", .target_id = user_id,
                                        .user_id = user_id, .ok = ok});
}
