/* SPDX-License-Identifier: Apache-2.0
 * AWS request signatures, as EC2 and S3 services pass them on to be checked. */
#pragma once
#include <stdbool.h>

struct arena;
struct json;

/* The signature that 'given' should have under 'secret': 'given' has verb, host, path, params, headers, body_hash, as
 * far as its kind of signature (0, 1, 2, 4) needs them. 'host' replaces given's own. Null when it is of no known form. */
char *ec2_signature(struct arena *arena, const char *secret, const struct json *given, const char *host);

/* The signature of an S3 request whose text to sign is 'text' (kind 1, or 4 when it begins with AWS4). Null: no known
 * form. */
char *s3_signature(struct arena *arena, const char *secret, const char *text);

/* The time that the signature of such a request covers, as the request writes it; null or empty when it tells none. */
const char *ec2_signed_time(const struct json *given);
