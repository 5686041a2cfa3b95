/* SPDX-License-Identifier: Apache-2.0
 * The services of the API role. */
#include <stddef.h>

#include "cmd/services.h"

const struct service *const api_services[] = {
    NULL,
};
