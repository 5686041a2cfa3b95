/* SPDX-License-Identifier: Apache-2.0
 * The services of the API role. */
#include <stddef.h>

#include "cmd/services.h"
#include "identity/identity.h"
#include "network/network.h"
#include "rest/system.h"

const struct service *const api_services[] = {
    &identity,
    &network,
    &rest_service,      /* last: its paths are at the root */
    NULL,
};
