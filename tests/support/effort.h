/* effort.h: how often a test repeats itself.
 *
 * A test that draws at random or walks through many cases asks here how many:
 * ten times as many as usual with RNND_SLOW=1, a tenth with
 * RNND_TEST_QUICK=1.  The Makefile sets the latter for sanitizers and
 * valgrind, which look at each step rather than at many.
 */
#ifndef TESTS_SUPPORT_EFFORT_H
#define TESTS_SUPPORT_EFFORT_H

#include <stdbool.h>
#include <stddef.h>

bool effort_is_slow(void);
bool effort_is_quick(void);

/* `usual`, ten times that or a tenth; at least 1. */
size_t effort_count(size_t usual);

#endif
