/* Operators that are functions of mathematics
 *
 *     y = log a, log(1 + a), its kin to base 2 and 10;  2^a, e^a - 1, cbrt a
 *     y = sin a, cos a, tan a, sin(pi a) / (pi a), and the inverses
 *     y = sinh a, cosh a, and the inverses;  erf a, 1 - erf a, the inverse
 *     y = sum (a / 2)^2k / k!^2       I0, a function of Bessel
 *     y = the angle of (b, a);  log(e^a + e^b), and to base 2;  a log b
 *
 * All are float64 in one order, rounded once (plain_math.h, plain_trig.h,
 * plain_growth.h).
 *
 * Keras: keras/src/ops/numpy.py, keras/src/ops/math.py; tf.math
 */
#include "core/layers/elementwise.h"
#include "core/layers/plain_growth.h"
#include "core/layers/plain_math.h"
#include "core/layers/plain_trig.h"

static float a_log_b(float a, float b)
{
    return a == 0 ? 0 : (float)((double)a * plain_log_of((double)b));
}

ELEMENT_ONE(log, "Log", plain_log(a));
ELEMENT_ONE(log1p, "Log1p", plain_log1p(a));
ELEMENT_ONE(log2, "Log2", plain_log2(a));
ELEMENT_ONE(log10, "Log10", plain_log10(a));
ELEMENT_ONE(exp2, "Exp2", plain_exp2(a));
ELEMENT_ONE(expm1, "Expm1", plain_expm1(a));
ELEMENT_ONE(cbrt, "Cbrt", plain_cbrt(a));
ELEMENT_ONE(sin, "Sin", plain_sin(a));
ELEMENT_ONE(cos, "Cos", plain_cos(a));
ELEMENT_ONE(tan, "Tan", plain_tan(a));
ELEMENT_ONE(sinc, "Sinc", plain_sinc(a));
ELEMENT_ONE(arcsin, "Arcsin", plain_arcsin(a));
ELEMENT_ONE(arccos, "Arccos", plain_arccos(a));
ELEMENT_ONE(arctan, "Arctan", plain_arctan(a));
ELEMENT_ONE(sinh, "Sinh", plain_sinh(a));
ELEMENT_ONE(cosh, "Cosh", plain_cosh(a));
ELEMENT_ONE(arcsinh, "Arcsinh", plain_arcsinh(a));
ELEMENT_ONE(arccosh, "Arccosh", plain_arccosh(a));
ELEMENT_ONE(arctanh, "Arctanh", plain_arctanh(a));
ELEMENT_ONE(erf, "Erf", plain_erf(a));
ELEMENT_ONE(erfc, "Erfc", plain_erfc(a));
ELEMENT_ONE(erfinv, "Erfinv", plain_erfinv(a));
ELEMENT_ONE(i0, "I0", plain_i0(a));
ELEMENT_TWO(logaddexp, "Logaddexp", plain_logaddexp(a, b));
ELEMENT_TWO(logaddexp2, "Logaddexp2", plain_logaddexp2(a, b));
ELEMENT_TWO(xlogy, "Xlogy", a_log_b(a, b));

/* tf.math.atan2(y, x) */
static const char *const words_angle[] = {"x", "name", NULL};

ELEMENT(arctan2, "Arctan2", words_angle, plain_arctan2(a, b), .operands = 2,
        .names = {"x"});
