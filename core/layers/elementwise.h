/* elementwise.h: an operator that takes numbers one by one is a line.
 *
 *     ELEMENT_ROW(add, a + b)          how a number comes of two (of one: a)
 *     ELEMENT_TWO(add, "Add");         operator_add, of two operands
 *     ELEMENT_ONE(square, "Square", element_words_one);
 *                                      operator_square, of one
 */
#ifndef CORE_LAYERS_ELEMENTWISE_H
#define CORE_LAYERS_ELEMENTWISE_H

#include <stddef.h>

#include "core/layers/operator.h"

/* `count` numbers; strides in floats. */
struct row {
    size_t count;
    const float *a, *b;
    float *y;
    ptrdiff_t a_stride, b_stride, y_stride;
};

struct element {
    size_t operands;    /* tensors or constants: 1 or 2 */
    const char *second; /* keyword of the second in Keras 2 */
    void (*run)(const struct row *row);
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
        for (size_t i = 0; i < row->count; i++) {                             \
            float a = row->a[(ptrdiff_t)i * row->a_stride];                   \
            float b = row->b[(ptrdiff_t)i * row->b_stride];                   \
                                                                              \
            (void)a;                                                          \
            (void)b;                                                          \
            row->y[(ptrdiff_t)i * row->y_stride] = (result);                  \
        }                                                                     \
    }

#define ELEMENT_TWO(label, keras)                                             \
    static const struct element element_##label = {                           \
        .operands = 2, .second = "y", .run = run_##label};                    \
    OPERATOR(label, keras, element_words_two, &element_##label,               \
             element_connect, element_run)
#define ELEMENT_ONE(label, keras, words)                                      \
    static const struct element element_##label = {.operands = 1,             \
                                                   .run = run_##label};       \
    OPERATOR(label, keras, words, &element_##label, element_connect,          \
             element_run)

#endif
