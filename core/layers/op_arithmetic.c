/* Operators of arithmetic
 *
 *     y = a + b, a - b, a * b, a / b, max(a, b), min(a, b), a^b, (a - b)^2
 *     y = -a, |a|, a^2, sqrt a, 1 / sqrt a, 1 / a
 *     y = min(max(a, low), high), cut to a whole number (SaturateCast)
 *     y = a 2^b (Ldexp);  0 or, below 0, pi (Angle)
 *     y = floor(a / b), a - b floor(a / b) (Mod), and with the sign of a
 * (Fmod) y = the whole number below a, above it, nearest (an even one of two),
 * or towards 0;  Round(a 10^k) / 10^k y = a where the condition is not 0, else
 * b
 *
 * What float32 rounds correctly is computed in it, which is what float64
 * rounded once would give, and so is what jumps, as Keras does; roots and
 * powers in float64.
 *
 * Keras: keras/src/ops/numpy.py, keras/src/backend/tensorflow/numpy.py;
 *        tf.math
 */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "core/format/json.h"
#include "core/layers/elementwise.h"
#include "core/layers/plain_math.h"

static float below(float a, float b)
{
    float rest = fmodf(a, b);

    return rest != 0 && (b < 0) != (rest < 0) ? rest + b : rest;
}

static float squared(float a, float b)
{
    double apart = (double)a - (double)b;

    return (float)(apart * apart);
}

static float clip(float a, float low, float high)
{
    a = a < low ? low : a;
    return high < a ? high : a;
}

/* s: what stands for NaN, infinity and its opposite. */
static float number_of(float a, const float *s)
{
    return isnan(a) ? s[0] : isinf(a) ? s[a > 0 ? 1 : 2] : a;
}

static float power_of_2(float b)
{
    return ldexpf(1, (int)fminf(fmaxf(b, -1000), 1000));
}

static float side(float a, float b)
{
    return a < 0 ? 0 : a > 0 ? 1 : b;
}

static float sign(float a)
{
    return isnan(a) ? a : (float)((a > 0) - (a < 0));
}

/* ---- settings ------------------------------------------------------------*/

static enum rnn_status read_clip(const struct node *node, float *settings,
                                 struct rnn_error *err)
{
    bool keras_2 = operator_setting(node, "clip_value_min", NULL);
    double low = 0, high = 0;
    enum rnn_status status = operator_number(
        node, keras_2 ? "clip_value_min" : "x_min", -INFINITY, &low, err);

    if (!status)
        status = operator_number(node, keras_2 ? "clip_value_max" : "x_max",
                                 INFINITY, &high, err);
    settings[0] = (float)low;
    settings[1] = (float)high;
    return status;
}

/* The power of ten. */
static enum rnn_status read_round(const struct node *node, float *settings,
                                  struct rnn_error *err)
{
    double decimals = 0;
    enum rnn_status status =
        operator_number(node, "decimals", 0, &decimals, err);

    if (!status && (rint(decimals) != decimals || fabs(decimals) > 30))
        return operator_refuse(node, "decimals is no whole number up to 30",
                               err);
    settings[0] = plain_power(10, (float)decimals);
    return status;
}

static enum rnn_status read_numbers(const struct node *node, float *settings,
                                    struct rnn_error *err)
{
    static const char *const names[] = {"nan", "posinf", "neginf"};
    static const double if_absent[] = {0, (double)FLT_MAX, -(double)FLT_MAX};
    enum rnn_status status = RNN_OK;

    for (size_t i = 0; i < ELEMENT_SETTINGS && !status; i++) {
        double number = 0;

        status = operator_number(node, names[i], if_absent[i], &number, err);
        settings[i] = (float)number;
    }
    return status;
}

static enum rnn_status read_threshold(const struct node *node, float *settings,
                                      struct rnn_error *err)
{
    double threshold = 0, other = 0;
    enum rnn_status status =
        operator_number(node, "threshold", 0, &threshold, err);

    if (!status)
        status = operator_number(node, "default_value", 0, &other, err);
    settings[0] = (float)threshold;
    settings[1] = (float)other;
    return status;
}

/* ---- classes -------------------------------------------------------------*/

/* Keras 2 gives a function of two arguments the keywords x and y. */
const char *const element_words_two[] = {"y", "name", NULL};
const char *const element_words_one[] = {"name", NULL};
static const char *const words_clip[] = {
    "x_min", "x_max", "clip_value_min", "clip_value_max", "name", NULL};
static const char *const words_round[] = {"decimals", "name", NULL};
static const char *const words_numbers[] = {"nan", "posinf", "neginf", "name",
                                            NULL};
static const char *const words_threshold[] = {"threshold", "default_value",
                                              "name", NULL};
static const char *const words_where[] = {"x", "y", "name", NULL};
static const char *const words_bias[] = {"bias", "data_format", "name", NULL};
static const char *const words_full[] = {"dtype", "name", NULL};

ELEMENT_TWO(add, "Add", a + b);
ELEMENT_TWO(subtract, "Subtract", a - b);
ELEMENT_TWO(multiply, "Multiply", (a * b));
ELEMENT_TWO(divide, "TrueDivide", a / b);
ELEMENT_TWO(maximum, "Maximum", a < b ? b : a);
ELEMENT_TWO(minimum, "Minimum", b < a ? b : a);
ELEMENT_TWO(power, "Power", plain_power(a, b));
ELEMENT_TWO(squared_difference, "SquaredDifference", squared(a, b));
ELEMENT_TWO(divide_no_nan, "DivideNoNan", b == 0 ? 0 : a / b);
ELEMENT_TWO(multiply_no_nan, "MultiplyNoNan", b == 0 ? 0 : (a * b));
ELEMENT_TWO(floor_divide, "FloorDivide", floorf(a / b));
ELEMENT_TWO(mod, "Mod", below(a, b));
ELEMENT_TWO(fmod, "Fmod", fmodf(a, b));
ELEMENT_TWO(fmax, "Fmax", isnan(a) || a < b ? b : a);
ELEMENT_TWO(fmin, "Fmin", isnan(a) || b < a ? b : a);
ELEMENT_TWO(heaviside, "Heaviside", side(a, b));
ELEMENT_TWO(hypot, "Hypot",
            (float)sqrt((double)a *(double)a + (double)b * (double)b));
ELEMENT_TWO(ldexp, "Ldexp", isinf(a) ? a : (a *power_of_2(b)));
ELEMENT_ONE(negative, "Negative", -a);
ELEMENT_ONE(absolute, "Absolute", fabsf(a));
ELEMENT_ONE(square, "Square", (a * a));
ELEMENT_ONE(sqrt, "Sqrt", sqrtf(a));
ELEMENT_ONE(rsqrt, "Rsqrt", (float)(1 / sqrt((double)a)));
ELEMENT_ONE(reciprocal, "Reciprocal", 1 / a);
ELEMENT_ONE(sign, "Sign", sign(a));
ELEMENT_ONE(floor, "Floor", floorf(a));
ELEMENT_ONE(ceil, "Ceil", ceilf(a));
ELEMENT_ONE(trunc, "Trunc", truncf(a));
ELEMENT_ONE(angle, "Angle", a < 0 ? (float)M_PI : 0);
ELEMENT_ONE(deg2rad, "Deg2rad", (float)((double)a *(M_PI / 180)));
ELEMENT_ONE(rad2deg, "Rad2deg", (float)((double)a *(180 / M_PI)));
ELEMENT(clip, "Clip", words_clip, clip(a, s[0], s[1]), .operands = 1,
        .read = read_clip);
ELEMENT(round, "Round", words_round,
        s[0] == 1 ? rintf(a) : rintf(a * s[0]) / s[0], .operands = 1,
        .read = read_round);
ELEMENT(nan_to_num, "NanToNum", words_numbers, number_of(a, s), .operands = 1,
        .read = read_numbers);
ELEMENT(threshold, "Threshold", words_threshold, a > s[0] ? a : s[1],
        .operands = 1, .read = read_threshold);
ELEMENT(where, "Where", words_where, a != 0 ? b : c, .operands = 3,
        .names = {"x", "y"});
ELEMENT(full_like, "FullLike", words_full, b, .operands = 2,
        .keeps_shape = true);

/* What a number may be at most, as NumPy's nextafter() leaves it to float32,
 * and whether it is cut to a whole one. */
static enum rnn_status read_saturate(const struct node *node, float *settings,
                                     struct rnn_error *err)
{
    static const struct {
        const char *name;
        float low, high;
    } kinds[] = {
        {"float32", -FLT_MAX, FLT_MAX},      {"bool", 0, 1},
        {"int8", INT8_MIN, INT8_MAX},        {"uint8", 0, UINT8_MAX},
        {"int16", INT16_MIN, INT16_MAX},     {"uint16", 0, UINT16_MAX},
        {"int32", -0x1p31F, 0x1.fffffep30F}, {"uint32", 0, 0x1.fffffep31F},
        {"int64", -0x1p63F, 0x1.fffffep62F},
    };
    const char *dtype = rnn_json_text(operator_setting(node, "dtype", NULL));

    for (size_t i = 0; dtype && i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (!strcmp(kinds[i].name, dtype)) {
            settings[0] = kinds[i].low;
            settings[1] = kinds[i].high;
            settings[2] = (float)i; /* 0: float32, 1: bool */
            return RNN_OK;
        }
    return operator_refuse(
        node, "only float32, bool and whole numbers are supported", err);
}

static float saturate(float a, const float *s)
{
    a = clip(a, s[0], s[1]);
    return s[2] == 0 ? a : s[2] == 1 ? a != 0 : truncf(a);
}

ELEMENT(saturate_cast, "SaturateCast", words_full, saturate(a, s),
        .operands = 1, .read = read_saturate);

/* tf.nn.bias_add; its data_format is that of the last axis. */
static enum rnn_status read_bias(const struct node *node, float *settings,
                                 struct rnn_error *err)
{
    const char *format =
        rnn_json_text(operator_setting(node, "data_format", NULL));

    (void)settings;
    if (format && (!strcmp(format, "NCHW") || !strcmp(format, "NCW")))
        return operator_refuse(node, "data_format puts the channels first",
                               err);
    return RNN_OK;
}

ELEMENT(bias_add, "BiasAdd", words_bias, a + b, .operands = 2,
        .names = {"bias"}, .read = read_bias);
