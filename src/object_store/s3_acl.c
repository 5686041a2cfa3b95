/* SPDX-License-Identifier: Apache-2.0
 * Access lists of buckets and objects. A list is kept as "sys-s3-acl", a grant a line: "READ id PROJECT",
 * "READ group AllUsers". Without one only the owner may. Where the bucket's owner is enforced, lists count for nothing. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "identity/identity.h"
#include "object_store/s3_config.h"
#include "object_store/xml.h"

enum { MAX_GRANTS = 100 };
#define GROUPS "http://acs.amazonaws.com/groups/"

static const struct {
    const char *name, *header;
    enum s3_permission permission;
} permissions[] = {{"READ", "x-amz-grant-read", S3_READ},
                   {"WRITE", "x-amz-grant-write", S3_WRITE},
                   {"READ_ACP", "x-amz-grant-read-acp", S3_READ_ACP},
                   {"WRITE_ACP", "x-amz-grant-write-acp", S3_WRITE_ACP},
                   {"FULL_CONTROL", "x-amz-grant-full-control", S3_FULL}};
enum { PERMISSIONS = sizeof permissions / sizeof *permissions };

static const char *const groups[] = {"global/AllUsers", "global/AuthenticatedUsers", "s3/LogDelivery"};

const char *s3_project_of(const char *account) {
    return strncmp(account, "AUTH_", 5) ? account : account + 5;
}

const char *s3_object_owner(const char *account, const struct store_object *object) {
    const char *owner = store_meta_get(&object->meta, "sys-s3-owner");

    return owner ? owner : s3_project_of(account);
}

static bool denied(struct s3 *s3) {
    return s3_error(s3, "AccessDenied", NULL), false;
}

/* ---- grants as text ---- */

struct grant {
    enum s3_permission permission;
    const char *permission_name, *kind, *who;
};

/* The next line of a list; false at its end. */
static bool next_grant(struct arena *arena, const char **at, struct grant *ret) {
    size_t size = *at ? strcspn(*at, "\n") : 0;
    char *line, *kind, *who;

    if (!size) {
        return false;
    }
    line = arena_text_size(arena, *at, size);
    *at += size + ((*at)[size] == '\n');
    kind = strchr(line, ' ');
    who = kind ? strchr(kind + 1, ' ') : NULL;
    if (!who) {
        return false;
    }
    *kind++ = *who++ = 0;
    *ret = (struct grant){.permission_name = line, .kind = kind, .who = who};
    for (int i = 0; i < PERMISSIONS; i++) {
        if (!strcmp(line, permissions[i].name)) {
            ret->permission = permissions[i].permission;
        }
    }
    return true;
}

static const char *with(struct arena *arena, const char *list, const char *permission, const char *kind, const char *who) {
    return arena_printf(arena, "%s%s %s %s\n", list ? list : "", permission, kind, who);
}

static bool is_caller(const struct s3 *s3, const struct grant *grant) {
    const char *project = s3->call->caller.project_id;

    if (!strcmp(grant->kind, "id")) {
        return project && !strcmp(grant->who, project);
    }
    return !strcmp(grant->who, "AllUsers") || (project && !strcmp(grant->who, "AuthenticatedUsers"));
}

static bool is_public(const struct grant *grant) {
    return !strcmp(grant->who, "AllUsers") || !strcmp(grant->who, "AuthenticatedUsers");
}

bool s3_acl_grants(struct s3 *s3, const struct store_container *container, const char *list, enum s3_permission permission) {
    struct grant grant;

    if (!list || s3_ownership(s3->arena, container) == S3_OWNER_ENFORCED) {
        return false;
    }
    while (next_grant(s3->arena, &list, &grant)) {
        if ((grant.permission & permission) == permission && is_caller(s3, &grant) &&
            !(is_public(&grant) && s3_public_block(s3->arena, container, S3_IGNORE_ACLS))) {
            return true;
        }
    }
    return false;
}

static bool gives_to_all(struct s3 *s3, const char *list) {
    struct grant grant;

    while (next_grant(s3->arena, &list, &grant)) {
        if (is_public(&grant)) {
            return true;
        }
    }
    return false;
}

bool s3_acl_public(struct s3 *s3, const struct store_found *found) {
    return gives_to_all(s3, store_meta_get(&found->container.meta, "sys-s3-acl")) &&
           s3_ownership(s3->arena, &found->container) != S3_OWNER_ENFORCED &&
           !s3_public_block(s3->arena, &found->container, S3_IGNORE_ACLS);
}

bool s3_acl_private(struct s3 *s3, const char *list) {
    struct grant grant;

    while (next_grant(s3->arena, &list, &grant)) {
        if (strcmp(grant.kind, "id") != 0 || strcmp(grant.who, s3_project_of(s3->account)) != 0) {
            return false;
        }
    }
    return true;
}

/* The list that is asked for may be set in the bucket. False: answered. */
static bool may_set(struct s3 *s3, const char *list) {
    if (gives_to_all(s3, list) && s3_public_block(s3->arena, &s3->found.container, S3_BLOCK_ACLS)) {
        return denied(s3);
    }
    return true;
}

/* ---- what is asked for ---- */

/* The list of a canned ACL; null in *ret: private. False: there is none of that name. */
static bool read_canned(struct s3 *s3, const char *name, const char *owner, const char **ret) {
    static const struct {
        const char *name, *permission, *kind, *who;
    } known[] = {{"public-read", "READ", "group", "AllUsers"},
                 {"public-read-write", "READ", "group", "AllUsers"},
                 {"public-read-write", "WRITE", "group", "AllUsers"},
                 {"authenticated-read", "READ", "group", "AuthenticatedUsers"},
                 {"log-delivery-write", "WRITE", "group", "LogDelivery"},
                 {"log-delivery-write", "READ_ACP", "group", "LogDelivery"},
                 {"bucket-owner-read", "READ", "id", NULL},
                 {"bucket-owner-full-control", "FULL_CONTROL", "id", NULL}};
    const char *list = NULL;
    bool found = false;

    *ret = NULL;
    if (!strcmp(name, "private")) {
        return true;
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const char *who = known[i].who ? known[i].who : s3_project_of(s3->account);

        if (!strcmp(known[i].name, name)) {
            found = true;
            list = !strcmp(who, owner) ? list : with(s3->arena, list, known[i].permission, known[i].kind, who);
        }
    }
    *ret = with(s3->arena, list, "FULL_CONTROL", "id", owner);
    return found || (s3_error(s3, "InvalidArgument", "ArgumentName", "x-amz-acl", "ArgumentValue", name, NULL), false);
}

static const char *group_of(const char *uri) {
    for (size_t i = 0; i < sizeof groups / sizeof *groups && !strncmp(uri, GROUPS, sizeof GROUPS - 1); i++) {
        if (!strcmp(uri + sizeof GROUPS - 1, groups[i])) {
            return strchr(groups[i], '/') + 1;
        }
    }
    return NULL;
}

static bool is_project(struct s3 *s3, const char *id) {
    const char *own = s3->call->caller.project_id;
    bool there = (own && !strcmp(own, id)) || identity_project_name(s3->call, id) != NULL;

    s3->call->error = 0;
    return there && !strpbrk(id, " \n");
}

/* Adds a grant to *list, the grantee told by one of the three. False: answered. */
static bool add_grant(struct s3 *s3, const char **list, const char *permission, const char *id, const char *uri,
                      const char *email) {
    const char *group = uri ? group_of(uri) : NULL;

    if (email) {
        return s3_error(s3, "UnresolvableGrantByEmailAddress", NULL), false;
    }
    if (id ? !is_project(s3, id) : !group) {
        return s3_error(s3, "InvalidArgument", "ArgumentName", id ? "CanonicalUser/ID" : "Group/URI", "ArgumentValue",
                        id ? id : uri ? uri : "", NULL), false;
    }
    *list = with(s3->arena, *list, permission, id ? "id" : "group", id ? id : group);
    return true;
}

/* 'id="...", uri="..."' of a header. */
static bool add_header(struct s3 *s3, const char **list, const char *permission, const char *at, int *count) {
    while (*at) {
        size_t item = strcspn(at, ","), skip = strspn(at, " \t"), name = strcspn(at + skip, "=");
        const char *value = at + skip + name + 1, *id = NULL, *uri = NULL, *email = NULL, *text;
        size_t size = skip + name < item ? item - skip - name - 1 : 0;

        while (size && strchr(" \t", value[size - 1])) {
            size--;
        }
        if (size >= 2 && *value == '"' && value[size - 1] == '"') {
            value++;
            size -= 2;
        }
        if (skip + name >= item || ++*count > MAX_GRANTS) {
            return s3_error(s3, "InvalidArgument", "ArgumentName", "x-amz-grant", "ArgumentValue", at, NULL), false;
        }
        text = arena_text_size(s3->arena, value, size);
        if (name == 2 && !strncasecmp(at + skip, "id", 2)) {
            id = text;
        } else if (name == 3 && !strncasecmp(at + skip, "uri", 3)) {
            uri = text;
        } else if (name == 12 && !strncasecmp(at + skip, "emailAddress", 12)) {
            email = text;
        }
        if (!add_grant(s3, list, permission, id, uri, email)) {
            return false;
        }
        at += item + (at[item] == ',');
    }
    return true;
}

/* Where lists count for nothing, none may be asked for but the one that says the same. */
static bool lists_count(struct s3 *s3, const char *canned) {
    bool asked = canned && strcmp(canned, "bucket-owner-full-control") != 0;

    for (int i = 0; i < PERMISSIONS; i++) {
        asked = asked || s3_header(s3, permissions[i].header);
    }
    return !asked || s3_ownership(s3->arena, &s3->found.container) != S3_OWNER_ENFORCED ||
           (s3_error(s3, "AccessControlListNotSupported", NULL), false);
}

bool s3_read_grants(struct s3 *s3, const char *owner, const char **ret) {
    const char *canned = s3_header(s3, "x-amz-acl");
    int count = 0;

    *ret = NULL;
    if (!lists_count(s3, canned)) {
        return false;
    }
    for (int i = 0; i < PERMISSIONS; i++) {
        const char *value = s3_header(s3, permissions[i].header);

        if (value && canned) {
            return s3_error_because(s3, "InvalidRequest", "Specifying both Canned ACLs and Header Grants is not allowed"), false;
        }
        if (value && !add_header(s3, ret, permissions[i].name, value, &count)) {
            return false;
        }
    }
    return (!canned || read_canned(s3, canned, owner, ret)) && may_set(s3, *ret);
}

/* ---- XML ---- */

static bool malformed(struct s3 *s3) {
    return s3_error(s3, "MalformedACLError", NULL), false;
}

static bool read_xml(struct s3 *s3, const char *owner, const char **ret) {
    const struct xml_node *root = xml_parse(s3->arena, s3->http->body.at, s3->http->body.size);
    const struct xml_node *list = xml_child(root, "AccessControlList");
    const char *id = xml_child_text(xml_child(root, "Owner"), "ID");
    int count = 0;

    *ret = NULL;
    if (!root || strcmp(root->name, "AccessControlPolicy") != 0 || !list || !id) {
        return malformed(s3);
    }
    if (strcmp(id, owner) != 0) {
        return denied(s3);
    }
    for (const struct xml_node *grant = list->first; grant; grant = grant->next) {
        const struct xml_node *grantee = xml_child(grant, "Grantee");
        const char *name = xml_child_text(grant, "Permission");
        bool known = false;

        for (int i = 0; i < PERMISSIONS && name; i++) {
            known = known || !strcmp(permissions[i].name, name);
        }
        if (!grantee || !known || strcmp(grant->name, "Grant") != 0 || ++count > MAX_GRANTS) {
            return malformed(s3);
        }
        if (!add_grant(s3, ret, name, xml_child_text(grantee, "ID"), xml_child_text(grantee, "URI"),
                       xml_child_text(grantee, "EmailAddress"))) {
            return false;
        }
    }
    *ret = *ret ? *ret : "";        /* a list without grants is one too */
    return true;
}

static void write_grant(struct s3 *s3, struct buf *out, const struct grant *grant) {
    bool person = !strcmp(grant->kind, "id");

    buf_printf(out, "<Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"%s\">",
               person ? "CanonicalUser" : "Group");
    if (person) {
        s3_write_person(s3, out, grant->who);
    } else {
        xml_member(out, "URI", arena_printf(s3->arena, GROUPS "%s/%s", strcmp(grant->who, "LogDelivery") ? "global" : "s3",
                                            grant->who));
    }
    BUF_LITERAL(out, "</Grantee>");
    xml_member(out, "Permission", grant->permission_name);
    BUF_LITERAL(out, "</Grant>");
}

static bool respond(struct s3 *s3, const char *owner, const char *list) {
    struct buf *out = s3_xml(s3, "AccessControlPolicy");
    struct grant grant;

    list = list ? list : with(s3->arena, NULL, "FULL_CONTROL", "id", owner);
    BUF_LITERAL(out, "<Owner>");
    s3_write_person(s3, out, owner);
    BUF_LITERAL(out, "</Owner><AccessControlList>");
    while (next_grant(s3->arena, &list, &grant)) {
        write_grant(s3, out, &grant);
    }
    BUF_LITERAL(out, "</AccessControlList></AccessControlPolicy>");
    return true;
}

/* The list that a PUT asks for, in headers or its body. */
static bool read_asked(struct s3 *s3, const char *owner, const char **ret) {
    bool headers = s3_header(s3, "x-amz-acl");

    for (int i = 0; i < PERMISSIONS; i++) {
        headers = headers || s3_header(s3, permissions[i].header);
    }
    if (headers && s3->http->body.size) {
        return s3_error(s3, "UnexpectedContent", NULL), false;
    }
    if (!headers && !s3->http->body.size) {
        return s3_error(s3, "MissingSecurityHeader", "MissingHeaderName", "x-amz-acl", NULL), false;
    }
    if (s3_ownership(s3->arena, &s3->found.container) == S3_OWNER_ENFORCED) {
        return s3_error(s3, "AccessControlListNotSupported", NULL), false;
    }
    return headers ? s3_read_grants(s3, owner, ret) : read_xml(s3, owner, ret) && may_set(s3, *ret);
}

bool s3_bucket_acl_get(struct call *call) {
    struct s3 *s3 = s3_of(call);

    return !s3_allow_bucket(s3, S3_READ_ACP) ||
           respond(s3, s3_project_of(s3->account), store_meta_get(&s3->found.container.meta, "sys-s3-acl"));
}

bool s3_bucket_acl_put(struct call *call) {
    struct s3 *s3 = s3_of(call);
    const char *list;

    if (!s3_allow_bucket(s3, S3_WRITE_ACP) || !read_asked(s3, s3_project_of(s3->account), &list)) {
        return true;
    }
    store_meta_set(s3->arena, &s3->change.set, "sys-s3-acl", list);
    s3_name_take(s3);
    return s3_change(s3, store_post_container, s3_changed);
}

bool s3_object_acl_get(struct call *call) {
    struct s3 *s3 = s3_of(call);

    if (!s3_allow_object(s3, S3_READ_ACP)) {
        return true;
    }
    return s3->found.object.kind == STORE_MARKER
               ? s3_error(s3, "MethodNotAllowed", NULL)
               : respond(s3, s3_object_owner(s3->account, &s3->found.object),
                         store_meta_get(&s3->found.object.meta, "sys-s3-acl"));
}

bool s3_object_acl_put(struct call *call) {
    struct s3 *s3 = s3_of(call);
    const char *list;

    if (s3->looked == STORE_OK) {
        struct store_find find = {.account = s3->account, .container = s3->bucket, .name = s3->key, .version = s3->version};

        s3->looked = store_find(s3->arena, &find, &s3->found);
    }
    if (!s3_allow_object(s3, S3_WRITE_ACP) ||
        !read_asked(s3, s3_object_owner(s3->account, &s3->found.object), &list)) {
        return true;
    }
    store_meta_set(s3->arena, &s3->change.set, "sys-s3-acl", list);
    s3->change.object.expires = -1;
    s3->change.keep_time = true;
    return s3_change(s3, store_post_object, s3_changed);
}
