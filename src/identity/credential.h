/* SPDX-License-Identifier: Apache-2.0
 * Credentials for the ways in that use them. */
#pragma once
#include "rest/call.h"

struct identity_credential;

/* The id under which EC2 keys are stored: SHA-256 of the access key. */
const char *credential_ec2_id(struct call *call, const char *access);

/* Opens the blob of a stored row; false when no key of ours opens it. */
bool credential_open(struct call *call, struct identity_credential *row);

/* Refuses tokens by trust, application credential or the like: they must not make or see lasting secrets. */
bool primary_only(struct call *call);
