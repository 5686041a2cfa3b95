/* SPDX-License-Identifier: Apache-2.0
 * Documents that are set on a bucket (?cors, ?lifecycle, ...). Each is kept in a pair of the bucket as the XML that came,
 * read and written anew, without its root; s3_config.c has the table of them. */
#pragma once
#include "object_store/s3.h"
#include "object_store/xml.h"

enum { S3_MAX_CONFIG = 64 * 1024 };

/* The document of a bucket that is kept under 'subresource'; null: it has none. */
const struct xml_node *s3_config_of(struct arena *arena, const struct store_container *container, const char *subresource);
/* Elements below 'node' are of those names ("A B C") alone. */
bool s3_only(const struct xml_node *node, const char *names);
/* "true" or "false" of the child; 'otherwise' when it is not there. False in *ret_ok when it is neither. */
bool s3_child_true(const struct xml_node *node, const char *name, bool *ret_ok);
/* A whole number from 'least' to 'most' of the child; -1: it is not there, -2: it is none of those. */
int64_t s3_child_number(const struct xml_node *node, const char *name, int64_t least, int64_t most);

/* ---- s3_public.c ---- */
enum s3_public_block { S3_BLOCK_ACLS, S3_IGNORE_ACLS, S3_BLOCK_POLICY, S3_RESTRICT_PUBLIC };
/* Whether the bucket's public access block says so. */
bool s3_public_block(struct arena *arena, const struct store_container *container, enum s3_public_block what);
enum s3_ownership { S3_OBJECT_WRITER, S3_OWNER_PREFERRED, S3_OWNER_ENFORCED, S3_OWNERSHIPS };
enum s3_ownership s3_ownership(struct arena *arena, const struct store_container *container);
/* What a header of a new bucket asks for, as the document; null in *ret: nothing. False: answered. */
bool s3_ownership_header(struct s3 *s3, const char **ret);
/* The checks of the table of documents; what one writes into 'out' is kept instead of what came. False: answered. */
bool s3_check_public_block(struct s3 *s3, const struct xml_node *root, struct buf *out);
bool s3_check_ownership(struct s3 *s3, const struct xml_node *root, struct buf *out);

/* ---- s3_cors.c ---- */
bool s3_check_cors(struct s3 *s3, const struct xml_node *root, struct buf *out);
/* The headers that tell a browser that the answer is for its site too. */
void s3_cors_headers(struct s3 *s3);

/* ---- s3_lock.c ---- */
bool s3_check_lock(struct s3 *s3, const struct xml_node *root, struct buf *out);
/* What a new bucket's header asks for, into s3->change. False: answered. */
bool s3_lock_header(struct s3 *s3);
/* The headers of an object that is put, into its pairs; and those of its answer. False: answered. */
bool s3_lock_read_headers(struct s3 *s3, struct store_meta *meta);
void s3_lock_write_headers(struct s3 *s3, const struct store_meta *meta);
/* The request overrides governance, and may. */
bool s3_lock_bypasses(struct s3 *s3, const char *key);

/* ---- s3_lifecycle.c ---- */
bool s3_check_lifecycle(struct s3 *s3, const struct xml_node *root, struct buf *out);
/* When a rule ends the object, and which. */
void s3_write_expiration(struct s3 *s3, const struct store_object *object);

/* ---- s3_encryption.c ---- */
struct swift_pieces;
bool s3_encrypts(void);                         /* all that is written is encrypted */
/* What a request that writes asks for can be had; one that reads asks for nothing but a customer's key, which goes into
 * s3->customer. False: answered. */
bool s3_encryption_asked(struct s3 *s3);
bool s3_encryption_of_read(struct s3 *s3);
bool s3_encryption_given(struct s3 *s3);        /* it says something of encryption */
/* The headers of the answer to a write of an object with this metadata, and to a read. */
void s3_encryption_written(struct s3 *s3, const struct store_meta *meta);
void s3_encryption_read(struct s3 *s3, const struct store_object *object, const struct swift_pieces *pieces);
bool s3_check_encryption(struct s3 *s3, const struct xml_node *root, struct buf *out);
