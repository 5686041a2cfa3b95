/* SPDX-License-Identifier: Apache-2.0
 * The image inspector: what qemu-img makes is told and accepted, what could reach for other files is refused. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/run.h"
#include "image/inspect.h"
#include "test.h"

enum { IMAGE_SIZE = 256 * 1024 };

/* A hand-made image and the one arena of a test. */
struct image {
    struct arena *arena;
    uint8_t *bytes;
    size_t size;
};

static struct image image_begin(void) {
    struct image image = {.arena = arena_new(0), .size = IMAGE_SIZE};

    image.bytes = arena_alloc(image.arena, IMAGE_SIZE);
    return image;
}

static void put_big(struct image *image, size_t at, int bytes, uint64_t value) {
    for (int i = bytes; i-- > 0; value >>= 8) {
        image->bytes[at + (size_t)i] = (uint8_t)value;
    }
}

static void put_little(struct image *image, size_t at, int bytes, uint64_t value) {
    for (int i = 0; i < bytes; i++, value >>= 8) {
        image->bytes[at + (size_t)i] = (uint8_t)value;
    }
}

static void put_text(struct image *image, size_t at, const char *text) {
    memcpy(image->bytes + at, text, strlen(text));
}

static struct image_facts inspect(struct arena *arena, const uint8_t *bytes, size_t size, size_t piece) {
    struct inspector *inspector = inspector_new(arena);

    for (size_t at = 0; at < size; at += piece) {
        inspector_feed(inspector, bytes + at, size - at < piece ? size - at : piece);
    }
    return inspector_finish(inspector);
}

static bool same_text(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* Inspects in pieces of several sizes; all must tell the same. Ends the image. */
static struct image_facts image_end(struct image *image, bool (*judge)(const struct image_facts *, const char *),
                                    const char *expected) {
    static const size_t pieces[] = {97, 511, 4096, 65536, 100000, IMAGE_SIZE};
    struct image_facts facts = {0};

    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        struct image_facts now = inspect(image->arena, image->bytes, image->size, pieces[i]);

        check(i == 0 || (now.format == facts.format && now.virtual_size == facts.virtual_size &&
                         now.safe == facts.safe && same_text(now.problem, facts.problem)));
        facts = now;
    }
    if (!judge(&facts, expected)) {
        fprintf(stderr, "found %s: %s\n", image_format_name(facts.format), facts.problem ? facts.problem : "safe");
    }
    check(judge(&facts, expected));
    arena_free(image->arena);
    facts.problem = NULL;
    return facts;
}

static bool is_refused(const struct image_facts *facts, const char *expected) {
    return !facts->safe && facts->problem && strstr(facts->problem, expected);
}

static bool is_safe(const struct image_facts *facts, const char *expected) {
    return facts->safe && !facts->problem && strcmp(image_format_name(facts->format), expected) == 0;
}

#define REFUSED(IMAGE, WORDS) image_end(&(IMAGE), is_refused, (WORDS))
#define SAFE(IMAGE, FORMAT) image_end(&(IMAGE), is_safe, (FORMAT))

static struct image qcow2_begin(void) {
    struct image image = image_begin();

    put_text(&image, 0, "QFI\xfb");
    put_big(&image, 4, 4, 3);           /* version */
    put_big(&image, 20, 4, 16);         /* cluster bits */
    put_big(&image, 24, 8, 1 << 30);    /* disk size */
    put_big(&image, 36, 4, 2);          /* L1 entries */
    put_big(&image, 40, 8, 0x30000);    /* L1 table */
    put_big(&image, 48, 8, 0x10000);    /* refcount table */
    put_big(&image, 56, 4, 1);          /* its clusters */
    put_big(&image, 96, 4, 4);          /* refcount order */
    put_big(&image, 100, 4, 104);       /* header size */
    return image;
}

TEST(a_whole_qcow2_image_is_safe) {
    struct image image = qcow2_begin();

    check(SAFE(image, "qcow2").virtual_size == 1 << 30);
}

TEST(qcow2_images_that_name_other_files_are_refused) {
    struct image backing = qcow2_begin(), bit = qcow2_begin(), extension = qcow2_begin(), raw_bit = qcow2_begin();
    struct image old = qcow2_begin(), hidden = qcow2_begin();

    put_big(&backing, 8, 8, 0x200);
    put_big(&backing, 16, 4, 11);
    put_text(&backing, 0x200, "/etc/passwd");
    REFUSED(backing, "backing file");
    put_big(&bit, 72, 8, 1 << 2);
    REFUSED(bit, "external data file");
    put_big(&extension, 104, 4, 0x44415441);
    put_big(&extension, 108, 4, 11);
    put_text(&extension, 112, "/etc/passwd");
    REFUSED(extension, "external data file");
    put_big(&raw_bit, 88, 8, 1 << 1);
    REFUSED(raw_bit, "external data file");
    put_big(&old, 4, 4, 2);
    put_big(&old, 8, 8, 1);
    REFUSED(old, "backing file");
    put_big(&hidden, 104, 4, 0x6803f857);
    put_big(&hidden, 108, 4, 9);
    put_big(&hidden, 128, 4, 0x44415441);
    REFUSED(hidden, "external data file");
}

TEST(qcow2_headers_that_are_not_understood_are_refused) {
    static const struct {
        size_t at;
        int bytes;
        uint64_t value;
        const char *words;
    } cases[] = {
        {4, 4, 4, "unknown version"},
        {4, 4, 0, "unknown version"},
        {20, 4, 8, "clusters"},
        {20, 4, 22, "clusters"},
        {20, 4, 0xffffffff, "clusters"},
        {32, 4, 3, "encryption"},
        {72, 8, 1 << 1, "corrupt"},
        {72, 8, 1 << 5, "feature bits 0x20"},
        {72, 8, 1ULL << 63, "feature bits 0x8000000000000000"},
        {72, 8, 1 << 3, "compression"},
        {96, 4, 7, "not valid"},
        {100, 4, 103, "not valid"},
        {100, 4, 0xffffffff, "not valid"},
        {24, 8, UINT64_MAX, "larger than"},
        {24, 8, (64ULL << 40) + 1, "larger than"},
        {24, 8, 2ULL << 30, "do not cover"},
        {36, 4, 0, "do not cover"},
        {36, 4, 0xffffffff, "truncated"},
        {40, 8, 0x30001, "not where"},
        {40, 8, 0xffffffffffff0000, "truncated"},
        {48, 8, 0, "not where"},
        {56, 4, 0xffffffff, "truncated"},
        {104, 4, 1, "too long"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct image image = qcow2_begin();

        put_big(&image, 108, 4, 0xfffffff0);
        put_big(&image, cases[i].at, cases[i].bytes, cases[i].value);
        REFUSED(image, cases[i].words);
    }
}

TEST(truncated_images_are_refused) {
    static const size_t sizes[] = {4, 7, 8, 71, 72, 103, 104, 0x30000, 0x30000 + 15};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct image image = qcow2_begin();

        image.size = sizes[i];
        REFUSED(image, "truncated");
    }
}

TEST(feeding_tells_at_once_that_an_image_is_unsafe) {
    struct image image = qcow2_begin();
    struct inspector *inspector = inspector_new(image.arena);

    put_big(&image, 8, 8, 0x200);
    check(inspector_feed(inspector, image.bytes, 65535));
    check(!inspector_feed(inspector, image.bytes + 65535, 1));
    check(!inspector_feed(inspector, image.bytes, 1));
    check(!inspector_finish(inspector).safe);
    arena_free(image.arena);
}

TEST(an_image_of_two_formats_is_refused) {
    struct image qcow2 = qcow2_begin(), iso = image_begin(), hybrid = image_begin();

    put_text(&qcow2, 0x8001, "CD001");
    REFUSED(qcow2, "qcow2 and iso at once");
    put_text(&iso, 0x8001, "CD001");
    check(SAFE(iso, "iso").virtual_size == IMAGE_SIZE);
    put_text(&hybrid, 0x8001, "CD001");
    put_text(&hybrid, 510, "\x55\xaa");
    put_text(&hybrid, 446, "\x80\x01\x01\x01\x83\x01\x01\x01\x01\x01\x01\x01\x10\x10");
    check(SAFE(hybrid, "iso").partitions == IMAGE_PARTITIONS_MBR);
}

TEST(raw_images_are_told_with_their_partition_table) {
    struct image plain = image_begin(), mbr = image_begin(), gpt = image_begin(), boot = image_begin();
    struct image empty = image_begin();

    plain.size = 1000;
    check(SAFE(plain, "raw").virtual_size == 1000);
    empty.size = 0;
    check(SAFE(empty, "raw").virtual_size == 0);
    put_text(&mbr, 510, "\x55\xaa");
    put_text(&mbr, 450, "\x83\x01\x01\x01\x01\x01\x01\x01\x08");
    check(SAFE(mbr, "raw").partitions == IMAGE_PARTITIONS_MBR);
    put_text(&gpt, 512, "EFI PART");
    check(SAFE(gpt, "raw").partitions == IMAGE_PARTITIONS_GPT);
    put_text(&boot, 510, "\x55\xaa");
    check(SAFE(boot, "raw").partitions == IMAGE_PARTITIONS_NONE);
}

TEST(qcow_and_qed_images_with_backing_files_are_refused) {
    struct image qcow = image_begin(), qed = image_begin(), unknown = image_begin(), twin = image_begin();

    put_text(&qcow, 0, "QFI\xfb");
    put_big(&qcow, 4, 4, 1);
    put_big(&qcow, 8, 8, 48);
    REFUSED(qcow, "qcow image has a backing file");
    put_text(&qed, 0, "QED");
    put_little(&qed, 16, 8, 1);
    REFUSED(qed, "backing file");
    put_text(&unknown, 0, "QED");
    put_little(&unknown, 16, 8, 1 << 3);
    REFUSED(unknown, "feature bits");
    put_text(&twin, 0, "Bochs Virtual HD Image");
    REFUSED(twin, "bochs are not accepted");
}

static const char good_descriptor[] = "# Disk DescriptorFile\nversion=1\nCID=ae0a5485\nparentCID=ffffffff\n"
                                      "createType=\"monolithicSparse\"\n# Extent description\n"
                                      "RW 20480 SPARSE \"disk.vmdk\"\nddb.adapterType = \"ide\"\n";

static struct image vmdk_begin(const char *descriptor) {
    struct image image = image_begin();

    put_text(&image, 0, "KDMV");
    put_little(&image, 4, 4, 1);
    put_little(&image, 12, 8, 20480);   /* sectors */
    put_little(&image, 28, 8, 1);       /* descriptor */
    put_little(&image, 36, 8, 20);      /* its sectors */
    put_text(&image, 512, descriptor);
    return image;
}

TEST(a_vmdk_image_in_one_file_is_safe) {
    struct image image = vmdk_begin(good_descriptor);

    check(SAFE(image, "vmdk").virtual_size == 20480 * 512);
}

TEST(vmdk_descriptors_that_name_other_files_are_refused) {
    static const char *const cases[][2] = {
        {"createType=\"monolithicFlat\"\nRW 20480 FLAT \"/etc/passwd\" 0\n", "neither monolithicSparse"},
        {"createType=\"monolithicSparse\"\nRW 20480 FLAT \"/etc/passwd\" 0\n", "not in the image"},
        {"createType=\"monolithicSparse\"\nRW 20480 SPARSE \"/etc/passwd\"\n", "not in the image"},
        {"createType=\"monolithicSparse\"\nRW 20480 SPARSE \"a.vmdk\" 0 \"/etc/passwd\"\n", "not in the image"},
        {"createType=\"monolithicSparse\"\n rw 20480 sparse \"..\\x\"\n", "not in the image"},
        {"createType=\"monolithicSparse\"\nRW 1 SPARSE \"a\"\nRW 1 SPARSE \"b\"\n", "2 extents"},
        {"createType=\"monolithicSparse\"\n", "0 extents"},
        {"createType=\"vmfs\"\nRW 20480 VMFS \"a\"\n", "neither"},
        {"createType=\"twoGbMaxExtentSparse\"\nRW 20480 SPARSE \"a\"\n", "neither"},
        {"RW 20480 SPARSE \"a\"\n", "does not tell its type"},
        {"#createType=\"monolithicSparse\"\ncreateType=\"monolithicFlat\"\nRW 1 SPARSE \"a\"\n", "type once"},
        {"createtype=\"monolithicFlat\"\ncreateType=\"monolithicSparse\"\nRW 1 SPARSE \"a\"\n", "type once"},
        {"parentCID=12345678\ncreateType=\"monolithicSparse\"\nRW 1 SPARSE \"a\"\n", "parent"},
        {"createType=\"monolithicSparse\"\nparentFileNameHint=\"/etc/passwd\"\nRW 1 SPARSE \"a\"\n", "parent"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct image image = vmdk_begin(cases[i][0]);

        REFUSED(image, cases[i][1]);
    }
}

TEST(vmdk_headers_that_hide_the_descriptor_are_refused) {
    struct image moved = vmdk_begin(good_descriptor), none = vmdk_begin(good_descriptor), text = image_begin();
    struct image comment = image_begin(), cowd = image_begin(), capacity = vmdk_begin(good_descriptor);
    struct image footer = vmdk_begin(good_descriptor), lying = vmdk_begin(good_descriptor);

    put_little(&moved, 28, 8, 100);
    REFUSED(moved, "not where it belongs");
    put_little(&none, 12, 8, 0);
    REFUSED(none, "no disk of its own");
    put_text(&text, 0, good_descriptor);
    REFUSED(text, "descriptor or an extent");
    put_text(&comment, 0, "# anything\n \r\n#\nversion=1\n");
    REFUSED(comment, "descriptor or an extent");
    put_text(&cowd, 0, "COWD");
    REFUSED(cowd, "descriptor or an extent");
    put_little(&capacity, 12, 8, UINT64_MAX);
    REFUSED(capacity, "larger than");
    put_little(&footer, 56, 8, UINT64_MAX);
    REFUSED(footer, "no footer");
    put_little(&lying, 56, 8, UINT64_MAX);
    memcpy(lying.bytes + IMAGE_SIZE - 1024, lying.bytes, 512);
    put_little(&lying, IMAGE_SIZE - 1024 + 12, 8, 0);
    REFUSED(lying, "footer of the vmdk image differ");
}

TEST(a_vmdk_image_with_a_true_footer_is_safe) {
    struct image image = vmdk_begin(good_descriptor);

    put_little(&image, 56, 8, UINT64_MAX);
    memcpy(image.bytes + IMAGE_SIZE - 1024, image.bytes, 512);
    put_little(&image, IMAGE_SIZE - 1024 + 56, 8, 200);
    SAFE(image, "vmdk");
}

static void put_vhd_checksum(struct image *image, size_t at) {
    uint32_t sum = 0;

    for (size_t i = 0; i < 512; i++) {
        sum += i >= 64 && i < 68 ? 0 : image->bytes[at + i];
    }
    put_big(image, at + 64, 4, ~sum);
}

static struct image vhd_begin(int type) {
    struct image image = image_begin();

    put_text(&image, 0, "conectix");
    put_big(&image, 16, 8, 512);        /* dynamic header */
    put_big(&image, 48, 8, 1 << 30);
    put_big(&image, 60, 4, (uint64_t)type);
    put_vhd_checksum(&image, 0);
    put_text(&image, 512, "cxsparse");
    put_big(&image, 512 + 16, 8, 1536); /* block table */
    put_big(&image, 512 + 28, 4, 512);
    return image;
}

TEST(vhd_images_are_judged_by_their_type) {
    struct image dynamic = vhd_begin(3), differencing = vhd_begin(4), parent = vhd_begin(3), sum = vhd_begin(3);
    struct image geometry = vhd_begin(3), far = vhd_begin(3), fixed = image_begin(), random = image_begin();

    check(SAFE(dynamic, "vhd").virtual_size == 1 << 30);
    REFUSED(differencing, "neither fixed nor dynamic");
    put_big(&parent, 512 + 40, 4, 1);
    REFUSED(parent, "parent");
    put_big(&sum, 48, 8, 2);
    REFUSED(sum, "checksum");
    put_big(&geometry, 56, 4, 0xfffe10ff);
    put_vhd_checksum(&geometry, 0);
    check(SAFE(geometry, "vhd").virtual_size == 65534ULL * 16 * 255 * 512);
    put_big(&far, 16, 8, UINT64_MAX);
    put_vhd_checksum(&far, 0);
    REFUSED(far, "no header");
    put_text(&fixed, IMAGE_SIZE - 512, "conectix");
    put_big(&fixed, IMAGE_SIZE - 512 + 60, 4, 2);
    put_big(&fixed, IMAGE_SIZE - 512 + 48, 8, IMAGE_SIZE - 512);
    put_vhd_checksum(&fixed, IMAGE_SIZE - 512);
    check(SAFE(fixed, "vhd").virtual_size == IMAGE_SIZE - 512);
    put_text(&random, IMAGE_SIZE - 512, "conectix");
    SAFE(random, "raw");
}

TEST(labels_admit_what_they_mean) {
    enum image_format format;

    check(image_format_fits("raw", IMAGE_RAW) && image_format_fits("aki", IMAGE_RAW) &&
          image_format_fits("raw", IMAGE_ISO));
    check(!image_format_fits("raw", IMAGE_QCOW2) && !image_format_fits("qcow2", IMAGE_RAW));
    check(image_format_fits("vhd", IMAGE_VHD) && !image_format_fits("vhd", IMAGE_VHDX) &&
          !image_format_fits("", IMAGE_RAW));
    check(image_format_parse("vhdx", &format) && format == IMAGE_VHDX && !image_format_parse("vpc", &format));
}

static struct image_facts inspect_file(struct arena *arena, const char *path) {
    struct inspector *inspector = inspector_new(arena);
    FILE *file = fopen(path, "rb");
    char bytes[10007];
    size_t size;

    while (file && (size = fread(bytes, 1, sizeof bytes, file)) > 0) {
        inspector_feed(inspector, bytes, size);
    }
    if (file) {
        fclose(file);
    }
    return inspector_finish(inspector);
}

/* Runs qemu-img; without it the test is skipped. */
static bool qemu_img(struct arena *arena, const char *const *arguments) {
    const char *argv[16] = {"qemu-img"};
    struct run_result result;

    for (int i = 0; arguments[i]; i++) {
        argv[i + 1] = arguments[i];
    }
    if (!RUN(arena, &result, "qemu-img", "--version")) {
        test_skip("no qemu-img");
        return false;
    }
    check(run_program(arena, &(struct run){.argv = argv}, &result));
    return true;
}

#define QEMU_IMG(ARENA, ...) qemu_img((ARENA), (const char *const[]){__VA_ARGS__, NULL})

TEST(what_qemu_img_makes_is_told_and_safe) {
    static const char *const cases[][3] = {
        /* qemu's name, options, ours */
        {"raw", "preallocation=off", "raw"},
        {"qcow2", "compat=1.1", "qcow2"},
        {"qcow2", "compat=0.10", "qcow2"},
        {"qcow2", "extended_l2=on", "qcow2"},
        {"qcow2", "cluster_size=2M", "qcow2"},
        {"qcow2", "cluster_size=512", "qcow2"},
        {"qcow2", "compression_type=zstd", "qcow2"},
        {"qcow", "encryption=off", "qcow"},
        {"vmdk", "subformat=monolithicSparse", "vmdk"},
        {"vmdk", "subformat=streamOptimized", "vmdk"},
        {"vdi", "static=off", "vdi"},
        {"vdi", "static=on", "vdi"},
        {"vpc", "subformat=dynamic,force_size=on", "vhd"},
        {"vpc", "subformat=fixed,force_size=on", "vhd"},
        {"vhdx", "subformat=dynamic", "vhdx"},
        {"vhdx", "subformat=fixed", "vhdx"},
        {"qed", "cluster_size=65536", "qed"},
        {"parallels", "cluster_size=1M", "ploop"},
    };
    struct arena *arena = arena_new(0);
    char *path = arena_printf(arena, "%s/image", test_directory());

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (QEMU_IMG(arena, "create", "-q", "-f", cases[i][0], "-o", cases[i][1], path, "20M")) {
            struct image_facts facts = inspect_file(arena, path);

            test_context(cases[i][1]);
            check_text(facts.problem, NULL);
            check_text(image_format_name(facts.format), cases[i][2]);
            check_int((int64_t)facts.virtual_size, 20 << 20);
            test_context(NULL);
        }
    }
    arena_free(arena);
}

TEST(what_qemu_img_makes_with_other_files_is_refused) {
    static const struct {
        const char *format, *option;
        bool names_base;            /* the option ends with the name of another file */
        const char *words;
    } cases[] = {
        {"qcow2", "data_file=", true, "external data file"},
        {"qcow2", "backing_fmt=raw,backing_file=", true, "backing file"},
        {"qed", "backing_fmt=raw,backing_file=", true, "backing file"},
        {"vmdk", "subformat=monolithicFlat", false, "descriptor"},
        {"vmdk", "subformat=twoGbMaxExtentSparse", false, "descriptor"},
        {"vmdk", "subformat=twoGbMaxExtentFlat", false, "descriptor"},
    };
    struct arena *arena = arena_new(0);
    const char *base = arena_printf(arena, "%s/base", test_directory());

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *option = arena_printf(arena, "%s%s", cases[i].option, cases[i].names_base ? base : "");
        const char *path = arena_printf(arena, "%s/%zu.vmdk", test_directory(), i);

        if (QEMU_IMG(arena, "create", "-q", "-f", "raw", base, "20M") &&
            QEMU_IMG(arena, "create", "-q", "-f", cases[i].format, "-o", option, path, "20M")) {
            struct image_facts facts = inspect_file(arena, path);

            check(is_refused(&facts, cases[i].words));
        }
    }
    arena_free(arena);
}

TEST(data_in_images_does_not_change_what_they_are) {
    static const char *const cases[][2] = {
        {"qcow2", "cluster_size=512"},
        {"vmdk", "subformat=monolithicSparse"},
        {"vmdk", "subformat=streamOptimized"},
        {"vhdx", "subformat=dynamic"},
        {"vdi", "static=off"},
    };
    struct arena *arena = arena_new(0);
    const char *raw = arena_printf(arena, "%s/raw", test_directory());
    const char *path = arena_printf(arena, "%s/image", test_directory());
    uint8_t *bytes = arena_alloc(arena, 3 << 20);
    FILE *file = fopen(raw, "wb");

    memset(bytes, 0x80, 3 << 20);
    memcpy(bytes, "QFI\xfb", 4);
    check(file && fwrite(bytes, 1, 3 << 20, file) == 3 << 20 && fclose(file) == 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (QEMU_IMG(arena, "convert", "-f", "raw", "-O", cases[i][0], "-o", cases[i][1], raw, path)) {
            struct image_facts facts = inspect_file(arena, path);

            check(is_safe(&facts, cases[i][0]) && facts.virtual_size == 3 << 20);
        }
    }
    arena_free(arena);
}

TEST(vhdx_images_that_are_not_whole_are_refused) {
    /* what qemu-img makes has its metadata table at 3 MiB and the items 64 KiB later */
    enum { KIB = 1024, MIB = 1024 * KIB };
    static const struct {
        long at;
        const char *bytes;
        size_t size;
        const char *words;
    } cases[] = {
        {64 * KIB + 48, "x", 1, "log is not empty"},
        {128 * KIB + 63, "x", 1, "log is not empty"},
        {192 * KIB, "x", 1, "region table"},
        {192 * KIB + 8, "\x01", 1, "region table"},
        {192 * KIB + 8, "\xff\xff\xff\xff", 4, "region table"},
        {192 * KIB + 64, "\0\0\0", 3, "not where it can be"},
        {192 * KIB + 64, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, "not where it can be"},
        {192 * KIB + 67, "\x01", 1, "differ"},
        {256 * KIB + 40, "x", 1, "differ"},
        {3 * MIB, "x", 1, "metadata"},
        {3 * MIB + 10, "\0\0", 2, "metadata"},
        {3 * MIB + 32 + 16, "\0\0\0\0", 4, "metadata"},
        {3 * MIB + 32 + 20, "\1\0\0\0", 4, "metadata"},
        {3 * MIB + 64 * KIB + 4, "\2", 1, "has a parent"},
        {3 * MIB + 64 * KIB + 8, "\xff\xff\xff\xff\xff\xff\xff\x7f", 8, "larger than"},
    };
    struct arena *arena = arena_new(0);
    const char *path = arena_printf(arena, "%s/image.vhdx", test_directory());

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (QEMU_IMG(arena, "create", "-q", "-f", "vhdx", path, "20M")) {
            int fd = open(path, O_WRONLY);
            struct image_facts facts;

            check(pwrite(fd, cases[i].bytes, cases[i].size, cases[i].at) == (ssize_t)cases[i].size);
            close(fd);
            facts = inspect_file(arena, path);
            check(is_refused(&facts, cases[i].words));
        }
    }
    arena_free(arena);
}

TEST(vdi_luks_and_ploop_headers_are_judged) {
    struct image vdi = image_begin(), child = image_begin(), uncovered = image_begin(), luks = image_begin();
    struct image luks2 = image_begin(), luks9 = image_begin(), far = image_begin(), ploop = image_begin();

    put_little(&vdi, 64, 4, 0xbeda107f);
    put_little(&vdi, 68, 4, 0x00010001);
    put_little(&vdi, 76, 4, 1);
    put_little(&vdi, 368, 8, 3 << 20);
    put_little(&vdi, 376, 4, 1 << 20);
    put_little(&vdi, 384, 4, 3);
    memcpy(child.bytes, vdi.bytes, 512);
    memcpy(uncovered.bytes, vdi.bytes, 512);
    check(SAFE(vdi, "vdi").virtual_size == 3 << 20);
    child.bytes[455] = 1;
    REFUSED(child, "parent");
    put_little(&uncovered, 384, 4, 2);
    REFUSED(uncovered, "do not cover");
    put_text(&luks, 0, "LUKS\xba\xbe");
    put_big(&luks, 6, 2, 1);
    put_big(&luks, 104, 4, 8);
    check(SAFE(luks, "luks").virtual_size == IMAGE_SIZE - 4096);
    put_text(&luks2, 0, "LUKS\xba\xbe");
    put_big(&luks2, 6, 2, 2);
    SAFE(luks2, "luks");
    put_text(&luks9, 0, "LUKS\xba\xbe");
    put_big(&luks9, 6, 2, 9);
    REFUSED(luks9, "unknown version");
    put_text(&far, 0, "LUKS\xba\xbe");
    put_big(&far, 6, 2, 1);
    put_big(&far, 104, 4, 0xffffffff);
    REFUSED(far, "truncated");
    put_text(&ploop, 0, "WithoutFreeSpace");
    put_little(&ploop, 16, 4, 3);
    REFUSED(ploop, "not valid");
}
