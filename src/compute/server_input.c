/* SPDX-License-Identifier: Apache-2.0
 * Checks of what the operations of servers take, beyond their types. */
#include <ctype.h>
#include <string.h>

#include "base/id.h"
#include "base/ip.h"
#include "compute/server.h"

static const char *text_at(void *slot) {
    return *(const char **)slot;
}

/* A UUID, or a URL that ends with one; it becomes the UUID. "" is no image. */
bool compute_check_image(struct call *call, const struct field *field, void *slot) {
    const char *text = text_at(slot), *slash = strrchr(text, '/'), *id = slash ? slash + 1 : text;

    if (*text && !id_is_uuid(id)) {
        return fail(call, 400, "Invalid input for field/attribute %s. Value: %.80s. It is not a UUID.",
                    field_json_name(field), text);
    }
    *(const char **)slot = *text ? id : NULL;
    return true;
}

bool compute_check_metadata(struct call *call, const struct field *field, void *slot) {
    const struct json *map = json_parse(call->arena, text_at(slot), strlen(text_at(slot)), NULL);

    for (JSON_EACH(item, map)) {
        for (const char *at = item->key; *at; at++) {
            if (!isalnum((unsigned char)*at) && !strchr("-_:. ", *at)) {
                return fail(call, 400,
                            "Invalid input for field/attribute %s: '%.80s' has a character that a name must not"
                            " have",
                            field_json_name(field), item->key);
            }
        }
    }
    return true;
}

/* An address of the family that the field is for; "" is none. */
bool compute_check_access(struct call *call, const struct field *field, void *slot) {
    struct ip ip = {0};
    int family = strstr(field->name, "v6") ? 6 : 4;

    if (*text_at(slot) && (!ip_parse(text_at(slot), &ip) || ip.family != family)) {
        return fail(call, 400, "Invalid input for field/attribute %s. Value: %.80s. It is not an IPv%d address.",
                    field_json_name(field), text_at(slot), family);
    }
    if (*text_at(slot)) {
        *(const char **)slot = ip_print(ip, arena_alloc(call->arena, IP_TEXT_SIZE));
    }
    return true;
}

bool compute_check_base64(struct call *call, const struct field *field, void *slot) {
    const char *text = text_at(slot);
    size_t digits = 0, end = 0;

    for (; text && *text; text++) {
        if (*text == '=') {
            end++;
        } else if ((isalnum((unsigned char)*text) || *text == '+' || *text == '/') && !end) {
            digits++;
        } else if (!isspace((unsigned char)*text)) {
            end = 3;
            break;
        }
    }
    if (end > 2 || (digits + end) % 4) {
        return fail(call, 400, "Invalid input for field/attribute %s: it is not base64", field_json_name(field));
    }
    return true;
}

static bool tag_fits(const char *tag) {
    return *tag && utf8_length(tag) <= 60 && !strpbrk(tag, "/,");
}

bool compute_check_tag(struct call *call, const struct field *field, void *slot) {
    return tag_fits(text_at(slot)) ||
           fail(call, 400,
                "Invalid input for field/attribute %s. Value: '%.80s'. A tag has 1 to 60 characters without / and ,",
                field_json_name(field), text_at(slot));
}

bool compute_check_tags(struct call *call, const struct field *field, void *slot) {
    const struct json *list = json_parse(call->arena, text_at(slot), strlen(text_at(slot)), NULL);
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    bool ok = true;

    json_list(&out);
    for (JSON_EACH(item, list)) {
        bool again = false;

        ok = ok && tag_fits(item->text);
        for (const struct json *other = list->first; other != item; other = other->next) {
            again = again || !strcmp(other->text, item->text);
        }
        if (!again) {
            json_text(&out, item->text);
        }
    }
    json_list_end(&out);
    *(const char **)slot = arena_text(call->arena, buf.at);
    buf_release(&buf);
    return ok || fail(call, 400, "Invalid input for field/attribute %s: a tag has 1 to 60 characters without / and ,",
                      field_json_name(field));
}

bool compute_check_hostname(struct call *call, const struct field *field, void *slot) {
    const char *text = text_at(slot);
    size_t size = strlen(text);

    for (size_t i = 0; i < size; i++) {
        if (!isalnum((unsigned char)text[i]) && (text[i] != '-' || !i || i + 1 == size)) {
            return fail(call, 400, "Invalid input for field/attribute %s. Value: %.80s. It is not a host name.",
                        field_json_name(field), text);
        }
    }
    return true;
}

/* There is no service that knows certificates to trust; an empty wish is no wish. */
bool compute_check_certificates(struct call *call, const struct field *field, void *slot) {
    if (!text_at(slot) || !strcmp(text_at(slot), "[]")) {
        return true;
    }
    return fail(call, 400,
                "Certificate validation failed: this cloud verifies no image signatures, so no certificates can"
                " be trusted for them.");
}
