/* true_values.h: the activations in float64, by their textbook formulas and
 * the C library, to judge ours by.
 */
#ifndef TESTS_UNIT_CORE_UKERNELS_TRUE_VALUES_H
#define TESTS_UNIT_CORE_UKERNELS_TRUE_VALUES_H

#include <math.h>

#include "core/ukernels/activation.h"

static inline double clip(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

/* tanh and its kin where the plain formula would cancel. */
static inline double true_tanh_shrink(double x)
{
    const double s = x * x;

    if (fabs(x) > 0.05)
        return x - tanh(x);
    return x * s *
           (1.0 / 3 - s * (2.0 / 15 - s * (17.0 / 315 - s * 62.0 / 2835)));
}

static inline double true_sigmoid(double x)
{
    return x < 0.0 ? exp(x) / (1.0 + exp(x)) : 1.0 / (1.0 + exp(-x));
}

static inline double true_softplus(double x)
{
    return x > 0.0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

static inline double true_squareplus(double x, double b)
{
    const double root = sqrt(x * x + b);

    return x < 0.0 ? b / 2.0 / (root - x) : (x + root) / 2.0;
}

static inline double true_elu(double x, double alpha)
{
    return x > 0.0 ? x : alpha * expm1(x);
}

static inline double true_mish(double x)
{
    double e;

    if (x > 0.0)
        return x * tanh(true_softplus(x));
    e = exp(x);
    return x * (e * (e + 2.0)) / (e * (e + 2.0) + 2.0);
}

static inline double true_value(const struct rnn_activation *act, double x)
{
    const double selu = 1.0507009873554805, selu_alpha = 1.6732632423543772;
    const double a = act->a;

    switch (act->kind) {
    case RNN_ACT_TANH:
        return tanh(x);
    case RNN_ACT_SIGMOID:
        return true_sigmoid(x);
    case RNN_ACT_RELU:
        return x > 0.0 ? x : 0.0;
    case RNN_ACT_HARD_SIGMOID:
        return clip(x + 3.0, 0.0, 6.0) / 6.0;
    case RNN_ACT_HARD_SIGMOID_2:
        return clip(0.2 * x + 0.5, 0.0, 1.0);
    case RNN_ACT_RELU6:
        return clip(x, 0.0, 6.0);
    case RNN_ACT_LEAKY_RELU:
        return x > 0.0 ? x : a * x;
    case RNN_ACT_ELU:
        return true_elu(x, a);
    case RNN_ACT_SELU:
        return selu * true_elu(x, selu_alpha);
    case RNN_ACT_CELU:
        return x > 0.0 ? x : a * expm1(x / a);
    case RNN_ACT_EXPONENTIAL:
        return exp(x);
    case RNN_ACT_SOFTPLUS:
        return true_softplus(x);
    case RNN_ACT_SOFTSIGN:
        return x / (1.0 + fabs(x));
    case RNN_ACT_SILU:
        return x * true_sigmoid(x);
    case RNN_ACT_GELU:
        return x * erfc(-x / sqrt(2.0)) / 2.0;
    case RNN_ACT_GELU_TANH:
        return x * true_sigmoid(2.0 * sqrt(2.0 / 3.14159265358979323846) *
                                (x + 0.044715 * x * x * x));
    case RNN_ACT_MISH:
        return true_mish(x);
    case RNN_ACT_LOG_SIGMOID:
        return -true_softplus(-x);
    case RNN_ACT_HARD_SILU:
        return x * clip(x + 3.0, 0.0, 6.0) / 6.0;
    case RNN_ACT_HARD_TANH:
        return clip(x, -1.0, 1.0);
    case RNN_ACT_TANH_SHRINK:
        return true_tanh_shrink(x);
    case RNN_ACT_SOFT_SHRINK:
        return x > a ? x - a : x < -a ? x + a : 0.0;
    case RNN_ACT_HARD_SHRINK:
        return fabs(x) > a ? x : 0.0;
    case RNN_ACT_SQUAREPLUS:
        return true_squareplus(x, a);
    case RNN_ACT_SPARSE_PLUS:
        return x <= -1.0 ? 0.0 : x < 1.0 ? (x + 1.0) * (x + 1.0) / 4.0 : x;
    case RNN_ACT_SPARSE_SIGMOID:
        return clip((x + 1.0) / 2.0, 0.0, 1.0);
    case RNN_ACT_LINEAR:
    case RNN_ACT_SOFTMAX:
    case RNN_ACT_LOG_SOFTMAX:
    case RNN_ACT_SPARSEMAX:
        break;
    }
    return x;
}

#endif
