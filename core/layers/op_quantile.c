/* Median, Quantile, Percentile, their kin that leave out what is no number,
 * and Trapezoid
 *
 *     x_0 <= x_1 <= ... <= x_n-1,  at = q (n - 1)
 *     y = x_i                              i = floor at, ceil at, rint at
 *     y = (x_floor at + x_ceil at) / 2     midpoint
 *     y = x_i + (at - i) (x_i+1 - x_i)     linear
 *
 *     y = dx sum (x_i + x_i+1) / 2         in the order in which they lie
 *
 * along `axis`, one or several.  q is one number, of float32 as in Keras, as
 * is a percentage divided by 100.  A quantile of what has a NaN is NaN, and so
 * is one of nothing.  Keras' Quantile forgets its `method`: it is linear.
 *
 * Keras: keras/src/ops/numpy.py, keras/src/backend/tensorflow/numpy.py
 */
#include <math.h>
#include <string.h>

#include "core/format/json.h"
#include "core/layers/reduce.h"
#include "core/layers/sort.h"

enum method { LINEAR, LOWER, HIGHER, NEAREST, MIDPOINT };

enum { Q, METHOD, SKIPS_NAN }; /* settings */

/* ---- when a model is loaded ----------------------------------------------*/

static enum rnn_status read_method(const struct node *node, double *method,
                                   struct rnn_error *err)
{
    static const char *const names[] = {
        [LINEAR] = "linear",   [LOWER] = "lower",       [HIGHER] = "higher",
        [NEAREST] = "nearest", [MIDPOINT] = "midpoint",
    };
    const char *text = rnn_json_text(operator_setting(node, "method", NULL));

    for (size_t i = 0; text && i < sizeof(names) / sizeof(names[0]); i++)
        if (!strcmp(names[i], text)) {
            *method = (double)i;
            return RNN_OK;
        }
    if (!text)
        return RNN_OK;
    return operator_refuse(
        node, "method is none of linear, lower, higher, nearest and midpoint",
        err);
}

static enum rnn_status read_q(const struct node *node, float parts,
                              double *settings, struct rnn_error *err)
{
    const struct call_argument *second = call_position(node->given, 1);
    const struct rnn_json *json =
        second ? second->json : operator_setting(node, "q", NULL);
    struct value *x;
    double q = 0;

    if (!rnn_json_number(json, &q) || !(q >= 0) || q > (double)parts)
        return operator_refuse(
            node, "q is not one number of those that it can be", err);
    settings[Q] = (double)((float)q / parts);
    return operator_first_input(node, 2, &x, err);
}

#define READER(label)                                                         \
    static enum rnn_status read_##label(                                      \
        const struct node *node, struct reduce_call *call,                    \
        struct plan_builder *builder, struct rnn_error *err)

READER(median)
{
    struct value *x;

    (void)builder;
    call->settings[Q] = 0.5;
    return operator_only_input(node, &x, err);
}

READER(nanmedian)
{
    call->settings[SKIPS_NAN] = 1;
    return read_median(node, call, builder, err);
}

READER(quantile)
{
    (void)builder;
    return read_q(node, 1, call->settings, err);
}

READER(nanquantile)
{
    enum rnn_status status = read_quantile(node, call, builder, err);

    call->settings[SKIPS_NAN] = 1;
    return status ? status : read_method(node, &call->settings[METHOD], err);
}

READER(percentile)
{
    enum rnn_status status = read_q(node, 100, call->settings, err);

    (void)builder;
    return status ? status : read_method(node, &call->settings[METHOD], err);
}

READER(nanpercentile)
{
    call->settings[SKIPS_NAN] = 1;
    return read_percentile(node, call, builder, err);
}

READER(trapezoid)
{
    struct value *x;
    enum rnn_status status = operator_only_input(node, &x, err);

    (void)builder;
    if (!status && operator_setting(node, "x", NULL))
        status =
            operator_refuse(node, "x is given; only dx is supported", err);
    return status ? status
                  : operator_number(node, "dx", 1, &call->settings[0], err);
}

/* ---- when it runs --------------------------------------------------------*/

static double between(const float *x, const float *places, double at,
                      size_t count)
{
    size_t high = (size_t)ceil(at), low;
    double part;

    low = high ? high - 1 : 0;
    high = low + 1 < count ? low + 1 : count - 1;
    part = (double)high - at;
    return (double)x[(size_t)places[high]] * (1 - part) +
           (double)x[(size_t)places[low]] * part;
}

static double quantile(const struct reduce_call *call, const float *x,
                       float *places, size_t width)
{
    const double *settings = call->settings;
    size_t count = 0;
    double at, low, high;

    for (size_t i = 0; i < width; i++)
        count += !isnan(x[i]);
    if (!count || (count < width && settings[SKIPS_NAN] == 0))
        return (double)NAN;
    sort_places(x, width, false, places);
    at = (double)(count - 1) * settings[Q];
    low = (double)x[(size_t)places[(size_t)floor(at)]];
    high = (double)x[(size_t)places[(size_t)ceil(at)]];
    switch ((enum method)settings[METHOD]) {
    case LOWER:
        return low;
    case HIGHER:
        return high;
    case NEAREST:
        return (double)x[(size_t)places[(size_t)rint(at)]];
    case MIDPOINT:
        return 0.5 * (low + high);
    case LINEAR:
    default:
        return between(x, places, at, count);
    }
}

static double trapezoid(const struct reduce_call *call, const float *x,
                        float *room, size_t width)
{
    double sum = 0;

    (void)room;
    for (size_t i = 1; i < width; i++)
        sum += 0.5 * ((double)x[i - 1] + (double)x[i]);
    return sum * call->settings[0];
}

/* ---- classes -------------------------------------------------------------*/

static const char *const words[] = {"axis",   "q",        "x",    "dx",
                                    "method", "keepdims", "name", NULL};

#define OF_LANE(label, keras, function)                                       \
    static const struct reduction reduction_##label = {.of_lane = (function), \
                                                       .read = read_##label}; \
    REDUCE_CLASS(label, keras, words, &reduction_##label)

OF_LANE(median, "Median", quantile);
OF_LANE(quantile, "Quantile", quantile);
OF_LANE(percentile, "Percentile", quantile);
OF_LANE(nanmedian, "Nanmedian", quantile);
OF_LANE(nanquantile, "Nanquantile", quantile);
OF_LANE(nanpercentile, "Nanpercentile", quantile);
OF_LANE(trapezoid, "Trapezoid", trapezoid);
