/* SPDX-License-Identifier: Apache-2.0
 * A stack of buffers that were used before; the memory of the last one is still at hand. */
#include "object_store/write_buffer.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

enum { ALIGNMENT = 4096 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *spare[MAX_WRITE_BUFFERS];
static int spare_count, made;

char *write_buffer_take(void) {
    char *buffer = NULL;
    bool make = false;

    pthread_mutex_lock(&lock);
    if (spare_count) {
        buffer = spare[--spare_count];
    } else if (made < MAX_WRITE_BUFFERS) {
        make = true;
        made++;
    }
    pthread_mutex_unlock(&lock);
    if (make) {
        buffer = aligned_alloc(ALIGNMENT, WRITE_BUFFER);
        if (!buffer) {
            abort();
        }
    }
    return buffer;
}

void write_buffer_give(char *buffer) {
    if (!buffer) {
        return;
    }
    pthread_mutex_lock(&lock);
    spare[spare_count++] = buffer;
    pthread_mutex_unlock(&lock);
}
