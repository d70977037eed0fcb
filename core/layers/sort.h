/* sort.h: the order of some numbers.
 *
 * Equal numbers stay in the order in which they lie, and what is no number
 * comes last: the order is one, however it is found.
 *
 * Threads  Nothing here is shared.
 */
#ifndef CORE_LAYERS_SORT_H
#define CORE_LAYERS_SORT_H

#include <stdbool.h>
#include <stddef.h>

/* places[i] is where the number stands that is the i-th of all `count`, which
 * are at most 2^24. */
void sort_places(const float *x, size_t count, bool descending, float *places);

#endif
