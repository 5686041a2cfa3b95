/* SPDX-License-Identifier: Apache-2.0
 * The switch of a host: databases, bridges, chassis settings (ovn-controller(8), "CONFIGURATION"), and the host's own
 * leg in the external network, through which floating addresses are reached and guests reach the world. */
#include <errno.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/run.h"
#include "bus/work.h"
#include "cmd/engines.h"
#include "cmd/engines_private.h"

LOG_MODULE("host.network");

bool run_or(struct arena *arena, const char **ret_error, const char *const *argv) {
    struct run_result result;

    if (run_program(arena, &(struct run){.argv = argv, .timeout_ms = 20000}, &result)) {
        return true;
    }
    *ret_error = arena_printf(arena, "%s: %s", argv[0], result.errors);
    return false;
}
#define DO(...) run_or(arena, ret_error, (const char *const[]){__VA_ARGS__, NULL})

static bool database_make(struct arena *arena, const char *file, const char *schema, const char **ret_error) {
    struct run_result result;

    if (access(file, F_OK)) {
        return DO("ovsdb-tool", "create", file, schema);
    }
    if (!RUN(arena, &result, "ovsdb-tool", "needs-conversion", file, schema)) {
        *ret_error = arena_printf(arena, "%s: %s", file, result.errors);
        return false;
    }
    return strncmp(result.output, "yes", 3) || DO("ovsdb-tool", "convert", file, schema);
}

bool databases_make(struct arena *arena, const char *base, const char **ret_error) {
    static const char *const files[][3] = {
        {"ovn/nb.db", "ovn-nb", "/usr/share/ovn/ovn-nb.ovsschema"},
        {"ovn/sb.db", "ovn-sb", "/usr/share/ovn/ovn-sb.ovsschema"},
        {"ovs/conf.db", "ovsdb", "/usr/share/openvswitch/vswitch.ovsschema"},
    };

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const char *pid = arena_printf(arena, "%s/run/%s.pid", base, files[i][1]);

        /* A server that runs holds the lock of its file, and converted it when it started. */
        if (access(pid, F_OK)
            && !database_make(arena, arena_printf(arena, "%s/%s", base, files[i][0]), files[i][2], ret_error)) {
            return false;
        }
    }
    return true;
}

static const char *switch_get(struct arena *arena, const struct host *host, const char *key) {
    struct run_result result;
    const char *db = arena_printf(arena, "--db=%s", host->ovs);

    if (!RUN(arena, &result, "ovs-vsctl", db, "--timeout=10", "--if-exists", "get", "open_vswitch", ".",
             arena_printf(arena, "external_ids:%s", key))) {
        return "";
    }
    return arena_text_size(arena, result.output, strcspn(result.output, "\n"));
}

/* A switch that another OVN drives is not ours to change. */
static bool switch_is_ours(struct arena *arena, const struct host *host, const char **ret_error) {
    const char *remote = switch_get(arena, host, "ovn-remote");

    if (*remote && !strstr(remote, host->ovn_sb)) {
        *ret_error = arena_printf(arena, "Open vSwitch at %s belongs to another OVN (ovn-remote=%s): free it, or run "
                                  "this cloud with [host] engines = own in a network namespace of its own",
                                  host->ovs, remote);
        return false;
    }
    return true;
}

/* Chassis settings; a name that the system gave its chassis stays. */
static bool chassis_set(struct arena *arena, const struct host *host, bool own, const char **ret_error) {
    const char *db = arena_printf(arena, "--db=%s", host->ovs);
    const char *id = own ? "" : switch_get(arena, host, "system-id");

#define SET(key, ...) arena_printf(arena, "external_ids:" key "=" __VA_ARGS__)
    return DO("ovs-vsctl", db, "--timeout=10", "--no-wait", "set", "open_vswitch", ".",
              *id ? SET("system-id", "%s", id) : SET("system-id", "\"%s\"", host->name),
              SET("hostname", "\"%s\"", host->name), SET("ovn-remote", "\"%s\"", host->ovn_sb),
              SET("ovn-encap-type", "geneve"),
              SET("ovn-encap-ip", "\"%s\"", conf_text(host->conf, "host", "encap_ip", "127.0.0.1")),
              SET("ovn-bridge", "\"%s\"", host->bridge),
              SET("ovn-bridge-mappings", "\"physnet1:%s\"", host->bridge_external),
              SET("ovn-bridge-datapath-type", "%s", host->userspace_datapath ? "netdev" : "system"),
              SET("ovn-monitor-all", "true"));
#undef SET
}

static bool bridges_make(struct arena *arena, const struct host *host, const char **ret_error) {
    const char *db = arena_printf(arena, "--db=%s", host->ovs), *in = host->bridge, *ex = host->bridge_external;
    const char *type = host->userspace_datapath ? "datapath_type=netdev" : "datapath_type=system";
    const char *card = conf_text(host->conf, "host", "external_port", "");

    return DO("ovs-vsctl", db, "--timeout=10", "--may-exist", "add-br", in, "--", "set", "bridge", in, type,
              "fail_mode=secure", "--", "--may-exist", "add-br", ex, "--", "set", "bridge", ex, type)
           && (!*card || DO("ovs-vsctl", db, "--timeout=10", "--may-exist", "add-port", ex, card));
}

/* Guests reach the world behind the host's address: a table of ours, named by the bridge. */
static bool nat_set(struct arena *arena, const char *bridge, const char *address, const char **ret_error) {
    const char *rules = arena_printf(arena,
        "add table ip haneul-%s\n"
        "delete table ip haneul-%s\n"
        "table ip haneul-%s {\n"
        "  chain postrouting {\n"
        "    type nat hook postrouting priority srcnat; policy accept;\n"
        "    ip saddr %s oifname != { \"%s\", \"lo\" } masquerade\n"
        "  }\n"
        "}\n", bridge, bridge, bridge, address, bridge);
    struct run_result result;
    int fd = open("/proc/sys/net/ipv4/ip_forward", O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, "1", 1) != 1) {
        log_warn("cannot turn on forwarding: guests do not reach the world");
    }
    if (fd >= 0) {
        close(fd);
    }
    if (!run_program(arena, &(struct run){.argv = (const char *const[]){"nft", "-f", "-", NULL}, .input = rules,
                                          .input_size = strlen(rules)}, &result)) {
        *ret_error = arena_printf(arena, "nft: %s", result.errors);
        return false;
    }
    return true;
}

/* ovs-vsctl waits for the switch only when it changed something: after a restart the devices come a moment later. */
static void device_wait(const char *name) {
    for (int i = 0; i < 500 && !if_nametoindex(name); i++) {
        usleep(10000);
    }
}

static bool external_address_set(struct arena *arena, const struct host *host, const char **ret_error) {
    const char *address = conf_text(host->conf, "host", "external_address", "172.24.4.1/24");
    const char *bridge = host->bridge_external, *error = NULL;

    if (!*address) {
        return true;
    }
    device_wait(bridge);
    if (!DO("ip", "address", "replace", address, "dev", bridge) || !DO("ip", "link", "set", bridge, "up")) {
        return false;
    }
    if (conf_bool(host->conf, "host", "nat", true) && !nat_set(arena, bridge, address, &error)) {
        log_warn("guests do not reach the world: %s", error);
    }
    return true;
}

bool network_prepare(struct arena *arena, const struct host *host, bool own_ovs, const char **ret_error) {
    return (!own_ovs || DO("ovs-vsctl", arena_printf(arena, "--db=%s", host->ovs), "--no-wait", "init"))
           && switch_is_ours(arena, host, ret_error) && chassis_set(arena, host, own_ovs, ret_error)
           && bridges_make(arena, host, ret_error) && external_address_set(arena, host, ret_error);
}

/* Guests' taps and the metadata proxies' cards: what is plugged into the integration bridge. */
static void devices_unplug(struct arena *arena, const char *db, const char *bridge) {
    struct run_result ports, result;
    char *rest;

    if (!RUN(arena, &ports, "ovs-vsctl", db, "--timeout=10", "list-ports", bridge)) {
        return;
    }
    rest = arena_text(arena, ports.output);
    for (char *port = strsep(&rest, "\n"); port; port = strsep(&rest, "\n")) {
        if (if_nametoindex(port)) {
            RUN(arena, &result, "ip", "link", "delete", port);
        }
    }
}

/* The namespaces of the metadata proxies, one for each network that OVN knows. */
static void namespaces_remove(struct arena *arena, const char *nb) {
    struct run_result names, result;
    char *rest;

    if (!RUN(arena, &names, "ovn-nbctl", arena_printf(arena, "--db=%s", nb), "--timeout=10", "--bare", "--columns=name",
             "list", "logical_switch")) {
        return;
    }
    rest = arena_text(arena, names.output);
    for (char *name = strsep(&rest, "\n"); name; name = strsep(&rest, "\n")) {
        const char *id = strncmp(name, "neutron-", 8) ? name : name + 8;
        const char *space = arena_printf(arena, "ovnmeta-%s", id);

        if (!access(arena_printf(arena, "/run/netns/%s", space), F_OK)) {
            RUN(arena, &result, "ip", "netns", "delete", space);
        }
    }
}

void network_remove(struct arena *arena, const struct host *host, bool own_ovs) {
    const struct conf *conf = host->conf;
    const char *bridge = conf_text(conf, "host", "external_bridge", "br-ex");
    const char *db = arena_printf(arena, "--db=%s", host->ovs);
    struct run_result result;

    devices_unplug(arena, db, conf_text(conf, "host", "bridge", "br-int"));
    namespaces_remove(arena, host->ovn_nb);
    RUN(arena, &result, "nft", "delete", "table", "ip", arena_printf(arena, "haneul-%s", bridge));
    if (!own_ovs) {
        RUN(arena, &result, "ovs-vsctl", db, "--timeout=10", "--if-exists", "del-br", bridge, "--", "--if-exists",
            "del-br", conf_text(conf, "host", "bridge", "br-int"), "--", "remove", "open_vswitch", ".",
            "external_ids", "ovn-remote", "--", "remove", "open_vswitch", ".", "external_ids", "ovn-bridge-mappings");
    }
}

/* Asks the kernel for the generic netlink family of Open vSwitch's datapath. */
static bool datapath_family(void) {
    struct {
        struct nlmsghdr header;
        struct genlmsghdr family;
        struct nlattr attribute;
        char name[16];
    } request = {
        .header = {.nlmsg_len = sizeof request, .nlmsg_type = GENL_ID_CTRL, .nlmsg_flags = NLM_F_REQUEST},
        .family = {.cmd = CTRL_CMD_GETFAMILY, .version = 1},
        .attribute = {.nla_len = NLA_HDRLEN + sizeof "ovs_datapath", .nla_type = CTRL_ATTR_FAMILY_NAME},
        .name = "ovs_datapath",
    };
    union {
        struct nlmsghdr header;
        char bytes[4096];
    } answer;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
    bool ok = fd >= 0 && send(fd, &request, sizeof request, 0) == sizeof request
              && recv(fd, &answer, sizeof answer, 0) >= (ssize_t)sizeof answer.header
              && answer.header.nlmsg_type == GENL_ID_CTRL;

    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

bool kernel_has_openvswitch(void) {
    struct arena *arena = arena_new(0);
    struct run_result result;
    bool has = datapath_family();

    if (!has) {
        RUN(arena, &result, "modprobe", "-q", "openvswitch");
        has = datapath_family();
    }
    arena_free(arena);
    return has;
}
