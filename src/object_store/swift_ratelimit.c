/* SPDX-License-Identifier: Apache-2.0
 * Limits on how often accounts and containers are changed and containers are listed, as Swift's ratelimit has them: what
 * comes too fast waits, and is refused (498) when it would wait too long. Section [ratelimit] has Swift's options; without
 * rates there are no limits. */
#include "object_store/swift_ratelimit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/map.h"
#include "base/words.h"
#include "rest/cloud.h"

/* So many requests may wait at once, each on a worker; others are refused. */
enum { MAX_STEPS = 32, SLOTS = 16384, PROBES = 4, MAX_ASLEEP = 3 };

struct step {
    int64_t size;                   /* objects in the container, from which on */
    double rate;                    /* requests a second */
};

struct steps {
    struct step at[MAX_STEPS];
    size_t count;
};

/* The moment up to which what came was spaced out. */
struct bucket {
    uint64_t key;
    int64_t until;
};

static struct steps changes, listings;
static double account_rate;
static int64_t max_wait, slack;     /* microseconds */
static const char *never, *always;  /* accounts without limits, and refused */
static bool on;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct bucket buckets[SLOTS];
static atomic_int asleep;

/* ---- configuration ---- */

static void add_step(struct steps *steps, const char *size, const char *rate) {
    struct step step = {strtoll(size, NULL, 10), strtod(rate, NULL)};
    size_t at = steps->count;

    if (at == MAX_STEPS || !*size || strspn(size, "0123456789") != strlen(size) || !(step.rate >= 0)) {
        return;
    }
    for (; at && steps->at[at - 1].size > step.size; at--) {
        steps->at[at] = steps->at[at - 1];
    }
    steps->at[at] = step;
    steps->count++;
}

static void add_option(void *user, const char *name, const char *option, const char *value) {
    if (!strncmp(option, "container_ratelimit_", 20)) {
        add_step(&changes, option + 20, value);
    } else if (!strncmp(option, "container_listing_ratelimit_", 28)) {
        add_step(&listings, option + 28, value);
    }
}

void swift_ratelimit_prepare(void) {
    changes.count = listings.count = 0;
    conf_each(cloud.conf, "ratelimit", add_option, NULL);
    account_rate = strtod(conf_text(cloud.conf, "ratelimit", "account_ratelimit", "0"), NULL);
    max_wait = (int64_t)(strtod(conf_text(cloud.conf, "ratelimit", "max_sleep_time_seconds", "60"), NULL) * SECOND);
    slack = conf_int(cloud.conf, "ratelimit", "rate_buffer_seconds", 5) * SECOND;
    never = conf_text(cloud.conf, "ratelimit", "account_whitelist", "");
    always = conf_text(cloud.conf, "ratelimit", "account_blacklist", "");
    on = account_rate > 0 || changes.count || listings.count || *always;
}

bool swift_ratelimit_counts(void) {
    return changes.count;
}

static void put_steps(struct json_out *out, const char *key, const struct steps *steps) {
    json_key(out, key);
    json_list(out);
    for (size_t i = 0; i < steps->count; i++) {
        json_list(out);
        json_int(out, steps->at[i].size);
        json_real(out, steps->at[i].rate);
        json_list_end(out);
    }
    json_list_end(out);
}

void swift_ratelimit_info(struct json_out *out) {
    if (!on) {
        return;
    }
    json_key(out, "ratelimit");
    json_map(out);
    json_key(out, "account_ratelimit");
    json_real(out, account_rate);
    json_key(out, "max_sleep_time_seconds");
    json_real(out, (double)max_wait / SECOND);
    put_steps(out, "container_ratelimits", &changes);
    put_steps(out, "container_listing_ratelimits", &listings);
    json_map_end(out);
}

/* ---- how long to wait ---- */

/* Between two steps the rate goes evenly from the one to the other; below the first, and for empty containers, there is no
 * limit (0). */
static double rate_of(const struct steps *steps, int64_t objects) {
    size_t next = 0;
    const struct step *step;

    while (next < steps->count && steps->at[next].size <= objects) {
        next++;
    }
    if (!objects || !next) {
        return 0;
    }
    step = &steps->at[next - 1];
    return next == steps->count ? step->rate
           : step->rate + (double)(objects - step->size) * (step[1].rate - step->rate) / (double)(step[1].size - step->size);
}

/* The key's bucket, else the one of a few that was idle for longest. */
static struct bucket *find_bucket(uint64_t key) {
    struct bucket *oldest = &buckets[key % SLOTS];

    for (int i = 0; i < PROBES; i++) {
        struct bucket *bucket = &buckets[(key + (unsigned)i) % SLOTS];

        if (bucket->key == key) {
            return bucket;
        }
        oldest = bucket->until < oldest->until ? bucket : oldest;
    }
    *oldest = (struct bucket){.key = key};
    return oldest;
}

/* Microseconds to wait; -1: too long. */
static int64_t take_turn(const char *key, double rate) {
    int64_t now = clock_monotonic(), each = (int64_t)(SECOND / rate), until, wait = 0;
    struct bucket *bucket;

    pthread_mutex_lock(&lock);
    bucket = find_bucket(map_hash(key, strlen(key)));
    until = bucket->until + each;
    if (now - until > slack) {
        until = now + each;
    } else {
        wait = until - now - each;
        wait = wait < 0 ? 0 : wait;
    }
    if (wait && wait >= max_wait - SECOND / 100) {
        wait = -1;
    } else {
        bucket->until = until;
    }
    pthread_mutex_unlock(&lock);
    return wait;
}

bool swift_ratelimit(struct swift *sw) {
    enum http_method method = sw->http->method;
    bool changes_it = method == HTTP_PUT || method == HTTP_DELETE;
    const char *key = NULL;
    double rate = 0;

    if (!on || words_have(never, sw->account)) {
        return true;
    }
    if (words_have(always, sw->account)) {
        return swift_error(sw, 497, "The operator refuses requests for this account."), false;
    }
    if (sw->depth == DEPTH_CONTAINER && changes_it) {
        rate = account_rate;
        key = arena_printf(sw->arena, "account %s", sw->account);
    } else if (sw->depth == DEPTH_CONTAINER && method == HTTP_GET) {
        rate = rate_of(&listings, sw->found.container.objects);
        key = arena_printf(sw->arena, "list %s/%s", sw->account, sw->container);
    } else if (sw->depth == DEPTH_OBJECT && (changes_it || method == HTTP_POST || method == HTTP_COPY)) {
        rate = rate_of(&changes, sw->found.container.objects);
        key = arena_printf(sw->arena, "change %s/%s", sw->account, sw->container);
    }
    sw->wait = rate > 0 ? take_turn(key, rate) : 0;
    return sw->wait >= 0 || (swift_status(sw, 498), false);
}

bool swift_ratelimit_wait(struct swift *sw) {
    int64_t end = clock_monotonic() + sw->wait;
    bool ok = atomic_fetch_add(&asleep, 1) < MAX_ASLEEP;

    while (ok && clock_monotonic() < end) {
        int64_t rest = end - clock_monotonic();

        usleep((useconds_t)(rest < 0 ? 0 : rest < SECOND / 2 ? rest : SECOND / 2));
    }
    atomic_fetch_sub(&asleep, 1);
    return ok || (swift_status(sw, 498), false);
}
