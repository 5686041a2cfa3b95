/* SPDX-License-Identifier: Apache-2.0
 * Where multipart uploads lie, for their listings. */
#pragma once
#include "object_store/s3.h"

#define S3_UPLOADS "+uploads"           /* behind a bucket's name: the container of its uploads */

const char *s3_segments(struct s3 *s3);
const char *s3_uploads(struct s3 *s3);
/* The upload that ?uploadId= names. False: answered. */
bool s3_find_upload(struct s3 *s3, struct store_found *ret);
