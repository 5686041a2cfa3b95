/* SPDX-License-Identifier: Apache-2.0
 * The services of the API role. */
#include <stddef.h>

#include "cmd/services.h"
#include "compute/compute.h"
#include "compute/console_token.h"
#include "compute/metadata.h"
#include "identity/identity.h"
#include "image/image.h"
#include "network/network.h"
#include "object_store/object_store.h"
#include "placement/placement.h"
#include "rest/system.h"
#include "volume/volume.h"

const struct service *const api_services[] = {
    &identity,
    &image,
    &volume,
    &placement,
    &network,
    &compute,
    &compute_console,
    &compute_metadata,
    &object_store,
    &object_store_port,
    &object_store_s3,
    &object_store_root,
    &rest_service,      /* last: its paths are at the root */
    NULL,
};
