/* Operators that are functions of mathematics
 *
 *     y = log a, log(1 + a), its kin to base 2 and 10;  2^a, e^a - 1, cbrt a
 *     y = sin a, cos a, tan a, sin(pi a) / (pi a), and the inverses
 *     y = sinh a, cosh a, and the inverses;  erf a, 1 - erf a
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

ELEMENT_ROW(log, plain_log(a))
ELEMENT_ROW(log1p, plain_log1p(a))
ELEMENT_ROW(log2, plain_log2(a))
ELEMENT_ROW(log10, plain_log10(a))
ELEMENT_ROW(exp2, plain_exp2(a))
ELEMENT_ROW(expm1, plain_expm1(a))
ELEMENT_ROW(cbrt, plain_cbrt(a))
ELEMENT_ROW(sin, plain_sin(a))
ELEMENT_ROW(cos, plain_cos(a))
ELEMENT_ROW(tan, plain_tan(a))
ELEMENT_ROW(sinc, plain_sinc(a))
ELEMENT_ROW(arcsin, plain_arcsin(a))
ELEMENT_ROW(arccos, plain_arccos(a))
ELEMENT_ROW(arctan, plain_arctan(a))
ELEMENT_ROW(sinh, plain_sinh(a))
ELEMENT_ROW(cosh, plain_cosh(a))
ELEMENT_ROW(arcsinh, plain_arcsinh(a))
ELEMENT_ROW(arccosh, plain_arccosh(a))
ELEMENT_ROW(arctanh, plain_arctanh(a))
ELEMENT_ROW(erf, plain_erf(a))
ELEMENT_ROW(erfc, plain_erfc(a))
ELEMENT_ROW(arctan2, plain_arctan2(a, b))
ELEMENT_ROW(logaddexp, plain_logaddexp(a, b))
ELEMENT_ROW(logaddexp2, plain_logaddexp2(a, b))
ELEMENT_ROW(xlogy, a_log_b(a, b))

ELEMENT_ONE(log, "Log", element_words_one);
ELEMENT_ONE(log1p, "Log1p", element_words_one);
ELEMENT_ONE(log2, "Log2", element_words_one);
ELEMENT_ONE(log10, "Log10", element_words_one);
ELEMENT_ONE(exp2, "Exp2", element_words_one);
ELEMENT_ONE(expm1, "Expm1", element_words_one);
ELEMENT_ONE(cbrt, "Cbrt", element_words_one);
ELEMENT_ONE(sin, "Sin", element_words_one);
ELEMENT_ONE(cos, "Cos", element_words_one);
ELEMENT_ONE(tan, "Tan", element_words_one);
ELEMENT_ONE(sinc, "Sinc", element_words_one);
ELEMENT_ONE(arcsin, "Arcsin", element_words_one);
ELEMENT_ONE(arccos, "Arccos", element_words_one);
ELEMENT_ONE(arctan, "Arctan", element_words_one);
ELEMENT_ONE(sinh, "Sinh", element_words_one);
ELEMENT_ONE(cosh, "Cosh", element_words_one);
ELEMENT_ONE(arcsinh, "Arcsinh", element_words_one);
ELEMENT_ONE(arccosh, "Arccosh", element_words_one);
ELEMENT_ONE(arctanh, "Arctanh", element_words_one);
ELEMENT_ONE(erf, "Erf", element_words_one);
ELEMENT_ONE(erfc, "Erfc", element_words_one);
ELEMENT_TWO(logaddexp, "Logaddexp");
ELEMENT_TWO(logaddexp2, "Logaddexp2");
ELEMENT_TWO(xlogy, "Xlogy");

/* tf.math.atan2(y, x) */
static const char *const words_angle[] = {"x", "name", NULL};

ELEMENT(arctan2, "Arctan2", words_angle, .operands = 2, .names = {"x"});
