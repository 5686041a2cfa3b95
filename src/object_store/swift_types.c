/* SPDX-License-Identifier: Apache-2.0
 * The type of an object whose client names none: by what its name ends with, as Debian's table of types has it. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "object_store/swift.h"

static const char *const types[][2] = {     /* sorted */
    {"7z", "application/x-7z-compressed"}, {"aac", "audio/aac"}, {"apk", "application/vnd.android.package-archive"},
    {"atom", "application/atom+xml"}, {"avi", "video/x-msvideo"}, {"avif", "image/avif"}, {"bmp", "image/bmp"},
    {"c", "text/x-csrc"}, {"crt", "application/x-x509-ca-cert"}, {"css", "text/css"}, {"csv", "text/csv"},
    {"deb", "application/vnd.debian.binary-package"}, {"doc", "application/msword"},
    {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {"eot", "application/vnd.ms-fontobject"}, {"eps", "application/postscript"}, {"epub", "application/epub+zip"},
    {"exe", "application/x-msdos-program"}, {"flac", "audio/flac"}, {"geojson", "application/geo+json"},
    {"gif", "image/gif"}, {"glb", "model/gltf-binary"}, {"gltf", "model/gltf+json"}, {"h", "text/x-chdr"},
    {"h5", "application/x-hdf5"}, {"heic", "image/heic"}, {"htm", "text/html"}, {"html", "text/html"},
    {"ico", "image/vnd.microsoft.icon"}, {"ics", "text/calendar"}, {"iso", "application/x-iso9660-image"},
    {"jar", "application/java-archive"}, {"java", "text/x-java"}, {"jpe", "image/jpeg"}, {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"}, {"js", "text/javascript"}, {"json", "application/json"}, {"jsonld", "application/ld+json"},
    {"kml", "application/vnd.google-earth.kml+xml"}, {"m3u8", "application/vnd.apple.mpegurl"}, {"m4a", "audio/mp4"},
    {"m4v", "video/mp4"}, {"md", "text/markdown"}, {"mjs", "text/javascript"}, {"mkv", "video/x-matroska"},
    {"mov", "video/quicktime"}, {"mp3", "audio/mpeg"}, {"mp4", "video/mp4"}, {"mpd", "application/dash+xml"},
    {"mpeg", "video/mpeg"}, {"mpg", "video/mpeg"}, {"nc", "application/x-netcdf"},
    {"odp", "application/vnd.oasis.opendocument.presentation"}, {"ods", "application/vnd.oasis.opendocument.spreadsheet"},
    {"odt", "application/vnd.oasis.opendocument.text"}, {"oga", "audio/ogg"}, {"ogg", "audio/ogg"}, {"ogv", "video/ogg"},
    {"opus", "audio/ogg"}, {"otf", "font/otf"}, {"pdf", "application/pdf"}, {"pem", "application/pem-certificate-chain"},
    {"png", "image/png"}, {"ppt", "application/vnd.ms-powerpoint"},
    {"pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
    {"ps", "application/postscript"}, {"py", "text/x-python"}, {"rar", "application/vnd.rar"},
    {"rpm", "application/x-redhat-package-manager"}, {"rss", "application/x-rss+xml"}, {"rtf", "application/rtf"},
    {"sh", "text/x-sh"}, {"sql", "application/sql"}, {"stl", "model/stl"}, {"svg", "image/svg+xml"},
    {"tar", "application/x-tar"}, {"tbz2", "application/x-tar"}, {"tex", "text/x-tex"}, {"text", "text/plain"},
    {"tgz", "application/x-tar"}, {"tif", "image/tiff"}, {"tiff", "image/tiff"}, {"torrent", "application/x-bittorrent"},
    {"tsv", "text/tab-separated-values"}, {"ttf", "font/ttf"}, {"txt", "text/plain"}, {"txz", "application/x-tar"},
    {"vcf", "text/vcard"}, {"wasm", "application/wasm"}, {"wav", "audio/x-wav"}, {"webm", "video/webm"},
    {"webmanifest", "application/manifest+json"}, {"webp", "image/webp"}, {"woff", "font/woff"}, {"woff2", "font/woff2"},
    {"xhtml", "application/xhtml+xml"}, {"xls", "application/vnd.ms-excel"},
    {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}, {"xml", "application/xml"},
    {"zip", "application/zip"}, {"zst", "application/zstd"},
};

static int compare(const void *key, const void *row) {
    return strcasecmp(key, *(const char *const *)row);
}

/* Packed bytes are called by what is in them. */
static const char *without_packing(struct arena *arena, const char *name) {
    static const char *const packed[] = {".gz", ".Z", ".bz2", ".xz", ".br"};
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; dot && i < sizeof packed / sizeof *packed; i++) {
        if (!strcmp(dot, packed[i])) {
            return arena_text_size(arena, name, (size_t)(dot - name));
        }
    }
    return name;
}

const char *swift_guess_type(struct arena *arena, const char *name) {
    const char *slash, *dot;
    const char *const *row;

    name = without_packing(arena, name);
    slash = strrchr(name, '/');
    dot = strrchr(slash ? slash : name, '.');
    row = dot ? bsearch(dot + 1, types, sizeof types / sizeof *types, sizeof *types, compare) : NULL;
    return row ? row[1] : "application/octet-stream";
}
