/* SPDX-License-Identifier: Apache-2.0
 * What a guest may read about its own server: the OpenStack and the EC2 tree, the same from the metadata service and on
 * the config drive. Everything runs inside the call's transaction. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "network/network.h"
#include "rest/service.h"

/* The metadata service's entry in the table of services: what the hosts' proxies pass on, below /metadata. */
extern const struct service compute_metadata;

/* Writes the files of a server's config drive as a JSON map of path to text; a file that is no text is
 * {"base64": text}. False after fail(), also when there is no such server. */
bool metadata_files(struct call *call, const char *server_id, struct json_out *out);

/* One server's facts. */
struct metadata {
    const char *id, *name, *hostname, *project_id, *zone, *reservation_id, *key_name, *public_key, *flavor, *image_id;
    const char *password;               /* as the guest encrypted it; null: none yet */
    const char *root_device;
    int64_t launch_index;
    const struct json *meta, *nic_tags, *files;     /* files: path to base64 text */
    const void *user_data;              /* null: none */
    size_t user_data_size;
    struct network_port_info *ports;
    size_t port_count;
};

/* Reads them. '*ret_found' says whether there is such a server. */
bool metadata_load(struct call *call, const char *server_id, struct metadata *ret_metadata, bool *ret_found);

enum {
    METADATA_FOLSOM, METADATA_GRIZZLY, METADATA_HAVANA, METADATA_LIBERTY, METADATA_NEWTON_ONE, METADATA_NEWTON_TWO,
    METADATA_OCATA, METADATA_ROCKY, METADATA_VICTORIA, METADATA_VERSIONS,
};
/* Dates, oldest first; EC2's end with null. */
extern const char *const metadata_versions[METADATA_VERSIONS], *const metadata_ec2_versions[];

/* The place of a version in its list, "latest" being the last; -1: there is none. */
int metadata_version(const char *text);
int metadata_ec2_version(const char *text);

/* Writes meta_data.json and network_data.json as that version has them. */
bool metadata_write(struct call *call, const struct metadata *metadata, int version, bool files, struct json_out *out);
void metadata_write_network(struct call *call, const struct metadata *metadata, struct json_out *out);

/* The EC2 tree "meta-data" of that version. */
const struct json *metadata_ec2(struct call *call, const struct metadata *metadata, int version);
