/* SPDX-License-Identifier: Apache-2.0
 * The libvirt driver with a real guest: the contract of all drivers, what it tells unasked, and what survives a restart
 * of libvirt. Runs beside a libvirt of its own (with-libvirt); HANEUL_TEST_IMAGE is the guest image, qcow2. */
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/json.h"
#include "base/run.h"
#include "bus/agent.h"
#include "bus/bus.h"
#include "compute/driver.h"
#include "compute_conformance.h"
#include "test.h"

enum { BOOT_SECONDS = 120 };

static const char id[] = "33333333-2222-4333-8444-555555555555";

static struct host host;
static struct conformance with;
static int64_t reported = -1;           /* the last power that was told of server 'id' */

static void on_report(const char *kind, const char *its, const struct json *doc) {
    if (!strcmp(kind, "compute.power") && !strcmp(its, id)) {
        __atomic_store_n(&reported, json_get_int(doc, "power_state", -1), __ATOMIC_SEQ_CST);
    }
}

static void on_told(void *user, const char *from, struct bus_told *told, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (told[i].kind) {
            on_report(told[i].kind, told[i].id, told[i].doc);
        }
    }
}

static bool reported_in_time(int64_t power, int seconds) {
    for (int i = 0; i < seconds * 10; i++) {
        if (__atomic_load_n(&reported, __ATOMIC_SEQ_CST) == power) {
            return true;
        }
        usleep(100000);
    }
    test_fail(__FILE__, __LINE__, "the last report is %lld, not %lld", (long long)reported, (long long)power);
    return false;
}

static const char *document;            /* of server 'id', which should be running; null: there should be none */

static bool on_ask(void *user, const char *from, const char *kind, const char *its, struct json_out *answer) {
    bool list = !strcmp(kind, "compute.wanted"), one = !strcmp(kind, "compute.server") && !strcmp(its, id);

    if (list) {
        json_raw(answer, document ? "{\"servers\": [{\"id\": \"33333333-2222-4333-8444-555555555555\","
                                    " \"power\": \"running\"}]}"
                                  : "{\"servers\": []}");
    } else if (one) {
        json_raw(answer, document);
    }
    return list || one;
}

/* Starts the agent, with a listener that hears its reports and answers its questions. */
static void bus_start(const char *directory) {
    static const struct bus_handlers handlers = {.told = on_told, .ask = on_ask};
    static const struct agent_service *const services[] = {&compute_agent_service, NULL};
    static struct arena *arena;
    const char *error = NULL, *url;

    arena = arena_new(0);
    url = arena_printf(arena, "unix:%s/bus", directory);
    check(bus_listen(url, &handlers, NULL, arena, &error));
    check(agent_start(&(struct agent_options){.url = url, .hosts = &host, .host_count = 1, .services = services}, arena,
                      &error));
}

static const char *volume_make(const char *directory) {
    static char path[256];
    int fd;

    snprintf(path, sizeof path, "%s/volume", directory);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    check(fd >= 0 && !ftruncate(fd, 64 << 20) && !close(fd));
    return path;
}

/* Starts the driver once for all tests; false when there is nothing to test with. */
static bool ready(void) {
    const char *directory = getenv("HANEUL_TEST_DIR"), *image = getenv("HANEUL_TEST_IMAGE");
    char error[256];

    if (!directory || !image) {
        test_skip("HANEUL_TEST_DIR or HANEUL_TEST_IMAGE is not set");
        return false;
    }
    if (!host.name) {
        host = (struct host){
            .conf = conf_read(NULL, error, sizeof error),
            .name = "host-1",
            .data = directory,
            .libvirt_uri = "qemu:///system",
            .userspace_datapath = true,
        };
        with = (struct conformance){
            .host = &host, .image = image, .format = "qcow2", .image_id = "99999999-2222-4333-8444-555555555555",
            .volume = volume_make(directory), .scratch = directory, .boot_seconds = BOOT_SECONDS};
        bus_start(directory);
    }
    return true;
}

static const struct json *spawn(const char *more) {
    const struct json *result = conformance_run(&with, "compute.spawn", id, conformance_document(&with, id, 160, 0, more));

    if (!result) {
        test_fail(__FILE__, __LINE__, "%s", conformance_error());
    }
    return result;
}

static void destroy(void) {
    if (!conformance_run(&with, "compute.destroy", id, NULL)) {
        test_fail(__FILE__, __LINE__, "%s", conformance_error());
    }
}

/* The same without the image's path, as when the image was deleted. */
static const char *image_less(const char *doc) {
    char *path = strstr(doc, "\"path\"");

    check(path);
    memcpy(path, "\"gone\"", 6);
    return doc;
}

static const char *console(void) {
    return json_get_text(conformance_run(&with, "compute.console_log", id, NULL), "output");
}

TEST(libvirt_keeps_the_contract_of_drivers) {
    if (ready()) {
        conformance_life(&with);
    }
}

TEST(facts_of_the_host_are_told) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    struct arena *arena = arena_new(0);
    const struct json *facts;
    const char *error;

    if (ready()) {
        json_map(&out);
        check(compute_agent_service.facts(&host, &out));
        json_map_end(&out);
        facts = json_parse(arena, buf.at, buf.size, &error);
        check(json_get_int(facts, "vcpus", 0) > 0 && json_get_int(facts, "memory_mb", 0) > 100);
        check(json_get_int(facts, "disk_gb", 0) > 0 && json_get_int(facts, "hypervisor_version", 0) > 1000000);
        check_text(json_get_text(json_get(facts, "cpu_info"), "arch"), "x86_64");
        check(json_get(facts, "traits")->count > 10);
    }
    buf_release(&buf);
    arena_free(arena);
}

TEST(guest_gets_its_config_drive_and_its_own_shutdown_is_reported) {
    if (!ready()) {
        return;
    }
    check(spawn("\"user\": 1"));
    check(conformance_booted(&with, id));
    check(strstr(console(), "BOOT COMPLETE from-config-drive"));
    check(strstr(console(), "user data ran"));
    check(if_nametoindex("taph33333333"));
    check(reported_in_time(POWER_RUNNING, 5));
    check(!system("virsh -c qemu:///system shutdown 33333333-2222-4333-8444-555555555555 >/dev/null"));
    check(reported_in_time(POWER_SHUTDOWN, 60));
    destroy();
    check(!if_nametoindex("taph33333333"));
    conformance_release();
}

/* What was reported may be from before the restart: the driver is asked until it has a connection again. */
static bool display_in_time(int seconds) {
    for (int i = 0; i < seconds * 10; i++) {
        if (conformance_run(&with, "compute.vnc", id, NULL)) {
            return true;
        }
        usleep(100000);
    }
    return false;
}

TEST(servers_outlive_a_restart_of_libvirt_and_lost_ones_come_back) {
    const char *restart = "kill $(cat $HANEUL_TEST_DIR/libvirtd.pid); sleep 1;"
                          " libvirtd -d -p $HANEUL_TEST_DIR/libvirtd.pid";
    const char *crash = "kill -9 $(cat $HANEUL_TEST_DIR/libvirtd.pid) $(cat /run/libvirt/qemu/instance-*.pid); sleep 1;"
                        " libvirtd -d -p $HANEUL_TEST_DIR/libvirtd.pid";

    if (!ready()) {
        return;
    }
    check(spawn(""));
    reported = -1;
    check(!system(restart));
    check(reported_in_time(POWER_RUNNING, 15));
    check(display_in_time(15));
    check(!system(crash));
    sleep(3);
    check(!conformance_run(&with, "compute.vnc", id, NULL));
    document = image_less(conformance_document(&with, id, 160, 0, ""));
    check(compute_agent_service.reconcile(&host));
    check(conformance_run(&with, "compute.vnc", id, NULL));
    document = NULL;
    destroy();
    conformance_release();
}

/* What libvirt refuses, it refuses when the domain is defined. */
TEST(every_image_property_makes_a_domain_that_libvirt_takes) {
    static const char *const properties[] = {
        "{\"hw_machine_type\": \"q35\", \"hw_vif_model\": \"e1000e\"}",
        "{\"hw_disk_bus\": \"scsi\", \"hw_scsi_model\": \"virtio-scsi\"}",
        "{\"hw_disk_bus\": \"virtio\", \"hw_cdrom_bus\": \"virtio\"}",
        "{\"hw_video_model\": \"virtio\", \"hw_pointer_model\": \"usbtablet\", \"os_type\": \"windows\"}",
        "{\"hw_video_model\": \"none\", \"hw_vif_model\": \"rtl8139\"}",
        "{\"hw_qemu_guest_agent\": \"yes\", \"hw_watchdog_action\": \"reset\"}",
        "{\"hw_cpu_sockets\": \"1\", \"hw_cpu_cores\": \"x\", \"hw_cpu_threads\": \"99999999999\"}",
        "{\"hw_machine_type\": \"'/><evil/>q35\", \"hw_video_model\": \"'\", \"hw_watchdog_action\": \"<\"}",
    };
    struct conformance other;

    for (size_t i = 0; ready() && i < sizeof properties / sizeof *properties; i++) {
        test_context(properties[i]);
        other = with;
        other.properties = properties[i];
        if (!conformance_run(&other, "compute.spawn", id,
                             conformance_document(&other, id, 160, 0, "\"power\": \"shutdown\""))) {
            test_fail(__FILE__, __LINE__, "%s", conformance_error());
        }
        destroy();
    }
    test_context(NULL);
    conformance_release();
}

TEST(volume_behind_nbd_is_attached_and_let_go) {
    static const char disk[] = "{\"disk\": {\"source\": \"volume\", \"device\": \"vdc\", \"format\": \"raw\","
                               " \"serial\": \"0000cccc-0000-4000-8000-000000000001\","
                               " \"nbd\": {\"host\": \"127.0.0.1\", \"port\": 10999, \"name\": \"volume-1\"}}}";

    if (!ready()) {
        return;
    }
    check(!system("qemu-nbd --fork --persistent -f raw -b 127.0.0.1 -p 10999 -x volume-1"
                  " --pid-file $HANEUL_TEST_DIR/nbd.pid $HANEUL_TEST_DIR/volume"));
    check(spawn(""));
    check(conformance_booted(&with, id));
    check(conformance_run(&with, "compute.attach_volume", id, disk));
    check(!system("virsh -c qemu:///system domblklist 33333333-2222-4333-8444-555555555555 | grep -q vdc"));
    check(conformance_run(&with, "compute.detach_volume", id, disk));
    check(system("virsh -c qemu:///system domblklist 33333333-2222-4333-8444-555555555555 | grep -q vdc"));
    destroy();
    check(!system("kill $(cat $HANEUL_TEST_DIR/nbd.pid)"));
    conformance_release();
}

TEST(images_that_refer_to_other_files_are_refused) {
    struct conformance hostile = with;
    struct arena *arena = arena_new(0);
    struct run_result result;
    const char *image;

    if (ready()) {
        hostile = with;
        image = arena_printf(arena, "%s/hostile", with.scratch);
        check(RUN(arena, &result, "qemu-img", "create", "-q", "-f", "qcow2", "-b", "/etc/passwd", "-F", "raw", image));
        hostile.image = image;
        hostile.image_id = "99999999-2222-4333-8444-666666666666";
        check(!conformance_run(&hostile, "compute.spawn", id, conformance_document(&hostile, id, 160, 0, "")));
        check(strstr(conformance_error(), "backing file"));
        destroy();
        conformance_release();
    }
    arena_free(arena);
}
