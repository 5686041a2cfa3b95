/* SPDX-License-Identifier: Apache-2.0
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4), by the processor's instruction where it has one. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Goes on from 'crc', 0 at first. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t size);
