/* SPDX-License-Identifier: Apache-2.0
 * Cross-origin requests of browsers (https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html): a bucket's
 * rules say which sites may use which methods and headers. The first rule that fits a request counts. */
#include <string.h>
#include <strings.h>

#include "base/words.h"
#include "object_store/s3_config.h"

enum { MAX_RULES = 100 };

/* ---- the document ---- */

static bool one_star(const char *text) {
    const char *star = strchr(text, '*');

    return *text && !(star && strchr(star + 1, '*')) && !strpbrk(text, "\r\n ,");
}

static bool is_method(const char *text) {
    return words_have("GET PUT POST DELETE HEAD", text);
}

/* False: answered. */
static bool check_rule(struct s3 *s3, const struct xml_node *rule) {
    bool ok = !strcmp(rule->name, "CORSRule") &&
              s3_only(rule, "ID AllowedOrigin AllowedMethod AllowedHeader ExposeHeader MaxAgeSeconds") &&
              xml_child(rule, "AllowedOrigin") && xml_child(rule, "AllowedMethod") &&
              s3_child_number(rule, "MaxAgeSeconds", 0, INT32_MAX) != -2;

    for (const struct xml_node *child = ok ? rule->first : NULL; child; child = child->next) {
        if (!strcmp(child->name, "AllowedMethod") && !is_method(child->text)) {
            return s3_error_because(s3, "InvalidRequest", "Found unsupported HTTP method in CORS config. Unsupported method is %s",
                                    child->text), false;
        }
        if ((!strcmp(child->name, "AllowedOrigin") || !strcmp(child->name, "AllowedHeader")) && !one_star(child->text)) {
            return s3_error_because(s3, "InvalidRequest", "%s \"%s\" can not have more than one wildcard.", child->name,
                                    child->text), false;
        }
        ok = ok && !child->first &&
             (strcmp(child->name, "ExposeHeader") != 0 || (one_star(child->text) && !strchr(child->text, '*'))) &&
             (strcmp(child->name, "ID") != 0 || strlen(child->text) <= 255);
    }
    return ok || (s3_error(s3, "MalformedXML", NULL), false);
}

bool s3_check_cors(struct s3 *s3, const struct xml_node *root, struct buf *out) {
    int count = 0;

    for (const struct xml_node *rule = root->first; rule; rule = rule->next) {
        if (!check_rule(s3, rule)) {
            return false;
        }
        count++;
    }
    return (count && count <= MAX_RULES) || (s3_error(s3, "MalformedXML", NULL), false);
}

/* ---- what it allows ---- */

static bool any_fits(const struct xml_node *rule, const char *name, const char *text, bool fold) {
    for (const struct xml_node *child = rule->first; child; child = child->next) {
        if (!strcmp(child->name, name) && s3_glob(child->text, text, fold)) {
            return true;
        }
    }
    return false;
}

/* All headers of a list are allowed. */
static bool headers_fit(struct arena *arena, const struct xml_node *rule, const char *headers) {
    const char *word;
    size_t size;

    while (headers && words_next(&headers, &word, &size)) {
        if (!any_fits(rule, "AllowedHeader", arena_text_size(arena, word, size), true)) {
            return false;
        }
    }
    return true;
}

static const struct xml_node *find_rule(struct s3 *s3, const char *origin, const char *method, const char *headers) {
    const struct xml_node *root = s3_config_of(s3->arena, &s3->found.container, "cors");

    for (const struct xml_node *rule = root ? root->first : NULL; rule; rule = rule->next) {
        if (any_fits(rule, "AllowedMethod", method, false) && any_fits(rule, "AllowedOrigin", origin, false) &&
            headers_fit(s3->arena, rule, headers)) {
            return rule;
        }
    }
    return NULL;
}

static const char *joined(struct arena *arena, const struct xml_node *rule, const char *name) {
    const char *all = NULL;

    for (const struct xml_node *child = rule->first; child; child = child->next) {
        if (!strcmp(child->name, name)) {
            all = all ? arena_printf(arena, "%s, %s", all, child->text) : child->text;
        }
    }
    return all;
}

static bool names_all(const struct xml_node *rule) {
    for (const struct xml_node *child = rule->first; child; child = child->next) {
        if (!strcmp(child->name, "AllowedOrigin") && !strcmp(child->text, "*")) {
            return true;
        }
    }
    return false;
}

/* Only a rule for every site says so; others name the one that asked, and may have its credentials. */
static void write_rule(struct s3 *s3, const struct xml_node *rule, const char *origin) {
    const char *expose = joined(s3->arena, rule, "ExposeHeader"), *age = xml_child_text(rule, "MaxAgeSeconds");
    bool all = names_all(rule);

    s3_put_header(s3, "Access-Control-Allow-Origin", "%s", all ? "*" : origin);
    s3_put_header(s3, "Access-Control-Allow-Methods", "%s", joined(s3->arena, rule, "AllowedMethod"));
    if (expose) {
        s3_put_header(s3, "Access-Control-Expose-Headers", "%s", expose);
    }
    if (age) {
        s3_put_header(s3, "Access-Control-Max-Age", "%s", age);
    }
    if (!all) {
        s3_put_header(s3, "Access-Control-Allow-Credentials", "true");
    }
    s3_put_header(s3, "Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method");
}

void s3_cors_headers(struct s3 *s3) {
    const char *origin = s3_header(s3, "Origin"), *method = s3_header(s3, "Access-Control-Request-Method");
    const struct xml_node *rule;

    if (!origin || !s3->found.container.name || s3->http->method == HTTP_OPTIONS) {
        return;
    }
    rule = find_rule(s3, origin, method ? method : s3->http->method_name, NULL);
    if (rule) {
        write_rule(s3, rule, origin);
    }
}

/* A preflight: whether another site may. */
bool s3_options(struct call *call) {
    struct s3 *s3 = s3_of(call);
    const char *origin = s3_header(s3, "Origin"), *method = s3_header(s3, "Access-Control-Request-Method");
    const char *headers = s3_header(s3, "Access-Control-Request-Headers");
    const struct xml_node *rule;

    if (!origin) {
        return s3_error_because(s3, "BadRequest", "Insufficient information. Origin request header needed.");
    }
    if (!method || !is_method(method)) {
        return s3_error_because(s3, "BadRequest", "Invalid Access-Control-Request-Method: %s", method ? method : "null");
    }
    s3_find_bucket(s3, NULL, false);
    if (s3->looked == STORE_FAILED) {
        return s3_failed(s3, s3->looked);
    }
    if (!s3->found.container.name || !store_meta_get(&s3->found.container.meta, "sys-s3-cors")) {
        return s3_error_because(s3, "AccessForbidden", "CORSResponse: CORS is not enabled for this bucket.");
    }
    rule = find_rule(s3, origin, method, headers);
    if (!rule) {
        return s3_error_because(s3, "AccessForbidden", "CORSResponse: This CORS request is not allowed. This is usually because "

                                                       "Access-Control-Request-Method or Access-Control-Request-Headers are not "
                                                       "whitelisted by the resource's CORS spec.");
    }
    write_rule(s3, rule, origin);
    if (headers && *headers) {
        s3_put_header(s3, "Access-Control-Allow-Headers", "%s", headers);
    }
    return s3_status(s3, 200);
}
