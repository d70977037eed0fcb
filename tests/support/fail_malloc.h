/* fail_malloc.h: count a program's allocations, and let one of them fail.
 *
 * Every test program is linked with --wrap (see the Makefile), so that calls
 * of malloc and its kin in our own objects come by here, in every flavour:
 * putting a malloc of one's own in front of the C library's fails under
 * sanitizers and is overlooked by valgrind.  cJSON is made to allocate
 * through the same door; other shared libraries are not.
 *
 *     for (size_t n = 1;; n++) {
 *         fail_malloc_start(n);
 *         status = thing_create(...);
 *         fail_malloc_stop();
 *         if (!fail_malloc_happened())
 *             break;                    -- fewer than n allocations: done
 *         assert_int_equal(status, RNN_NO_MEMORY);
 *         assert_int_equal(fail_malloc_live(), 0);
 *     }
 *
 * Threads  Counts are atomic; start and stop from one thread.
 */
#ifndef TESTS_SUPPORT_FAIL_MALLOC_H
#define TESTS_SUPPORT_FAIL_MALLOC_H

#include <stdbool.h>
#include <stddef.h>

/* From here on call number `n` fails, from 1; 0: none does. */
void fail_malloc_start(size_t n);

/* The same, and every one after it too. */
void fail_malloc_start_for_good(size_t n);

/* Calls since the start. */
size_t fail_malloc_stop(void);

bool fail_malloc_happened(void);

/* Blocks allocated since the start and not freed before the stop. */
long fail_malloc_live(void);

#endif
