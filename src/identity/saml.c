/* SPDX-License-Identifier: Apache-2.0
 * Keystone to Keystone: who has a token for a project here gets a signed assertion for another cloud (a service provider),
 * bare or in an envelope as browsers' better kin send it (ECP). Nobody gets one with a delegated token: an assertion says
 * all of its user. */
#include <string.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/id.h"
#include "identity/saml.h"
#include "identity/token.h"
#include "identity/types.h"
#include "rest/cloud.h"

/* ---- settings ---- */

static const char *below(struct call *call, const char *option, const char *path) {
    return conf_text(cloud.conf, "saml", option, arena_printf(call->arena, "%s/identity/v3/OS-FEDERATION/saml2/%s",
                                                              cloud.url, path));
}

const char *saml_entity_id(struct call *call) {
    return below(call, "idp_entity_id", "idp");
}

const char *saml_sso_endpoint(struct call *call) {
    return below(call, "idp_sso_endpoint", "sso");
}

/* ---- what is asserted ---- */

struct statement {
    const struct saml_request *request;
    struct identity_service_provider *provider;
    struct token token;
    struct caller caller;
    const char **groups;            /* JSON:{"name":...,"domain":{"name":...}} each */
    size_t group_count;
};

static const char *as_json(struct call *call, const char *name, const char *domain) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    const char *text;

    json_map(&out);
    json_put_text(&out, "name", name);
    json_key(&out, "domain");
    json_map(&out);
    json_put_text(&out, "name", domain);
    json_map_end(&out);
    json_map_end(&out);
    text = arena_printf(call->arena, "JSON:%.*s", (int)buf.size, buf.at);
    buf_release(&buf);
    return text;
}

static bool read_groups(struct call *call, struct statement *s) {
    static const char sql[] =
        "SELECT g.name, d.name FROM identity_group g JOIN identity_project d ON d.id = g.domain_id WHERE g.id IN"
        " (SELECT group_id FROM identity_membership WHERE user_id = ? UNION"
        "  SELECT group_id FROM identity_expiring_membership WHERE user_id = ? AND expires_at > ?) ORDER BY d.name, g.name";
    struct value user = sql_text(s->token.user_id);
    struct rows *rows = db_query(call->db, sql, SQL_ARGS(user, user, sql_int(clock_now())));

    s->group_count = 0;
    while (rows_next(rows)) {
        s->groups = arena_grow(call->arena, s->groups, s->group_count, sizeof *s->groups);
        s->groups[s->group_count++] = as_json(call, rows_text(rows, 0), rows_text(rows, 1));
    }
    rows_end(rows);
    return db_failure(call->db) == DB_OK;
}

static bool collect(struct call *call, void *pointer) {
    struct statement *s = pointer;
    const struct saml_scope *scope = s->request->scope;
    const char *id = ((const struct saml_provider *)scope->service_provider)->id;
    const struct auth_token *given = ((const struct saml_identity *)s->request->identity)->token;

    if (!row_find(call, &resource_identity_service_provider, id, &s->provider)) {
        return fail_not_found(call, &resource_identity_service_provider, id);
    }
    if (!s->provider->enabled) {
        return fail(call, 403, "The service provider %s is disabled.", id);
    }
    if (!token_find(call, given->id, &s->token, &s->caller)) {
        return fail(call, 404, "Could not find token.");
    }
    if (s->token.scope != SCOPE_PROJECT || s->token.delegation != DELEGATION_NONE) {
        return fail(call, 403, "You are not authorized to perform the requested action: an assertion is made for a token that "
                               "has a project as its scope and is nobody's delegate.");
    }
    return read_groups(call, s);
}

/* ---- as XML ---- */

static void write_attribute(struct buf *out, const char *name, const char *const *values, size_t count) {
    saml_open(out, "saml:Attribute", "Name", name, NULL);
    for (size_t i = 0; i < count; i++) {
        saml_element(out, values[i], "saml:AttributeValue", NULL);
    }
    saml_close(out, "saml:Attribute");
}

static void write_subject(struct buf *out, const struct statement *s, const char *until) {
    saml_open(out, "saml:Subject", NULL);
    saml_element(out, s->caller.user_name, "saml:NameID", NULL);
    saml_open(out, "saml:SubjectConfirmation", "Method", "urn:oasis:names:tc:SAML:2.0:cm:bearer", NULL);
    saml_element(out, "", "saml:SubjectConfirmationData", "NotOnOrAfter", until, "Recipient", s->provider->sp_url, NULL);
    saml_close(out, "saml:SubjectConfirmation");
    saml_close(out, "saml:Subject");
}

static void write_authentication(struct call *call, struct buf *out, const char *now, const char *until) {
    saml_open(out, "saml:AuthnStatement", "AuthnInstant", now, "SessionIndex", id_hex(call->arena), "SessionNotOnOrAfter", until,
              NULL);
    saml_open(out, "saml:AuthnContext", NULL);
    saml_element(out, "urn:oasis:names:tc:SAML:2.0:ac:classes:Password", "saml:AuthnContextClassRef", NULL);
    saml_element(out, saml_entity_id(call), "saml:AuthenticatingAuthority", NULL);
    saml_close(out, "saml:AuthnContext");
    saml_close(out, "saml:AuthnStatement");
}

static void write_attributes(struct buf *out, const struct statement *s) {
    const struct caller *c = &s->caller;

    saml_open(out, "saml:AttributeStatement", NULL);
    write_attribute(out, "openstack_user", &c->user_name, 1);
    write_attribute(out, "openstack_roles", c->roles, c->role_count);
    write_attribute(out, "openstack_project", &c->project_name, 1);
    write_attribute(out, "openstack_project_domain", &c->project_domain_name, 1);
    write_attribute(out, "openstack_user_domain", &c->user_domain_name, 1);
    if (s->group_count) {
        write_attribute(out, "openstack_groups", s->groups, s->group_count);
    }
    saml_close(out, "saml:AttributeStatement");
}

/* The issuer's element, behind which the signature goes. */
static void write_issuer(struct call *call, struct buf *out) {
    saml_element(out, saml_entity_id(call), "saml:Issuer", "Format", "urn:oasis:names:tc:SAML:2.0:nameid-format:entity", NULL);
}

/* Adds the assertion, signed. False: there is no key. */
static bool write_assertion(struct call *call, struct buf *out, const struct statement *s, const char *now, const char *until) {
    const char *id = arena_printf(call->arena, "_%s", id_hex(call->arena)), *signature;
    struct buf assertion = {0};
    size_t behind_issuer;

    saml_open(&assertion, "saml:Assertion", "xmlns:saml", SAML_ASSERTION, "ID", id, "IssueInstant", now, "Version", "2.0", NULL);
    write_issuer(call, &assertion);
    behind_issuer = assertion.size;
    write_subject(&assertion, s, until);
    write_authentication(call, &assertion, now, until);
    write_attributes(&assertion, s);
    saml_close(&assertion, "saml:Assertion");
    signature = saml_sign(call, id, assertion.at, assertion.size);
    if (signature) {
        buf_put(out, assertion.at, behind_issuer);
        buf_text(out, signature);
        buf_put(out, assertion.at + behind_issuer, assertion.size - behind_issuer);
    }
    buf_release(&assertion);
    return signature != NULL;
}

static bool write_response(struct call *call, struct buf *out, const struct statement *s) {
    int64_t life = conf_int(cloud.conf, "saml", "assertion_expiration_time", 3600) * SECOND, time = clock_now();
    char now[TIME_TEXT_SIZE], until[TIME_TEXT_SIZE];

    time_print(time, TIME_MICRO_Z, now);
    time_print(time + life, TIME_MICRO_Z, until);
    saml_open(out, "samlp:Response", "xmlns:samlp", SAML_PROTOCOL, "xmlns:saml", SAML_ASSERTION, "Destination", s->provider->sp_url,
              "ID", arena_printf(call->arena, "_%s", id_hex(call->arena)), "IssueInstant", now, "Version", "2.0", NULL);
    write_issuer(call, out);
    saml_open(out, "samlp:Status", NULL);
    saml_element(out, "", "samlp:StatusCode", "Value", "urn:oasis:names:tc:SAML:2.0:status:Success", NULL);
    saml_close(out, "samlp:Status");
    if (!write_assertion(call, out, s, now, until)) {
        return fail(call, 403, "This cloud asserts no users: it has no key for that ([saml] keyfile and certfile).");
    }
    saml_close(out, "samlp:Response");
    return true;
}

static bool write_envelope(struct call *call, struct buf *out, const struct statement *s) {
    const char *prefix = s->provider->relay_state_prefix ? s->provider->relay_state_prefix : "";

    saml_open(out, "soap11:Envelope", "xmlns:soap11", "http://schemas.xmlsoap.org/soap/envelope/", NULL);
    saml_open(out, "soap11:Header", NULL);
    saml_element(out, arena_printf(call->arena, "%s%s", prefix, id_hex(call->arena)), "ecp:RelayState", "xmlns:ecp",
                 "urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp", "soap11:actor", "http://schemas.xmlsoap.org/soap/actor/next",
                 "soap11:mustUnderstand", "1", NULL);
    saml_close(out, "soap11:Header");
    saml_open(out, "soap11:Body", NULL);
    if (!write_response(call, out, s)) {
        return false;
    }
    saml_close(out, "soap11:Body");
    saml_close(out, "soap11:Envelope");
    return true;
}

/* ---- the operations ---- */

static bool can_say_all(struct call *call, const struct statement *s) {
    const struct caller *c = &s->caller;
    const char *texts[] = {c->user_name, c->user_domain_name, c->project_name, c->project_domain_name, s->provider->sp_url,
                           s->provider->relay_state_prefix ? s->provider->relay_state_prefix : ""};
    bool can = true;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        can = can && saml_can_say(texts[i]);
    }
    for (size_t i = 0; i < c->role_count; i++) {
        can = can && saml_can_say(c->roles[i]);
    }
    for (size_t i = 0; i < s->group_count; i++) {
        can = can && saml_can_say(s->groups[i]);
    }
    return can || fail(call, 403, "An assertion cannot say a name with control characters.");
}

static bool answer(struct call *call, bool (*write)(struct call *, struct buf *, const struct statement *)) {
    struct statement s = {.request = call->input};

    if (!call_transaction(call, DB_READ, collect, &s) || !can_say_all(call, &s)) {
        return false;
    }
    if (!write(call, call->response, &s)) {
        call->response->size = 0;
        return false;
    }
    call->content_type = true;
    call_header(call, "Content-Type", "text/xml");
    call_header(call, "X-sp-url", s.provider->sp_url);
    call_header(call, "X-auth-url", s.provider->auth_url);
    return true;
}

bool identity_saml_assertion(struct call *call) {
    return answer(call, write_response);
}

bool identity_saml_ecp(struct call *call) {
    return answer(call, write_envelope);
}
