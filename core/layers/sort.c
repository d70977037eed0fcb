#include "core/layers/sort.h"

#include <math.h>

/* Does the number at place a come behind that at b? */
static bool is_behind(const float *x, bool descending, float a, float b)
{
    float at_a = x[(size_t)a], at_b = x[(size_t)b];

    if (isnan(at_a) != isnan(at_b))
        return isnan(at_a);
    if (at_a < at_b || at_b < at_a)
        return (at_a < at_b) == descending;
    return a > b;
}

/* Let the place at `root` sink until no one below is behind it. */
static void sink(const float *x, bool descending, float *places, size_t root,
                 size_t count)
{
    float sinking = places[root];

    for (size_t next; (next = 2 * root + 1) < count; root = next) {
        if (next + 1 < count &&
            is_behind(x, descending, places[next + 1], places[next]))
            next++;
        if (!is_behind(x, descending, places[next], sinking))
            break;
        places[root] = places[next];
    }
    places[root] = sinking;
}

void sort_places(const float *x, size_t count, bool descending, float *places)
{
    for (size_t i = 0; i < count; i++)
        places[i] = (float)i;
    for (size_t i = count / 2; i-- > 0;)
        sink(x, descending, places, i, count);
    for (size_t i = count; i-- > 1;) {
        float last = places[0];

        places[0] = places[i];
        places[i] = last;
        sink(x, descending, places, 0, i);
    }
}
