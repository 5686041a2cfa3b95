/* SPDX-License-Identifier: Apache-2.0
 * One value of JSON as a field's: by its type, its bounds, and what it refers to; or a 400 that names the field. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/ip.h"
#include "rest/resource.h"
#include "rest/service.h"

enum { DEFAULT_LENGTH = 255, DEFAULT_ITEMS = 1024, JSON_BYTES = 262144 };

static const char *const type_words[] = {
    [TYPE_TEXT] = "string", [TYPE_UUID] = "string", [TYPE_ENUM] = "string", [TYPE_MAC] = "string",
    [TYPE_IP] = "string", [TYPE_CIDR] = "string", [TYPE_URL] = "string", [TYPE_BOOL] = "boolean",
    [TYPE_INT] = "integer", [TYPE_REAL] = "number", [TYPE_TIME] = "string", [TYPE_JSON] = "object",
    [TYPE_MAP] = "object", [TYPE_TEXTS] = "array", [TYPE_TREE] = "object", [TYPE_OBJECT] = "object",
    [TYPE_OBJECTS] = "array"};

bool fail_field(struct call *call, const struct field *field, const char *format, ...) {
    va_list args;
    const char *reason;

    va_start(args, format);
    reason = arena_vprintf(call->arena, format, args);
    va_end(args);
    call->error_logged = call->error ? call->error_logged
                                     : arena_printf(call->arena, "Invalid input for field/attribute %s", field_json_name(field));
    return fail(call, 400, "Invalid input for field/attribute %s: %s", field_json_name(field), reason);
}

const char *text_short(struct call *call, const char *text) {
    return strlen(text) <= 80 ? text : arena_printf(call->arena, "%.60s...", text);
}

static bool wrong_type(struct call *call, const struct field *field, const struct json *value) {
    return fail_field(call, field, "%s is not of type '%s'",
                      value->type == JSON_NULL ? "None" : text_short(call, json_print(call->arena, value)),
                      field->rights & A_LIST ? "array" : type_words[field->type]);
}

int truth_of(const char *text) {
    static const char *const yes[] = {"true", "1", "yes", "on", "t", "y"}, *const no[] = {"false", "0", "no", "off", "f", "n"};

    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        if (!strcasecmp(text, yes[i])) {
            return 1;
        }
        if (!strcasecmp(text, no[i])) {
            return 0;
        }
    }
    return -1;
}

/* Whether 'text' is one of the choices "a|b|c". */
static bool in_values(const char *values, const char *text) {
    size_t size = strlen(text);

    if (strchr(text, '|')) {
        return false;
    }
    for (const char *at = values; at; at = strchr(at, '|')) {
        at += *at == '|';
        if (!strncmp(at, text, size) && (at[size] == '|' || !at[size])) {
            return true;
        }
    }
    return false;
}

bool field_bounds(const struct field *field, int64_t *ret_least, int64_t *ret_most) {
    bool filled = field->rights & NOT_EMPTY || (field->rights & REQUIRED && !(field->rights & ALLOW_EMPTY));

    *ret_least = field->min;
    *ret_most = field->max;
    switch (field->type) {
    case TYPE_BOOL:
    case TYPE_TIME:
    case TYPE_TREE:
    case TYPE_OBJECT:
        return false;
    case TYPE_INT:
        *ret_most = field->max ? field->max : INT32_MAX;
        return true;
    case TYPE_REAL:
        return field->max != 0;
    case TYPE_MAP:
    case TYPE_TEXTS:
    case TYPE_OBJECTS:
        *ret_most = field->max ? field->max : DEFAULT_ITEMS;
        return true;
    case TYPE_JSON:
        *ret_most = field->max ? field->max : JSON_BYTES;
        return true;
    default:
        *ret_least = field->min > 0 ? field->min : filled;
        *ret_most = field->max ? field->max : DEFAULT_LENGTH;
        return true;
    }
}

static bool check_length(struct call *call, const struct field *field, const char *text) {
    int64_t length = (int64_t)utf8_length(text), least, most;

    field_bounds(field, &least, &most);
    if (length > most) {
        return fail_field(call, field, "'%s' is too long, at most %lld characters", text_short(call, text), (long long)most);
    }
    if (length < least) {
        return fail_field(call, field, "'%s' is too short, at least %lld characters", text, (long long)least);
    }
    if ((field->rights & TRIM) && length && (isspace((unsigned char)text[0]) || isspace((unsigned char)text[strlen(text) - 1]))) {
        return fail_field(call, field, "'%s' begins or ends with a space", text_short(call, text));
    }
    for (const char *at = text; *at; at++) {
        if ((unsigned char)*at < 0x20 && *at != '\n' && *at != '\r' && *at != '\t') {
            return fail_field(call, field, "it has a control character");
        }
    }
    return true;
}

/* Checks the form of text types, and makes it canonical. */
static bool check_form(struct call *call, const struct field *field, const char **text) {
    switch (field->type) {
    case TYPE_UUID:
        return id_is_uuid(*text) || fail_field(call, field, "'%s' is not a UUID", text_short(call, *text));
    case TYPE_ENUM:
        return in_values(field->values, *text) ||
               fail_field(call, field, "'%s' is not one of [%s]", text_short(call, *text), field->values);
    case TYPE_MAC: {
        struct mac mac;

        if (!mac_parse(*text, &mac)) {
            return fail_field(call, field, "'%s' is not a valid MAC address", text_short(call, *text));
        }
        *text = mac_print(mac, arena_alloc(call->arena, MAC_TEXT_SIZE));
        return true;
    }
    case TYPE_IP: {
        struct ip ip;

        if (!ip_parse(*text, &ip)) {
            return fail_field(call, field, "'%s' is not a valid IP address", text_short(call, *text));
        }
        *text = ip_print(ip, arena_alloc(call->arena, IP_TEXT_SIZE));
        return true;
    }
    case TYPE_CIDR: {
        struct ip_net net;

        if (!ip_net_parse(*text, &net)) {
            return fail_field(call, field, "'%s' is not a valid IP subnet", text_short(call, *text));
        }
        *text = ip_net_print(net, arena_alloc(call->arena, IP_NET_TEXT_SIZE));
        return true;
    }
    case TYPE_URL:
        return strstr(*text, "://") || fail_field(call, field, "'%s' is not a valid URL", text_short(call, *text));
    default:
        return true;
    }
}

static bool take_text(struct call *call, const struct field *field, const struct json *value, void *slot) {
    const char *text;

    if (value->type == JSON_TEXT) {
        text = value->text;
    } else if ((field->rights & LENIENT) && (value->type == JSON_INT || json_is_bool(value))) {
        text = json_print(call->arena, value);
    } else {
        return wrong_type(call, field, value);
    }
    if (!check_length(call, field, text) || !check_form(call, field, &text)) {
        return false;
    }
    *(const char **)slot = text;
    return true;
}

static bool take_bool(struct call *call, const struct field *field, const struct json *value, void *slot) {
    int truth = -1;

    if (json_is_bool(value)) {
        truth = value->type == JSON_TRUE;
    } else if ((field->rights & LENIENT) && value->type == JSON_TEXT) {
        truth = truth_of(value->text);
    } else if ((field->rights & LENIENT) && value->type == JSON_INT && (value->integer | 1) == 1) {
        truth = (int)value->integer;
    }
    if (truth < 0) {
        return wrong_type(call, field, value);
    }
    *(bool *)slot = truth == 1;
    return true;
}

static bool take_int(struct call *call, const struct field *field, const struct json *value, void *slot) {
    int64_t integer, least, most;

    if (value->type == JSON_INT) {
        integer = value->integer;
    } else if (value->type == JSON_REAL && value->real == floor(value->real) && fabs(value->real) < 9e18) {
        integer = (int64_t)value->real;
    } else if ((field->rights & LENIENT) && value->type == JSON_TEXT) {
        char *end;

        errno = 0;
        integer = strtoll(value->text, &end, 10);
        if (end == value->text || *end || errno) {
            return wrong_type(call, field, value);
        }
    } else {
        return wrong_type(call, field, value);
    }
    field_bounds(field, &least, &most);
    if (integer < least || integer > most) {
        return fail_field(call, field, "%lld is not between %lld and %lld", (long long)integer, (long long)least,
                          (long long)most);
    }
    *(int64_t *)slot = integer;
    return true;
}

static bool take_real(struct call *call, const struct field *field, const struct json *value, void *slot) {
    double real;
    char *end = NULL;

    if (value->type == JSON_INT || value->type == JSON_REAL) {
        real = value->type == JSON_INT ? (double)value->integer : value->real;
    } else if ((field->rights & LENIENT) && value->type == JSON_TEXT) {
        real = strtod(value->text, &end);
        if (end == value->text || *end || !isfinite(real)) {
            return wrong_type(call, field, value);
        }
    } else {
        return wrong_type(call, field, value);
    }
    if (real < (double)field->min || (field->max && real > (double)field->max)) {
        return fail_field(call, field, "%g is out of range", real);
    }
    *(double *)slot = real;
    return true;
}

static bool take_time(struct call *call, const struct field *field, const struct json *value, void *slot) {
    if (value->type != JSON_TEXT) {
        return wrong_type(call, field, value);
    }
    return time_parse(value->text, slot) || fail_field(call, field, "'%s' is not a time", text_short(call, value->text));
}

static bool check_items(struct call *call, const struct field *field, const struct json *value) {
    int64_t least, most;

    field_bounds(field, &least, &most);
    if (value->count < least || value->count > most) {
        return fail_field(call, field, "%u items where %lld to %lld may be", value->count, (long long)least,
                          (long long)most);
    }
    return true;
}

static bool short_text(const char *text, size_t least) {
    size_t length = utf8_length(text);

    return length >= least && length <= DEFAULT_LENGTH;
}

static bool take_map(struct call *call, const struct field *field, const struct json *value, void *slot) {
    if (value->type != JSON_MAP) {
        return wrong_type(call, field, value);
    }
    for (JSON_EACH(item, value)) {
        if (item->type != JSON_TEXT) {
            return fail_field(call, field, "the value of '%s' is not of type 'string'", text_short(call, item->key));
        }
        if (!short_text(item->key, 1) || !short_text(item->text, 0)) {
            return fail_field(call, field, "the name or value of '%s' is too long or empty", text_short(call, item->key));
        }
    }
    *(const char **)slot = json_print(call->arena, value);
    return check_items(call, field, value);
}

static bool take_texts(struct call *call, const struct field *field, const struct json *value, void *slot) {
    if (value->type != JSON_LIST) {
        return wrong_type(call, field, value);
    }
    for (JSON_EACH(item, value)) {
        if (item->type != JSON_TEXT || !short_text(item->text, 0)) {
            return fail_field(call, field, "%s is not a string of at most %d characters",
                              text_short(call, json_print(call->arena, item)), DEFAULT_LENGTH);
        }
    }
    *(const char **)slot = json_print(call->arena, value);
    return check_items(call, field, value);
}

/* One object as .of declares it, in the arena. */
static bool object_parse(struct call *call, const struct field *field, const struct json *value, void **ret_object) {
    uint64_t given[MAX_FIELDS / 64] = {0};

    if (value->type != JSON_MAP) {
        return fail_field(call, field, "%s is not of type 'object'", text_short(call, json_print(call->arena, value)));
    }
    *ret_object = arena_alloc(call->arena, field->of->size);
    return input_parse(call, field->of, value, CREATE, *ret_object, given);
}

/* Whether what is kept as it is has the shape that is declared. */
static bool check_shape(struct call *call, const struct field *field, const struct json *value) {
    bool list = field->rights & A_LIST;

    if ((list && value->type != JSON_LIST) || (field->rights & AN_OBJECT && value->type != JSON_MAP)) {
        return wrong_type(call, field, value);
    }
    for (const struct json *item = list ? value->first : value; field->of && item; item = list ? item->next : NULL) {
        void *unused;

        if (!object_parse(call, field, item, &unused)) {
            return false;
        }
    }
    return true;
}

static bool take_json(struct call *call, const struct field *field, const struct json *value, void *slot) {
    const char *text = json_print(call->arena, value);
    int64_t least, most;

    field_bounds(field, &least, &most);
    if ((int64_t)strlen(text) > most) {
        return fail_field(call, field, "it is too large");
    }
    *(const char **)slot = text;
    return check_shape(call, field, value);
}

static bool take_tree(struct call *call, const struct field *field, const struct json *value, void *slot) {
    *(const struct json **)slot = value;
    return check_shape(call, field, value);
}

static bool take_objects(struct call *call, const struct field *field, const struct json *value, void *slot) {
    struct objects *objects = slot;
    char *at;

    if (value->type != JSON_LIST) {
        return wrong_type(call, field, value);
    }
    if (!check_items(call, field, value)) {
        return false;
    }
    at = objects->at = arena_alloc(call->arena, field->of->size * (value->count + 1));
    objects->count = value->count;
    for (JSON_EACH(item, value)) {
        uint64_t given[MAX_FIELDS / 64] = {0};

        if (item->type != JSON_MAP) {
            return fail_field(call, field, "%s is not of type 'object'", text_short(call, json_print(call->arena, item)));
        }
        if (!input_parse(call, field->of, item, CREATE, at, given)) {
            return false;
        }
        at += field->of->size;
    }
    return true;
}

void field_set_null(const struct field *field, void *slot) {
    switch (field->type) {
    case TYPE_BOOL:
        *(bool *)slot = false;
        break;
    case TYPE_INT:
        *(int64_t *)slot = NO_INT;
        break;
    case TYPE_REAL:
    case TYPE_TIME:
        memset(slot, 0, 8);
        break;
    case TYPE_OBJECTS:
        *(struct objects *)slot = (struct objects){0};
        break;
    default:
        *(void **)slot = NULL;
    }
}

bool input_form(struct call *call, const struct field *field, const struct json *value, void *slot) {
    switch (field->type) {
    case TYPE_BOOL:
        return take_bool(call, field, value, slot);
    case TYPE_INT:
        return take_int(call, field, value, slot);
    case TYPE_REAL:
        return take_real(call, field, value, slot);
    case TYPE_TIME:
        return take_time(call, field, value, slot);
    case TYPE_JSON:
        return take_json(call, field, value, slot);
    case TYPE_MAP:
        return take_map(call, field, value, slot);
    case TYPE_TEXTS:
        return take_texts(call, field, value, slot);
    case TYPE_TREE:
        return take_tree(call, field, value, slot);
    case TYPE_OBJECT:
        return object_parse(call, field, value, slot);
    case TYPE_OBJECTS:
        return take_objects(call, field, value, slot);
    default:
        return take_text(call, field, value, slot);
    }
}

static bool check_reference(struct call *call, const struct field *field, const char *id) {
    void *found = NULL;
    int status = field->refers->missing_status;

    if (row_get(call, field->refers, id, &found)) {
        return true;
    }
    if (call->error == 404) {
        call->error = status ? status : call->service->style->missing_reference ? call->service->style->missing_reference : 400;
    }
    return false;
}

/* Any JSON may be null, where it need not be given. */
static bool may_be_null(const struct field *field) {
    return field->rights & NULLABLE ||
           ((field->type == TYPE_JSON || field->type == TYPE_TREE) && !(field->rights & REQUIRED));
}

bool input_value(struct call *call, const struct field *field, const struct json *value, void *slot) {
    if (value->type == JSON_NULL && may_be_null(field)) {
        field_set_null(field, slot);
    } else if (value->type == JSON_NULL) {
        return wrong_type(call, field, value);
    } else if (!input_form(call, field, value, slot)) {
        return false;
    } else if (field->refers && field_is_text(field) && !check_reference(call, field, *(const char **)slot)) {
        return false;
    }
    return !field->check || field->check(call, field, slot);
}
