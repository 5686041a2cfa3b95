/* SPDX-License-Identifier: Apache-2.0
 * The engine's own entry in the table of services. */
#pragma once
#include "rest/service.h"

extern const struct service rest_service;
