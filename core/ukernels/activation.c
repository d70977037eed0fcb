/* activation.c: activations by name. */
#include "core/ukernels/activation.h"

#include <math.h>
#include <string.h>
#include <strings.h>

/* Keras' default parameters. */
static struct rnn_activation defaults(enum rnn_activation_kind kind)
{
    struct rnn_activation made = {.kind = kind};

    if (kind == RNN_ACT_RELU)
        made.a = INFINITY;
    else if (kind == RNN_ACT_LEAKY_RELU)
        made.a = 0.2f;
    else if (kind == RNN_ACT_ELU || kind == RNN_ACT_CELU)
        made.a = 1.0f;
    else if (kind == RNN_ACT_SOFT_SHRINK || kind == RNN_ACT_HARD_SHRINK)
        made.a = 0.5f;
    else if (kind == RNN_ACT_SQUAREPLUS)
        made.a = 4.0f;
    return made;
}

bool rnn_activation_parse(const char *name, unsigned keras_major,
                          struct rnn_activation *activation)
{
    static const char *const names[] = {
#define XX(name, text, rows) [RNN_ACT_##name] = (text),
        RNN_ACTIVATION_MAP(XX)
#undef XX
    };

    if (strcasecmp(name, "swish") == 0)
        name = "silu";
    else if (strcasecmp(name, "hard_swish") == 0)
        name = "hard_silu";
    else if (strcasecmp(name, "log_softmax_v2") == 0) /* of Keras 2.12 */
        name = "log_softmax";
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        /* Ours, not Keras': the same name there has parameters. */
        if (i == RNN_ACT_HARD_SIGMOID_2 || i == RNN_ACT_GELU_TANH)
            continue;
        if (strcasecmp(name, names[i]) != 0)
            continue;
        if (i == RNN_ACT_HARD_SIGMOID && keras_major < 3)
            i = RNN_ACT_HARD_SIGMOID_2;
        *activation = defaults((enum rnn_activation_kind)i);
        return true;
    }
    return false;
}

bool rnn_activation_takes_rows(const struct rnn_activation *activation)
{
    static const bool takes[] = {
#define XX(name, text, rows) [RNN_ACT_##name] = (rows),
        RNN_ACTIVATION_MAP(XX)
#undef XX
    };

    return takes[activation->kind];
}
