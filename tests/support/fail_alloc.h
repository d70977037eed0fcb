/* fail_alloc.h: an allocator that runs dry when a test says so.
 *
 * Every test program is linked with --wrap, so that calls of malloc, calloc,
 * realloc, reallocarray, posix_memalign, aligned_alloc, strdup and strndup in
 * our own objects come by here.  What shared libraries allocate does not.
 *
 *     for (size_t n = 1;; n++) {
 *         fail_alloc_at(n);
 *         status = thing_create(&thing, &err);
 *         if (!fail_alloc_stop())
 *             break;                 (fewer than n allocations: it went well)
 *         assert_int_equal(status, RNN_NO_MEMORY);
 *     }
 *
 * Threads  Counting is atomic; arm and stop from one thread only.
 */
#ifndef TESTS_SUPPORT_FAIL_ALLOC_H
#define TESTS_SUPPORT_FAIL_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

/* Let the n-th allocation from now on (from 1), and that one only, fail.
 * 0 lets all succeed and counts them. */
void fail_alloc_at(size_t n);

/* Back to normal; true if an allocation was made to fail. */
bool fail_alloc_stop(void);

/* Allocations since fail_alloc_at(). */
size_t fail_alloc_count(void);

#endif
