/* SPDX-License-Identifier: Apache-2.0
 * Between the files of backups. */
#pragma once
#include "volume/parts.h"

/* The backup's bytes are to become those of the volume, which has a host: both are busy with it from now on. */
bool volume_backup_begin_restore(struct call *call, struct volume_backup *backup, struct volume_volume *row);
