/* Operators of arithmetic
 *
 *     y = a + b, a - b, a * b, a / b, max(a, b), min(a, b), a^b, (a - b)^2
 *     y = -a, |a|, a^2, sqrt a, 1 / sqrt a, 1 / a
 *     y = min(max(a, low), high)
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

static float side(float a, float b)
{
    return a < 0 ? 0 : a > 0 ? 1 : b;
}

static float sign(float a)
{
    return isnan(a) ? a : (float)((a > 0) - (a < 0));
}

ELEMENT_ROW(add, a + b)
ELEMENT_ROW(subtract, a - b)
ELEMENT_ROW(multiply, (a * b))
ELEMENT_ROW(divide, a / b)
ELEMENT_ROW(maximum, a < b ? b : a)
ELEMENT_ROW(minimum, b < a ? b : a)
ELEMENT_ROW(power, plain_power(a, b))
ELEMENT_ROW(squared_difference, squared(a, b))
ELEMENT_ROW(divide_no_nan, b == 0 ? 0 : a / b)
ELEMENT_ROW(multiply_no_nan, b == 0 ? 0 : (a * b))
ELEMENT_ROW(floor_divide, floorf(a / b))
ELEMENT_ROW(mod, below(a, b))
ELEMENT_ROW(fmod, fmodf(a, b))
ELEMENT_ROW(fmax, isnan(a) || a < b ? b : a)
ELEMENT_ROW(fmin, isnan(a) || b < a ? b : a)
ELEMENT_ROW(heaviside, side(a, b))
ELEMENT_ROW(hypot, (float)sqrt((double)a *(double)a + (double)b * (double)b))
ELEMENT_ROW(negative, -a)
ELEMENT_ROW(absolute, fabsf(a))
ELEMENT_ROW(square, (a * a))
ELEMENT_ROW(sqrt, sqrtf(a))
ELEMENT_ROW(rsqrt, (float)(1 / sqrt((double)a)))
ELEMENT_ROW(reciprocal, 1 / a)
ELEMENT_ROW(clip, clip(a, s[0], s[1]))
ELEMENT_ROW(sign, sign(a))
ELEMENT_ROW(floor, floorf(a))
ELEMENT_ROW(ceil, ceilf(a))
ELEMENT_ROW(trunc, truncf(a))
ELEMENT_ROW(round, s[0] == 1 ? rintf(a) : rintf(a * s[0]) / s[0])
ELEMENT_ROW(nan_to_num, number_of(a, s))
ELEMENT_ROW(deg2rad, (float)((double)a *(M_PI / 180)))
ELEMENT_ROW(rad2deg, (float)((double)a *(180 / M_PI)))
ELEMENT_ROW(where, a != 0 ? b : c)
ELEMENT_ROW(full_like, b)
ELEMENT_ROW(threshold, a > s[0] ? a : s[1])

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

ELEMENT_TWO(add, "Add");
ELEMENT_TWO(subtract, "Subtract");
ELEMENT_TWO(multiply, "Multiply");
ELEMENT_TWO(divide, "TrueDivide");
ELEMENT_TWO(maximum, "Maximum");
ELEMENT_TWO(minimum, "Minimum");
ELEMENT_TWO(power, "Power");
ELEMENT_TWO(squared_difference, "SquaredDifference");
ELEMENT_TWO(divide_no_nan, "DivideNoNan");
ELEMENT_TWO(multiply_no_nan, "MultiplyNoNan");
ELEMENT_TWO(floor_divide, "FloorDivide");
ELEMENT_TWO(mod, "Mod");
ELEMENT_TWO(fmod, "Fmod");
ELEMENT_TWO(fmax, "Fmax");
ELEMENT_TWO(fmin, "Fmin");
ELEMENT_TWO(heaviside, "Heaviside");
ELEMENT_TWO(hypot, "Hypot");
ELEMENT_ONE(negative, "Negative", element_words_one);
ELEMENT_ONE(absolute, "Absolute", element_words_one);
ELEMENT_ONE(square, "Square", element_words_one);
ELEMENT_ONE(sqrt, "Sqrt", element_words_one);
ELEMENT_ONE(rsqrt, "Rsqrt", element_words_one);
ELEMENT_ONE(reciprocal, "Reciprocal", element_words_one);
ELEMENT_ONE(sign, "Sign", element_words_one);
ELEMENT_ONE(floor, "Floor", element_words_one);
ELEMENT_ONE(ceil, "Ceil", element_words_one);
ELEMENT_ONE(trunc, "Trunc", element_words_one);
ELEMENT_ONE(deg2rad, "Deg2rad", element_words_one);
ELEMENT_ONE(rad2deg, "Rad2deg", element_words_one);
ELEMENT(clip, "Clip", words_clip, .operands = 1, .read = read_clip);
ELEMENT(round, "Round", words_round, .operands = 1, .read = read_round);
ELEMENT(nan_to_num, "NanToNum", words_numbers, .operands = 1,
        .read = read_numbers);
ELEMENT(threshold, "Threshold", words_threshold, .operands = 1,
        .read = read_threshold);
ELEMENT(where, "Where", words_where, .operands = 3, .names = {"x", "y"});
ELEMENT(full_like, "FullLike", words_full, .operands = 2, .keeps_shape = true);

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

#define run_bias_add run_add
ELEMENT(bias_add, "BiasAdd", words_bias, .operands = 2, .names = {"bias"},
        .read = read_bias);
