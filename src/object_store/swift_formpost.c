/* SPDX-License-Identifier: Apache-2.0
 * FormPost: a browser's HTML form (multipart/form-data), signed beforehand by an owner, whose files become objects below a
 * prefix. Fields come first; the signature is checked at the first file. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/clock.h"
#include "object_store/form.h"
#include "object_store/swift_parts.h"
#include "rest/dispatch.h"

enum { MAX_FIELD = 4096, MAX_FIELDS_SIZE = 64 * 1024 };

struct form {
    struct swift *sw;
    struct form_reader reader;
    bool in_file;
    bool failed;                    /* answered */
    bool allowed;                   /* the signature fits */
    struct store_meta fields;
    size_t fields_size;
    const char *field;              /* name of the field under way */
    struct buf value;
    int64_t file_count, file_size, max_count, max_size;
    struct arena *arena;            /* of the file under way */
    struct store_upload *upload;
    const char *name, *type, *encoding;
};

static bool fail_form(struct form *form, int status, const char *message) {
    form->failed = true;
    swift_error(form->sw, status, "FormPost: %s", message);
    return false;
}

static const char *field(const struct form *form, const char *name) {
    const char *value = store_meta_get(&form->fields, name);

    return value ? value : "";
}

static const char *number(const struct form *form, const char *name) {
    const char *text = field(form, name);

    return *text ? text : "0";
}

/* ---- the signature ---- */

static bool signature_fits(struct form *form) {
    struct swift *sw = form->sw;
    const char *signature = field(form, "signature"), *keys[SWIFT_KEYS], *digest = swift_digest_of(sw, &signature);
    size_t of_account, count = digest ? swift_signing_keys(sw, keys, &of_account) : 0;
    const char *const roots[] = {sw->call->service->prefix, ""};

    for (int i = 0; i < 2 && count; i++) {
        const char *text = arena_printf(sw->arena, "%s/v1/%s/%s%s%s\n%s\n%s\n%s\n%s", roots[i], sw->account, sw->container,
                                        sw->object ? "/" : "", sw->object ? sw->object : "", field(form, "redirect"),
                                        number(form, "max_file_size"), number(form, "max_file_count"), number(form, "expires"));

        if (swift_signature_fits(sw, digest, signature, keys, count, text)) {
            return true;
        }
    }
    return false;
}

/* The end of a form: said to the browser, or to the page that it goes back to. Always false. */
static bool end_form(struct form *form, int status, const char *message) {
    struct swift *sw = form->sw;
    const char *redirect = field(form, "redirect");

    form->failed = true;
    if (*redirect && form->allowed) {
        swift_status(sw, 303);
        swift_header(sw, "Location", "%s%cstatus=%d&message=%s", redirect, strchr(redirect, '?') ? '&' : '?', status,
                     http_encoded(sw->arena, message, ""));
        return false;
    }
    swift_error(sw, status, "%d %s%s%s", status, status == 201 ? "Created" : status_title(status), *message ? "\r\nFormPost: " : "", message);
    return false;
}

/* A number of the form; false: answered. */
static bool read_number(struct form *form, const char *name, const char **ret) {
    *ret = number(form, name);
    return (strspn(*ret, "0123456789") == strlen(*ret) && strlen(*ret) <= 17) ||
           fail_form(form, 400, arena_printf(form->sw->arena, "%s must be a number", name));
}

static bool check_form(struct form *form) {
    static const char *const names[] = {"expires", "max_file_size", "max_file_count", "x_delete_at", "x_delete_after"};
    const char *numbers[5];

    if (form->allowed) {
        return true;
    }
    for (int i = 0; i < 5; i++) {
        if (!read_number(form, names[i], &numbers[i])) {
            return false;
        }
    }
    if (strtoll(numbers[0], NULL, 10) <= clock_now() / SECOND) {
        return fail_form(form, 401, "Form Expired");
    }
    if (!signature_fits(form)) {
        return fail_form(form, 401, "Invalid Signature");
    }
    form->max_size = strtoll(numbers[1], NULL, 10);
    form->max_count = strtoll(numbers[2], NULL, 10);
    form->allowed = form->sw->allowed = true;
    return true;
}

/* ---- parts ---- */

static bool begin_file(struct form *form, const char *head, const char *name) {
    struct swift *sw = form->sw;
    const char *type = store_meta_get(&form->fields, "content-type");

    if (!check_form(form)) {
        return false;
    }
    if (form->file_count == form->max_count) {
        return end_form(form, 400, "max file count exceeded");
    }
    name = arena_printf(sw->arena, "%s%s", sw->object ? sw->object : "", name);
    if (strlen(name) > MAX_OBJECT_NAME || !utf8_valid(name, strlen(name))) {
        return fail_form(form, 400, "a file's name is too long or no UTF-8");
    }
    form->file_count++;
    form->file_size = 0;
    form->name = name;
    type = type ? type : form_header(sw->arena, head, "Content-Type");
    form->type = type && *type ? type : swift_guess_type(form->sw->arena, name);
    form->encoding = store_meta_get(&form->fields, "content-encoding");
    form->encoding = form->encoding ? form->encoding : form_header(sw->arena, head, "Content-Encoding");
    form->arena = arena_new(0);
    form->upload = store_upload_new(form->arena);
    form->in_file = true;
    return true;
}

static bool begin_part(void *user, const char *head) {
    struct form *form = user;
    struct arena *arena = form->sw->arena;
    const char *disposition = form_header(arena, head, "Content-Disposition");
    const char *name = disposition ? form_attribute(arena, disposition, "name") : NULL;
    const char *file = disposition ? form_attribute(arena, disposition, "filename") : NULL;

    form->field = NULL;
    buf_clear(&form->value);
    form->in_file = false;
    if (file && *file) {
        return begin_file(form, head, file);
    }
    form->field = name;
    return true;
}

static bool end_file(struct form *form) {
    struct swift *sw = form->sw;
    struct store_change change = {.arena = form->arena, .account = sw->account, .container = sw->container, .name = form->name,
                                  .upload = form->upload};
    enum store_result result = store_upload_end(form->upload);
    const char *at = field(form, "x_delete_at"), *after = field(form, "x_delete_after");

    if (*at || *after) {
        change.object.expires = *at ? strtoll(at, NULL, 10) : clock_now() / SECOND + strtoll(after, NULL, 10);
        result = change.object.expires > clock_now() / SECOND ? result : STORE_PRECONDITION;
    }
    swift_read_quotas(sw);
    change.quota_bytes = sw->change.quota_bytes;
    change.quota_objects = sw->change.quota_objects;
    change.object.type = form->type;
    if (form->encoding && *form->encoding) {
        store_meta_set(form->arena, &change.object.meta, "content-encoding", form->encoding);
    }
    result = result == STORE_OK ? store_put_object(&change) : result;
    arena_free(form->arena);
    form->arena = NULL;
    form->upload = NULL;
    if (result == STORE_CREATED) {
        return true;
    }
    if (result == STORE_PRECONDITION) {
        return end_form(form, 400, "x_delete_at or x_delete_after is not to come");
    }
    swift_failed(sw, result);
    return end_form(form, sw->http->response.status, "");
}

static bool end_part(void *user) {
    struct form *form = user;

    if (form->in_file) {
        return end_file(form);
    }
    if (form->field) {
        store_meta_set(form->sw->arena, &form->fields, form->field,
                       arena_text_size(form->sw->arena, form->value.at ? form->value.at : "", form->value.size));
    }
    return true;
}

static bool take(void *user, const char *bytes, size_t size) {
    struct form *form = user;

    if (form->in_file) {
        form->file_size += (int64_t)size;
        if (form->file_size > form->max_size) {
            return fail_form(form, 400, "max_file_size exceeded");
        }
        store_upload_add(form->upload, bytes, size);
        return true;
    }
    form->fields_size += size;
    if (form->value.size + size > MAX_FIELD || form->fields_size > MAX_FIELDS_SIZE) {
        return fail_form(form, 400, "a field is too long");
    }
    buf_put(&form->value, bytes, size);
    return true;
}

/* ---- the stream ---- */

static bool long_head(void *user) {
    return fail_form(user, 400, "the head of a part is too long");
}

static bool sink(struct http_request *http, const void *bytes, size_t size) {
    struct form *form = swift_of(dispatch_call(http))->extra;

    return form_add(&form->reader, bytes, size);
}

static void release(void *pointer) {
    struct form *form = pointer;

    buf_release(&form->value);
    if (form->arena) {
        arena_free(form->arena);
    }
}

bool swift_formpost_begin(struct swift *sw) {
    struct form *form = ARENA_NEW(sw->arena, struct form);

    if (sw->looked == STORE_NO_CONTAINER) {
        return swift_status(sw, 404), false;
    }
    *form = (struct form){.sw = sw, .reader = {.begin = begin_part, .take = take, .end = end_part, .long_head = long_head,
                                               .user = form}};
    if (!form_start(&form->reader, sw->arena, swift_request_header(sw, "Content-Type"))) {
        return swift_error(sw, 400, "FormPost: the Content-Type names no boundary, or one that is too long"), false;
    }
    arena_defer(sw->arena, release, form);
    sw->extra = form;
    sw->http->sink = sink;
    sw->http->on_worker = true;
    return true;
}

bool swift_formpost(struct swift *sw) {
    struct form *form = sw->extra;

    if (form->failed) {
        return true;
    }
    if (!form->reader.whole) {
        return swift_error(sw, 400, "FormPost: the form does not end with its boundary");
    }
    if (form->file_count || check_form(form)) {
        end_form(form, form->file_count ? 201 : 400, form->file_count ? "" : "no files to process");
    }
    return true;
}
