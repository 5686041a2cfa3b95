/* SPDX-License-Identifier: Apache-2.0
 * Published attacks by way of disk images (docs/security-cases.md), where the host's tools meet the bytes: what a guest wrote
 * on its raw disk is data whatever it looks like, and an image cannot make a tool read or fill the host. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/conf.h"
#include "base/json.h"
#include "base/run.h"
#include "bus/work.h"
#include "compute/disks.h"
#include "compute/files.h"
#include "compute/image_cache.h"
#include "compute/document.h"
#include "test.h"
#include "volume/driver.h"

static const char id[] = "22222222-2222-4333-8444-555555555555";
static const char volume_id[] = "11111111-2222-4333-8444-555555555555";
static const char canary[] = "canary of the host";

static struct conf *conf;
static struct host host;
static struct arena *arena;
static const char *secret;      /* a file of the host, which holds the canary */

static struct work work_new(const char *kind) {
    return (struct work){.host = &host, .arena = arena, .kind = kind, .id = id};
}

static const char *path_in(const char *name) {
    return arena_printf(arena, "%s/%s", host.data, name);
}

static void write_file(const char *path, const void *bytes, size_t size, off_t whole) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    check(fd >= 0 && pwrite(fd, bytes, size, 0) == (ssize_t)size && !ftruncate(fd, whole) && !close(fd));
}

static void begin(void) {
    char error[256];

    arena = arena_new(0);
    conf = conf_read(NULL, error, sizeof error);
    conf_set(conf, "volume", "driver", "file");
    host = (struct host){.conf = conf, .name = "host-1", .data = test_directory()};
    check(!chmod(host.data, 0711) && !mkdir(path_in("images"), 0755) && disks_prepare(&host) && volume_agent_start(&host));
    check(!mkdir(path_in(arena_printf(arena, "instances/%s", id)), 0711));
    secret = path_in("secret");
    write_file(secret, canary, sizeof canary, 1 << 20);
}

static void end(void) {
    conf_free(conf);
    arena_free(arena);
}

/* True when the canary stands in the file. */
static bool leaked(const char *path) {
    int fd = open(path, O_RDONLY);
    char *bytes = arena_alloc(arena, 4 << 20);
    ssize_t size = fd < 0 ? 0 : read(fd, bytes, 4 << 20);

    if (fd >= 0) {
        close(fd);
    }
    return size > 0 && memmem(bytes, (size_t)size, canary, sizeof canary - 1);
}

static bool begins_with(const char *path, const char *other, size_t size) {
    char a[4096], b[4096];
    int first = open(path, O_RDONLY), second = open(other, O_RDONLY);
    bool same = first >= 0 && second >= 0 && size <= sizeof a && read(first, a, size) == (ssize_t)size
                && read(second, b, size) == (ssize_t)size && !memcmp(a, b, size);

    close(first);
    close(second);
    return same;
}

#define MAKE(...) check(RUN(arena, &(struct run_result){0}, "qemu-img", __VA_ARGS__))

/* Images that qemu-img itself makes, with the file of the host in them. */
static const struct hostile {
    const char *name, *format;
} hostiles[] = {{"backing", "qcow2"}, {"data", "qcow2"}, {"json", "qcow2"}, {"flat", "vmdk"}, {"descriptor", "vmdk"}};
enum { HOSTILES = sizeof hostiles / sizeof *hostiles };

static void hostiles_make(void) {
    const char *json = arena_printf(arena, "json:{\"driver\": \"raw\", \"file\": {\"driver\": \"file\", \"filename\": \"%s\"}}",
                                    secret);
    const char *descriptor = arena_printf(arena,
        "# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType=\"monolithicFlat\"\n"
        "RW 2048 FLAT \"%s\" 0\nddb.adapterType = \"ide\"\n", secret);

    MAKE("create", "-q", "-f", "qcow2", "-b", secret, "-F", "raw", path_in("images/backing"));
    MAKE("create", "-q", "-f", "qcow2", "-u", "-b", json, "-F", "raw", path_in("images/json"), "1M");
    MAKE("create", "-q", "-f", "qcow2", "-o", arena_printf(arena, "data_file=%s,data_file_raw=on", secret), path_in("images/data"),
         "1M");
    write_file(secret, canary, sizeof canary, 1 << 20);     /* qemu-img made it anew */
    write_file(path_in("images/descriptor"), descriptor, strlen(descriptor), (off_t)strlen(descriptor));
    write_file(path_in("images/flat"), descriptor, strlen(descriptor), 1 << 20);
}

TEST(CVE_2024_32498_CVE_2022_47951_images_that_name_files_become_no_base_of_servers) {
    begin();
    hostiles_make();
    for (int i = 0; i < HOSTILES; i++) {
        struct work work = work_new("compute.spawn");
        const char *base = server_path(arena, &host, id, "base");
        struct server_image image = {.id = arena_printf(arena, "9999999%d-2222-4333-8444-555555555555", i),
                                     .path = path_in(arena_printf(arena, "images/%s", hostiles[i].name)),
                                     .format = hostiles[i].format};

        test_context(hostiles[i].name);
        check(!image_link(&work, &image, base, 0) && work.error && access(base, F_OK));
        check(!leaked(server_path(arena, &host, "_base", image.id)));
    }
    test_context(NULL);
    end();
}

TEST(CVE_2024_40767_images_labelled_raw_are_raw_whatever_they_hold) {
    begin();
    hostiles_make();
    for (int i = 0; i < HOSTILES; i++) {
        struct work work = work_new("compute.spawn");
        const char *base = server_path(arena, &host, id, "base");
        const char *path = path_in(arena_printf(arena, "images/%s", hostiles[i].name));
        struct server_image image = {.id = arena_printf(arena, "9999999%d-2222-4333-8444-555555555555", i), .path = path,
                                     .format = "raw"};

        test_context(hostiles[i].name);
        check(image_link(&work, &image, base, 0));
        check(begins_with(base, path, 64) && !leaked(base));
    }
    test_context(NULL);
    end();
}

static bool volume_run(const char *kind, const char *doc, const char **ret_error) {
    struct buf buf = {0};
    struct work work = {.host = &host, .arena = arena, .kind = kind, .id = volume_id, .result = {.buf = &buf}};
    bool ok = false;

    work.doc = json_parse(arena, doc, strlen(doc), NULL);
    json_map(&work.result);
    for (const struct work_kind *known = volume_work; known->name; known++) {
        ok = strcmp(known->name, kind) ? ok : known->run(&work);
    }
    json_map_end(&work.result);
    *ret_error = work.error ? work.error : "";
    buf_release(&buf);
    return ok;
}

static const char *image_uuid(int i) {
    return arena_printf(arena, "9999999%d-2222-4333-8444-555555555555", i);
}

TEST(CVE_2024_32498_CVE_2022_47951_images_that_name_files_become_no_volumes) {
    const char *volume = NULL, *error;

    begin();
    hostiles_make();
    volume = path_in(arena_printf(arena, "volumes/volume-%s", volume_id));
    for (int i = 0; i < HOSTILES; i++) {
        test_context(hostiles[i].name);
        check(!rename(path_in(arena_printf(arena, "images/%s", hostiles[i].name)),
                      path_in(arena_printf(arena, "images/%s", image_uuid(i)))));
        check(!volume_run("volume.create", arena_printf(arena, "{\"size\": 1, \"image\": {\"id\": \"%s\", \"format\": \"%s\"}}",
                                                        image_uuid(i), hostiles[i].format), &error));
        check(*error && !strstr(error, canary) && access(volume, F_OK));
    }
    test_context(NULL);
    end();
}

TEST(CVE_2013_2096_a_disk_without_end_fills_no_host) {
    struct server_image image = {.format = "qcow2"};
    const char *base, *error;
    struct work work;
    struct stat st;

    begin();
    work = work_new("compute.spawn");
    image.id = image_uuid(0);
    image.path = path_in(arena_printf(arena, "images/%s", image.id));
    base = server_path(arena, &host, id, "base");
    MAKE("create", "-q", "-f", "qcow2", "-o", "preallocation=off", image.path, "10T");
    check(!image_link(&work, &image, base, 1LL << 30) && strstr(work.error, "larger than"));
    check(stat(server_path(arena, &host, "_base", image.id), &st));
    check(!volume_run("volume.create", arena_printf(arena, "{\"size\": 1, \"image\": {\"id\": \"%s\", \"format\": \"qcow2\"}}",
                                                    image.id), &error));
    check(strstr(error, "too large") != NULL);
    end();
}

/* A disk of a server whose guest wrote the header of a qcow2 over it: 'disk' is a qcow2 of ours, and the header is data. */
static void hostile_disk_make(const char *disk, const char *content) {
    const char *base = server_path(arena, &host, id, "base");

    MAKE("create", "-q", "-f", "qcow2", "-u", "-b", secret, "-F", "raw", content, "1M");
    MAKE("convert", "-f", "raw", "-O", "raw", content, base);
    check(!truncate(base, 1 << 20));
    MAKE("create", "-q", "-f", "qcow2", "-b", "base", "-F", "raw", disk, "2M");
}

TEST(CVE_2015_7548_CVE_2016_2140_a_header_that_a_guest_wrote_is_data) {
    struct server_disk disk = {.source = DISK_IMAGE, .device = "vda", .size = 4 << 20};
    struct server server = {.id = id, .disks = &disk, .disk_count = 1};
    const char *path, *content, *out;
    struct buf buf = {0};
    struct work work;

    begin();
    path = server_path(arena, &host, id, "disk");
    content = path_in("content");
    out = path_in("images/out");
    hostile_disk_make(path, content);
    work = work_new("compute.resize");
    work.result.buf = &buf;
    json_map(&work.result);
    check(disks_keep(&work, &server) && disks_grow(&work, &server) && disks_forget(&work, &server, false));
    check(disk_export(&work, path, out, "raw") && disk_deliver(&work, out, "raw"));
    check(begins_with(out, content, 512) && !leaked(out));
    check(disk_export(&work, path, out, "qcow2") && disk_deliver(&work, out, "qcow2"));
    check(!leaked(out));
    buf_release(&buf);
    end();
}

/* A compromised hypervisor may write anything into the qcow2 itself: the tools see the server's own files alone. */
TEST(CVE_2015_7548_a_disk_that_names_another_file_is_not_exported) {
    const char *path, *out;
    struct work work;

    begin();
    path = server_path(arena, &host, id, "disk");
    out = path_in("images/out");
    MAKE("create", "-q", "-f", "qcow2", "-b", secret, "-F", "raw", path);
    work = work_new("compute.snapshot");
    check(!chmod(secret, 0600));
    check(!disk_export(&work, path, out, "raw") && !leaked(out));
    end();
}

TEST(CVE_2015_1850_CVE_2015_1851_a_volume_is_raw_whatever_its_guest_wrote) {
    const char *volume, *out, *content, *error;
    struct stat st;

    begin();
    volume = path_in(arena_printf(arena, "volumes/volume-%s", volume_id));
    content = path_in("content");
    out = path_in(arena_printf(arena, "images/%s", image_uuid(0)));
    check(volume_run("volume.create", "{\"size\": 1}", &error));
    MAKE("create", "-q", "-f", "qcow2", "-u", "-b", secret, "-F", "raw", content, "1M");
    check(!stat(content, &st));
    MAKE("convert", "-n", "-f", "raw", "-O", "raw", content, volume);
    check(!truncate(volume, 1 << 30));
    check(volume_run("volume.upload_image", arena_printf(arena, "{\"image\": \"%s\", \"format\": \"raw\"}", image_uuid(0)), &error));
    check(begins_with(out, content, 512) && !leaked(out));
    check(volume_run("volume.upload_image", arena_printf(arena, "{\"image\": \"%s\", \"format\": \"qcow2\"}", image_uuid(0)), &error));
    check(!leaked(out));
    MAKE("convert", "-f", "qcow2", "-O", "raw", out, path_in("back"));
    check(begins_with(path_in("back"), content, 512));
    end();
}

TEST(CVE_2012_5625_CVE_2013_4183_a_new_volume_is_all_zeros) {
    const char *volume, *error;
    char bytes[4096], zeros[4096] = "";
    int fd;

    begin();
    volume = path_in(arena_printf(arena, "volumes/volume-%s", volume_id));
    for (int i = 0; i < 2; i++) {
        check(volume_run("volume.create", "{\"size\": 1}", &error));
        fd = open(volume, O_RDWR);
        for (off_t at = 0; at < 1 << 30; at += 1 << 26) {
            check(pread(fd, bytes, sizeof bytes, at) == sizeof bytes && !memcmp(bytes, zeros, sizeof zeros));
            memset(bytes, 'x', sizeof bytes);
            check(pwrite(fd, bytes, sizeof bytes, at) == sizeof bytes);
        }
        close(fd);
        /* what a killed deletion or creation may leave behind must not come back either */
        check(!link(volume, arena_printf(arena, "%s.new", volume)));
        check(!unlink(volume) || i);
    }
    end();
}

TEST(CVE_2012_3361_CVE_2012_3447_files_of_a_config_drive_stay_inside_it) {
    static const char *const names[] = {"../../escape", "/etc/escape", "a/../../escape", ".."};
    static const char document[] =
        "{\"name\": \"instance-1\", \"title\": \"s\", \"flavor\": {\"vcpus\": 1, \"ram\": 64, \"disk\": 0}, \"config_drive\": {\"%s\": \"x\"}}";

    begin();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *doc = arena_printf(arena, document, names[i]);
        struct work work = work_new("compute.spawn");

        work.doc = json_parse(arena, doc, strlen(doc), NULL);
        check(!server_read(&work) && work.error && strstr(work.error, "config"));
    }
    end();
}
