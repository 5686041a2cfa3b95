/* SPDX-License-Identifier: Apache-2.0
 * `haneul print`: the program's own tables, from the lists that it runs on. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "cmd/cmd.h"
#include "cmd/services.h"
#include "rest/cloud.h"
#include "rest/describe.h"
#include "rest/openapi.h"
#include "rest/policy.h"
#include "rest/resource.h"
#include "rest/service.h"

static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "COPY", "?"};

static void prepare(struct arena *arena) {
    cloud.services = api_services;
    for (size_t s = 0; api_services[s]; s++) {
        for (size_t r = 0; api_services[s]->resources[r]; r++) {
            resource_prepare(api_services[s]->resources[r], api_services[s], arena);
        }
    }
}

static void print_gap(const struct operation *op) {
    printf("- `%s %s`", methods[op->method], op->path);
    if (op->action) {
        printf(" (`%s`)", op->action);
    }
    printf("\n");
}

static void count_operations(const struct service *service, size_t *ret_have, size_t *ret_gaps, bool print) {
    *ret_have = *ret_gaps = 0;
    for (size_t r = 0; service->resources[r]; r++) {
        const struct resource_runtime *run = service->resources[r]->runtime;

        for (size_t i = 0; i < run->operation_count; i++) {
            bool gap = run->operations[i].run == op_not_implemented;

            *(gap ? ret_gaps : ret_have) += 1;
            if (gap && print) {
                print_gap(&run->operations[i]);
            }
        }
    }
}

static int print_coverage(void) {
    size_t have, gaps;

    printf("# Coverage\n\nMade by `haneul print coverage` from the declarations. An operation that is declared but not available"
           " answers 501 and stands below.\n\n| service | operations | not available yet |\n| --- | --- | --- |\n");
    for (size_t s = 0; api_services[s]; s++) {
        count_operations(api_services[s], &have, &gaps, false);
        printf("| %s | %zu | %zu |\n", api_services[s]->type, have, gaps);
    }
    for (size_t s = 0; api_services[s]; s++) {
        count_operations(api_services[s], &have, &gaps, false);
        if (gaps) {
            printf("\n## %s: not available yet\n\n", api_services[s]->type);
            count_operations(api_services[s], &have, &gaps, true);
        }
    }
    return 0;
}

static int print_json(struct arena *arena, void (*write)(struct arena *arena, struct json_out *out)) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};

    write(arena, &out);
    puts(buf.at);
    buf_release(&buf);
    return 0;
}

static int print_policy(struct cmd *cmd, const char *type) {
    for (size_t s = 0; api_services[s]; s++) {
        const struct service *service = api_services[s];
        const char *error = NULL;

        if (!strcmp(service->type, type) || !strcmp(service_folder(service), type)) {
            struct policy *policy = policy_new(cmd->arena, service->policies, service->policy_count, false, NULL, &error);

            puts(policy ? policy_print(cmd->arena, policy) : error);
            return policy ? 0 : 1;
        }
    }
    return cmd_fail(2, "there is no service %s", type);
}

static int print_schema(void) {
    for (size_t s = 0; api_services[s]; s++) {
        for (size_t r = 0; api_services[s]->resources[r]; r++) {
            const struct resource *resource = api_services[s]->resources[r];

            if (resource->table) {
                printf("%s:", resource->table);
                for (size_t i = 0; i < resource->runtime->column_count; i++) {
                    printf(" %s", resource->runtime->fields[resource->runtime->columns[i]].name);
                }
                printf("\n");
            }
        }
    }
    return 0;
}

int cmd_print(struct cmd *cmd) {
    const char *what = cmd->argc > 0 ? cmd->argv[0] : "";

    prepare(cmd->arena);
    if (!strcmp(what, "coverage")) {
        return print_coverage();
    }
    if (!strcmp(what, "openapi")) {
        return print_json(cmd->arena, openapi_write);
    }
    if (!strcmp(what, "operations")) {
        return print_json(cmd->arena, describe_write);
    }
    if (!strcmp(what, "schema")) {
        return print_schema();
    }
    if (!strcmp(what, "policy") && cmd->argc > 1) {
        return print_policy(cmd, cmd->argv[1]);
    }
    return cmd_fail(2, "haneul print coverage | openapi | operations | schema | policy SERVICE");
}
