/* SPDX-License-Identifier: Apache-2.0
 * Texts of LDAP: what stands in filters (RFC 4515) and distinguished names (RFC 4514). Whatever comes from outside goes
 * through here before it becomes part of one. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct arena;

/* 'size' bytes as a value in a filter: nothing in it has a meaning there. */
char *filter_escaped(struct arena *arena, const char *bytes, size_t size);

/* "(attribute=value)" with the value escaped. An id of objectGUID, which reads as a UUID, is turned into its bytes. */
char *filter_equals(struct arena *arena, const char *attribute, const char *value);

/* A filter out of the configuration as part of another: in parentheses, "" for null or empty. Null when it is not well
 * formed, so that it could not close what it stands in; nesting is bounded. */
const char *filter_part(struct arena *arena, const char *filter);

/* True for the name of an attribute, with options: letters, digits, '-', ';' and '.'. */
bool attribute_good(const char *name);

/* A value as part of a name. */
char *dn_escaped(struct arena *arena, const char *value);

/* The name in the one form that equal names have: spaces, escapes and letter case are alike. Null when it is no name. */
char *dn_normal(struct arena *arena, const char *dn);

/* The value of the name's first part when that is of 'attribute' alone; null else. */
char *dn_first(struct arena *arena, const char *dn, const char *attribute);

/* 16 bytes as Active Directory keeps a GUID, as text. */
char *guid_text(struct arena *arena, const unsigned char bytes[16]);
