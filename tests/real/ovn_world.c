/* SPDX-License-Identifier: Apache-2.0
 * The cloud and the guests of the OVN driver's tests: documents, namespaces that play guests, and what is asked in them. */
#include "ovn_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/run.h"
#include "network_conformance.h"
#include "test.h"

struct conf *conf;
struct host host;

void ovn_start(void) {
    static char nb[256], sb[256], ovs[256];
    const char *dir = getenv("HANEUL_OVN_DIR"), *name = getenv("HANEUL_OVN_NAME");
    char error[256];

    if (!dir || !name) {
        fprintf(stderr, "run me by tests/real/with-ovn\n");
        exit(77);
    }
    snprintf(nb, sizeof nb, "unix:%s/nb.sock", dir);
    snprintf(sb, sizeof sb, "unix:%s/sb.sock", dir);
    snprintf(ovs, sizeof ovs, "unix:%s/ovs/db.sock", dir);
    conf = conf_read(NULL, error, sizeof error);
    host = (struct host){.conf = conf, .name = name, .data = test_directory(), .ovn_nb = nb, .ovn_sb = sb, .ovs = ovs,
                         .bridge = "br-int", .bridge_external = "br-ex", .userspace_datapath = true,
                         .api_url = "http://127.0.0.1:18470", .metadata_secret = "a secret of the test"};
    network_test_start(&host, test_directory());
}

void ovn_stop(void) {
    network_test_stop();
    conf_free(conf);
}

/* The documents of one small cloud. */
static const struct document cloud[] = {
    {"network.security_group", OPEN_GROUP,
     "{\"id\": \"" OPEN_GROUP "\", \"security_group_rules\": ["
     RULE(ID("62"), "ingress", "IPv4", ", \"protocol\": \"icmp\"") ", "
     RULE(ID("63"), "ingress", "IPv4", ", \"protocol\": \"tcp\", \"port_range_min\": 80, \"port_range_max\": 81") ", "
     RULE(ID("64"), "ingress", "IPv6", ", \"protocol\": \"ipv6-icmp\"") ", "
     RULE(ID("65"), "egress", "IPv4", "") ", " RULE(ID("66"), "egress", "IPv6", "") "]}"},
    {"network.security_group", CLOSED_GROUP,
     "{\"id\": \"" CLOSED_GROUP "\", \"security_group_rules\": [" RULE(ID("67"), "egress", "IPv4", "") "]}"},
    {"network.network", NET,
     "{\"id\": \"" NET "\", \"name\": \"private\", \"mtu\": 1400, \"provider:network_type\": \"geneve\", \"subnets\": ["
     "{\"id\": \"" SUBNET "\", \"ip_version\": 4, \"cidr\": \"10.5.0.0/24\", \"gateway_ip\": \"10.5.0.1\","
     " \"enable_dhcp\": true, \"dns_nameservers\": [\"9.9.9.9\", \"1.1.1.1\"], \"dns_domain\": \"example.org\","
     " \"host_routes\": [{\"destination\": \"10.77.0.0/16\", \"nexthop\": \"10.5.0.7\"}],"
     " \"metadata_ip\": \"10.5.0.2\"}]}"},
    {"network.network", NET6,
     "{\"id\": \"" NET6 "\", \"name\": \"six\", \"mtu\": 1400, \"provider:network_type\": \"geneve\", \"subnets\": ["
     "{\"id\": \"" SUBNET6 "\", \"ip_version\": 6, \"cidr\": \"2001:db8:5::/64\", \"gateway_ip\": \"2001:db8:5::1\","
     " \"enable_dhcp\": true, \"ipv6_address_mode\": \"slaac\", \"ipv6_ra_mode\": \"slaac\"}]}"},
    {"network.network", TWIN,
     "{\"id\": \"" TWIN "\", \"name\": \"another's\", \"mtu\": 1400, \"provider:network_type\": \"geneve\","
     " \"subnets\": [{\"id\": \"" TWIN_SUBNET "\", \"ip_version\": 4, \"cidr\": \"10.5.0.0/24\","
     " \"gateway_ip\": null, \"enable_dhcp\": true, \"metadata_ip\": \"10.5.0.2\"}]}"},
    {"network.port", TWIN_METADATA, PORT_OF(TWIN_METADATA, TWIN, "fa:16:3e:05:02:03", "network:distributed",
                                            FIXED(TWIN_SUBNET, "10.5.0.2", "10.5.0.0/24"), "")},
    {"network.network", PUBLIC,
     "{\"id\": \"" PUBLIC "\", \"name\": \"public\", \"mtu\": 1500, \"provider:network_type\": \"flat\","
     " \"provider:physical_network\": \"physnet1\", \"router:external\": true, \"subnets\": ["
     "{\"id\": \"" PUBLIC_SUBNET "\", \"ip_version\": 4, \"cidr\": \"203.0.113.0/24\","
     " \"gateway_ip\": \"203.0.113.1\", \"enable_dhcp\": false}]}"},
    {"network.port", ROUTER_IN, PORT_OF(ROUTER_IN, NET, "fa:16:3e:05:01:01", "network:router_interface",
                                        FIXED(SUBNET, "10.5.0.1", "10.5.0.0/24"), "")},
    {"network.port", ROUTER_IN6, PORT_OF(ROUTER_IN6, NET6, "fa:16:3e:05:01:03", "network:router_interface",
                                         FIXED(SUBNET6, "2001:db8:5::1", "2001:db8:5::/64"), "")},
    {"network.port", ROUTER_OUT, PORT_OF(ROUTER_OUT, PUBLIC, "fa:16:3e:05:01:02", "network:router_gateway",
                                         FIXED(PUBLIC_SUBNET, "203.0.113.10", "203.0.113.0/24"), "")},
    {"network.router", ROUTER,
     "{\"id\": \"" ROUTER "\", \"name\": \"edge\", \"external_gateway_info\": {\"network_id\": \"" PUBLIC "\","
     " \"enable_snat\": true, \"port_id\": \"" ROUTER_OUT "\", \"mac_address\": \"fa:16:3e:05:01:02\","
     " \"provider:physical_network\": \"physnet1\", \"external_fixed_ips\": [{\"subnet_id\": \"" PUBLIC_SUBNET "\","
     " \"ip_address\": \"203.0.113.10\", \"cidr\": \"203.0.113.0/24\", \"gateway_ip\": \"203.0.113.1\"}]},"
     " \"interfaces\": [{\"port_id\": \"" ROUTER_IN "\", \"network_id\": \"" NET "\","
     "  \"mac_address\": \"fa:16:3e:05:01:01\", \"mtu\": 1400, \"fixed_ips\": "
     FIXED(SUBNET, "10.5.0.1", "10.5.0.0/24") "},"
     " {\"port_id\": \"" ROUTER_IN6 "\", \"network_id\": \"" NET6 "\", \"mac_address\": \"fa:16:3e:05:01:03\","
     "  \"mtu\": 1400, \"fixed_ips\": [{\"subnet_id\": \"" SUBNET6 "\", \"ip_address\": \"2001:db8:5::1\","
     "  \"cidr\": \"2001:db8:5::/64\", \"ipv6_ra_mode\": \"slaac\"}]}],"
     " \"floatingips\": [{\"id\": \"" FLOATING "\", \"floating_ip_address\": \"203.0.113.21\","
     "  \"fixed_ip_address\": \"10.5.0.11\", \"port_id\": \"" GUEST1 "\"}]}"},
    {"network.port", METADATA, PORT_OF(METADATA, NET, "fa:16:3e:05:02:02", "network:distributed",
                                       FIXED(SUBNET, "10.5.0.2", "10.5.0.0/24"), "")},
};
enum { CLOUD = sizeof cloud / sizeof cloud[0] };

const struct guest guests[GUESTS] = {
    {"g1", "fa:16:3e:05:00:11",
     {"network.port", GUEST1, GUEST_PORT(GUEST1, NET, "fa:16:3e:05:00:11", FIXED(SUBNET, "10.5.0.11", "10.5.0.0/24"),
                                         OPEN_GROUP, "")}},
    {"g2", "fa:16:3e:05:00:12",
     {"network.port", GUEST2, GUEST_PORT(GUEST2, NET, "fa:16:3e:05:00:12", FIXED(SUBNET, "10.5.0.12", "10.5.0.0/24"),
                                         CLOSED_GROUP, ", \"extra_dhcp_opts\": [{\"opt_name\": \"26\","
                                         " \"opt_value\": \"1280\"}, {\"opt_name\": \"domain-name\","
                                         " \"opt_value\": \"other.example\"}]")}},
    {"g3", "fa:16:3e:05:00:13",
     {"network.port", GUEST3, GUEST_PORT(GUEST3, NET6, "fa:16:3e:05:00:13",
                                         FIXED(SUBNET6, "2001:db8:5::f816:3eff:fe05:13", "2001:db8:5::/64"),
                                         OPEN_GROUP, "")}},
    {"g5", "fa:16:3e:05:00:15",
     {"network.port", GUEST5, GUEST_PORT(GUEST5, TWIN, "fa:16:3e:05:00:15",
                                         FIXED(TWIN_SUBNET, "10.5.0.11", "10.5.0.0/24"), OPEN_GROUP, "")}},
};

const struct document *document_of(const char *id) {
    for (int i = 0; i < CLOUD; i++) {
        if (!strcmp(cloud[i].id, id)) {
            return &cloud[i];
        }
    }
    return NULL;
}

struct arena *arena;

bool apply(const struct document *doc) {
    char *text = arena_text(arena, doc->text), *at = strstr(text, "@HOST@");
    bool good;

    if (at) {
        *at = 0;
        text = arena_printf(arena, "%s%s%s", text, host.name, at + strlen("@HOST@"));
    }
    good = network_test_run(doc->kind, doc->id, text);
    if (!good) {
        test_fail(__FILE__, __LINE__, "%s %s: %s", doc->kind, doc->id, network_test_error());
    }
    return good;
}

bool run(const char *const *argv, const char **ret_output) {
    struct run_result result;
    bool good = run_program(arena, &(struct run){.argv = argv, .timeout_ms = 20000}, &result);

    if (ret_output) {
        *ret_output = arena_printf(arena, "%s%s", result.output ? result.output : "",
                                   result.errors ? result.errors : "");
    }
    return good;
}

/* The namespace that plays guest 'name', or the outside ("ext"). */
const char *space(const char *name) {
    return arena_printf(arena, "%s-%s", host.name, name);
}

bool pings(const char *from, const char *to) {
    return IN(from, "busybox", "ping", "-c", "1", "-W", "2", to);
}

/* A wire that was just laid may take a moment. */
bool pings_soon(const char *from, const char *to) {
    for (int i = 0; i < 15; i++) {
        if (IN(from, "busybox", "ping", "-c", "1", "-W", "1", to)) {
            return true;
        }
    }
    return false;
}

void guest_start(const struct guest *guest) {
    const char *device = arena_printf(arena, "v%s", guest->name), *ns = space(guest->name);

    check(apply(&guest->port));
    check(DO("ip", "netns", "add", ns));
    check(DO("ip", "link", "add", device, "type", "veth", "peer", "name", "eth0", "netns", ns));
    check(DO("ip", "link", "set", device, "up"));
    check(IN(guest->name, "ethtool", "-K", "eth0", "tx", "off"));
    check(IN(guest->name, "ip", "link", "set", "lo", "up"));
    check(IN(guest->name, "ip", "link", "set", "eth0", "address", guest->mac, "up"));
    check(network_test_run("network.plug", guest->port.id,
                           arena_printf(arena, "{\"device\": \"%s\", \"mac_address\": \"%s\"}", device, guest->mac)));
}

void guest_stop(const struct guest *guest) {
    check(network_test_run("network.plug", guest->port.id, NULL));
    check(network_test_run("network.port", guest->port.id, NULL));
    check(DO("ip", "link", "del", arena_printf(arena, "v%s", guest->name)));
    check(DO("ip", "netns", "del", space(guest->name)));
}

/* Gets a lease; returns what it says, one NAME=value a line. */
const char *lease_of(const char *name) {
    const char *path = arena_printf(arena, "%s/lease-%s", test_directory(), name), *text = "";
    const char *script = arena_printf(arena, "%s/dhcp-script", getenv("HANEUL_OVN_SCRIPTS"));

    setenv("DHCP_LEASE", path, 1);
    check(IN(name, "busybox", "udhcpc", "-i", "eth0", "-s", script, "-q", "-n", "-f", "-t", "8", "-T", "1", "-O", "mtu",
             "-O", "staticroutes"));
    check(run((const char *const[]){"cat", path, NULL}, &text));
    return text;
}

/* What the metadata proxy says to the API, said back to the guest. */
enum http_body decide(struct http_request *request, void *user) {
    request->max_body = 100000;
    return HTTP_BUFFER;
}

static void say(void *user, const char *name, const char *value) {
    if (strcasecmp(name, "Host") != 0) {
        buf_printf(user, "%s=%s\n", name, value);
    }
}

void answer(struct http_request *request, void *user) {
    request->response.status = strstr(request->path, "missing") ? 404 : 200;
    buf_printf(&request->response.body, "%s %s\n", request->method_name, request->target);
    http_headers_each(request, say, &request->response.body);
    buf_put(&request->response.body, request->body.at, request->body.size);
}

const char *curl(const char *name, const char *const *more, const char *path) {
    const char *argv[32] = {"ip", "netns", "exec", space(name), "curl", "-s", "-m", "10", "-w", "status=%{http_code}"};
    const char *output = "";
    int count = 10;

    for (; more && *more; more++) {
        argv[count++] = *more;
    }
    argv[count] = arena_printf(arena, "http://169.254.169.254%s", path);
    run(argv, &output);
    return output;
}

const char *nb(const char *first, const char *second, const char *third) {
    const char *db = arena_printf(arena, "--db=%s", host.ovn_nb), *output = "";

    check(run((const char *const[]){"ovn-nbctl", db, "--bare", first, second, third, NULL}, &output));
    return output;
}

static bool gone_soon(const char *path) {
    for (int i = 0; i < 50 && !access(path, F_OK); i++) {
        usleep(100000);
    }
    return access(path, F_OK) != 0;
}

void cloud_start(void) {
    ovn_start();
    arena = arena_new(0);
    for (int i = 0; i < CLOUD; i++) {
        check(apply(&cloud[i]));
    }
    for (int i = 0; i < GUESTS; i++) {
        guest_start(&guests[i]);
    }
}

void cloud_stop(void) {
    check(!access("/run/netns/ovnmeta-" NET, F_OK));
    for (int i = 0; i < GUESTS; i++) {
        guest_stop(&guests[i]);
    }
    check(gone_soon("/run/netns/ovnmeta-" NET));
    check(gone_soon("/run/netns/ovnmeta-" TWIN));
    for (int i = CLOUD; i-- > 0;) {
        check(network_test_run(cloud[i].kind, cloud[i].id, NULL));
    }
    arena_free(arena);
    ovn_stop();
}
