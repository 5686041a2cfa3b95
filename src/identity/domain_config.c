/* SPDX-License-Identifier: Apache-2.0
 * Settings of domains: which there are, with their defaults, and the operations on all of them, a group or one. */
#include <string.h>

#include "base/conf.h"
#include "identity/backend.h"
#include "identity/domain_config_table.h"
#include "identity/target.h"
#include "identity/types.h"
#include "rest/cloud.h"

static const struct domain_option options[] = {
    {"identity", "driver", "\"sql\"", false},
    {"identity", "list_limit", "null", false},
    {"ldap", "url", "\"ldap://localhost\"", false},
    {"ldap", "user", "null", false},
    {"ldap", "suffix", "\"cn=example,cn=com\"", false},
    {"ldap", "query_scope", "\"one\"", false},
    {"ldap", "page_size", "0", false},
    {"ldap", "alias_dereferencing", "\"default\"", false},
    {"ldap", "debug_level", "null", false},
    {"ldap", "chase_referrals", "null", false},
    {"ldap", "user_tree_dn", "null", false},
    {"ldap", "user_filter", "null", false},
    {"ldap", "user_objectclass", "\"inetOrgPerson\"", false},
    {"ldap", "user_id_attribute", "\"cn\"", false},
    {"ldap", "user_name_attribute", "\"sn\"", false},
    {"ldap", "user_mail_attribute", "\"mail\"", false},
    {"ldap", "user_description_attribute", "\"description\"", false},
    {"ldap", "user_pass_attribute", "\"userPassword\"", false},
    {"ldap", "user_enabled_attribute", "\"enabled\"", false},
    {"ldap", "user_enabled_invert", "false", false},
    {"ldap", "user_enabled_mask", "0", false},
    {"ldap", "user_enabled_default", "\"True\"", false},
    {"ldap", "user_attribute_ignore", "[\"default_project_id\"]", false},
    {"ldap", "user_default_project_id_attribute", "null", false},
    {"ldap", "user_enabled_emulation", "false", false},
    {"ldap", "user_enabled_emulation_dn", "null", false},
    {"ldap", "user_enabled_emulation_use_group_config", "false", false},
    {"ldap", "user_additional_attribute_mapping", "[]", false},
    {"ldap", "group_tree_dn", "null", false},
    {"ldap", "group_filter", "null", false},
    {"ldap", "group_objectclass", "\"groupOfNames\"", false},
    {"ldap", "group_id_attribute", "\"cn\"", false},
    {"ldap", "group_name_attribute", "\"ou\"", false},
    {"ldap", "group_members_are_ids", "false", false},
    {"ldap", "group_member_attribute", "\"member\"", false},
    {"ldap", "group_desc_attribute", "\"description\"", false},
    {"ldap", "group_attribute_ignore", "[]", false},
    {"ldap", "group_additional_attribute_mapping", "[]", false},
    {"ldap", "tls_cacertfile", "null", false},
    {"ldap", "tls_cacertdir", "null", false},
    {"ldap", "use_tls", "false", false},
    {"ldap", "tls_req_cert", "\"demand\"", false},
    {"ldap", "use_pool", "true", false},
    {"ldap", "pool_size", "10", false},
    {"ldap", "pool_retry_max", "3", false},
    {"ldap", "pool_retry_delay", "0.1", false},
    {"ldap", "pool_connection_timeout", "-1", false},
    {"ldap", "pool_connection_lifetime", "600", false},
    {"ldap", "use_auth_pool", "true", false},
    {"ldap", "auth_pool_size", "100", false},
    {"ldap", "auth_pool_connection_lifetime", "60", false},
    {"ldap", "password", "null", true},
};
enum { OPTIONS = sizeof options / sizeof *options };

const struct domain_option *domain_option_find(const char *group, const char *name) {
    for (size_t i = 0; i < OPTIONS; i++) {
        if (!strcmp(options[i].group, group) && (!name || !strcmp(options[i].name, name))) {
            return &options[i];
        }
    }
    return NULL;
}

static bool invalid(struct call *call, const char *reason) {
    return fail(call, 403, "Invalid domain specific configuration: %s.", reason);
}

/* The group and option of the path, where there are such, must be ones that we have. */
static bool path_good(struct call *call, const char **ret_group, const char **ret_option) {
    const char *group = call_parameter(call, "group"), *option = call_parameter(call, "option");

    *ret_group = group;
    *ret_option = option;
    if (group && !domain_option_find(group, NULL)) {
        return invalid(call, arena_printf(call->arena, "Group %.64s is not supported for domain specific configurations", group));
    }
    if (option && !domain_option_find(group, option)) {
        return invalid(call, arena_printf(call->arena, "Option %.64s in group %.64s is not supported for domain specific "
                                                       "configurations", option, group));
    }
    return true;
}

/* ---- showing ---- */

static bool stored(struct call *call, const char *domain, const char *group, const char *option,
                   struct identity_domain_option **ret_rows, size_t *ret_count) {
    return rows_find(call, &resource_identity_domain_option,
                     "domain_id = ? AND family = coalesce(CAST(? AS TEXT), family) AND name = coalesce(CAST(? AS TEXT), name)"
                     " ORDER BY family, name",
                     SQL_ARGS(sql_text(domain), sql_text(group), sql_text(option)), ret_rows, ret_count);
}

/* {"config": {"group": {"option": value}}}; one option alone stands without its group. Rows are in order of groups. */
static void respond(struct call *call, const struct identity_domain_option *rows, size_t count, bool alone) {
    struct json_out *out = &call->out;
    const char *group = NULL;

    json_map(out);
    json_key(out, "config");
    json_map(out);
    for (size_t i = 0; i < count; i++) {
        const struct domain_option *option = domain_option_find(rows[i].family, rows[i].name);

        if (!option || option->secret) {
            continue;
        }
        if (!alone && (!group || strcmp(group, rows[i].family) != 0)) {
            if (group) {
                json_map_end(out);
            }
            group = rows[i].family;
            json_key(out, group);
            json_map(out);
        }
        json_put_raw(out, rows[i].name, rows[i].value);
    }
    if (group) {
        json_map_end(out);
    }
    json_map_end(out);
    json_map_end(out);
}

static bool none(struct call *call, const char *domain, const char *group, const char *option) {
    return fail(call, 404, "Could not find %s%s%sdomain configuration for: %s.", group ? group : "",
                option ? "/" : "", option ? arena_printf(call->arena, "%s ", option) : group ? " " : "", domain);
}

bool identity_config_show(struct call *call) {
    const char *group, *option;
    struct identity_domain_option *rows;
    struct identity_domain *domain;
    size_t count;

    if (!path_row(call, "domain", &domain) || !path_good(call, &group, &option) ||
        !stored(call, domain->id, group, option, &rows, &count)) {
        return false;
    }
    if (!count) {
        return none(call, domain->id, group, option);
    }
    respond(call, rows, count, option != NULL);
    return true;
}

bool identity_config_default(struct call *call) {
    const char *group, *option;
    struct identity_domain_option rows[OPTIONS];
    size_t count = 0;

    if (!path_good(call, &group, &option)) {
        return false;
    }
    for (size_t i = 0; i < OPTIONS; i++) {
        if ((!group || !strcmp(group, options[i].group)) && (!option || !strcmp(option, options[i].name))) {
            rows[count++] = (struct identity_domain_option){.family = options[i].group, .name = options[i].name,
                                                            .value = options[i].otherwise};
        }
    }
    respond(call, rows, count, option != NULL);
    return true;
}

/* What passwords must look like, for everybody to read; set for the whole cloud. */
bool identity_config_compliance(struct call *call) {
    static const char *const names[] = {"password_regex", "password_regex_description"};
    const char *option = call_parameter(call, "option");
    struct identity_domain *domain;

    if (!path_row(call, "domain", &domain)) {
        return false;
    }
    if (strcmp(domain->id, "default") != 0 || (option && strcmp(option, names[0]) != 0 && strcmp(option, names[1]) != 0)) {
        return invalid(call, "only password_regex and password_regex_description of the default domain can be read");
    }
    json_map(&call->out);
    json_key(&call->out, "config");
    json_map(&call->out);
    if (!option) {
        json_key(&call->out, "security_compliance");
        json_map(&call->out);
    }
    for (int i = 0; i < 2; i++) {
        if (!option || !strcmp(option, names[i])) {
            json_put_text(&call->out, names[i], conf_text(cloud.conf, "security_compliance", names[i], NULL));
        }
    }
    if (!option) {
        json_map_end(&call->out);
    }
    json_map_end(&call->out);
    json_map_end(&call->out);
    return true;
}

/* ---- changing ---- */

static bool store_one(struct call *call, const char *domain, const char *group, const struct json *value) {
    static const char sql[] = "INSERT INTO identity_domain_option (domain_id, family, name, value) VALUES (?, ?, ?, ?)"
                              " ON CONFLICT (domain_id, family, name) DO UPDATE SET value = excluded.value";

    if (!domain_option_find(group, value->key)) {
        return invalid(call, arena_printf(call->arena, "Option %.64s in group %.64s is not supported", value->key, group));
    }
    return call_exec(call, sql, SQL_ARGS(sql_text(domain), sql_text(group), sql_text(value->key),
                                         sql_text(json_print(call->arena, value))));
}

static bool store_group(struct call *call, const char *domain, const struct json *group) {
    if (!domain_option_find(group->key, NULL)) {
        return invalid(call, arena_printf(call->arena, "Group %.64s is not supported", group->key));
    }
    if (group->type != JSON_MAP || !group->count) {
        return invalid(call, "the value of a group must be an object of options");
    }
    for (JSON_EACH(value, group)) {
        if (!store_one(call, domain, group->key, value)) {
            return false;
        }
    }
    return true;
}

static bool store_all(struct call *call, const char *domain, const struct json *config) {
    if (!config || config->type != JSON_MAP || !config->count) {
        return invalid(call, "No options specified");
    }
    for (JSON_EACH(group, config)) {
        if (!store_group(call, domain, group)) {
            return false;
        }
    }
    return true;
}

static bool respond_stored(struct call *call, const char *domain) {
    struct identity_domain_option *rows;
    size_t count;

    if (!stored(call, domain, NULL, NULL, &rows, &count)) {
        return false;
    }
    respond(call, rows, count, false);
    return true;
}

bool identity_config_create(struct call *call) {
    struct identity_domain *domain;

    if (!path_row(call, "domain", &domain) ||
        !call_exec(call, "DELETE FROM identity_domain_option WHERE domain_id = ?", SQL_ARGS(sql_text(domain->id)))) {
        return false;
    }
    call->status = db_changes(call->db) ? 200 : 201;
    return store_all(call, domain->id, json_get(call->body, "config")) && backend_changed(call, domain->id) &&
           respond_stored(call, domain->id);
}

/* Under a group or option of the path the body has just that, and it must be set already. */
static bool update_part(struct call *call, const char *domain, const char *group, const char *option,
                        const struct json *config) {
    const struct json *part = option && !json_get(config, group) ? config : json_get(config, group);
    struct identity_domain_option *rows;
    size_t count;

    if (!part || part->type != JSON_MAP || (part != config && config->count != 1) ||
        (option && (part->count != 1 || strcmp(part->first->key, option) != 0))) {
        return invalid(call, "only what the path names may be in the config");
    }
    if (!stored(call, domain, group, option, &rows, &count)) {
        return false;
    }
    if (!count) {
        return none(call, domain, group, option);
    }
    for (JSON_EACH(value, part)) {
        if (!store_one(call, domain, group, value)) {
            return false;
        }
    }
    return true;
}

bool identity_config_update(struct call *call) {
    const struct json *config = json_get(call->body, "config");
    const char *group, *option;
    struct identity_domain *domain;

    if (!path_row(call, "domain", &domain) || !path_good(call, &group, &option)) {
        return false;
    }
    if (!(group ? update_part(call, domain->id, group, option, config) : store_all(call, domain->id, config))) {
        return false;
    }
    return backend_changed(call, domain->id) && respond_stored(call, domain->id);
}

bool identity_config_delete(struct call *call) {
    static const char sql[] = "DELETE FROM identity_domain_option WHERE domain_id = ? AND"
                              " family = coalesce(CAST(? AS TEXT), family) AND name = coalesce(CAST(? AS TEXT), name)";
    const char *group, *option;
    struct identity_domain *domain;

    if (!path_row(call, "domain", &domain) || !path_good(call, &group, &option) ||
        !call_exec(call, sql, SQL_ARGS(sql_text(domain->id), sql_text(group), sql_text(option)))) {
        return false;
    }
    return db_changes(call->db) ? backend_changed(call, domain->id) : none(call, domain->id, group, option);
}
