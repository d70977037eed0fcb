/* plain_trig.h: sine, tangent and their kin of float32, in float64 and rounded
 * once, for any x: the same bits on every machine (plain_math.h).
 *
 * The result is off by less than 0.5001 units in its last place.
 *
 * Threads  Nothing here is shared.
 */
#ifndef CORE_LAYERS_PLAIN_TRIG_H
#define CORE_LAYERS_PLAIN_TRIG_H

/* x in radians; NaN where x is infinite. */
float plain_sin(float x);
float plain_cos(float x);
float plain_tan(float x);

/* sin(pi x) / (pi x), 1 at 0. */
float plain_sinc(float x);

/* NaN where |x| > 1. */
float plain_arcsin(float x);
float plain_arccos(float x);

float plain_arctan(float x);

/* The angle of (x, y), as C's atan2. */
float plain_arctan2(float y, float x);

#endif
