/* SPDX-License-Identifier: Apache-2.0
 * What the files of the audit share. */
#pragma once
#include "rest/audit.h"
#include "rest/resource.h"

/* One break, and all that mending it takes. Texts are in the audit's arena. */
struct audit_found {
    const char *name, *says, *id, *what;
    const char *did;                    /* what was done about it; null: nothing yet */
    const struct service *service;
    const struct invariant *invariant;  /* declared, or null: then one of the following */
    const char *mend;                   /* SQL for all breaks of a derived invariant at once */
    const struct resource *passing;     /* a value that stayed: of this resource */
    const struct field *field;          /* and this field */
    const struct on_host *on_host;      /* what a host has: of this part */
    const char *host;
    bool missing;                       /* the host does not have it */
    bool later;                         /* mending it takes a while */
};

/* What a host told of a service; read before the rows are. */
struct audit_inventory {
    const struct service *service;
    const char *host;
    const struct json *list;
};

struct audit {
    struct arena *arena;
    struct audit_inventory *inventories;
    size_t inventory_count;
    const char **unseen;                /* sentences */
    size_t unseen_count;
    struct audit_found *found;
    size_t count, looked;
    struct audit_found now;             /* what is common to the breaks that are being found */
};

/* Adds a break like audit->now. */
void audit_add(struct audit *audit, const char *id, const char *what);

/* Breaks among rows; in a read transaction. */
bool audit_rows(struct call *call, struct audit *audit);
/* Breaks between rows and what is kept outside the database; outside transactions. */
bool audit_outside(struct audit *audit);
/* Asks the hosts what they have; outside transactions. */
void audit_ask_hosts(struct audit *audit);
/* Breaks between hosts and rows; in a read transaction. */
bool audit_hosts(struct call *call, struct audit *audit);

/* Mends one break, in a write transaction, or (clear) outside of one; says in found->did what it did. */
bool audit_mend_clear(struct call *call, void *found);
bool audit_mend_row(struct call *call, struct audit_found *found);
bool audit_mend_host(struct call *call, struct audit_found *found);

/* Runs SQL in which "$now" stands for the time in microseconds. */
struct rows *audit_query(struct call *call, const char *sql);

/* SQL of the rows whose value passes and that nothing works on: key and value. Null: the resource has no such field. */
const char *audit_passing_sql(struct arena *arena, const struct resource *resource, const struct field *field);
