/* SPDX-License-Identifier: Apache-2.0
 * A small cloud on a real OVN (with-ovn), with guests: namespaces with a device on the integration bridge. */
#pragma once
#include "base/arena.h"
#include "base/conf.h"
#include "base/json.h"
#include "bus/work.h"
#include "http/http.h"

#define ID(LAST) "c1000000-0000-4000-8000-0000000000" LAST
#define NET ID("10")
#define SUBNET ID("11")
#define NET6 ID("20")
#define SUBNET6 ID("21")
#define PUBLIC ID("30")
#define PUBLIC_SUBNET ID("31")
#define VLAN ID("40")
#define VLAN_SUBNET ID("41")
#define ROUTER ID("50")
#define ROUTER_IN ID("51")
#define ROUTER_OUT ID("52")
#define ROUTER_IN6 ID("53")
#define FLOATING ID("54")
#define FLOATING2 ID("55")
#define ADDRESSES ID("69")
#define TWIN ID("24")
#define TWIN_SUBNET ID("25")
#define TWIN_METADATA ID("26")
#define OPEN_GROUP ID("60")
#define CLOSED_GROUP ID("61")
#define METADATA ID("70")
#define GUEST1 ID("81")
#define GUEST2 ID("82")
#define GUEST3 ID("83")
#define GUEST4 ID("84")
#define GUEST5 ID("85")

#define FIXED(SUB, IP, CIDR) "[{\"subnet_id\": \"" SUB "\", \"ip_address\": \"" IP "\", \"cidr\": \"" CIDR "\"}]"
#define PORT_OF(ID, NET, MAC, OWNER, FIXED_IPS, MORE) \
    "{\"id\": \"" ID "\", \"network_id\": \"" NET "\", \"mac_address\": \"" MAC "\", \"device_owner\": \"" OWNER "\"," \
    " \"fixed_ips\": " FIXED_IPS MORE "}"
#define RULE(ID, DIRECTION, ETHER, MORE) \
    "{\"id\": \"" ID "\", \"direction\": \"" DIRECTION "\", \"ethertype\": \"" ETHER "\"" MORE "}"
#define GUEST_PORT(ID, NET, MAC, FIXED_IPS, GROUP, MORE) \
    PORT_OF(ID, NET, MAC, "compute:nova", FIXED_IPS, ", \"security_groups\": [\"" GROUP "\"], " \
            "\"binding:host_id\": \"@HOST@\"" MORE)

struct document {
    const char *kind, *id, *text;
};

struct guest {
    const char *name, *mac;
    struct document port;
};

enum { GUESTS = 4 };
extern const struct guest guests[GUESTS];
extern struct conf *conf;
extern struct host host;
extern struct arena *arena;         /* from cloud_start to cloud_stop */

void ovn_start(void);
void ovn_stop(void);
void cloud_start(void);             /* with its guests */
void cloud_stop(void);
const struct document *document_of(const char *id);
bool apply(const struct document *doc);
void guest_start(const struct guest *guest);
void guest_stop(const struct guest *guest);

bool run(const char *const *argv, const char **ret_output);
#define DO(...) run((const char *const[]){__VA_ARGS__, NULL}, NULL)

/* The namespace that plays guest 'name', or the outside ("ext"). */
const char *space(const char *name);
#define IN(NAME, ...) DO("ip", "netns", "exec", space(NAME), __VA_ARGS__)

bool pings(const char *from, const char *to);
bool pings_soon(const char *from, const char *to);      /* a wire that was just laid may take a moment */
/* Gets a lease; returns what it says, one NAME=value a line. */
const char *lease_of(const char *name);
/* What a guest is answered by the metadata service, with the status behind it. */
const char *curl(const char *name, const char *const *more, const char *path);
/* What ovn-nbctl says of its northbound database. */
const char *nb(const char *first, const char *second, const char *third);

/* The API that the metadata proxy asks: what it was told is said back to the guest. */
enum http_body decide(struct http_request *request, void *user);
void answer(struct http_request *request, void *user);

#define has(TEXT, WHAT) \
    (strstr((TEXT), (WHAT)) || (test_fail(__FILE__, __LINE__, "no '%s' in: %s", (WHAT), (TEXT)), false))
