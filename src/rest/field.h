/* SPDX-License-Identifier: Apache-2.0
 * What a declaration becomes: the tables that the engine walks. A service writes .def files (see declare.h); nobody
 * fills these structures by hand.
 *
 *   FIELD(name, TYPE, RIGHTS, .max = 255, ...)     one fact per line
 *   OP(GET, "/v2.0/ports/{id}", op_show, .policy = "get_port") */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/http.h"

struct audit;
struct call;
struct json;
struct json_out;
struct query;
struct resource;

/* Types, and the C member that each becomes. Text types are const char *, null when absent. */
enum field_type {
    TYPE_TEXT, TYPE_UUID, TYPE_ENUM, TYPE_MAC, TYPE_IP, TYPE_CIDR, TYPE_URL,
    TYPE_BOOL,      /* bool */
    TYPE_INT,       /* int64_t; NO_INT is null */
    TYPE_REAL,      /* double */
    TYPE_TIME,      /* int64_t, microseconds; 0 is null */
    TYPE_JSON,      /* const char *: any JSON, as text */
    TYPE_MAP,       /* const char *: a map of text to text, as JSON text */
    TYPE_TEXTS,     /* const char *: a list of texts, as JSON text */
    TYPE_TREE,      /* const struct json *: input only, for what no type describes */
    TYPE_OBJECT,    /* void *: a struct declared by .of; null when absent; input only */
    TYPE_OBJECTS,   /* struct objects: a list of structs declared by .of; input only */
};

#define C_TEXT const char *
#define C_UUID const char *
#define C_ENUM const char *
#define C_MAC const char *
#define C_IP const char *
#define C_CIDR const char *
#define C_URL const char *
#define C_BOOL bool
#define C_INT int64_t
#define C_REAL double
#define C_TIME int64_t
#define C_JSON const char *
#define C_MAP const char *
#define C_TEXTS const char *
#define C_TREE const struct json *
#define C_OBJECT void *
#define C_OBJECTS struct objects

#define NO_INT INT64_MIN

struct objects {
    void *at;                   /* array of the struct that .of declares */
    size_t count;
};

enum rights {
    READ = 1 << 0,              /* in show and detailed lists */
    BRIEF = 1 << 1,             /* in brief lists too */
    CREATE = 1 << 2,            /* may be given when created */
    UPDATE = 1 << 3,            /* may be changed */
    REQUIRED = 1 << 4,          /* must be given when created */
    FILTER = 1 << 5,            /* ?name=value in lists */
    SORT = 1 << 6,              /* sort_key */
    KEY = 1 << 7,               /* identifies the row */
    INDEX = 1 << 8,             /* has an index in the database */
    NULLABLE = 1 << 9,          /* null is a value */
    VIRTUAL = 1 << 10,          /* no column: input only, or filled by .expand or .write */
    OMIT_NULL = 1 << 11,        /* left out of the response when it is null (a BOOL: false) */
    LENIENT = 1 << 12,          /* numbers and truth values are taken from text too ("10", "true") */
    ALLOW_EMPTY = 1 << 13,      /* a required text may be empty */
    NOT_EMPTY = 1 << 14,        /* an optional text must not be empty */
    TRIM = 1 << 15,             /* leading and trailing spaces are refused */
    OUTER = 1 << 16,            /* stands beside the wrapping key, of the body or of the row alone in a response */
    A_LIST = 1 << 17,           /* a JSON or TREE must be a list, with .of of such objects */
    AN_OBJECT = 1 << 18,        /* a JSON or TREE must be an object, with .of such a one */
};

#define MICROVERSION_ANY 0

struct field {
    const char *name;           /* of the C member and the column */
    enum field_type type;
    unsigned rights;
    const char *json;           /* on the wire; null: the name */
    int64_t min, max;           /* of a number; characters of a text; items of a list. max 0: the type's own bound */
    const char *dflt;           /* when not given: JSON literal or plain text, or $project $user $domain $uuid $hex $now */
    const char *values;         /* of an ENUM: "a|b|c" */
    const struct resource *refers;  /* the id of such a row, which the caller must be able to see */
    const char *points;         /* name of a resource: the id of such a row, or nothing. As refers, but only audit looks */
    const char *passing;        /* "a|b": values that last only while a task works on the row; "*": all */
    const struct resource *of;  /* what an OBJECT or OBJECTS holds, or the objects of a JSON or TREE are checked by */
    int since, until;           /* minor microversions; 0: always */
    /* Checks a given value further, and may change it. The field's slot is at 'slot'. False after fail(). */
    bool (*check)(struct call *call, const struct field *field, void *slot);
    /* Writes the value instead of the type's own way (the key was written). */
    void (*write)(struct call *call, const struct field *field, const void *row, struct json_out *out);
    size_t offset;
};

enum operation_flags {
    OP_BRIEF = 1 << 0,          /* only BRIEF fields in the response */
    OP_PUBLIC = 1 << 1,         /* no token needed */
    OP_STREAM = 1 << 2,         /* the request body goes to .sink */
    OP_NO_TRANSACTION = 1 << 3, /* the handler does what may block, and opens transactions itself */
    OP_WRITE = 1 << 4,          /* a GET that writes, or a POST that only reads without OP_READ: choose the mode */
    OP_READ = 1 << 5,
    OP_BULK = 1 << 6,           /* create takes a list under the plural name too */
    OP_BLOCKING = 1 << 7,       /* runs on the worker pool though it only reads */
    OP_RAW_BODY = 1 << 8,       /* the body is not JSON: the handler reads call->http->body */
    OP_NO_WRAP = 1 << 9,        /* body and response are not wrapped in the singular name */
    OP_ANY_BODY = 1 << 10,      /* unknown members of the body are left alone */
    OP_NO_ROW = 1 << 11,        /* the path's {id} is not looked up before the handler runs */
    OP_UPGRADE = 1 << 12,       /* WebSocket */
    OP_NO_BODY = 1 << 13,       /* the response has no body although the status would allow it */
    OP_HIDE_MISSING = 1 << 15,  /* who would not pass without the row is told 403, not 404, when it is not there */
    OP_PATCH_DOCUMENT = 1 << 14,/* the body is a JSON patch (RFC 6902), as image's update takes */
    OP_REPLACE = 1 << 16,       /* an update names the whole: what the body does not have goes back to its default */
    OP_WHOLE = 1 << 17,         /* a list is one page unless the client asks for less, and has no links to others */
};

struct operation {
    enum http_method method;
    const char *path;           /* below the service's prefix; {name} is a parameter; {name*} takes the rest */
    bool (*run)(struct call *call);
    const char *action;         /* the single key of the body that selects this operation; null: none */
    const struct resource *input;   /* what the body is, when it is not the resource itself */
    const char *input_key;      /* the body's wrapping key; "": none; null: the action, or the singular name */
    const char *policy;         /* rule; null: any token */
    int since, until;           /* minor microversions */
    int status;                 /* on success; 0: 200, and for op_create 201, op_delete 204 */
    unsigned flags;             /* enum operation_flags */
    size_t max_body;            /* bytes; 0: 1 MiB (JSON) */
    bool (*sink)(struct http_request *request, const void *bytes, size_t size);     /* with OP_STREAM */
    /* What takes long and needs no database (hashing a password): runs outside transactions, for a known caller, with
     * call->body parsed; what it makes goes to call->prepared. */
    bool (*before)(struct call *call);
    bool (*begin)(struct call *call);   /* with OP_STREAM: in a transaction, before the first byte */
};

/* What must be true of the rows of a resource and their kin: `haneul audit` looks for breaks, `--fix` mends them. That
 * rows are there to which .refers and .points point, and that .passing values pass, is looked for without being said. */
struct invariant {
    const char *name, *says;    /* unique among all services; a sentence */
    const char *breaks;         /* SQL: for each break its id and, in words, what is wrong. $now: microseconds */
    const char *mend;           /* SQL that mends a break; each '?' is its id */
    const char *with;           /* a further service whose tables .breaks reads: without it nothing is looked for */
    bool (*find)(struct call *call, struct audit *audit);   /* instead of .breaks, for what SQL alone does not tell */
    bool (*fix)(struct call *call, const char *id);         /* instead of .mend; in a write transaction */
    /* For what is kept outside the database, instead of .find and .fix: outside transactions, which they open for rows. */
    bool (*look)(struct call *call, struct audit *audit);
    bool (*clear)(struct call *call, const char *id);
};

/* What hosts have of a resource: the answer of a host to the service's question "list" is compared with what the rows
 * say. Ids may have several parts ("SERVER/VOLUME"); while a task works on the first part, there is nothing to say. */
struct on_host {
    const char *part;           /* member of the answer: a list of ids or of maps with "id", or a map by id */
    const char *wanted;         /* SQL with one '?', the host: ids, and 1 where the host must have it, 0 where it may */
    const char *remove;         /* kind of task that takes away what no row asks for */
    bool (*fix)(struct call *call, const char *host, const char *id, bool missing);     /* instead of .remove */
    const char *with;           /* a service whose tables .wanted reads too: without it the part is not looked at */
};

/* What the engine computes once at start. */
struct resource_runtime {
    const struct field *fields;
    size_t field_count;
    const struct operation *operations;
    size_t operation_count;
    size_t *columns;            /* fields that have a column */
    size_t column_count;
    const char **keys;          /* of each field, as json_key_made writes it */
    const struct field *key, *project;
    const char *select, *insert, *update, *remove;      /* SQL of the common statements */
    const struct service *service;
};

struct resource {
    const char *name;           /* of the C struct: "network_port" */
    const char *singular, *plural;      /* on the wire */
    const char *table;          /* null: input only */
    size_t size;                /* of the C struct */
    const struct field *(*fields_of)(size_t *ret_count);
    const struct operation *(*operations_of)(size_t *ret_count);
    const struct invariant *(*invariants_of)(size_t *ret_count);
    const struct on_host *(*on_hosts_of)(size_t *ret_count);

    const char *what;           /* in messages: "Port"; null: the singular */
    const char *not_found;      /* error type of a missing row: "PortNotFound" */
    int missing_status;         /* status when a reference to it does not resolve; 0: 400 */
    const char *unique;         /* "project_id,name;mac_address" */
    const char *quota;          /* name in the service's table of quotas */
    const char *visible;        /* further rows that a caller without admin rights may see: SQL, '$project' for its id */
    const char *extra;          /* a JSON field that takes unknown members, which read as members of their own */
    const char *order;          /* default order of lists: "created_at, id"; null: by key */
    const char *filter_deleted; /* SQL that hides rows from everyone: "deleted = 0" */
    const char *family;         /* "metadefs": what its schemas are named below, in a style that names them */
    const char *expires;        /* a TIME field: the row is forgotten a while after that time */
    const char *worked_on;      /* SQL: something works on the row beside tasks of its own id (see field.passing); $now */
    bool every_project;         /* rows belong to no project, or policy alone decides */
    bool lax;                   /* unknown members of the body are ignored */
    bool silent;                /* its changes are no events */

    /* Behaviour beyond the declaration. Each runs inside the transaction; false after fail(). Rows are the C struct. */
    bool (*locate)(struct call *call, void *row);       /* op_link and its kin: sets keys that the path does not name */
    bool (*on_list)(struct call *call, struct query *query);
    bool (*on_create)(struct call *call, void *row);                            /* before the row is inserted */
    bool (*on_update)(struct call *call, const void *old, void *row);           /* before it is updated */
    bool (*on_delete)(struct call *call, void *row);                            /* before it is deleted */
    bool (*expand)(struct call *call, void *rows, size_t count);                /* fills VIRTUAL fields of rows to write */
    bool (*on_stuck)(struct call *call, void *row, const char *cause);          /* ends a passing value that stayed */
    /* An attribute that policy asks of a row and the row's fields do not have ("network:tenant_id"). */
    const char *(*attribute)(struct call *call, const void *row, const char *name);
    struct resource_runtime *runtime;
};

/* The name on the wire. */
const char *field_json_name(const struct field *field);
/* The field of that name, or null. */
const struct field *resource_field(const struct resource *resource, const char *name);
