/* SPDX-License-Identifier: Apache-2.0
 * Counting allocations, and which of them fails. */
#include "base/allocation.h"

#include <pthread.h>

#include "base/counted.h"

static struct counted allocations = {"HANEUL_ALLOC_FAIL_AT", "allocations"};
static struct counted libraries = {"HANEUL_LIBRARY_FAIL_AT", "library allocations"};
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void begin(void) {
    counted_begin(&allocations);
    counted_begin(&libraries);
}

struct counted *allocations_counted(void) {
    pthread_once(&once, begin);
    return &allocations;
}

struct counted *library_allocations_counted(void) {
    pthread_once(&once, begin);
    return &libraries;
}

bool allocation_fails(void) {
    pthread_once(&once, begin);
    return allocations.counting && ++allocations.count == allocations.at;
}

bool library_allocations_watched(void) {
    pthread_once(&once, begin);
    return libraries.counting;
}

bool library_allocation_fails(void) {
    return library_allocations_watched() && ++libraries.count == libraries.at;
}
