/* plain_growth.h: functions of float32 that are made of e^x, of the logarithm
 * or of the integral of e^(-x^2), in float64 and rounded once: the same bits
 * on every machine (plain_math.h).
 *
 * The result is off by less than 0.501 units in its last place.
 *
 * Threads  Nothing here is shared.
 */
#ifndef CORE_LAYERS_PLAIN_GROWTH_H
#define CORE_LAYERS_PLAIN_GROWTH_H

float plain_exp2(float x);  /* 2^x */
float plain_expm1(float x); /* e^x - 1 */
float plain_log1p(float x); /* log(1 + x); NaN below -1 */
float plain_log2(float x);
float plain_log10(float x);
float plain_cbrt(float x); /* the real one, of a negative x too */

/* log(e^a + e^b), and the same with powers and the logarithm of 2. */
float plain_logaddexp(float a, float b);
float plain_logaddexp2(float a, float b);

float plain_sinh(float x);
float plain_cosh(float x);
float plain_arcsinh(float x);
float plain_arccosh(float x); /* NaN below 1 */
float plain_arctanh(float x); /* NaN where |x| > 1 */

float plain_erf(float x);
float plain_erfc(float x);   /* 1 - erf x, without losing digits */
float plain_erfinv(float x); /* NaN where |x| > 1 */

float plain_i0(float x); /* the modified function of Bessel, of order 0 */

#endif
