/* f32_activate.c: activations of vectors and of rows.
 *
 * Compiled once for each instruction set.
 */
#include RNN_VEC_HEADER

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_dot.h"
#include "core/ukernels/vec_math.h"

/* keras.activations.relu, its order of steps for a threshold included. */
VEC_INLINE vec relu(const struct rnn_activation *activation, vec x)
{
    const vec zero = vec_set(0.0f);
    const vec threshold = vec_set(activation->c);
    vec y = vec_select(vec_less(threshold, x), x, zero);

    if (activation->a < INFINITY)
        y = vec_max(zero, vec_min(vec_set(activation->a), y));
    if (activation->b != 0.0f)
        y = vec_fnma(vec_set(activation->b),
                     vec_max(zero, vec_sub(threshold, x)), y);
    return vec_select(vec_is_nan(x), x, y);
}

/* clip(x * scale + offset, 0, 1) */
VEC_INLINE vec ramp(vec x, float scale, float offset)
{
    x = vec_fma(x, vec_set(scale), vec_set(offset));
    return vec_max(vec_set(0.0f), vec_min(vec_set(1.0f), x));
}

VEC_INLINE vec hard_sigmoid(vec x)
{
    x = vec_add(x, vec_set(3.0f));
    x = vec_max(vec_set(0.0f), vec_min(vec_set(6.0f), x));
    return vec_div(x, vec_set(6.0f));
}

/* x where it is above 0, else `negative`. */
VEC_INLINE vec above_zero(vec x, vec negative)
{
    return vec_select(vec_less(vec_set(0.0f), x), x, negative);
}

VEC_INLINE vec elu(vec x, float alpha)
{
    return above_zero(x, vec_mul(vec_set(alpha), math_expm1_negative(x)));
}

VEC_INLINE vec soft_shrink(vec x, float threshold)
{
    const vec t = vec_set(threshold), minus_t = vec_set(-threshold);
    vec y = vec_select(vec_less(t, x), vec_sub(x, t), vec_set(0.0f));

    y = vec_select(vec_less(x, minus_t), vec_add(x, t), y);
    return vec_select(vec_is_nan(x), x, y);
}

VEC_INLINE vec hard_shrink(vec x, float threshold)
{
    vec y =
        vec_select(vec_less(vec_set(threshold), vec_abs(x)), x, vec_set(0.0f));

    return vec_select(vec_is_nan(x), x, y);
}

/* 0 below -1, (x + 1)^2 / 4, x above 1 */
VEC_INLINE vec sparse_plus(vec x)
{
    vec y = vec_add(math_clamp(x, 1.0f), vec_set(1.0f));

    y = vec_mul(vec_mul(y, y), vec_set(0.25f));
    return vec_select(vec_less(vec_set(1.0f), x), x, y);
}

VEC_INLINE vec silu(vec x)
{
    return vec_mul(vec_max(vec_set(-200.0f), x), math_sigmoid(x));
}

VEC_INLINE vec softsign(vec x)
{
    x = math_clamp(x, 0x1p60f);
    return vec_div(x, vec_add(vec_set(1.0f), vec_abs(x)));
}

/* Activations of one number; kinds that take rows leave x alone. */
VEC_INLINE vec activate(enum rnn_activation_kind kind,
                        const struct rnn_activation *activation, vec x)
{
    const vec zero = vec_set(0.0f), a = vec_set(activation->a);

    switch (kind) {
    case RNN_ACT_TANH:
        return math_tanh(x);
    case RNN_ACT_SIGMOID:
        return math_sigmoid(x);
    case RNN_ACT_RELU:
        return relu(activation, x);
    case RNN_ACT_HARD_SIGMOID:
        return hard_sigmoid(x);
    case RNN_ACT_HARD_SIGMOID_2:
        return ramp(x, 0.2f, 0.5f);
    case RNN_ACT_RELU6:
        return vec_max(zero, vec_min(vec_set(6.0f), x));
    case RNN_ACT_LEAKY_RELU:
        return above_zero(x, vec_mul(a, x));
    case RNN_ACT_ELU:
        return elu(x, activation->a);
    case RNN_ACT_SELU:
        return vec_mul(vec_set(0x1.0cfabep+0f), elu(x, 0x1.ac5afap+0f));
    case RNN_ACT_CELU:
        return above_zero(x, vec_mul(a, math_expm1_negative(vec_div(x, a))));
    case RNN_ACT_EXPONENTIAL:
        return math_exp(x);
    case RNN_ACT_SOFTPLUS:
        return math_softplus(x);
    case RNN_ACT_SOFTSIGN:
        return softsign(x);
    case RNN_ACT_SILU:
        return silu(x);
    case RNN_ACT_GELU:
        return math_gelu(x);
    case RNN_ACT_GELU_TANH:
        return math_gelu_tanh(x);
    case RNN_ACT_MISH:
        return math_mish(x);
    case RNN_ACT_LOG_SIGMOID:
        return vec_sub(zero, math_softplus(vec_sub(zero, x)));
    case RNN_ACT_HARD_SILU:
        return vec_mul(vec_max(vec_set(-3.0f), x), hard_sigmoid(x));
    case RNN_ACT_HARD_TANH:
        return math_clamp(x, 1.0f);
    case RNN_ACT_TANH_SHRINK:
        return math_tanh_shrink(x);
    case RNN_ACT_SOFT_SHRINK:
        return soft_shrink(x, activation->a);
    case RNN_ACT_HARD_SHRINK:
        return hard_shrink(x, activation->a);
    case RNN_ACT_SQUAREPLUS:
        return math_squareplus(x, activation->a);
    case RNN_ACT_SPARSE_PLUS:
        return sparse_plus(x);
    case RNN_ACT_SPARSE_SIGMOID:
        return ramp(x, 0.5f, 0.5f);
    case RNN_ACT_LINEAR:
    case RNN_ACT_SOFTMAX:
    case RNN_ACT_LOG_SOFTMAX:
    case RNN_ACT_SPARSEMAX:
        break;
    }
    return x;
}

VEC_INLINE void each(enum rnn_activation_kind kind,
                     const struct rnn_activation *activation, size_t count,
                     float *x)
{
    size_t i = 0;

    for (; i + VEC_LANES <= count; i += VEC_LANES)
        vec_store(x + i, activate(kind, activation, vec_load(x + i)));
    if (i < count)
        vec_store_part(
            x + i, activate(kind, activation, vec_load_part(x + i, count - i)),
            count - i);
}

void F32(activate)(const struct rnn_activation *activation, size_t count,
                   float *x)
{
    switch (activation->kind) {
#define XX(name, text, rows)                                                  \
    case RNN_ACT_##name:                                                      \
        each(RNN_ACT_##name, activation, count, x);                           \
        break;
        RNN_ACTIVATION_MAP(XX)
#undef XX
    }
}

/* The sigmoid that cells of tanh have inline. */
void F32(gate_activate)(const struct rnn_activation *sigmoid, size_t count,
                        float *x)
{
    size_t i = 0;

    (void)sigmoid;
    for (; i + VEC_LANES <= count; i += VEC_LANES)
        vec_store(x + i, math_gate(vec_load(x + i)));
    if (i < count)
        vec_store_part(x + i, math_gate(vec_load_part(x + i, count - i)),
                       count - i);
}
