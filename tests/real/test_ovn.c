/* SPDX-License-Identifier: Apache-2.0
 * The OVN driver with a real OVN (with-ovn): the contract of all drivers, what stands in the northbound database, and
 * guests - namespaces with a device on the integration bridge - that get their address by DHCP, reach each other as
 * their security groups say, are reached by floating IP, and ask the metadata service. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/conf.h"
#include "base/json.h"
#include "base/run.h"
#include "network_conformance.h"
#include "test.h"

static struct conf *conf;
static struct host host;

static void ovn_start(void) {
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

static void ovn_stop(void) {
    network_test_stop();
    conf_free(conf);
}

TEST(ovn_keeps_the_contract_of_drivers) {
    ovn_start();
    network_conformance(&host);
    ovn_stop();
}
