/* SPDX-License-Identifier: Apache-2.0
 * Keys that customers bring along (SSE-C). The bytes of an object are encrypted with a key that is derived from the
 * customer's and a salt of the object's own; what is kept is the salt and a check that tells the same key again (pair
 * STORE_CUSTOMER_KEY). The customer's key is kept and logged nowhere. It is taken over plain HTTP too;
 * S3 itself takes it by TLS alone. To the store below such an object is what was encrypted. */
#pragma once
#include "object_store/s3.h"

struct swift_pieces;

/* The key of the headers PREFIXserver-side-encryption-customer-*; key null in *ret: none is given. False: answered. */
bool s3_customer_read(struct s3 *s3, const char *prefix, struct s3_customer *ret);
bool s3_customer_asked(struct s3 *s3);          /* one of those headers is there, without a prefix */

/* What is written is encrypted when the request gave a key: sets s3->cipher, and notes in 'meta' how the key is known. */
void s3_customer_begin(struct s3 *s3, struct store_meta *meta);
/* Adds to s3->upload, encrypted when it is to be; and ends it. The ETag of what is encrypted is the same for the same bytes
 * and key, and tells nobody without the key anything of them. */
bool s3_customer_add(struct s3 *s3, const void *bytes, size_t size);
enum store_result s3_customer_end(struct s3 *s3);

/* The object asks for no key, or for this one. False: answered. */
bool s3_customer_fits(struct s3 *s3, const struct s3_customer *customer, const struct store_meta *meta);
/* The same for a part of an upload, whose parts have the upload's key or none. */
bool s3_customer_fits_upload(struct s3 *s3, const struct store_meta *upload, bool must);
/* Opens the pieces of an object with the key; one that opens nothing is refused. False: answered. */
bool s3_customer_open(struct s3 *s3, const struct s3_customer *customer, struct swift_pieces *pieces);
/* The cipher of an object's bytes; null: they are not encrypted with a customer's key. The key was seen to fit. */
const struct seal *s3_customer_seal(struct arena *arena, const struct s3_customer *customer, const struct store_meta *meta);

void s3_customer_headers(struct s3 *s3);        /* of the answer */
