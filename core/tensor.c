#include "core/tensor.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

bool rnn_product(size_t a, size_t b, size_t *product)
{
    if (b && a > SIZE_MAX / b)
        return false;
    *product = a * b;
    return true;
}

bool rnn_shape_count(const struct rnn_shape *shape, size_t first,
                     size_t *count)
{
    size_t product = 1;

    for (size_t i = first; i < shape->rank; i++)
        if (!rnn_product(product, shape->dim[i], &product))
            return false;
    *count = product;
    return true;
}

bool rnn_shape_equal(const struct rnn_shape *a, const struct rnn_shape *b)
{
    return a->rank == b->rank &&
           !memcmp(a->dim, b->dim, a->rank * sizeof(a->dim[0]));
}

static const char *print(const struct rnn_shape *shape, bool zero_is_free,
                         char text[RNN_SHAPE_TEXT])
{
    size_t used = 0;

    text[used++] = '[';
    for (size_t i = 0; i < shape->rank; i++) {
        const char *comma = i ? ", " : "";

        if (zero_is_free && shape->dim[i] == RNN_FREE)
            used += (size_t)snprintf(text + used, RNN_SHAPE_TEXT - used, "%s?",
                                     comma);
        else
            used += (size_t)snprintf(text + used, RNN_SHAPE_TEXT - used,
                                     "%s%zu", comma, shape->dim[i]);
    }
    text[used++] = ']';
    text[used] = '\0';
    return text;
}

const char *rnn_shape_print(const struct rnn_shape *shape,
                            char text[RNN_SHAPE_TEXT])
{
    return print(shape, true, text);
}

const char *rnn_sizes_print(const struct rnn_shape *shape,
                            char text[RNN_SHAPE_TEXT])
{
    return print(shape, false, text);
}

bool rnn_all_finite(const float *numbers, size_t count)
{
    unsigned bad = 0;

    /* Without a way out of the loop the compiler can use vectors. */
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;

        memcpy(&bits, numbers + i, sizeof(bits));
        bad |= (bits & 0x7f800000u) == 0x7f800000u;
    }
    return !bad;
}
