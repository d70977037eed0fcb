/* elementwise.h: an operator that takes numbers one by one is a line.
 *
 *     ELEMENT_TWO(add, "Add", a + b);  operator_add, of two operands
 *     ELEMENT_ONE(square, "Square", a * a);    operator_square, of one
 *     ELEMENT(clip, "Clip", words, clip(a, s[0], s[1]), .operands = 1, ...);
 *
 * What stands there is how a number comes of a, b and c, as many as there are
 * operands, and of the settings s[0], s[1], ...
 */
#ifndef CORE_LAYERS_ELEMENTWISE_H
#define CORE_LAYERS_ELEMENTWISE_H

#include <stddef.h>

#include "core/layers/operator.h"

#define ELEMENT_OPERANDS ((size_t)3) /* at most */
#define ELEMENT_SETTINGS ((size_t)3)

/* `count` numbers; strides in floats. */
struct row {
    size_t count;
    const float *a, *b, *c;
    float *y;
    ptrdiff_t a_stride, b_stride, c_stride, y_stride;
    const float *settings; /* [ELEMENT_SETTINGS] */
};

struct element {
    size_t operands;      /* tensors or constants: 1, 2 or 3 */
    const char *names[2]; /* keywords in Keras 2 of those behind the first */
    bool keeps_shape;     /* the first one's: the others are not wider */
    void (*run)(const struct row *row);
    /* What is neither tensor nor constant; NULL: nothing. */
    enum rnn_status (*read)(const struct node *node, float *settings,
                            struct rnn_error *err);
};

RNN_CHECKED enum rnn_status element_connect(struct layer *layer,
                                            struct node *node,
                                            struct plan_builder *builder,
                                            struct rnn_error *err);
bool element_run(const struct node *node, struct run *run);

extern const char *const element_words_two[], *const element_words_one[];

#define ELEMENT_ROW(label, result)                                            \
    static void run_##label(const struct row *row)                            \
    {                                                                         \
        const float *s = row->settings;                                       \
                                                                              \
        (void)s;                                                              \
        for (size_t i = 0; i < row->count; i++) {                             \
            float a = row->a[(ptrdiff_t)i * row->a_stride];                   \
            float b = row->b[(ptrdiff_t)i * row->b_stride];                   \
            float c = row->c[(ptrdiff_t)i * row->c_stride];                   \
                                                                              \
            (void)a;                                                          \
            (void)b;                                                          \
            (void)c;                                                          \
            row->y[(ptrdiff_t)i * row->y_stride] = (result);                  \
        }                                                                     \
    }

/* More operands, other words, settings. */
#define ELEMENT(label, keras, words, result, ...)                             \
    ELEMENT_ROW(label, result)                                                \
    static const struct element element_##label = {.run = run_##label,        \
                                                   __VA_ARGS__};              \
    const struct layer_class operator_##label = {                             \
        OPERATOR_FIELDS(keras, words, &element_##label),                      \
        .takes_scores = true,                                                 \
        .takes_bare = true,                                                   \
        .connect = element_connect,                                           \
        .run = element_run,                                                   \
    }
#define ELEMENT_TWO(label, keras, result)                                     \
    ELEMENT(label, keras, element_words_two, result, .operands = 2,           \
            .names = {"y"})
#define ELEMENT_ONE(label, keras, result)                                     \
    ELEMENT(label, keras, element_words_one, result, .operands = 1)

#endif
