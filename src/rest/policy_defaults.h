/* SPDX-License-Identifier: Apache-2.0
 * The words of which every SERVICE/policy.def is made:
 *
 *   POLICY("volume:get", RULE(project_reader_or_admin), .legacy = RULE(admin_or_owner))
 *
 * A policy.def is the list of a service's rules with OpenStack Zed's names and defaults. To add a rule: add a line.
 * The words join to one expression of the policy language, where AND binds tighter than OR:
 *
 *   static const struct policy_default compute_policies[] = {
 *   #include "compute/policy.def"
 *   }; */
#pragma once
#include "rest/policy.h"

#define POLICY(NAME, CHECK, ...) {.name = NAME, .check = CHECK, ##__VA_ARGS__},

#define AND " and "
#define OR " or "
#define NOT "not "
#define GROUP(CHECK) "(" CHECK ")"

#define ANYBODY "@"
#define NOBODY "!"
#define RULE(NAME) "rule:" #NAME
#define ROLE(NAME) "role:" #NAME

/* The caller's user, project or domain is the one that an attribute of the object names. */
#define USER_IS(ATTRIBUTE) "user_id:%(" #ATTRIBUTE ")s"
#define PROJECT_IS(ATTRIBUTE) "project_id:%(" #ATTRIBUTE ")s"
#define DOMAIN_IS(ATTRIBUTE) "domain_id:%(" #ATTRIBUTE ")s"

/* The object's attribute is this text, or has no value. */
#define ATTRIBUTE_IS(ATTRIBUTE, TEXT) "'" TEXT "':%(" #ATTRIBUTE ")s"
#define ATTRIBUTE_NONE(ATTRIBUTE) "None:%(" #ATTRIBUTE ")s"

#define PROJECT_READER "(role:reader and project_id:%(project_id)s)"
#define PROJECT_MEMBER "(role:member and project_id:%(project_id)s)"
#define PROJECT_ADMIN "(role:admin and project_id:%(project_id)s)"
#define SYSTEM_READER "(role:reader and system_scope:all)"
#define SYSTEM_ADMIN "(role:admin and system_scope:all)"
#define DOMAIN_READER(ATTRIBUTE) "(role:reader and domain_id:%(" #ATTRIBUTE ")s)"
#define DOMAIN_ADMIN(ATTRIBUTE) "(role:admin and domain_id:%(" #ATTRIBUTE ")s)"
