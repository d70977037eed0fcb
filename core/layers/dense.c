/* Dense
 *
 *     y = act(x . kernel + bias)        over the last axis of x
 *
 * Keras: keras/src/layers/core/dense.py
 */
#include <string.h>

#include "core/layers/layer.h"

struct dense {
    size_t units, features;
    bool use_bias;
    struct rnn_activation activation;
    const struct rnn_ukernels *ukernels;
    struct f32_product product;
};

static const char *const inert[] = {
    "kernel_initializer",   "bias_initializer",
    "kernel_regularizer",   "bias_regularizer",
    "activity_regularizer", "kernel_constraint",
    "bias_constraint",      NULL};

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct dense *own = layer->own;
    enum rnn_status status = fields_count(fields, "units", &own->units, err);

    if (!status)
        status = fields_activation(fields, "activation", "linear",
                                   &own->activation, err);
    if (!status)
        status = fields_bool(fields, "use_bias", true, &own->use_bias, err);
    return status;
}

static enum rnn_status take(struct layer *layer, struct plan_builder *builder,
                            struct rnn_error *err)
{
    struct dense *own = layer->own;
    struct rnn_shape kernel_shape = {.rank = 2,
                                     .dim = {own->features, own->units}};
    struct rnn_shape bias_shape = {.rank = 1, .dim = {own->units}};
    const float *kernel = NULL, *bias = NULL;
    enum rnn_status status =
        layer_take(layer, builder, "kernel", &kernel_shape, &kernel, err);

    if (!status && own->use_bias)
        status = layer_take(layer, builder, "bias", &bias_shape, &bias, err);
    if (status)
        return status;
    own->ukernels = rnn_ukernels_find(builder->isa, own->units);
    if (!rnn_product_pack(own->ukernels, own->features, own->units, 1, 0, 1,
                          kernel, bias, builder->arena, &own->product))
        return plan_no_memory(layer, err);
    return RNN_OK;
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct dense *own = layer->own;
    struct value *x = NULL;
    struct rnn_shape shape;
    enum rnn_status status = layer_only_input(layer, node, &x, err);
    size_t last;

    if (status)
        return status;
    shape = x->shape;
    last = shape.dim[shape.rank - 1];
    if (layer->calls && last != own->features)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (Dense) has weights for %zu "
                        "features, it is given %zu",
                        layer->name, own->features, last);
    own->features = last;
    shape.dim[shape.rank - 1] = own->units;
    if (!layer->calls)
        status = take(layer, builder, err);
    if (!status)
        status = plan_make_output(builder, node, 0, &shape, x->has_time, err);
    if (!status)
        node->cost = (uint64_t)x->features * own->units +
                     16 * (uint64_t)node->outputs[0]->features;
    return status;
}

/* Rows of the product in one item: more than one where x has inner axes. */
static size_t rows_of_item(const struct node *node)
{
    const struct dense *own = node->layer->own;

    return node->inputs[0]->features / own->features;
}

static size_t scratch(const struct node *node, size_t rows, size_t items)
{
    const struct dense *own = node->layer->own;
    size_t inner = rows_of_item(node);

    (void)rows;
    (void)items;
    return inner > 1 ? inner * plan_stride(own->product.stride) : 0;
}

/* Items with inner axes lie without gaps, results of a product do not. */
static bool run_inner(const struct node *node, struct run *run)
{
    const struct dense *own = node->layer->own;
    size_t inner = rows_of_item(node);
    size_t items = run_items(run, node->inputs[0]);
    struct view x = run_view(run, node->inputs[0]);
    struct view y = run_view(run, node->outputs[0]);
    struct view padded = {run->scratch, plan_stride(own->product.stride)};

    for (size_t i = 0; i < items; i++) {
        struct view rows = {x.data + i * x.stride, own->features};

        if (!run_product(run, own->ukernels, &own->product, inner, rows,
                         padded))
            return false;
        run_activate(own->ukernels, &own->activation, inner, own->units,
                     padded);
        for (size_t r = 0; r < inner; r++)
            memcpy(y.data + i * y.stride + r * own->units,
                   padded.data + r * padded.stride,
                   own->units * sizeof(float));
    }
    return true;
}

static bool run(const struct node *node, struct run *run)
{
    const struct dense *own = node->layer->own;
    size_t items = run_items(run, node->inputs[0]);
    struct view y = run_view(run, node->outputs[0]);

    if (rows_of_item(node) > 1)
        return run_inner(node, run);
    if (!run_product(run, own->ukernels, &own->product, items,
                     run_view(run, node->inputs[0]), y))
        return false;
    run_activate(own->ukernels, &own->activation, items, own->units, y);
    return true;
}

const struct layer_class layer_dense = {
    .name = "Dense",
    .inert = inert,
    .streaming = STREAM_ALONE,
    .masking = MASK_PASSED,
    .own_bytes = sizeof(struct dense),
    .read = read,
    .connect = connect,
    .scratch = scratch,
    .run = run,
};
