/* layer.h: what a layer is to the rest of the engine: one line of a table.
 *
 * One layer, one file: its equations on top, the same letters below, and at
 * the end its `struct layer_class`.  Adding one is a file and a line in
 * LAYER_CLASS_MAP (docs/layers.md).
 */
#ifndef CORE_LAYERS_LAYER_H
#define CORE_LAYERS_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/format/fields.h"
#include "core/layers/plan.h"
#include "core/layers/run.h"
#include "core/status.h"

/* How a layer takes timesteps that arrive in pieces. */
enum layer_streaming {
    STREAM_ALONE,     /* each step alone: nothing is kept */
    STREAM_STEPS,     /* each step from the one before: h, c */
    STREAM_REMEMBERS, /* its last inputs */
    STREAM_FOLDS,     /* a running result: sum, maximum, count */
    STREAM_WHOLE, /* not at all: some or all calls need the whole sequence */
};

/* What becomes of the mask of what a layer is given (mask.h).  A class that
 * consumes masks reads inputs[i]->mask itself, whatever stands here. */
enum layer_masking {
    MASK_UNTOLD,  /* nobody has looked: refused */
    MASK_DROPPED, /* what comes out has none */
    MASK_PASSED,  /* that of the first input, on each output with its time */
    MASK_PASSED_KERAS_3, /* so in Keras 3; Keras 2 drops it */
    MASK_JOINED,         /* of all inputs: or (Keras 3), and (Keras 2) */
    MASK_OWN,            /* connect() sees to it */
    MASK_REFUSED,        /* Keras itself cannot run it under a mask */
};

struct layer_class {
    const char *name;         /* Keras' class_name */
    const char *const *inert; /* fields that change no output; NULL at end */
    bool takes_ids;   /* it reads whole numbers: a dtype "int32" is theirs */
    bool takes_plain; /* it may be called on time without features; what is
                         for others are so many features */
    bool takes_bare;  /* and on one number of a sequence, without any axis */
    const char *const *keywords; /* of a call that it understands; NULL at
                                    end, or NULL: none (call.h) */
    bool takes_constants;        /* by position in a call */
    bool takes_scores; /* what is as wide as there are timesteps (scores.h) */
    enum layer_streaming streaming;
    enum layer_masking masking;
    size_t own_bytes;   /* of the layer's own struct, zeroed before read() */
    const void *detail; /* what tells it from classes of the same functions */

    /* Take what is understood from the config. */
    enum rnn_status (*read)(struct layer *layer, struct fields *fields,
                            struct rnn_error *err);

    /* One more call: check node->inputs, take and pack the weights at the
     * first call, make the outputs, keep state, set the cost. */
    enum rnn_status (*connect)(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err);

    /* Floats of scratch for one chunk; NULL: none.  SIZE_MAX: too many. */
    size_t (*scratch)(const struct node *node, size_t rows, size_t items);

    /* Run one chunk; false: the caller said stop.  NULL: nothing to do. */
    bool (*run)(const struct node *node, struct run *run);
};

struct layer {
    const struct layer_class *class;
    const char *name;      /* Keras' */
    const char *path;      /* of its tensors and its state */
    struct layer *wrapper; /* whose inner layer this is; NULL */
    bool trainable;
    bool whole; /* a call needs the whole sequence */
    uint64_t parameters;
    size_t depth;                  /* models around it */
    uint64_t fixed_parameters;     /* of these: no training moves them */
    size_t calls;                  /* so far */
    void *own;                     /* struct lstm, ...; class->own_bytes */
    struct rnn_shape output_shape; /* of the first call's first output */
    size_t state_bytes;            /* of all its calls */
    struct layer *next;
};

/* class_name of Keras, as it stands in core/layers/ */
#define LAYER_CLASS_MAP(XX)                                                   \
    XX(activation)                                                            \
    XX(activity_regularization)                                               \
    XX(add)                                                                   \
    XX(additive_attention)                                                    \
    XX(alpha_dropout)                                                         \
    XX(attention)                                                             \
    XX(average)                                                               \
    XX(average_pooling1d)                                                     \
    XX(batch_normalization)                                                   \
    XX(bidirectional)                                                         \
    XX(concatenate)                                                           \
    XX(conv1d)                                                                \
    XX(conv1d_transpose)                                                      \
    XX(conv_lstm1d)                                                           \
    XX(cropping1d)                                                            \
    XX(cudnn_gru)                                                             \
    XX(cudnn_lstm)                                                            \
    XX(dense)                                                                 \
    XX(discretization)                                                        \
    XX(dot)                                                                   \
    XX(depthwise_conv1d)                                                      \
    XX(dropout)                                                               \
    XX(einsum_dense)                                                          \
    XX(elu)                                                                   \
    XX(embedding)                                                             \
    XX(flatten)                                                               \
    XX(gaussian_dropout)                                                      \
    XX(gaussian_noise)                                                        \
    XX(global_average_pooling1d)                                              \
    XX(global_max_pooling1d)                                                  \
    XX(group_normalization)                                                   \
    XX(group_query_attention)                                                 \
    XX(grouped_query_attention)                                               \
    XX(gru)                                                                   \
    XX(gru_cell)                                                              \
    XX(identity)                                                              \
    XX(layer_normalization)                                                   \
    XX(leaky_relu)                                                            \
    XX(lstm)                                                                  \
    XX(lstm_cell)                                                             \
    XX(masking)                                                               \
    XX(max_pooling1d)                                                         \
    XX(maximum)                                                               \
    XX(minimum)                                                               \
    XX(multi_head_attention)                                                  \
    XX(multiply)                                                              \
    XX(normalization)                                                         \
    XX(permute)                                                               \
    XX(prelu)                                                                 \
    XX(relu)                                                                  \
    XX(repeat_vector)                                                         \
    XX(rescaling)                                                             \
    XX(reshape)                                                               \
    XX(rms_normalization)                                                     \
    XX(rnn)                                                                   \
    XX(separable_conv1d)                                                      \
    XX(simple_rnn)                                                            \
    XX(simple_rnn_cell)                                                       \
    XX(softmax)                                                               \
    XX(spatial_dropout1d)                                                     \
    XX(subtract)                                                              \
    XX(thresholded_relu)                                                      \
    XX(time_distributed)                                                      \
    XX(unit_normalization)                                                    \
    XX(up_sampling1d)                                                         \
    XX(zero_padding1d)

#define XX(name) extern const struct layer_class layer_##name;
LAYER_CLASS_MAP(XX)
#undef XX

/* The class that Keras calls `name`; NULL when there is none. */
const struct layer_class *layer_class_find(const char *name);

/* The layer of the list of layers that `layer` is, or is part of. */
static inline const struct layer *layer_outermost(const struct layer *layer)
{
    while (layer->wrapper)
        layer = layer->wrapper;
    return layer;
}

/* The only input of `node`, or a sentence. */
RNN_CHECKED enum rnn_status layer_only_input(const struct layer *layer,
                                             const struct node *node,
                                             struct value **value,
                                             struct rnn_error *err);

/* The size of the last axis of `x`, which `axis` has to be (as Keras counts:
 * from the batch, or from the end).  `known` is the size at an earlier call,
 * or 0. */
RNN_CHECKED enum rnn_status layer_last_axis(const struct layer *layer,
                                            const struct value *x, long axis,
                                            size_t known, size_t *size,
                                            struct rnn_error *err);

/* A weight of this shape, counted as a parameter of the layer. */
RNN_CHECKED enum rnn_status layer_take(struct layer *layer,
                                       struct plan_builder *builder,
                                       const char *weight,
                                       const struct rnn_shape *shape,
                                       const float **numbers,
                                       struct rnn_error *err);

#endif
