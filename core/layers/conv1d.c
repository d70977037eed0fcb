/* Conv1D
 *
 *     y_o = act(sum over i of x_(o stride - before + i dilation) . kernel_i
 *               + bias)                          i = 0 .. kernel_size - 1
 *
 * With `groups` the features of x and the filters fall into as many parts,
 * each of which sees only its own.  Each output is one product of the window,
 * timestep after timestep, with the kernel as [kernel_size * features,
 * filters].  window.h says which timesteps there are.
 *
 * In Keras 2 x may have axes before these two: each of their places is a
 * sequence of its own.  Keras 3 cannot run that.
 *
 * Keras: keras/src/layers/convolutional/base_conv.py, conv1d.py
 */
#include <stdalign.h>

#include "core/layers/inner_plan.h"
#include "core/layers/window_walk.h"

struct conv1d {
    struct window window;
    size_t filters, groups, features;
    bool use_bias, channels_first;
    struct rnn_activation activation;
    const struct rnn_ukernels *ukernels;
    struct f32_product *products; /* [groups] */
};

static const char *const inert[] = {
    "kernel_initializer",   "bias_initializer",
    "kernel_regularizer",   "bias_regularizer",
    "activity_regularizer", "kernel_constraint",
    "bias_constraint",      NULL};

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct conv1d *own = layer->own;
    enum rnn_status status =
        fields_count(fields, "filters", &own->filters, err);

    if (!status)
        status = window_read(fields, "kernel_size", 1, &own->window, err);
    if (!status)
        status = fields_channels(fields, &own->channels_first, err);
    if (!status)
        status = fields_one_count(fields, "groups", 1, &own->groups, err);
    if (!status)
        status = fields_activation(fields, "activation", "linear",
                                   &own->activation, err);
    if (!status)
        status = fields_bool(fields, "use_bias", true, &own->use_bias, err);
    if (status)
        return status;
    if (own->filters % own->groups)
        return fields_refuse(fields, RNN_BAD_MODEL, "groups",
                             "the filters cannot be divided by it", err);
    if (own->window.stride > 1 && own->window.dilation > 1)
        return fields_refuse(fields, RNN_BAD_MODEL, "dilation_rate",
                             "together with strides, which Keras does not "
                             "compute",
                             err);
    return RNN_OK;
}

static enum rnn_status pack(struct layer *layer, struct plan_builder *builder,
                            const float *kernel, const float *bias,
                            struct rnn_error *err)
{
    struct conv1d *own = layer->own;
    size_t inputs = own->window.size * (own->features / own->groups);
    size_t units = own->filters / own->groups;

    own->ukernels = rnn_ukernels_find(builder->isa, units);
    own->products =
        arena_zalloc(builder->arena, own->groups, sizeof(own->products[0]),
                     alignof(struct f32_product));
    if (!own->products)
        return plan_no_memory(layer, err);
    for (size_t g = 0; g < own->groups; g++)
        if (!rnn_product_pack(own->ukernels, inputs, units, own->groups, g, 1,
                              kernel, bias, builder->arena, &own->products[g]))
            return plan_no_memory(layer, err);
    return RNN_OK;
}

static enum rnn_status take(struct layer *layer, struct plan_builder *builder,
                            struct rnn_error *err)
{
    struct conv1d *own = layer->own;
    struct rnn_shape kernel_shape = {
        .rank = 3,
        .dim = {own->window.size, own->features / own->groups, own->filters}};
    struct rnn_shape bias_shape = {.rank = 1, .dim = {own->filters}};
    const float *kernel = NULL, *bias = NULL;
    enum rnn_status status;

    if (own->features % own->groups)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (Conv1D): its %zu input features "
                        "cannot be divided by groups, %zu",
                        layer->name, own->features, own->groups);
    status = layer_take(layer, builder, "kernel", &kernel_shape, &kernel, err);
    if (!status && own->use_bias)
        status = layer_take(layer, builder, "bias", &bias_shape, &bias, err);
    if (!status)
        status = pack(layer, builder, kernel, bias, err);
    return status;
}

/* Does it run along a later axis than time? */
static bool is_within(const struct node *node)
{
    return node->inputs[0]->shape.rank > 2;
}

/* The same layer in a plan whose sequences are the timesteps of this one. */
static enum rnn_status connect_within(struct layer *layer, struct node *node,
                                      struct plan_builder *builder,
                                      struct rnn_error *err)
{
    struct inner_plan *made =
        arena_zalloc(builder->arena, 1, sizeof(*made), alignof(max_align_t));
    const struct layer before = *layer;
    struct plan_builder inner;
    struct value *x = NULL;
    struct node *within = NULL;
    struct inner_outputs outputs;
    enum rnn_status status;

    if (!made)
        return plan_no_memory(layer, err);
    inner_plan_begin(made, builder, &inner);
    status = inner_plan_inputs(node, &inner, &x, err);
    if (!status)
        status = plan_call(&inner, layer, &x, 1, &within, err);
    if (status)
        return status;
    /* Of its call in there nothing is seen but the parameters. */
    layer->calls = before.calls;
    layer->whole = before.whole;
    layer->state_bytes = before.state_bytes;
    outputs = (struct inner_outputs){.values = within->outputs, .count = 1};
    return inner_plan_finish(node, made, builder, &inner, &outputs, err);
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct conv1d *own = layer->own;
    enum rnn_status status;

    if (builder->keras_major == 2 && node->input_count == 1 &&
        node->inputs[0]->has_time && is_within(node) && !own->channels_first)
        return connect_within(layer, node, builder, err);
    status =
        window_input(layer, node, own->channels_first, &own->features, err);

    if (!status && !layer->calls)
        status = take(layer, builder, err);
    if (!status)
        status = window_connect(builder, node, &own->window, own->filters,
                                own->channels_first, err);
    if (status)
        return status;
    node->cost = own->window.size * (node->inputs[0]->features / own->groups) *
                     (uint64_t)own->filters / own->window.stride +
                 16 * (uint64_t)own->filters;
    return RNN_OK;
}

/* Are results written apart first? */
static bool is_apart(const struct conv1d *own)
{
    return own->groups > 1 || own->channels_first;
}

/* Windows first; results that are not yet where they belong. */
static size_t scratch(const struct node *node, size_t rows, size_t items)
{
    const struct conv1d *own = node->layer->own;
    size_t buffer =
        window_buffer(&own->window, own->features / own->groups, rows);

    if (is_within(node))
        return inner_plan_scratch(node, rows, items);
    if (!is_apart(own))
        return buffer;
    return plan_sum(plan_stride(buffer), WINDOW_PIECE,
                    plan_stride(own->products[0].stride));
}

/* One group of a run. */
struct job {
    const struct conv1d *own;
    size_t group;
    struct window_results results;
    float *apart;
};

static bool run_piece(void *arg, struct run *run,
                      const struct window_piece *piece)
{
    const struct job *job = arg;
    const struct conv1d *own = job->own;
    const struct f32_product *product = &own->products[job->group];
    struct view x = {(float *)piece->x, piece->x_stride}; /* only read */
    struct view apart = {job->apart, plan_stride(product->stride)};

    if (!is_apart(own))
        return run_product(run, own->ukernels, product, piece->count, x,
                           window_place(&job->results, piece));
    if (!run_product(run, own->ukernels, product, piece->count, x, apart))
        return false;
    window_put(&job->results, piece, apart, job->group * product->units,
               product->units);
    return true;
}

static bool run(const struct node *node, struct run *run)
{
    const struct conv1d *own = node->layer->own;
    const struct value *input = node->inputs[0], *output = node->outputs[0];
    size_t width = own->features / own->groups;
    bool turned = own->channels_first;
    struct job job = {.own = own,
                      .results = {.y = run_view(run, output),
                                  .outputs = window_steps(run, output, turned),
                                  .features = own->filters,
                                  .channels_first = turned}};
    struct window_walk walk = {
        .window = own->window,
        .before =
            window_before(&own->window, window_steps(run, input, turned)),
        .outputs = job.results.outputs,
        .features = width,
        .repeat = 1,
        .item = width,
        .channels_first = turned,
        .piece = run_piece,
        .arg = &job};

    if (is_within(node))
        return inner_plan_run(node, run);
    job.apart = run->scratch +
                plan_stride(window_buffer(&own->window, width, run->rows));
    for (; job.group < own->groups; job.group++) {
        walk.first_feature = job.group * width;
        if (!window_run(node, run, &walk, run->scratch))
            return false;
    }
    window_activate(&job.results, run, own->ukernels, &own->activation);
    window_remember(node, run, &own->window);
    return true;
}

const struct layer_class layer_conv1d = {
    .name = "Conv1D",
    .inert = inert,
    .streaming = STREAM_REMEMBERS,
    .masking = MASK_DROPPED,
    .own_bytes = sizeof(struct conv1d),
    .read = read,
    .connect = connect,
    .scratch = scratch,
    .run = run,
};
