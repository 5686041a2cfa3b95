/* SPDX-License-Identifier: Apache-2.0
 * A service: one entry in the cloud's table. Everything that differs between OpenStack's APIs is said here, once. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "http/http.h"
#include "rest/call.h"

struct conf;
struct policy_default;
struct task_kind;

/* The page that a list is: what the links to its neighbours are made of. */
struct page {
    size_t count;
    const char *first, *last;       /* keys of the first and last row; null when empty */
    int64_t limit;                  /* asked for; 0: none */
    bool more;                      /* there are rows after the last */
    bool has_marker;
    bool reverse;                   /* page_reverse: the rows before the marker */
};

struct api_style {
    enum time_format time;
    bool bare;                      /* bodies are not wrapped in the singular name */
    bool admin_sees_all;            /* lists show every project's rows to an admin */
    const char *all_projects;       /* argument by which an admin asks for every project's rows: "all_tenants" */
    bool attribute_policy;          /* rules "OP_RULE:FIELD" guard single fields */
    bool inexact_filters;           /* name__contains and so on */
    bool strict_arguments;          /* unknown query arguments are refused */
    bool unchanged_given;           /* an update may name what it may not change, with the value that it has */
    bool field_selection;           /* ?fields=id&fields=name */
    bool sort_pairs;                /* sort=key:dir,key:dir beside sort_key and sort_dir */
    bool revision_match;            /* If-Match: revision_number=N guards updates and deletes */
    bool tenant_id;                 /* project_id is also taken and shown as tenant_id */
    int64_t default_limit, max_limit;   /* of a list; 0: none */
    /* The most that a list gives here, whatever the client asks for; 0: no bound. Null: none has one. In a transaction. */
    int64_t (*list_limit)(struct call *call);
    bool page_reverse;              /* ?page_reverse=true: the page before the marker, or the last one */
    bool offset;                    /* ?offset=N skips rows */
    bool strict_slash;              /* a path that ends with a slash names nothing: "/servers/" */
    int missing_marker;             /* status when a list's marker is not there; 0: 400 */
    int quota_status;
    const char *quota_type;
    const char *quota_message;      /* format with the quota's name as "%s"; null: name and numbers */
    int missing_reference;          /* status when a referenced row is absent; 0: 400 */
    int conflict_status;            /* UNIQUE; 0: 409 */
    int read_only_status;           /* a field that may not be given or changed; 0: 400 */
    int wrong_media;                /* status of a body that is called something else than JSON; 0: it is read all the same */
    const char *request_id_header;  /* besides x-openstack-request-id */
    /* What policy asks of the objects of this service, before the row's own fields: null when it is not for it to say.
     * 'row' is null where there is none (lists, missing rows); then nothing else is asked. Null: without a row the
     * object is the caller's own. */
    const char *(*attribute)(struct call *call, const struct resource *resource, const void *row, const char *name);
    void (*write_error)(struct call *call, struct json_out *out);
    void (*write_page)(struct call *call, const struct resource *resource, const struct page *page,
                       struct json_out *out);
};

/* A name that a project may have only so many of. */
struct quota {
    const char *name;
    int64_t limit;                  /* default; -1: unlimited */
    const char *count;              /* SQL with one '?', the project: how much it has */
};

struct microversions {
    const char *type;               /* in OpenStack-API-Version: "compute" */
    const char *legacy_header;      /* X-OpenStack-Nova-API-Version; null: none */
    int major, least, most, dflt;   /* minors */
};

struct service {
    const char *type;               /* in the catalog: "network" */
    const char *folder;             /* its name in tasks, reports and configuration; null: the type */
    const char *name;               /* "neutron" */
    const char *description;
    const char *prefix;             /* of its paths: "/network" */
    const char *endpoint;           /* path of its endpoint: "/compute/v2.1", "/volume/v3/$(project_id)s" */
    const char *project_after;      /* a project id may stand in the path after this: "/v2.1"; null: never */
    bool project_required;          /* and must */
    struct microversions versions;  /* type null: none */
    const struct api_style *style;
    const struct resource *const *resources;    /* ends with null */
    const struct policy_default *policies;
    size_t policy_count;
    const struct quota *quotas;     /* ends with a null name */
    const struct task_kind *tasks;  /* ends with a null name; see task.h */
    /* Called once at the API's start, in a write transaction: makes what must always be there. Idempotent. */
    bool (*bootstrap)(struct call *call);
    /* Called once after that, outside transactions: what looks at disks before the first request comes. */
    bool (*start)(struct call *call);
    /* Tells of a change ("user.create" and the id) after it was committed, where the log's word is not enough. */
    void (*publish)(struct call *call, const char *what, const char *id);
    /* Called about every 'period' seconds by one API process, in a write transaction; again while it sets call->more. */
    bool (*periodic)(struct call *call);
    int period;
    /* Something happened on a host without being asked (a guest shut down, a port came up); in a write transaction. */
    bool (*report)(struct call *call, const char *host, const char *kind, const char *id, const struct json *doc);
    /* Writes the wanted state that an agent asks for. In a read transaction. */
    bool (*ask)(struct call *call, const char *host, const char *kind, const char *id);
    /* What some requests need from outside the cloud. 'outside' says, from memory, whether this one may; such a request
     * runs on the worker pool, and 'gather' fetches it before the operation's transaction, for a known caller. */
    bool (*outside)(const struct call *call);
    bool (*gather)(struct call *call);
    /* A host's agent connected (first = it was not known) with its facts, or went away. In a write transaction. */
    bool (*host_up)(struct call *call, const char *host, const struct json *facts);
    bool (*host_down)(struct call *call, const char *host);
    /* A service whose requests are bytes, not rows, takes them from the head on; its declared operations only say what
     * there is. 'take' decides as http_server_options.decide does, 'answer' as its answer; call_authenticate tells who
     * calls. A path or query that cannot be decoded (http->malformed) is for it to refuse. The engine writes the log line. */
    enum http_body (*take)(struct call *call);
    void (*answer)(struct call *call);
    bool (*waits)(void);            /* both may wait for something outside; null: no */
    /* Such a service may stand at the root of a port of its own: at the address that [folder] 'listen_option' names
     * ("off": nowhere), else at the API's with 'port_after' (0: nowhere) added to the port. Its endpoint is below the URL that
     * 'url_option' names, else below that address. */
    const char *listen_option, *url_option;
    int port_after;
};

static inline const char *service_folder(const struct service *service) {
    return service->folder ? service->folder : service->type;
}

/* Error bodies and page links in the words of each API family. */
void error_keyed(struct call *call, struct json_out *out);      /* {"itemNotFound": {"code", "message"}}  compute, volume */
void error_plain(struct call *call, struct json_out *out);      /* {"error": {"code", "message", "title"}}  identity */
void error_neutron(struct call *call, struct json_out *out);    /* {"NeutronError": {"type", "message", "detail"}} */
void error_list(struct call *call, struct json_out *out);       /* {"errors": [{...}]}  placement */
void error_glance(struct call *call, struct json_out *out);     /* {"message", "code", "title"} */
void page_named(struct call *call, const struct resource *, const struct page *, struct json_out *);  /* ports_links */
void page_neutron(struct call *call, const struct resource *, const struct page *, struct json_out *);  /* both ways */
void page_identity(struct call *call, const struct resource *, const struct page *, struct json_out *);
void page_glance(struct call *call, const struct resource *, const struct page *, struct json_out *);

/* The reason phrase of a status, as titles in errors use it. */
const char *status_title(int status);
