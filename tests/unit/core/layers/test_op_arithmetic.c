/* Operators of numbers one by one against float64. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/graph_builder.h"
#include "tests/support/graph_check.h"
#include "tests/support/model_refusal.h"
#include "tests/support/model_run.h"

#define T 9
#define D 4

/* y of x and its square. */
typedef double element_fn(double x, double z);

#define ELEMENT(name, result)                                                 \
    static double name(double x, double z)                                    \
    {                                                                         \
        (void)x;                                                              \
        (void)z;                                                              \
        return (result);                                                      \
    }

ELEMENT(floor_divided, floor(x / 0.75))
ELEMENT(below, x - 0.75 * floor(x / 0.75))
ELEMENT(below_0, x + 0.75 * floor(x / -0.75))
ELEMENT(rest, fmod(x, 0.75))
ELEMENT(no_nan, x / z)
ELEMENT(side, x > 0)
ELEMENT(length, sqrt(x *x + z * z))
ELEMENT(sign, (x > 0) - (x < 0))
ELEMENT(tenths, rint(x * 10) / 10)
ELEMENT(tens, rint(x / 10) * 10)
ELEMENT(half_pi, x *M_PI / 180)
ELEMENT(of_pi, x * 180 / M_PI)
ELEMENT(larger, x > 0.5 ? x : z)
ELEMENT(as_z, x < 0 ? z : -1)
ELEMENT(constant, 0.75)
ELEMENT(is_finite, 1)
ELEMENT(is_not, 0)
ELEMENT(below_zero, x < 0)
ELEMENT(is_close, fabs(x - 0.5) <= 0.25)
ELEMENT(above, x > 0.5 ? x : -3)
ELEMENT(same, x)
ELEMENT(logarithm, log(z))
ELEMENT(logarithm_1, log1p(z))
ELEMENT(logarithm_2, log2(z))
ELEMENT(logarithm_10, log10(z))
ELEMENT(power_of_2, exp2(x))
ELEMENT(exponential_1, expm1(x))
ELEMENT(root_3, cbrt(x))
ELEMENT(sine, sin(x))
ELEMENT(cosine, cos(x))
ELEMENT(tangent, tan(x))
ELEMENT(sinc, sin(M_PI *x) / (M_PI * x))
ELEMENT(arcsine, asin(x / 2))
ELEMENT(arccosine, acos(x / 2))
ELEMENT(angle, atan(x))
ELEMENT(angle_2, atan2(x, z))
ELEMENT(sine_h, sinh(x))
ELEMENT(cosine_h, cosh(x))
ELEMENT(arcsine_h, asinh(x))
ELEMENT(arccosine_h, acosh(z + 1))
ELEMENT(angle_h, atanh(x / 2))
ELEMENT(error, erf(x))
ELEMENT(error_c, erfc(x))
ELEMENT(log_sum, log(exp(x) + exp(z)))
ELEMENT(log_sum_2, log2(exp2(x) + exp2(z)))
ELEMENT(celu, x > 0 ? x : 0.5 * expm1(x / 0.5))
ELEMENT(shrunk, x > 0.25 ? x - 0.25 : x < -0.25 ? x + 0.25 : 0)
ELEMENT(shrunk_hard, fabs(x) > 0.25 ? x : 0)
ELEMENT(squareplus, (x + sqrt(x * x + 2)) / 2)
ELEMENT(tanh_shrunk, x - tanh(x))

static const struct {
    const char *class_name, *fields, *arguments;
    element_fn *f;
} elements[] = {
    {"FloorDivide", "", "$x, 0.75", floor_divided},
    {"Mod", "", "$x, 0.75", below},
    {"Mod", "", "$x, -0.75", below_0},
    {"Fmod", "", "$x, 0.75", rest},
    {"DivideNoNan", "", "$x, $z", no_nan},
    {"Heaviside", "", "$x, 0.25", side},
    {"Hypot", "", "$x, $z", length},
    {"Sign", "", "$x", sign},
    {"Floor", "", "$x", NULL},
    {"Ceil", "", "$x", NULL},
    {"Trunc", "", "$x", NULL},
    {"Round", "", "$x", NULL},
    {"Round", "\"decimals\": 1", "$x", tenths},
    {"Round", "\"decimals\": -1", "$x", tens},
    {"Deg2rad", "", "$x", half_pi},
    {"Rad2deg", "", "$x", of_pi},
    {"Where", "", "$p, $x, $z", larger},
    {"Where", "", "$n, $z, -1", as_z},
    {"FullLike", "\"dtype\": null", "$x, 0.75", constant},
    {"Isfinite", "", "$x", is_finite},
    {"Isnan", "", "$x", is_not},
    {"Isinf", "", "$x", is_not},
    {"Signbit", "", "$x", below_zero},
    {"Isclose", "\"rtol\": 0, \"atol\": 0.25, \"equal_nan\": false", "$x, 0.5",
     is_close},
    {"Threshold", "\"threshold\": 0.5, \"default_value\": -3", "$x", above},
    {"NanToNum", "\"nan\": 0, \"posinf\": null", "$x", same},
    {"Copy", "", "$x", same},
    {"Log", "", "$z", logarithm},
    {"Log1p", "", "$z", logarithm_1},
    {"Log2", "", "$z", logarithm_2},
    {"Log10", "", "$z", logarithm_10},
    {"Exp2", "", "$x", power_of_2},
    {"Expm1", "", "$x", exponential_1},
    {"Cbrt", "", "$x", root_3},
    {"Sin", "", "$x", sine},
    {"Cos", "", "$x", cosine},
    {"Tan", "", "$x", tangent},
    {"Sinc", "", "$x", sinc},
    {"Arcsin", "", "$h", arcsine},
    {"Arccos", "", "$h", arccosine},
    {"Arctan", "", "$x", angle},
    {"Arctan2", "", "$x, $z", angle_2},
    {"Sinh", "", "$x", sine_h},
    {"Cosh", "", "$x", cosine_h},
    {"Arcsinh", "", "$x", arcsine_h},
    {"Arccosh", "", "$o", arccosine_h},
    {"Arctanh", "", "$h", angle_h},
    {"Erf", "", "$x", error},
    {"Erfc", "", "$x", error_c},
    {"Logaddexp", "", "$x, $z", log_sum},
    {"Logaddexp2", "", "$x, $z", log_sum_2},
    {"Celu", "\"alpha\": 0.5", "$x", celu},
    {"SoftShrink", "\"threshold\": 0.25", "$x", shrunk},
    {"HardShrink", "\"threshold\": 0.25", "$x", shrunk_hard},
    {"Squareplus", "\"b\": 2", "$x", squareplus},
    {"TanhShrink", "", "$x", tanh_shrunk},
};

static double whole(const char *name, double x)
{
    return name[0] == 'F'   ? floor(x)
           : name[0] == 'C' ? ceil(x)
           : name[0] == 'T' ? trunc(x)
                            : rint(x);
}

/* z is x^2, h is x/2, o is z + 1; p and n ask whether x > 0.5, x < 0. */
static void begin(struct model_builder *b)
{
    graph_begin(b, "3.15.1");
    graph_input(b, "x", "null, 4");
    graph_operator(b, "Square", "z", "", "$x");
    graph_operator(b, "Multiply", "h", "", "$x, 0.5");
    graph_operator(b, "Add", "o", "", "$z, 1");
    graph_operator(b, "Greater", "p", "", "$x, 0.5");
    graph_operator(b, "Less", "n", "", "$x, 0");
}

static void numbers_are_taken_one_by_one(void **state)
{
    uint64_t seed = 5;
    float *x = model_random_floats(&seed, T * D, 1.9);

    (void)state;
    for (size_t i = 0; i < sizeof(elements) / sizeof(elements[0]); i++) {
        struct model_builder b;
        float *y;

        begin(&b);
        graph_operator(&b, elements[i].class_name, "op", elements[i].fields,
                       elements[i].arguments);
        graph_end(&b, "x,0,0", "op,0,0", NULL);
        y = graph_run(&b, x, T, 0);
        for (size_t k = 0; k < T * D; k++) {
            double at = (double)x[k], z = (double)(x[k] * x[k]);
            double should = elements[i].f ? elements[i].f(at, z)
                                          : whole(elements[i].class_name, at);

            if (!(fabs((double)y[k] - should) <= 1e-6 * fmax(1, fabs(should))))
                fail_msg("%s: number %zu is %g, not %g",
                         elements[i].class_name, k, (double)y[k], should);
        }
        graph_check_bits(&b, 0);
        free(y);
        model_builder_release(&b);
    }
    free(x);
}

static const struct {
    const char *class_name, *fields, *arguments, *says;
} refusals[] = {
    {"Where", "", "$x", "an argument is missing"},
    {"Where", "", "$x, $x, [1, 2]", "does not fit"},
    {"Round", "\"decimals\": 0.5", "$x", "no whole number"},
    {"FullLike", "", "$s, [1, 2, 3, 4]", "more than what it is called on"},
    {"Isclose", "\"equal_nan\": 7", "$x, $x", "true or false"},
};

static void what_cannot_be_done_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct model_builder b;

        begin(&b);
        graph_operator(&b, "Sum", "s", "\"axis\": -1, \"keepdims\": true",
                       "$x");
        operator_assert_refused(&b, refusals[i].class_name, refusals[i].fields,
                                refusals[i].arguments, refusals[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_taken_one_by_one),
        cmocka_unit_test(what_cannot_be_done_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
