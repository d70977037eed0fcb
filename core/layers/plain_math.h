/* plain_math.h: logarithm and power of float32, in float64 and rounded once.
 *
 * They are made of additions, multiplications and divisions in one order, so
 * that they give the same bits on every machine, which those of libm need not.
 * The result is off by less than 0.5001 units in its last place.
 *
 * Threads  Nothing here is shared.
 */
#ifndef CORE_LAYERS_PLAIN_MATH_H
#define CORE_LAYERS_PLAIN_MATH_H

/* NaN below 0, minus infinity at 0. */
float plain_log(float x);

/* x^y as C has it: a negative x with a fractional y is NaN. */
float plain_power(float x, float y);

/* log x and e^z of float64, off by some units in its last place; e^z is 0 or
 * infinite where z is beyond -700 or 700. */
double plain_log_of(double x);
double plain_exp_of(double z);

#endif
