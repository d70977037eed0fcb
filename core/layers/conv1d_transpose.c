/* Conv1DTranspose
 *
 *     y_t = act(sum over all i, j with i strides + j dilation = t + left
 *               of x_i . kernel_j + bias)
 *
 *     t = 0 .. n - 1, for T timesteps of x, with k = (kernel_size - 1)
 *     dilation + 1:
 *         padding valid   n = T strides + max(k - strides, 0), left = 0
 *         padding same    n = T strides
 *         output_padding  n = (T - 1) strides + output_padding
 *                             + (valid: k, same: 1 if k is odd)
 *         same: left = half of (T - 1) strides + k - n, rounded down
 *
 * The outputs with one remainder ("phase") of t + left by strides see the
 * same part of the kernel, backwards: each phase is a convolution with
 * stride 1 of its own.
 *
 * Keras: keras/src/layers/convolutional/base_conv_transpose.py,
 *        keras/src/backend/common/backend_utils.py
 */
#include <assert.h>
#include <stdalign.h>
#include <stdlib.h>

#include "core/format/json.h"
#include "core/layers/window_walk.h"

struct transpose {
    struct window window;
    size_t filters, features;
    bool has_output_padding;
    size_t output_padding;
    bool use_bias, channels_first;
    struct rnn_activation activation;
    const struct rnn_ukernels *ukernels;
    struct f32_product *products; /* of the phases that have taps */
};

static const char *const inert[] = {
    "kernel_initializer",   "bias_initializer",
    "kernel_regularizer",   "bias_regularizer",
    "activity_regularizer", "kernel_constraint",
    "bias_constraint",      NULL};

static enum rnn_status read_output_padding(struct fields *fields,
                                           struct transpose *own,
                                           struct rnn_error *err)
{
    const struct rnn_json *field = fields_get(fields, "output_padding");
    size_t odd = window_reach(&own->window) % 2;

    own->has_output_padding = field;
    if (!field)
        return RNN_OK;
    if (rnn_json_is_array(field) && rnn_json_count(field) == 1)
        field = rnn_json_first(field);
    if (!rnn_json_size(field, &own->output_padding) ||
        own->output_padding >= own->window.stride)
        return fields_refuse(fields, RNN_BAD_MODEL, "output_padding",
                             "a whole number from 0 and less than strides "
                             "was expected",
                             err);
    if (own->window.padding == WINDOW_SAME && !own->output_padding && !odd)
        return fields_refuse(fields, RNN_BAD_MODEL, "output_padding",
                             "with an even kernel and padding same, which "
                             "Keras does not compute",
                             err);
    return RNN_OK;
}

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct transpose *own = layer->own;
    size_t groups = 1;
    enum rnn_status status =
        fields_count(fields, "filters", &own->filters, err);

    if (!status)
        status = window_read(fields, "kernel_size", 1, &own->window, err);
    if (!status)
        status = read_output_padding(fields, own, err);
    if (!status)
        status = fields_channels(fields, &own->channels_first, err);
    if (!status)
        status = fields_one_count(fields, "groups", 1, &groups, err);
    if (!status)
        status = fields_activation(fields, "activation", "linear",
                                   &own->activation, err);
    if (!status)
        status = fields_bool(fields, "use_bias", true, &own->use_bias, err);
    if (status)
        return status;
    if (groups != 1)
        return fields_refuse(fields, RNN_UNSUPPORTED, "groups",
                             "1 was expected", err);
    if (own->window.padding == WINDOW_CAUSAL)
        return fields_refuse(fields, RNN_BAD_MODEL, "padding",
                             "valid or same was expected", err);
    if (own->window.stride > 1 && own->window.dilation > 1)
        return fields_refuse(fields, RNN_BAD_MODEL, "dilation_rate",
                             "together with strides, which Keras does not "
                             "compute",
                             err);
    return RNN_OK;
}

/* Taps that the outputs of one phase see. */
static size_t taps_of(const struct window *window, size_t phase)
{
    return phase < window->size
               ? (window->size - phase - 1) / window->stride + 1
               : 0;
}

/* The part of kernel [size, filters, features] that phase sees, as [taps,
 * features, filters], the last tap first. */
static void pick(const struct transpose *own, const float *kernel,
                 size_t phase, float *picked)
{
    size_t taps = taps_of(&own->window, phase);

    for (size_t i = 0; i < taps; i++) {
        size_t tap = phase + (taps - 1 - i) * own->window.stride;
        const float *from = kernel + tap * own->filters * own->features;

        for (size_t c = 0; c < own->features; c++)
            for (size_t f = 0; f < own->filters; f++)
                *picked++ = from[f * own->features + c];
    }
}

static enum rnn_status pack(struct layer *layer, struct plan_builder *builder,
                            const float *kernel, const float *bias,
                            struct rnn_error *err)
{
    struct transpose *own = layer->own;
    size_t phases = own->window.stride < own->window.size ? own->window.stride
                                                          : own->window.size;
    size_t each = own->features * own->filters; /* as in the file: it fits */
    size_t taps = taps_of(&own->window, 0);
    float *picked;
    bool packed;

    assert(taps && each);
    picked = calloc(taps * each, sizeof(float));
    own->ukernels = rnn_ukernels_find(builder->isa, own->filters);
    own->products =
        arena_zalloc(builder->arena, phases, sizeof(own->products[0]),
                     alignof(struct f32_product));
    packed = picked && own->products;
    for (size_t p = 0; packed && p < phases; p++) {
        pick(own, kernel, p, picked);
        packed = rnn_product_pack(own->ukernels,
                                  taps_of(&own->window, p) * own->features,
                                  own->filters, 1, 0, 1, picked, bias,
                                  builder->arena, &own->products[p]);
    }
    free(picked);
    return packed ? RNN_OK : plan_no_memory(layer, err);
}

static enum rnn_status take(struct layer *layer, struct plan_builder *builder,
                            struct rnn_error *err)
{
    struct transpose *own = layer->own;
    struct rnn_shape kernel_shape = {
        .rank = 3, .dim = {own->window.size, own->filters, own->features}};
    struct rnn_shape bias_shape = {.rank = 1, .dim = {own->filters}};
    const float *kernel = NULL, *bias = NULL;
    enum rnn_status status =
        layer_take(layer, builder, "kernel", &kernel_shape, &kernel, err);

    if (!status && own->use_bias)
        status = layer_take(layer, builder, "bias", &bias_shape, &bias, err);
    if (!status)
        status = pack(layer, builder, kernel, bias, err);
    return status;
}

static struct pace pace_of(const struct transpose *own)
{
    int64_t stride = (int64_t)own->window.stride;
    int64_t reach = (int64_t)window_reach(&own->window);
    bool same = own->window.padding == WINDOW_SAME;
    struct pace pace = {.up = stride, .down = 1};

    if (own->has_output_padding)
        pace.add =
            (int64_t)own->output_padding - stride + (same ? reach % 2 : reach);
    else if (!same && reach > stride)
        pace.add = reach - stride;
    return pace;
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct transpose *own = layer->own;
    struct pace pace = pace_of(own);
    enum rnn_status status =
        window_input(layer, node, own->channels_first, &own->features, err);

    if (!status && !layer->calls)
        status = take(layer, builder, err);
    if (status)
        return status;
    if (!window_streams(&own->window) || own->channels_first)
        plan_need_whole(node);
    node->cost =
        own->window.size * node->inputs[0]->features * (uint64_t)own->filters +
        16 * own->window.stride * (uint64_t)own->filters;
    return window_output(builder, node, &pace, own->filters,
                         own->channels_first, err);
}

/* The windows of the phase that has most taps, then results that are not yet
 * where they belong. */
static size_t buffer_of(const struct transpose *own, size_t rows)
{
    struct window most = {.size = taps_of(&own->window, 0),
                          .stride = 1,
                          .dilation = own->window.dilation};

    return plan_stride(window_buffer(&most, own->features, rows));
}

static size_t scratch(const struct node *node, size_t rows, size_t items)
{
    const struct transpose *own = node->layer->own;

    (void)items;
    return plan_sum(buffer_of(own, rows), WINDOW_PIECE,
                    own->channels_first ? plan_stride(own->products[0].stride)
                                        : 0);
}

/* One phase of a run. */
struct job {
    const struct transpose *own;
    const struct f32_product *product;
    size_t first; /* the phase's first timestep in y */
    struct window_results results;
    float *apart; /* of channels_first */
};

static bool run_piece(void *arg, struct run *run,
                      const struct window_piece *piece)
{
    const struct job *job = arg;
    const struct transpose *own = job->own;
    struct window_piece there = *piece;
    struct view x = {(float *)piece->x, piece->x_stride}; /* only read */
    struct view apart = {job->apart, plan_stride(own->products[0].stride)};

    there.output = job->first + piece->output * own->window.stride;
    there.next_output = piece->next_output * own->window.stride;
    if (!own->channels_first)
        return run_product(run, own->ukernels, job->product, piece->count, x,
                           window_place(&job->results, &there));
    if (!run_product(run, own->ukernels, job->product, piece->count, x, apart))
        return false;
    window_put(&job->results, &there, apart, 0, own->filters);
    return true;
}

/* Where no tap comes to, there is the bias. */
static void run_bias(const struct job *job, size_t rows, size_t outputs)
{
    struct view bias = {(float *)job->own->products[0].bias, 0};

    for (size_t r = 0; r < rows; r++) {
        struct window_piece piece = {.count = outputs,
                                     .row = r,
                                     .output = job->first,
                                     .next_output = job->own->window.stride};

        window_put(&job->results, &piece, bias, 0, job->own->filters);
    }
}

static bool run_phase(const struct node *node, struct run *run, size_t phase,
                      size_t left, struct job *job)
{
    const struct transpose *own = job->own;
    size_t stride = own->window.stride;
    size_t taps = taps_of(&own->window, phase);
    /* t + left = q stride + phase: q of the first and the last output */
    size_t first = left > phase ? (left - phase - 1) / stride + 1 : 0;
    size_t end = job->results.outputs - 1 + left;
    struct window_walk walk = {.window = {.size = taps,
                                          .stride = 1,
                                          .dilation = own->window.dilation},
                               .skip = first,
                               .features = own->features,
                               .repeat = 1,
                               .item = own->features,
                               .channels_first = own->channels_first,
                               .piece = run_piece,
                               .arg = job};

    if (end < phase || (end - phase) / stride < first)
        return true;
    walk.outputs = (end - phase) / stride - first + 1;
    job->first = first * stride + phase - left;
    if (!taps) {
        run_bias(job, run->rows, walk.outputs);
        return true;
    }
    job->product = &own->products[phase];
    walk.before = (taps - 1) * own->window.dilation;
    return window_run(node, run, &walk, run->scratch);
}

static bool run(const struct node *node, struct run *run)
{
    const struct transpose *own = node->layer->own;
    const struct value *input = node->inputs[0], *output = node->outputs[0];
    bool turned = own->channels_first;
    struct job job = {.own = own,
                      .results = {.y = run_view(run, output),
                                  .outputs = window_steps(run, output, turned),
                                  .features = own->filters,
                                  .channels_first = turned},
                      .apart = run->scratch + buffer_of(own, run->rows)};
    size_t full = (window_steps(run, input, turned) - 1) * own->window.stride +
                  window_reach(&own->window);
    size_t left = 0;

    if (own->window.padding == WINDOW_SAME && full > job.results.outputs)
        left = (full - job.results.outputs) / 2;
    for (size_t phase = 0; phase < own->window.stride; phase++)
        if (!run_phase(node, run, phase, left, &job))
            return false;
    window_activate(&job.results, run, own->ukernels, &own->activation);
    return true;
}

const struct layer_class layer_conv1d_transpose = {
    .name = "Conv1DTranspose",
    .inert = inert,
    .streaming = STREAM_WHOLE,
    .masking = MASK_DROPPED,
    .own_bytes = sizeof(struct transpose),
    .read = read,
    .connect = connect,
    .scratch = scratch,
    .run = run,
};
