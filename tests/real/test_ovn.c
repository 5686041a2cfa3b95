/* SPDX-License-Identifier: Apache-2.0
 * The OVN driver with a real OVN (with-ovn): the contract of all drivers, what stands in the northbound database, and
 * guests - namespaces with a device on the integration bridge - that get their address by DHCP, reach each other as
 * their security groups say, are reached by floating IP, and ask the metadata service. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/run.h"
#include "network/metadata_proxy.h"
#include "network_conformance.h"
#include "ovn_world.h"
#include "test.h"

TEST(ovn_keeps_the_contract_of_drivers) {
    ovn_start();
    network_conformance(&host);
    ovn_stop();
}

static void test_leases(void) {
    const char *lease = lease_of("g1");

    check(has(lease, "ip=10.5.0.11\n"));
    check(has(lease, "mask=24\n"));
    check(has(lease, "mtu=1400\n"));
    check(has(lease, "lease=43200\n"));
    check(has(lease, "domain=example.org\n"));
    check(has(lease, "9.9.9.9"));
    check(has(lease, "169.254.169.254/32 10.5.0.2"));
    check(has(lease, "10.77.0.0/16 10.5.0.7"));
    check(has(lease, "0.0.0.0/0 10.5.0.1"));
    lease = lease_of("g2");
    check(has(lease, "ip=10.5.0.12\n"));
    check(has(lease, "mtu=1280\n"));
    check(has(lease, "domain=other.example\n"));
}

static void test_reach(void) {
    check(pings_soon("g2", "10.5.0.11"));
    check(!pings("g1", "10.5.0.12"));
    check(pings("g1", "10.5.0.1"));
    check(pings_soon("g1", "203.0.113.1"));
    check(pings_soon("g2", "203.0.113.1"));
    check(pings_soon("ext", "203.0.113.21"));
    check(IN("ext", "ip", "route", "replace", "10.5.0.0/24", "via", "203.0.113.10"));
}

static void test_spoof(void) {
    check(IN("g1", "ip", "addr", "add", "10.5.0.99/24", "dev", "eth0"));
    check(!IN("g1", "busybox", "ping", "-c", "1", "-W", "1", "-I", "10.5.0.99", "10.5.0.1"));
    check(IN("g1", "ip", "addr", "del", "10.5.0.99/24", "dev", "eth0"));
}

static void test_metadata(void) {
    const char *const lies[] = {"-H", "X-Forwarded-For: 10.9.9.9", "-H", "X-Neutron-Network-ID: other", "-H",
                                "X-Metadata-Signature: x", "-H", "X-Instance-ID: y", "-H", "Accept: text/css", NULL};
    const char *said;

    for (int i = 0; i < 50 && !strstr(curl("g1", NULL, "/"), "status=200"); i++) {
        usleep(100000);
    }
    said = curl("g1", lies, "/openstack/latest/meta_data.json?a=b");
    check(has(said, "GET /metadata/openstack/latest/meta_data.json?a=b\n"));
    check(has(said, "X-Forwarded-For=10.5.0.11\n"));
    check(has(said, "X-Neutron-Network-ID=" NET "\n"));
    check(has(said, arena_printf(arena, "X-Metadata-Signature=%s\n",
                                 metadata_signature(arena, host.metadata_secret, NET, "10.5.0.11"))));
    check(has(said, "Accept=text/css\n"));
    check(!strstr(said, "10.9.9.9") && !strstr(said, "=x\n") && !strstr(said, "Instance"));
    check(has(curl("g2", NULL, "/latest"), "X-Forwarded-For=10.5.0.12\n"));
    check(has(curl("g1", (const char *const[]){"-d", "a password", NULL}, "/openstack/latest/password"),
              "a password"));
    check(has(curl("g1", NULL, "/missing"), "status=404"));
    check(has(curl("g1", (const char *const[]){"--path-as-is", NULL}, "/../identity/v3"), "status=400"));
    check(has(curl("g1", (const char *const[]){"--path-as-is", NULL}, "/%2e%2E/identity/v3"), "status=400"));
}

/* A network of the same addresses, without a router: another world, with metadata of its own. */
static void test_twin(void) {
    const char *lease = lease_of("g5"), *said;

    check(has(lease, "ip=10.5.0.11\n"));
    check(has(lease, "serverid=10.5.0.2\n"));
    check(!strstr(lease, "router="));
    check(!strstr(lease, "0.0.0.0/0"));
    for (int i = 0; i < 50 && !strstr(curl("g5", NULL, "/"), "status=200"); i++) {
        usleep(100000);
    }
    said = curl("g5", NULL, "/openstack");
    check(has(said, "X-Forwarded-For=10.5.0.11\n"));
    check(has(said, "X-Neutron-Network-ID=" TWIN "\n"));
    check(!pings("g5", "10.5.0.12"));
    check(!pings("g5", "10.5.0.1"));
}

static void test_six(void) {
    const char *addresses;

    check(IN("g3", "sysctl", "-qw", "net.ipv6.conf.eth0.accept_ra=2"));
    check(IN("g3", "ip", "link", "set", "eth0", "down"));
    check(IN("g3", "ip", "link", "set", "eth0", "up"));
    for (int i = 0; i < 60 && !pings("g3", "2001:db8:5::1"); i++) {
        usleep(200000);
    }
    check(run((const char *const[]){"ip", "-n", space("g3"), "-6", "addr", "show", "dev", "eth0", NULL}, &addresses));
    check(has(addresses, "2001:db8:5:0:f816:3eff:fe05:13/64"));
    check(pings_soon("g3", "2001:db8:5::1"));
}

/* A file from the first guest's web server on 'port', as 'argv' before curl's own arguments asks for it. */
static bool fetches(const char *const *before, const char *port) {
    const char *argv[20], *output = "", *url = arena_printf(arena, "http://203.0.113.21:%s/big", port);
    const char *const curl[] = {"curl", "-s", "-m", "3", "-o", "/dev/null", "-w", "%{size_download}", url, NULL};
    int count = 0;

    for (; *before; before++) {
        argv[count++] = *before;
    }
    for (int i = 0; curl[i]; i++) {
        argv[count++] = curl[i];
    }
    argv[count] = NULL;
    return run(argv, &output) && !strcmp(output, "2000000");
}

/* TCP with full segments, from outside and from the host itself, to the ports that the group opens. */
static void test_streams(void) {
    const char *const outside[] = {"ip", "netns", "exec", space("ext"), NULL}, *const here[] = {NULL};
    const char *file = arena_printf(arena, "%s/big", test_directory());

    check(DO("truncate", "-s", "2000000", file));
    check(IN("g1", "busybox", "httpd", "-p", "80", "-h", test_directory()));
    check(IN("g1", "busybox", "httpd", "-p", "82", "-h", test_directory()));
    check(DO("ip", "addr", "add", "203.0.113.2/24", "dev", "br-ex"));
    check(DO("ip", "link", "set", "br-ex", "up"));
    check(fetches(outside, "80"));
    check(!fetches(outside, "82"));
    check(fetches(here, "80"));
    check(!fetches(here, "82"));
    check(DO("sh", "-c", arena_printf(arena, "kill $(ip netns pids %s)", space("g1"))));
}

static void test_rows(void) {
    check(has(nb("find", "logical_router_port", "name=lrp-" ROUTER_OUT), "203.0.113.10/24"));
    check(has(nb("--columns=name", "list", "gateway_chassis"), host.name));
    check(has(nb("lr-nat-list", "neutron-" ROUTER, NULL), "203.0.113.21"));
    check(has(nb("lr-route-list", "neutron-" ROUTER, NULL), "203.0.113.1"));
    check(has(nb("find", "logical_switch_port", "type=localnet"), "physnet1"));
}

/* Applies another document for 'id' of the same kind. */
static void change(const char *kind, const char *id, const char *text) {
    check(apply(&(struct document){kind, id, text}));
}

/* True when ping from 'from' to 'to' comes to be 'wanted': changes take a moment to reach the switch. */
static bool comes_to(bool wanted, const char *from, const char *source, const char *to) {
    for (int i = 0; i < 20; i++) {
        if (IN(from, "busybox", "ping", "-c", "1", "-W", "1", "-I", source, to) == wanted) {
            return true;
        }
        usleep(100000);
    }
    test_fail(__FILE__, __LINE__, "%s %s %s", from, wanted ? "does not reach" : "still reaches", to);
    return false;
}

static void test_remote_group(void) {
    change("network.security_group", CLOSED_GROUP,
           "{\"id\": \"" CLOSED_GROUP "\", \"security_group_rules\": [" RULE(ID("67"), "egress", "IPv4", "") ", "
           RULE(ID("68"), "ingress", "IPv4", ", \"protocol\": \"icmp\", \"remote_group_id\": \"" OPEN_GROUP "\"") "]}");
    check(comes_to(true, "g1", "eth0", "10.5.0.12"));
    check(!pings("ext", "10.5.0.12"));
    check(apply(document_of(CLOSED_GROUP)));
    check(comes_to(false, "g1", "eth0", "10.5.0.12"));
}

/* What a group of addresses lets in, as it changes. */
static void test_address_group(void) {
    change("network.address_group", ADDRESSES, "{\"id\": \"" ADDRESSES "\", \"addresses\": [\"10.5.0.11/32\"]}");
    change("network.security_group", CLOSED_GROUP,
           "{\"id\": \"" CLOSED_GROUP "\", \"security_group_rules\": ["
           RULE(ID("68"), "ingress", "IPv4", ", \"remote_address_group_id\": \"" ADDRESSES "\"") "]}");
    check(comes_to(true, "g1", "eth0", "10.5.0.12"));
    change("network.address_group", ADDRESSES, "{\"id\": \"" ADDRESSES "\", \"addresses\": [\"10.5.0.99/32\"]}");
    check(comes_to(false, "g1", "eth0", "10.5.0.12"));
    check(apply(document_of(CLOSED_GROUP)));
    check(network_test_run("network.address_group", ADDRESSES, NULL));
    check(!*nb("--columns=name", "list", "address_set"));
}

/* A port of another floating IP leads to the first guest's web server. */
static void test_forwarding(void) {
    const char *const outside[] = {"ip", "netns", "exec", space("ext"), "curl", "-s", "-m", "5",
                                   "http://203.0.113.22:8080/page", NULL};
    char *text = arena_text(arena, document_of(ROUTER)->text), *end = strrchr(text, '}');
    const char *output = "", *file = arena_printf(arena, "%s/page", test_directory());

    *end = 0;
    check(DO("sh", "-c", arena_printf(arena, "echo inside > %s", file)));
    check(IN("g1", "busybox", "httpd", "-p", "80", "-h", test_directory()));
    change("network.router", ROUTER,
           arena_printf(arena, "%s, \"port_forwardings\": [{\"floatingip_id\": \"" FLOATING2 "\","
                               " \"floating_ip_address\": \"203.0.113.22\", \"protocol\": \"tcp\","
                               " \"external_port\": 8080, \"internal_ip_address\": \"10.5.0.11\","
                               " \"internal_port\": 80}]}", text));
    check(has(nb("--columns=vips", "list", "load_balancer"), "203.0.113.22:8080=10.5.0.11:80"));
    for (int i = 0; i < 10 && !strstr(output, "inside"); i++) {
        run(outside, &output);
    }
    check(has(output, "inside"));
    check(apply(document_of(ROUTER)));
    check(!*nb("--columns=vips", "list", "load_balancer"));
    check(DO("sh", "-c", arena_printf(arena, "kill $(ip netns pids %s)", space("g1"))));
}

/* The first guest sends and gets under a policy, has a name, and is no longer so. */
static void test_port_extensions(void) {
    const char *rules = ", \"qos_rules\": [{\"type\": \"bandwidth_limit\", \"direction\": \"egress\", \"max_kbps\": 3000,"
                        " \"max_burst_kbps\": 300}, {\"type\": \"bandwidth_limit\", \"direction\": \"ingress\","
                        " \"max_kbps\": 2000, \"max_burst_kbps\": 0}, {\"type\": \"dscp_marking\", \"dscp_mark\": 26},"
                        " {\"type\": \"minimum_bandwidth\", \"direction\": \"egress\", \"min_kbps\": 100}],"
                        " \"dns_records\": {\"web\": \"10.5.0.11\", \"web.example.org\": \"10.5.0.11\", \"no good\": \"x\"}}";
    const char *output = "", *rows;
    char *text = arena_text(arena, guests[0].port.text);

    *strrchr(text, '}') = 0;
    change("network.port", GUEST1, arena_printf(arena, "%s%s", text, rules));
    rows = nb("--columns=direction,action,bandwidth,match", "list", "qos");
    check(has(rows, "burst=300 rate=3000"));
    check(has(rows, "rate=2000"));
    check(has(rows, "dscp=26"));
    check(has(rows, "inport == \"" GUEST1 "\""));
    check(has(nb("find", "logical_switch_port", "name=" GUEST1), "qos_min_rate=100000"));
    for (int i = 0; i < 10 && !strstr(output, "10.5.0.11"); i++) {
        run((const char *const[]){"ip", "netns", "exec", space("g1"), "busybox", "nslookup", "web.example.org", "9.9.9.9",
                                  NULL}, &output);
    }
    check(has(output, "10.5.0.11"));
    check(!strstr(nb("--columns=records", "list", "dns"), "no good"));
    check(apply(&guests[0].port));
    check(!*nb("--columns=match", "list", "qos"));
    check(!*nb("--columns=records", "list", "dns"));
    check(comes_to(true, "g1", "eth0", "10.5.0.1"));
}

/* The gateway answers for an address behind it; a further physical network is a further door. */
static void test_doors(void) {
    char *text = arena_text(arena, document_of(ROUTER_OUT)->text);

    *strrchr(text, '}') = 0;
    change("network.port", ROUTER_OUT, arena_printf(arena, "%s, \"ndp_proxies\": [\"2001:db8:5::13\"]}", text));
    check(has(nb("find", "logical_switch_port", "name=" ROUTER_OUT), "2001:db8:5::13"));
    check(apply(document_of(ROUTER_OUT)));
    check(!strstr(nb("find", "logical_switch_port", "name=" ROUTER_OUT), "arp_proxy"));
    text = arena_text(arena, document_of(NET)->text);
    *strrchr(text, '}') = 0;
    change("network.network", NET,
           arena_printf(arena, "%s, \"segments\": [{\"id\": \"" VLAN "\", \"provider:network_type\": \"vlan\","
                               " \"provider:physical_network\": \"physnet1\", \"provider:segmentation_id\": 107}]}", text));
    check(has(nb("find", "logical_switch_port", "name=provnet-" VLAN), "107"));
    check(apply(document_of(NET)));
    check(!*nb("find", "logical_switch_port", "name=provnet-" VLAN));
}

static void test_port_changes(void) {
    const char *pair = GUEST_PORT(GUEST1, NET, "fa:16:3e:05:00:11", FIXED(SUBNET, "10.5.0.11", "10.5.0.0/24"),
                                  OPEN_GROUP, ", \"allowed_address_pairs\": [{\"ip_address\": \"10.5.0.99\"}]");
    const char *bare = GUEST_PORT(GUEST2, NET, "fa:16:3e:05:00:12", FIXED(SUBNET, "10.5.0.12", "10.5.0.0/24"),
                                  CLOSED_GROUP, ", \"port_security_enabled\": false");
    const char *posing = PORT_OF(GUEST2, NET, "fa:16:3e:05:00:12", "network:dhcp",
                                 FIXED(SUBNET, "10.5.0.12", "10.5.0.0/24"),
                                 ", \"security_groups\": [\"" CLOSED_GROUP "\"], \"binding:host_id\": \"@HOST@\"");
    const char *down = GUEST_PORT(GUEST1, NET, "fa:16:3e:05:00:11", FIXED(SUBNET, "10.5.0.11", "10.5.0.0/24"),
                                  OPEN_GROUP, ", \"admin_state_up\": false");

    check(IN("g1", "ip", "addr", "add", "10.5.0.99/24", "dev", "eth0"));
    check(comes_to(false, "g1", "10.5.0.99", "10.5.0.1"));
    change("network.port", GUEST1, pair);
    check(comes_to(true, "g1", "10.5.0.99", "10.5.0.1"));
    change("network.port", GUEST2, bare);
    check(comes_to(true, "g1", "10.5.0.11", "10.5.0.12"));
    check(apply(&guests[1].port));
    check(comes_to(false, "g1", "10.5.0.11", "10.5.0.12"));
    change("network.port", GUEST2, posing);         /* CVE-2015-5240: a name is no way out of one's groups */
    usleep(500000);
    check(comes_to(false, "g1", "10.5.0.11", "10.5.0.12"));
    check(apply(&guests[1].port));
    change("network.port", GUEST1, down);
    check(comes_to(false, "g1", "10.5.0.11", "10.5.0.1"));
    check(network_test_status(GUEST1, "DOWN", 5));
    check(apply(&guests[0].port));
    check(comes_to(true, "g1", "10.5.0.11", "10.5.0.1"));
    check(network_test_status(GUEST1, "ACTIVE", 5));
    check(IN("g1", "ip", "addr", "del", "10.5.0.99/24", "dev", "eth0"));
}

/* Waits in namespace 'name' for a frame with VLAN 'tag' on eth0 (packet(7)). */
static bool hears_tag(const char *name, int tag, int wait_ms) {
    const char *path = arena_printf(arena, "/run/netns/%s", space(name));
    int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), there = open(path, O_RDONLY | O_CLOEXEC), on = 1;
    int fd = setns(there, CLONE_NEWNET) ? -1 : socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
    bool heard = false;

    check(fd >= 0 && !setns(home, CLONE_NEWNET));
    check(!setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof on));
    for (int i = 0; i < wait_ms && !heard; i++) {
        char bytes[2048], control[256];
        struct iovec part = {bytes, sizeof bytes};
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control,
                                 .msg_controllen = sizeof control};
        ssize_t got = recvmsg(fd, &message, MSG_DONTWAIT);

        for (struct cmsghdr *c = got > 0 ? CMSG_FIRSTHDR(&message) : NULL; c; c = CMSG_NXTHDR(&message, c)) {
            const struct tpacket_auxdata *aux = (const struct tpacket_auxdata *)(const void *)CMSG_DATA(c);

            heard = heard || (c->cmsg_type == PACKET_AUXDATA && (aux->tp_status & TP_STATUS_VLAN_VALID) &&
                              aux->tp_vlan_tci == tag);
        }
        usleep(got > 0 ? 0 : 1000);
    }
    close(fd);
    close(home);
    close(there);
    return heard;
}

static void test_vlan(void) {
    static const struct document network = {
        "network.network", VLAN,
        "{\"id\": \"" VLAN "\", \"name\": \"tagged\", \"provider:network_type\": \"vlan\","
        " \"provider:physical_network\": \"physnet1\", \"provider:segmentation_id\": 101, \"subnets\": ["
        "{\"id\": \"" VLAN_SUBNET "\", \"ip_version\": 6, \"cidr\": \"2001:db8:6::/64\", \"enable_dhcp\": true,"
        " \"ipv6_address_mode\": \"dhcpv6-stateful\", \"dns_nameservers\": [\"2001:db8::53\"]}]}"};
    static const struct guest guest = {
        "g4", "fa:16:3e:05:00:14",
        {"network.port", GUEST4, GUEST_PORT(GUEST4, VLAN, "fa:16:3e:05:00:14",
                                            FIXED(VLAN_SUBNET, "2001:db8:6::14", "2001:db8:6::/64"), OPEN_GROUP, "")}};
    const char *flows;

    check(apply(&network));
    guest_start(&guest);
    check(network_test_status(GUEST4, "ACTIVE", 20));
    check(IN("g4", "ip", "addr", "add", "192.0.2.1/24", "dev", "eth0"));
    check(IN("g4", "ip", "-6", "addr", "add", "2001:db8:6::14/64", "dev", "eth0", "nodad"));
    check(IN("g4", "sh", "-c", "busybox ping -c 3 2001:db8:6::99 > /dev/null 2>&1 &"));
    check(hears_tag("ext", 101, 5000));
    check(run((const char *const[]){"ovn-sbctl", arena_printf(arena, "--db=%s", host.ovn_sb), "lflow-list",
                                    "neutron-" VLAN, NULL}, &flows));
    check(has(flows, "put_dhcpv6_opts"));
    check(has(flows, "ia_addr = 2001:db8:6::14"));
    check(has(flows, "dns_server = 2001:db8::53"));
    guest_stop(&guest);
    change("network.network", VLAN, "{\"id\": \"" VLAN "\", \"provider:network_type\": \"geneve\"}");
    check(!strstr(nb("--columns=name", "list", "logical_switch_port"), "provnet-" VLAN));
    check(network_test_run("network.network", VLAN, NULL));
}

/* The floating IP goes to the second guest, and there is no way out for others. */
static void test_router_changes(void) {
    char *text = arena_text(arena, document_of(ROUTER)->text), *at = strstr(text, "\"10.5.0.11\"");

    check(at);
    memcpy(at, "\"10.5.0.12\"", strlen("\"10.5.0.12\""));
    at = strstr(text, "\"enable_snat\": true");
    check(at);
    memcpy(at, "\"enable_snat\":null ", strlen("\"enable_snat\": true"));
    change("network.router", ROUTER, text);
    check(has(nb("lr-nat-list", "neutron-" ROUTER, NULL), "snat"));
    at = strstr(text, "\"enable_snat\":null ");
    memcpy(at, "\"enable_snat\":false", strlen("\"enable_snat\": true"));
    change("network.router", ROUTER, text);
    check(IN("ext", "ip", "route", "del", "10.5.0.0/24", "via", "203.0.113.10"));
    check(comes_to(false, "g1", "eth0", "203.0.113.1"));
    check(comes_to(true, "g2", "eth0", "203.0.113.1"));
    check(!pings("ext", "203.0.113.21"));
    check(apply(document_of(ROUTER)));
    check(comes_to(true, "g1", "eth0", "203.0.113.1"));
    check(comes_to(true, "ext", "eth0", "203.0.113.21"));
}

static void test_subnet_changes(void) {
    char *text = arena_text(arena, document_of(NET)->text), *at = strstr(text, "\"mtu\": 1400");
    const char *lease;

    memcpy(at, "\"mtu\": 1333", strlen("\"mtu\": 1400"));
    change("network.network", NET, text);
    usleep(500000);
    lease = lease_of("g1");
    check(has(lease, "mtu=1333\n"));
    lease = lease_of("g2");
    check(has(lease, "mtu=1280\n"));
    check(has(lease, "domain=other.example\n"));
}

/* Every protocol with every kind of range, on both sides: each rule is either left out or compiles. */
static void test_every_rule(void) {
    static const char *const protocols[] = {"ah", "dccp", "egp", "esp", "gre", "hopopt", "icmp", "icmpv6", "igmp", "ip",
                                            "ipip", "ipv6-encap", "ipv6-frag", "ipv6-icmp", "ipv6-nonxt", "ipv6-opts",
                                            "ipv6-route", "ospf", "pgm", "rsvp", "sctp", "tcp", "udp", "udplite",
                                            "vrrp", "0", "6", "58", "255", "256", "-1", "any", "tcp\\\" || 1"};
    static const char *const ranges[] = {"null, \"port_range_max\": null", "0, \"port_range_max\": 0",
                                         "1, \"port_range_max\": 65535", "9, \"port_range_max\": 8",
                                         "8, \"port_range_max\": null", "\"x\", \"port_range_max\": 70000"};
    static const char *const remotes[] = {"\"remote_ip_prefix\": \"10.0.0.0/8\"",
                                          "\"remote_ip_prefix\": \"2001:db8::/32\"",
                                          "\"remote_ip_prefix\": \"0.0.0.0/0 || 1\"",
                                          "\"remote_group_id\": \"" OPEN_GROUP "\"",
                                          "\"remote_group_id\": \"" ID("99") "\"", "\"remote_ip_prefix\": null"};
    const char *log = arena_printf(arena, "%s/ovs/ovn-controller.log", getenv("HANEUL_OVN_DIR")), *output;
    struct buf doc = {0};
    int count = 0;

    buf_text(&doc, "{\"id\": \"" CLOSED_GROUP "\", \"security_group_rules\": [");
    for (size_t p = 0; p < sizeof protocols / sizeof protocols[0]; p++) {
        for (size_t r = 0; r < 36; r++) {
            buf_printf(&doc, "%s{\"id\": \"%08x-0000-4000-8000-000000000000\", \"direction\": \"%s\","
                       " \"ethertype\": \"%s\", \"protocol\": \"%s\", \"port_range_min\": %s, %s}",
                       count ? ", " : "", count, count % 3 ? "ingress" : "egress", count % 2 ? "IPv4" : "IPv6",
                       protocols[p], ranges[r % 6], remotes[r / 6]);
            count++;
        }
    }
    buf_text(&doc, "]}");
    change("network.security_group", CLOSED_GROUP, doc.at);
    buf_release(&doc);
    check(apply(document_of(OPEN_GROUP)));
    check(comes_to(true, "g2", "eth0", "10.5.0.11"));
    sleep(1);
    check(!run((const char *const[]){"grep", "-E", "rror parsing|Syntax error", log, NULL}, &output));
    check_text(output, "");
    check(apply(document_of(CLOSED_GROUP)));
    check(network_test_run("network.security_group", ID("99"), NULL));
}

static void server_stop(const char *name) {
    check(DO("sh", "-c", arena_printf(arena, "kill $(cat %s/%s.pid)", getenv("HANEUL_OVN_DIR"), name)));
}

static void server_start(const char *name) {
    const char *dir = getenv("HANEUL_OVN_DIR");

    check(DO("ovsdb-server", arena_printf(arena, "%s/%s.db", dir, name),
             arena_printf(arena, "--remote=punix:%s/%s.sock", dir, name),
             arena_printf(arena, "--unixctl=%s/%s.ctl", dir, name),
             arena_printf(arena, "--pidfile=%s/%s.pid", dir, name), "--detach", "--no-chdir", "-vconsole:off",
             arena_printf(arena, "--log-file=%s/%s.log", dir, name)));
}

/* A database that goes away delays what is to be done; an agent that starts anew finds all as it was. */
static void test_restarts(void) {
    server_stop("nb");
    usleep(200000);
    check(DO("true"));
    server_start("nb");
    check(apply(&guests[0].port));
    network_test_stop();
    network_test_start(&host, test_directory());
    for (int i = 0; i < 50 && !strstr(curl("g1", NULL, "/"), "status=200"); i++) {
        usleep(100000);
    }
    check(has(curl("g2", NULL, "/latest"), "X-Forwarded-For=10.5.0.12\n"));
    check(network_test_status(GUEST1, "ACTIVE", 10));
}

TEST(ovn_makes_a_cloud_that_guests_can_use) {
    struct http_server *api;
    const char *error = NULL;

    cloud_start();
    api = http_server_start(arena, &(struct http_server_options){.address = "127.0.0.1:18470", .decide = decide,
                                                                 .answer = answer}, &error);
    check(api);
    for (int i = 0; i < GUESTS; i++) {
        check(network_test_status(guests[i].port.id, "ACTIVE", 20));
    }
    test_leases();
    test_rows();
    test_reach();
    test_streams();
    test_spoof();
    test_metadata();
    test_twin();
    test_six();
    test_remote_group();
    test_address_group();
    test_forwarding();
    test_port_extensions();
    test_doors();
    test_port_changes();
    test_vlan();
    test_router_changes();
    test_subnet_changes();
    test_every_rule();
    test_restarts();
    http_server_stop(api, 1);
    cloud_stop();
}
