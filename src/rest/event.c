/* SPDX-License-Identifier: Apache-2.0
 * Events: what changed, told after the commit. For now to the log; the telemetry service will listen here. */
#include "rest/event.h"
#include "rest/resource.h"
#include "rest/service.h"

LOG_MODULE("rest.event");

void event_note(struct call *call, const char *what, const char *id) {
    struct event *event = ARENA_NEW(call->arena, struct event);

    *event = (struct event){.next = call->events, .what = what, .id = id, .service = call->service};
    call->events = event;
}

void events_publish(struct call *call) {
    for (const struct event *event = call->events; event; event = event->next) {
        log_debug("%s.%s %s", event->service->type, event->what, event->id ? event->id : "");
        if (event->service->publish) {
            event->service->publish(call, event->what, event->id);
        }
    }
}
