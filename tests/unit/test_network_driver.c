/* SPDX-License-Identifier: Apache-2.0
 * The fake network driver against the contract of all drivers, and that it remembers. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/conf.h"
#include "base/json.h"
#include "network_conformance.h"
#include "test.h"

#define PORT "b1000000-0000-4000-8000-000000000001"
#define NETWORK "b1000000-0000-4000-8000-000000000002"

static struct conf *conf;
static struct host host;

static void fake_start(void) {
    char error[256];

    conf = conf_read(NULL, error, sizeof error);
    conf_set(conf, "network", "driver", "fake");
    host = (struct host){.conf = conf, .name = "host-1", .data = test_directory(), .bridge = "br-int",
                         .bridge_external = "br-ex"};
    network_test_start(&host, test_directory());
}

static void fake_stop(void) {
    network_test_stop();
    conf_free(conf);
}

TEST(fake_network_keeps_the_contract_of_drivers) {
    fake_start();
    network_conformance(&host);
    fake_stop();
}

TEST(fake_network_ports_are_up_when_bound) {
    fake_start();
    check(network_test_run("network.port", PORT, "{\"network_id\": \"" NETWORK "\", \"binding:host_id\": \"\"}"));
    check(network_test_status(PORT, "DOWN", 2));
    check(network_test_run("network.port", PORT, "{\"network_id\": \"" NETWORK "\", \"binding:host_id\": \"host-1\"}"));
    check(network_test_status(PORT, "ACTIVE", 2));
    fake_stop();
}

TEST(fake_network_outlives_its_process_where_it_may) {
    char path[256];

    snprintf(path, sizeof path, "%s/fake", test_directory());
    check(!mkdir(path, 0700));
    fake_start();
    check(network_test_run("network.network", NETWORK, "{\"name\": \"kept\"}"));
    check(network_test_run("network.network", PORT, "{\"name\": \"gone\"}"));
    check(network_test_run("network.network", PORT, NULL));
    fake_stop();
    fake_start();
    check_text(json_get(network_test_run("network.list", "host-1", NULL), "networks")->first->text, NETWORK);
    check_int(json_get(network_test_run("network.list", "host-1", NULL), "networks")->count, 1);
    fake_stop();
}
