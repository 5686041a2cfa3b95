/* SPDX-License-Identifier: Apache-2.0
 * What the files of the OVN driver share: its connections, names, and the plan, which compares the rows that a document
 * wants with those that exist and makes one transaction of the difference.
 *
 * Every row we make carries in external_ids: haneul:kind and haneul:id of the resource whose document wants it,
 * haneul:key which of that resource's rows it is, and haneul:parent, the name of the row that holds it. Names of
 * switches, routers, ports and groups, and the external_ids that begin with "neutron:", are those that OpenStack's own
 * driver for OVN gives, so that operators and their tools find what they know. */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "bus/work.h"
#include "network/ovsdb.h"

struct arena;

struct ovn {
    const struct host *host;
    struct ovsdb *nb, *sb, *ovs;
    pthread_mutex_t write;          /* one plan at a time: from reading NB to its commit */
};

/* The driver's one instance; null connections before start. */
extern struct ovn ovn;

#define OVN_DROP_GROUP "neutron_pg_drop"

/* Names in the northbound database. */
const char *ovn_name(struct arena *arena, const char *id);             /* switch or router: "neutron-ID" */
const char *ovn_router_port_name(struct arena *arena, const char *port_id);
const char *ovn_group_name(struct arena *arena, const char *id);       /* security group: "pg_ID" */
const char *ovn_addresses_name(struct arena *arena, const char *id, int version);      /* address group: "ag_ID_ip4" */

/* Addresses: each parses, checks and prints anew, so that what goes on is an address and nothing else. Null: it is
 * none. */
const char *ovn_ip(struct arena *arena, const char *text, int *ret_version);
const char *ovn_cidr(struct arena *arena, const char *text, int *ret_version);  /* host bits cleared; /32 when bare */
const char *ovn_mac(struct arena *arena, const char *text);
const char *ovn_ip_in(struct arena *arena, const char *ip, const char *cidr);   /* "10.0.0.5/24" */
/* A locally administered MAC made from 'id', for the servers that OVN itself plays. */
const char *ovn_mac_of(struct arena *arena, const char *id);
/* True for letters, digits and ". _ -" only, at most 'most' of them and at least one. */
bool ovn_is_word(const char *text, size_t most);

/* A row that a plan wants. */
struct plan_row {
    struct plan_row *next;
    const char *table;
    const char *name;                       /* its column of that name; null: it has none */
    const char *ref;                        /* for ovsdb_add_ref */
    struct ovsdb_values *values;            /* what its columns should be; others are left as they are */
    const struct ovsdb_row *old;            /* null: will be inserted */
    bool needed;                            /* belongs to another document, and must be there still at the commit */
    struct plan_row *parent;
};

enum { PLAN_TABLES = 14 };

struct plan {
    struct work *work;
    struct arena *arena;
    const char *kind, *id;
    const struct ovsdb_row *const *own[PLAN_TABLES];    /* rows that carry the document's id */
    size_t own_count[PLAN_TABLES];
    struct map *known;                      /* identity -> row of the document that is there */
    struct map *planned;                    /* identity -> plan_row */
    struct map *claimed;                    /* UUID -> plan_row of rows that are there */
    struct plan_row *rows, **tail;
    struct plan_link *links, **link_tail;
    size_t names;
};

/* The row 'key' of the document in 'table', held by 'parent' (null: a table of roots; else it has a name). Add its
 * columns to row->values; the plan adds external_ids. 'name' may be null. */
struct plan_row *plan_row(struct plan *plan, const char *table, const char *key, const char *name,
                          struct plan_row *parent);

/* As plan_row, for a row that belongs to the resource 'kind' 'id'. Made with its name alone when it is not there. */
struct plan_row *plan_other(struct plan *plan, const char *table, const char *key, const char *kind, const char *id,
                            const char *name);

/* An existing row of another document, to change columns of. */
struct plan_row *plan_touch(struct plan *plan, const struct ovsdb_row *old);

/* Puts 'row' into a set column of 'holder' that is not the parent's, or takes an existing row out of it. */
void plan_join(struct plan *plan, struct plan_row *holder, const char *column, const struct plan_row *row);
void plan_leave(struct plan *plan, const char *table, const char *holder, const char *column, const char *uuid);

/* Adds a pair to the external_ids that the row shall have. */
void plan_note(struct plan_row *row, const char *key, const char *value);

/* Brings about what 'build' puts into the plan for work->doc, which was checked to be a map whose "id" is not another
 * than work->id; a null document plans no rows. Takes the lock, commits, and begins anew when others wrote
 * meanwhile. */
bool plan_apply(struct work *work, const char *kind, bool (*build)(struct plan *plan, const struct json *doc));

/* As plan_row, for a row of the resource 'kind' 'id' that holds for that one what this document says. */
struct plan_row *plan_row_of(struct plan *plan, const char *table, const char *key, const char *kind, const char *id);

/* DHCP (ovn_dhcp.c): the options of one subnet and how ports are tied to them. */
struct dhcp_option {
    struct dhcp_option *next;
    const char *name, *value;               /* as OVN has them */
};
struct dhcp_subnet {
    struct dhcp_subnet *next;
    const char *id;
    int version;
    const char *ref, *cidr;
    struct dhcp_option *options;
};
/* Plans the rows of the network document's subnets. */
struct dhcp_subnet *dhcp_plan_subnets(struct plan *plan, const struct json *network);
/* Reads those of network 'id' as they are. */
struct dhcp_subnet *dhcp_read_subnets(struct plan *plan, const char *id);
/* Sets the two DHCP columns of a switch port on 'subnets' (ids between spaces), with rows of its own when 'extra'
 * (JSON: the port's extra_dhcp_opts, or null) asks for it. */
void dhcp_link(struct plan *plan, struct plan_row *port, const char *port_id, const struct dhcp_subnet *of_network,
               const char *subnets, const char *extra);

/* Quality of service (ovn_qos.c): rows 'key' of the switch 'home' for what 'port' sends and gets under 'rules' (the API's
 * list); with an address, only what has that as its own, on the chassis where the port 'resident' lives. */
void qos_plan(struct plan *plan, struct plan_row *home, const struct json *rules, const char *key, const char *port,
              const char *address, const char *resident);
/* The options of a switch port that rules ask for. */
void qos_put_options(struct plan *plan, struct plan_row *row, const struct json *rules);

/* The members of the driver that live in files of their own. */
bool ovn_apply_network(struct work *work);
bool ovn_apply_port(struct work *work);
bool ovn_apply_router(struct work *work);
bool ovn_apply_security_group(struct work *work);
bool ovn_apply_address_group(struct work *work);
bool ovn_plug(struct work *work);

/* Open vSwitch of this host (ovn_plug.c): puts 'device' on the integration bridge with external_ids 'ids' (key, value,
 * ..., null), or takes it off; idempotent. */
bool ovs_attach(struct arena *arena, const char *device, const char *const *ids, const char **ret_error);
bool ovs_detach(struct arena *arena, const char *device, const char **ret_error);

/* Networks whose ports are on this host get their metadata proxies (ovn_metadata.c). 'wake' says that something which
 * matters to that changed; it may be called from any thread and does not block. */
void ovn_metadata_start(void);
void ovn_metadata_stop(void);
void ovn_metadata_wake(void);

/* The name of this chassis in the southbound database, from Open vSwitch's own; null when it is not known yet. */
const char *ovn_chassis(struct arena *arena);
