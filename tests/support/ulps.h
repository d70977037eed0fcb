/* ulps.h: how far a float32 is from what float64 says, in units in its last
 * place. */
#ifndef TESTS_SUPPORT_ULPS_H
#define TESTS_SUPPORT_ULPS_H

#include <float.h>
#include <math.h>

/* 0 where both are NaN, or both infinite as float32. */
static inline double ulps_apart(float is, double should)
{
    float rounded = (float)should;

    if (isnan(is) || isnan(should))
        return isnan(is) && isnan(should) ? 0 : INFINITY;
    if (isinf(rounded) || isinf(is))
        return is == rounded ? 0 : INFINITY;
    return fabs((double)is - should) /
           fmaxf(nextafterf(fabsf(rounded), INFINITY) - fabsf(rounded),
                 FLT_TRUE_MIN);
}

#endif
