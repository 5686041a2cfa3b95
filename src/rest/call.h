/* SPDX-License-Identifier: Apache-2.0
 * The context of one request (or of one task's completion): memory, transaction, caller, typed input, response, and the
 * first error. It is an argument everywhere; there is no current call. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/log.h"
#include "rest/field.h"
#include "store/store.h"

struct http_request;
struct policy_rule;
struct service;

/* Who calls. Filled by identity from the token; texts are null when they do not apply. */
struct caller {
    const char *user_id, *user_name, *user_domain_id, *user_domain_name;
    const char *project_id, *project_name, *project_domain_id, *project_domain_name;
    const char *domain_id, *domain_name;            /* of a token scoped to a domain */
    const char *system;                             /* "all" with system scope */
    const char *const *roles;                       /* names, with those that are implied */
    const char *const *role_ids;
    size_t role_count;
    const char *trust_id, *trustor_id, *trustee_id;
    int64_t expires;                                /* microseconds */
    const void *token;                              /* identity's own */
    bool admin;                                     /* passes the service's admin rule */
    bool internal;                                  /* the cloud itself: a task, the bootstrap; every policy passes */
};

struct parameter {
    const char *name, *value;
};

enum { MAX_PARAMETERS = 8, MAX_FIELDS = 128 };

struct call {
    struct arena *arena;
    struct db *db;
    struct http_request *http;                      /* null in tasks */
    const char *request_id;
    const struct service *service;
    const struct resource *resource;                /* that declares the operation */
    const struct operation *operation;
    struct caller caller;
    int minor;                                      /* microversion asked for: 2.93 is 93 */
    struct parameter parameters[MAX_PARAMETERS];    /* from the path */
    size_t parameter_count;
    const struct json *body;                        /* whole request body; null: none */
    void *input;                                    /* typed input: struct of operation->input or of the resource */
    uint64_t given[MAX_FIELDS / 64];                /* which fields of the input the body had */
    void *row;      /* when the path names a row of the resource ({id} or {server_id}): that row, found and allowed */

    const void *prepared;                               /* what the operation's .before made */

    int status;                                     /* of the response; starts as the operation's */
    struct buf *response;                           /* out.buf */
    struct json_out out;
    bool answered;                                  /* the handler wrote the whole response (stream, file, upgrade) */
    bool content_type;                              /* the handler set its own Content-Type */

    int error;                                      /* HTTP status of the first error; 0: none */
    const char *error_type;                         /* "PortNotFound"; null: the service's word for the status */
    const char *error_message;
    const char *error_logged;       /* what of it the log may have: a message may repeat what the client sent; null: all */

    unsigned statements;                            /* run so far */
    bool more;                                      /* a periodic one did a part; it is called again at once */
    bool wake_tasks;                                /* after commit the dispatcher is told that there is work */
    struct after_commit *after_commit;
    struct event *events;
    struct note *notes;                             /* of the history, newest first: written at the end */
    struct limits *limits;                          /* of quotas, read in this transaction */
    struct shown *shown;                            /* which fields of which resource this caller sees */
};

/* ---- errors: the first one is the error ---- */

/* Records an error and returns false, so that callers write: return fail(c, 404, "Port %s could not be found.", id). */
bool fail(struct call *call, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));
bool fail_type(struct call *call, int status, const char *type, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* 'resource' with 'id' is not there (or not for this caller): 404 in the service's own words. */
bool fail_not_found(struct call *call, const struct resource *resource, const char *id);
/* The database failed: sets 409 for a UNIQUE constraint, 507 for a full disk, 500 else; always false. */
bool fail_database(struct call *call);

/* ---- request ---- */

/* Value of the path parameter, or null. */
const char *call_parameter(const struct call *call, const char *name);
/* First value of the query argument, decoded, or null. */
const char *call_argument(const struct call *call, const char *name);
/* True when the body had this field of the input. */
bool call_given(const struct call *call, const char *field);
/* For operations without declared fields: true when the argument is there and says yes (1, true, t, yes, on, y). */
bool call_argument_true(const struct call *call, const char *name);
/* A count ("limit", "offset") out of the query, not under 'least' and cut off at INT32_MAX; '*count' stays as it is when
 * the argument is not given. Fails 400. */
bool call_argument_count(struct call *call, const char *name, int64_t least, int64_t *count);
/* "http://host:port" as the client reached us (Host header, X-Forwarded-Proto from trusted proxies). */
const char *call_base_url(struct call *call);

/* For services that take their requests themselves: fills call->caller from 'token' (null: the request's X-Auth-Token),
 * from memory, else in a transaction of its own. False when it is not valid. */
bool call_authenticate(struct call *call, const char *token);

/* ---- response ---- */
void call_header(struct call *call, const char *name, const char *value);

/* Runs fn(argument) after the transaction was committed; not at all when it was not. */
void call_after_commit(struct call *call, void (*fn)(void *), void *argument);

/* Runs 'body' in a transaction of its own, again when the database asks for it. For handlers of operations with
 * OP_NO_TRANSACTION; the call must not be in a transaction. False when it failed: call->error says why. */
bool call_transaction(struct call *call, enum db_mode mode, bool (*body)(struct call *call, void *user), void *user);

/* Runs an operation of another service of this cloud within the call's transaction, as the same caller: policy, input
 * checks and all. 'path' is below that service's prefix, with a query when wanted. '*ret_answer' is null without a body.
 * Fails with what the operation failed with. For APIs that are older names of another service's. */
bool call_service(struct call *call, const char *type, enum http_method method, const char *path,
                  const struct json *body, const struct json **ret_answer);

/* ---- policy ---- */

/* Checks 'rule' of the call's service against a row (null: no target attributes but the caller's own). Fails 403. */
bool call_allow(struct call *call, const char *rule, const struct resource *resource, const void *row);
/* True when the service has such a rule, of its own or by an override. */
bool call_has_rule(struct call *call, const char *rule);
/* The same as call_allow without failing. */
bool call_allowed(struct call *call, const char *rule, const struct resource *resource, const void *row);
/* A field of a row as policy sees it: "None" when null; null when there is no such field. */
const char *row_attribute(struct call *call, const struct resource *resource, const void *row, const char *name);

/* ---- rows: typed access to tables; every function works inside the call's transaction ---- */

/* Finds the row whose key is 'id' and that the caller may see; fails 404 otherwise. '*ret_row' is in the arena. */
bool row_get(struct call *call, const struct resource *resource, const char *id, void *ret_row);
/* The same for the cloud itself: no project filter, no error; null when it is absent. 'ret_row' points to a pointer. */
bool row_find(struct call *call, const struct resource *resource, const char *id, void *ret_row);
/* Rows that match 'where' ("network_id = ? AND status = ?", may end with ORDER BY and LIMIT), whatever the project.
 * '*ret_rows' is an array of the C struct. */
bool rows_find(struct call *call, const struct resource *resource, const char *where, const struct value *args,
               size_t count, void *ret_rows, size_t *ret_count);
/* First such row, or null in '*ret_row'. False only when the database failed. */
bool row_first(struct call *call, const struct resource *resource, const char *where, const struct value *args,
               size_t count, void *ret_row);
bool row_insert(struct call *call, const struct resource *resource, const void *row);
/* Inserts an array of rows, up to 32 with one statement. */
bool rows_insert(struct call *call, const struct resource *resource, const void *rows, size_t count);
/* Writes all columns of 'row' by its key. */
bool row_update(struct call *call, const struct resource *resource, const void *row);
/* The same for a row whose key may have changed: 'old' is the row as it is in the table. */
bool row_rename(struct call *call, const struct resource *resource, const void *old, const void *row);
bool row_delete(struct call *call, const struct resource *resource, const void *row);
/* Fills in the declared defaults of a zeroed row, as a create without a body does. */
void row_defaults(struct call *call, const struct resource *resource, void *row);
/* Writes 'row' as a JSON map with the fields that the call's version and policy show. */
void row_write(struct call *call, const struct resource *resource, const void *row, unsigned view,
               struct json_out *out);
/* Answers with 'row', after .expand, as op_show does: under its singular name where style and operation wrap, the BRIEF
 * fields with OP_BRIEF. */
bool row_respond(struct call *call, const struct resource *resource, void *row);
/* The same for an array of rows, under the plural name. */
bool rows_respond(struct call *call, const struct resource *resource, void *rows, size_t count);
/* Sets the fields of 'to' that 'from' has too, by their names (any text is a text); texts are shared, not copied. */
void row_copy(const struct resource *to_resource, void *to, const struct resource *from_resource, const void *from);
/* Writes under 'key' the list of one link, as most of OpenStack's are: [{"rel": ..., "href": ...}]; one link of a list. */
void link_put(struct json_out *out, const char *key, const char *rel, const char *href);
void link_write(struct json_out *out, const char *rel, const char *href);
/* The key of a row; its project, or null. */
const char *row_key(const struct resource *resource, const void *row);
const char *row_project(const struct resource *resource, const void *row);

/* Shorthands that fail the call when the database does. */
bool call_exec(struct call *call, const char *sql, const struct value *args, size_t count);
int64_t call_count(struct call *call, const char *sql, const struct value *args, size_t count);
/* Removes rows that match 'where', at most a thousand in one transaction, and sets call->more when there may be others.
 * For what a service forgets from time to time: nobody waits behind it, and its memory is bounded. */
bool rows_forget(struct call *call, const struct resource *resource, const char *where, const struct value *args,
                 size_t count);

/* ---- typed input ---- */

/* Parses a JSON map into 'out' (struct of 'resource', zeroed). 'right' is CREATE or UPDATE; with UPDATE only the fields
 * given change. Sets bits in 'given'. Fails 400 with the field's name. */
bool input_parse(struct call *call, const struct resource *resource, const struct json *body, unsigned right, void *out,
                 uint64_t *given);
/* Parses one value into the field's slot, with all the declaration's checks. */
bool input_value(struct call *call, const struct field *field, const struct json *value, void *slot);

/* ---- lists ---- */

/* Adds "AND (sql)" with its arguments; texts must live as long as the call. */
void query_where(struct query *query, const char *sql, const struct value *args, size_t count);
/* Says that 'argument' (or parameter of the path) was dealt with by the hook, so that the engine neither filters by it
 * nor refuses it; "sort_key" leaves the order to query_order. */
void query_take(struct query *query, const char *argument);
/* Replaces the order; must be "column [DESC], ..." */
void query_order(struct query *query, const char *order);
/* Shows every project's rows although the style asks for an argument, or only the caller's although it is admin. */
void query_all_projects(struct query *query, bool all);
/* Also shows rows that the resource's filter_deleted hides. */
void query_deleted(struct query *query);

/* ---- generic operations, named in OP lines ---- */
bool op_list(struct call *call);
bool op_show(struct call *call);
bool op_create(struct call *call);
bool op_update(struct call *call);          /* PUT or PATCH of some fields */
bool op_delete(struct call *call);
/* Rows that only join others (a member of a group), named whole by the path, whose parameters are the key fields:
 * made if absent, there (404 else), removed. What a key field refers to must be there: 404. */
bool op_link(struct call *call);            /* PUT */
bool op_linked(struct call *call);          /* GET, HEAD */
bool op_unlink(struct call *call);          /* DELETE */
bool op_set_status(struct call *call);      /* an action of an operator: the input's "status" becomes the row's */
bool op_not_implemented(struct call *call); /* 501, and a gap in docs/coverage.md */

/* Creates, updates, deletes as the operations do (defaults, hooks, quota, event), for handlers and other services.
 * 'row' is complete but for defaults. Policy was checked by the caller. */
bool resource_create(struct call *call, const struct resource *resource, void *row);
bool resource_update(struct call *call, const struct resource *resource, const void *old, void *row);
bool resource_delete(struct call *call, const struct resource *resource, void *row);

/* The row's "status" is another, as an update would have it (updated_at, event), whatever .on_update says. */
bool resource_set_status(struct call *call, const struct resource *resource, void *row, const char *status);

/* ---- quota ---- */
/* Fails in the service's words when 'project' would have more than its limit with 'more' added. */
bool quota_check(struct call *call, const struct service *service, const char *project, const char *name, int64_t more);
int64_t quota_limit(struct call *call, const struct service *service, const char *project, const char *name);
int64_t quota_used(struct call *call, const struct service *service, const char *project, const char *name);
/* Sets a project's limit; 'limit' NO_INT goes back to the default. The project "" stands for all that have none of
 * their own. */
bool quota_set(struct call *call, const struct service *service, const char *project, const char *name, int64_t limit);
/* Forgets all limits that were set for the project. */
bool quota_reset(struct call *call, const struct service *service, const char *project);

/* ---- events ---- */
/* Notes "port.create" with the resource's id; published after commit. */
void event_note(struct call *call, const char *what, const char *id);
