/* SPDX-License-Identifier: Apache-2.0
 * The fake hypervisor against the contract of all drivers, and the documents that must not reach any. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/conf.h"
#include "base/json.h"
#include "bus/agent.h"
#include "bus/bus.h"
#include "compute/console.h"
#include "compute/driver.h"
#include "compute/xml.h"
#include "compute_conformance.h"
#include "test.h"

static const char image_id[] = "99999999-2222-4333-8444-555555555555";
static const char id[] = "22222222-2222-4333-8444-555555555555";

static struct conf *conf;
static struct host host;

static struct conformance fake(void) {
    char error[256];

    conf = conf_read(NULL, error, sizeof error);
    conf_set(conf, "compute", "driver", "fake");
    host = (struct host){.conf = conf, .name = "host-1", .data = test_directory()};
    check(compute_agent_start(&host));
    return (struct conformance){
        .host = &host, .image = "/image", .format = "raw", .image_id = image_id, .volume = "/volume",
        .scratch = test_directory()};
}

static void fake_end(void) {
    conformance_release();
    conf_free(conf);
}

TEST(fake_hypervisor_keeps_the_contract_of_drivers) {
    struct conformance with = fake();

    conformance_life(&with);
    fake_end();
}

TEST(fake_hypervisor_spawns_a_thousand_servers_a_second) {
    struct conformance with = fake();
    clock_t start = clock();        /* of this process: other work on the machine does not count */

    for (int i = 0; i < 500; i++) {
        char one[40];

        snprintf(one, sizeof one, "%08x-2222-4333-8444-555555555555", i);
        check(conformance_run(&with, "compute.spawn", one, conformance_document(&with, one, 160, 0, "")));
    }
    check(clock() - start < CLOCKS_PER_SEC / 2);
    check_int(json_get(conformance_run(&with, "compute.list", host.name, NULL), "servers")->count, 500);
    fake_end();
}

TEST(hosts_of_one_process_are_different_hosts) {
    struct conformance with = fake(), other = with;
    struct host second = host;

    second.name = "host-2";
    other.host = &second;
    check(conformance_run(&with, "compute.spawn", id, conformance_document(&with, id, 160, 0, "")));
    check_int(json_get(conformance_run(&other, "compute.list", "host-2", NULL), "servers")->count, 0);
    check(!conformance_run(&other, "compute.vnc", id, NULL));
    check(conformance_run(&other, "compute.destroy", id, NULL));
    check(conformance_run(&with, "compute.vnc", id, NULL));
    fake_end();
}

TEST(paused_or_suspended_servers_refuse_what_makes_no_sense) {
    struct conformance with = fake();
    const char *doc = conformance_document(&with, id, 160, 0, "\"power\": \"shutdown\", \"action\": \"pause\"");

    check_int(json_get_int(conformance_run(&with, "compute.spawn", id, doc), "power_state", 0), POWER_SHUTDOWN);
    check(!conformance_run(&with, "compute.power", id, doc));
    check(strstr(conformance_error(), id));
    fake_end();
}

/* What the API answers in the next test, and what it heard. */
static struct {
    char wanted[256];
    const char *document;       /* of server 'id' */
    int reported;
} api;

static bool on_ask(void *user, const char *from, const char *kind, const char *its, struct json_out *answer) {
    bool list = !strcmp(kind, "compute.wanted"), one = !strcmp(kind, "compute.server") && !strcmp(its, id);

    if (list || one) {
        json_raw(answer, list ? api.wanted : api.document);
    }
    return list || one;
}

static void on_report(const char *kind, const char *its, const struct json *doc) {
    if (!strcmp(kind, "compute.power") && !strcmp(its, id)) {
        __atomic_store_n(&api.reported, (int)json_get_int(doc, "power_state", -1), __ATOMIC_SEQ_CST);
    }
}

static void on_told(void *user, const char *from, struct bus_told *told, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (told[i].kind) {
            on_report(told[i].kind, told[i].id, told[i].doc);
        }
    }
}

static bool becomes(bool (*is)(const struct conformance *), const struct conformance *with) {
    for (int i = 0; i < 500 && !is(with); i++) {
        usleep(10000);
    }
    return is(with);
}

static bool is_running(const struct conformance *with) {
    return conformance_run(with, "compute.vnc", id, NULL);
}

static bool is_reported_paused(const struct conformance *with) {
    return __atomic_load_n(&api.reported, __ATOMIC_SEQ_CST) == POWER_PAUSED;
}

/* A server that is not there is brought back; one that somebody stopped or paused is reported; one that should be off
 * is stopped; one with a task under way, whose document is null, is left alone. */
static void check_reconcile(const struct conformance *with) {
    const char *pause = conformance_document(with, id, 160, 0, "\"action\": \"pause\"");
    char name[256];

    check(becomes(is_running, with));
    check(conformance_run(with, "compute.power", id, pause));
    check(compute_agent_service.reconcile(&host));
    check(becomes(is_reported_paused, with));
    api.document = conformance_document(with, id, 160, 0, "\"power\": \"shutdown\"");
    snprintf(api.wanted, sizeof api.wanted, "{\"servers\": [{\"id\": \"%s\", \"power\": \"shutdown\"}]}", id);
    check(compute_agent_service.reconcile(&host));
    check(!is_running(with));
    snprintf(name, sizeof name, "%s/fake/host-1/%s", host.data, id);
    check(!unlink(name));
    api.document = "null";
    check(compute_agent_service.reconcile(&host));
    check_int(json_get(conformance_run(with, "compute.list", host.name, NULL), "servers")->count, 0);
}

TEST(lost_servers_are_brought_back_and_others_reported) {
    static const struct bus_handlers handlers = {.ask = on_ask, .told = on_told};
    static const struct agent_service *const services[] = {&compute_agent_service, NULL};
    struct conformance with = fake();
    struct arena *arena = arena_new(0);
    const char *error = NULL, *url = arena_printf(arena, "unix:%s/bus", host.data);
    struct bus *bus;
    struct agent *agent;

    api.document = conformance_document(&with, id, 160, 0, "");
    snprintf(api.wanted, sizeof api.wanted, "{\"servers\": [{\"id\": \"%s\", \"power\": \"running\"}]}", id);
    bus = bus_listen(url, &handlers, NULL, arena, &error);
    agent = agent_start(&(struct agent_options){.url = url, .hosts = &host, .host_count = 1, .services = services},
                        arena, &error);
    check(bus && agent);
    if (bus && agent) {
        check_reconcile(&with);
    }
    check(!agent || agent_stop(agent, 5));
    bus_close(bus);
    arena_free(arena);
    fake_end();
}

/* A member of the document and what it must not be. */
TEST(documents_that_do_not_fit_are_refused) {
    static const char *const wrong[][2] = {
        {"\"name\": \"instance-", "\"name\": \"../"},
        {"\"name\": \"instance-", "\"name\": \"a b"},
        {"\"device\": \"vda\"", "\"device\": \"../vda\""},
        {"\"device\": \"vda\"", "\"device\": \"vdb\""},
        {"\"device\": \"vda\"", "\"device\": \"vda\", \"bus\": \"floppy\""},
        {"\"source\": \"image\"", "\"source\": \"moon\""},
        {"\"source\": \"image\"", "\"source\": \"volume\""},
        {"\"source\": \"image\"", "\"source\": \"volume\", \"path\": \"relative\""},
        {"\"source\": \"image\"", "\"source\": \"volume\", \"nbd\": {\"socket\": \"relative\"}"},
        {"\"source\": \"swap\"", "\"source\": \"volume\", \"path\": \"/x\", \"format\": \"vmdk\""},
        {"\"vcpus\": 1", "\"vcpus\": 0"},
        {"\"vcpus\": 1", "\"vcpus\": \"1\""},
        {"\"ram\": 160", "\"ram\": -1"},
        {"\"mac_address\": \"fa:", "\"mac_address\": \"f':"},
        {"\"device\": \"taph", "\"device\": \"tap with a name that is too long"},
        {"\"device\": \"taph", "\"device\": \"tap/"},
        {"\"port_id\": \"0000aaaa", "\"port_id\": \"zzzzaaaa"},
        {"\"format\": \"raw\"", "\"format\": \"floppy\""},
        {"\"path\": \"/image\"", "\"path\": \"image\""},
        {"openstack/latest/meta_data.json", "../meta_data.json"},
        {"openstack/latest/meta_data.json", "/etc/passwd"},
        {"openstack/latest/meta_data.json", "a//b"},
        {"\"properties\": {}", "\"properties\": {\"hw_vif_model\": \"'/>\"}"},
        {"\"properties\": {}", "\"properties\": {\"hw_disk_bus\": \"lots\"}"},
        {"\"project_id\": \"p\"", "\"power\": \"on\""},
    };
    struct conformance with = fake();

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *doc = conformance_document(&with, id, 160, 0, ""), *at = strstr(doc, wrong[i][0]);
        char changed[4096];

        test_context(wrong[i][1]);
        check(at);
        snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - doc), doc, wrong[i][1], at + strlen(wrong[i][0]));
        check(!conformance_run(&with, "compute.spawn", id, changed));
        check(strstr(conformance_error(), id));
    }
    test_context(NULL);
    check(!conformance_run(&with, "compute.destroy", "../x", NULL));
    check_int(json_get(conformance_run(&with, "compute.list", host.name, NULL), "servers")->count, 0);
    fake_end();
}

TEST(xml_says_any_text_and_finds_it_again) {
    struct arena *arena = arena_new(0);
    struct buf buf = {0};
    struct xml xml = {.buf = &buf};
    const char *found;

    xml_begin(&xml, "a");
    XML_LEAF(&xml, "b", "k", "1");
    xml_begin(&xml, "b");
    xml_attribute(&xml, "k", "<'&\">\x01\xef\xbf\xbf");
    xml_text(&xml, "]]>&amp;");
    xml_end(&xml);
    xml_end(&xml);
    check_text(buf.at, "<a><b k='1'/><b k='&lt;&apos;&amp;&quot;&gt; \xef\xbf\xbd'>]]&gt;&amp;amp;</b></a>");
    found = xml_find(arena, buf.at, "b", "amp;", NULL);
    check_text(xml_find_attribute(arena, found, "b", "k"), "<'&\"> \xef\xbf\xbd");
    check(!xml_find(arena, buf.at, "c", NULL, NULL));
    check(!xml_find_attribute(arena, "<b", "b", "k"));
    buf_release(&buf);
    arena_free(arena);
}

/* What console_put makes of 'size' bytes, kept by 'arena'. */
static const char *console_of(struct arena *arena, const char *text, size_t size, int64_t lines) {
    struct buf buf = {0};
    struct work work = {.arena = arena, .result = {.buf = &buf}};
    const struct json *result;
    const char *error;

    json_map(&work.result);
    console_put(&work, text, size, lines);
    json_map_end(&work.result);
    result = json_parse(arena, buf.at, buf.size, &error);
    buf_release(&buf);
    return result ? json_get_text(result, "output") : error;
}

TEST(console_gives_the_last_lines_of_whatever_a_guest_writes) {
    struct arena *arena = arena_new(0);
    char *much = arena_alloc(arena, 3 * CONSOLE_MAX);

    check_text(console_of(arena, "a\nb\nc\n", 6, 2), "b\nc\n");
    check_text(console_of(arena, "a\nb\nc", 5, 2), "b\nc");
    check_text(console_of(arena, "a\nb\nc\n", 6, 9), "a\nb\nc\n");
    check_text(console_of(arena, "a\nb\n", 4, 0), "a\nb\n");
    check_text(console_of(arena, "", 0, 5), "");
    check_text(console_of(arena, "\n\n\n", 3, 1), "\n");
    check_text(console_of(arena, "a\xff\0b\xc3\xa9\xc3", 7, 0), "a\xef\xbf\xbd" "b\xc3\xa9\xef\xbf\xbd");
    memset(much, 'x', 3 * CONSOLE_MAX);
    check(strlen(console_of(arena, much, 3 * CONSOLE_MAX, 0)) <= CONSOLE_MAX + 1);
    check(strlen(console_of(arena, much, 3 * CONSOLE_MAX, 1)) <= CONSOLE_MAX + 1);
    arena_free(arena);
}
