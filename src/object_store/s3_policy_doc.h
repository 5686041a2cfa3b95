/* SPDX-License-Identifier: Apache-2.0
 * Policies of buckets: JSON documents that allow or deny principals actions on the bucket and its objects
 * (https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html). A principal is a project, as an account
 * is with Amazon: "PROJECT", "arn:aws:iam::PROJECT:root", "arn:aws:iam::PROJECT:user/USER", or everybody.
 *
 * A document is kept as it came, in the bucket's pair "sys-s3-policy". What is not understood is refused when it is put, so
 * that no rule is ever passed over. */
#pragma once
#include "base/json.h"
#include "object_store/s3.h"

enum s3_verdict { S3_SILENT, S3_ALLOWED, S3_DENIED };

/* What somebody asks for. */
struct s3_asked {
    struct s3 *s3;                              /* who, and the request */
    const char *action;                         /* "s3:GetObject" */
    const char *account;                        /* the bucket's */
    const struct store_container *container;
    const char *key;                            /* null: the bucket itself */
    const struct store_object *object;          /* the one that is there; null: looked up when a condition wants it */
    const char *prefix;                         /* for s3:prefix, instead of the argument; null: that */
    struct s3_tags_seen *seen;                  /* the judge's own */
};

/* What the bucket's policy says; S3_SILENT when it has none or none of its statements applies. */
enum s3_verdict s3_judge(const struct s3_asked *asked);

/* Reads a document. Null with *ret_why, a sentence, when it is not one of a bucket named 'bucket'. */
const struct json *s3_policy_read(struct arena *arena, const char *text, size_t size, const char *bucket, const char **ret_why);
/* Whether it allows anybody something without a condition that says who or from where. */
bool s3_policy_public(const struct json *root);
/* Whether a member (null: it is absent) is a text or a list of texts that is not empty. */
bool s3_policy_texts(const struct json *member);

/* ---- s3_condition.c ---- */
/* Conditions ask about the request, or about what it is judged for: of those a request may judge many. */
enum s3_about { S3_ABOUT_REQUEST, S3_ABOUT_ASKED };
/* Whether all conditions of a statement about 'about' hold; 'conditions' null: it has none. */
bool s3_conditions_hold(const struct s3_asked *asked, const struct json *conditions, enum s3_about about);

/* The tags of the object that is asked for, or of the request; read when a condition first wants them. */
struct s3_tags_seen {
    bool read;
    size_t body;                                /* size of the request's body then */
    struct store_meta tags;
};
/* Null when they are well formed; else why they are not. */
const char *s3_conditions_wrong(struct arena *arena, const struct json *conditions);
/* Whether they say who it must be, or from where. */
bool s3_conditions_narrow(const struct json *conditions);
