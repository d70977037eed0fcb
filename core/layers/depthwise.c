/* DepthwiseConv1D, SeparableConv1D
 *
 *     d_o[c m + j] = sum over i of x_(o stride - before + i dilation)[c]
 *                                  * depthwise_kernel_i[c][j]
 *     y_o = act(d_o + bias)                               DepthwiseConv1D
 *     y_o = act(d_o . pointwise_kernel + bias)            SeparableConv1D
 *
 * m is depth_multiplier, j = 0 .. m - 1.  window.h says which timesteps there
 * are.
 *
 * Keras: keras/src/layers/convolutional/base_depthwise_conv.py,
 *        base_separable_conv.py; causal: tf_keras, separable_conv1d.py
 */
#include <stdalign.h>
#include <string.h>

#include "core/layers/window_walk.h"

struct depthwise {
    struct window window;
    size_t filters; /* of SeparableConv1D */
    size_t multiplier, features;
    bool use_bias, channels_first;
    struct rnn_activation activation;
    const struct rnn_ukernels *ukernels; /* of the depthwise part */
    struct f32_depthwise product;
    const struct rnn_ukernels *point_ukernels;
    struct f32_product pointwise;
};

static const char *const inert[] = {
    "depthwise_initializer", "pointwise_initializer", "bias_initializer",
    "depthwise_regularizer", "pointwise_regularizer", "bias_regularizer",
    "activity_regularizer", "depthwise_constraint", "pointwise_constraint",
    "bias_constraint",
    /* Keras 2 writes these of its Conv */
    "kernel_initializer", "kernel_regularizer", "kernel_constraint", NULL};

static bool is_separable(const struct layer *layer)
{
    return layer->class == &layer_separable_conv1d;
}

/* Keras 2 writes groups = 1, and has no other. */
static enum rnn_status read_groups(struct fields *fields,
                                   struct rnn_error *err)
{
    size_t groups = 1;
    enum rnn_status status =
        fields_one_count(fields, "groups", 1, &groups, err);

    if (!status && groups != 1)
        status = fields_refuse(fields, RNN_UNSUPPORTED, "groups",
                               "1 was expected", err);
    return status;
}

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct depthwise *own = layer->own;
    enum rnn_status status =
        window_read(fields, "kernel_size", 1, &own->window, err);

    if (!status && is_separable(layer))
        status = fields_count(fields, "filters", &own->filters, err);
    if (!status)
        status = fields_one_count(fields, "depth_multiplier", 1,
                                  &own->multiplier, err);
    if (!status)
        status = fields_channels(fields, &own->channels_first, err);
    if (!status)
        status = read_groups(fields, err);
    if (!status)
        status = fields_activation(fields, "activation", "linear",
                                   &own->activation, err);
    if (!status)
        status = fields_bool(fields, "use_bias", true, &own->use_bias, err);
    if (!status && !is_separable(layer) &&
        own->window.padding == WINDOW_CAUSAL)
        status = fields_refuse(fields, RNN_BAD_MODEL, "padding",
                               "which Keras does not compute", err);
    return status;
}

static size_t columns_of(const struct depthwise *own)
{
    return own->features * own->multiplier;
}

/* Rows of `columns` numbers, padded with zeros. */
static const float *pad_rows(struct arena *arena, const float *rows,
                             size_t count, size_t columns)
{
    size_t stride = plan_stride(columns);
    float *padded = arena_zalloc(arena, plan_sum(0, count, stride),
                                 sizeof(float), PLAN_ALIGN);

    for (size_t i = 0; padded && rows && i < count; i++)
        memcpy(padded + i * stride, rows + i * columns,
               columns * sizeof(float));
    return padded;
}

/* Each weight is packed before the next is taken. */
static enum rnn_status take_depthwise(struct layer *layer,
                                      struct plan_builder *builder,
                                      struct rnn_error *err)
{
    struct depthwise *own = layer->own;
    size_t columns = columns_of(own);
    struct rnn_shape kernel_shape = {
        .rank = 3, .dim = {own->window.size, own->features, own->multiplier}};
    struct rnn_shape bias_shape = {.rank = 1, .dim = {columns}};
    const float *kernel = NULL, *bias = NULL;
    enum rnn_status status = layer_take(layer, builder, "depthwise_kernel",
                                        &kernel_shape, &kernel, err);

    if (!status && own->use_bias && !is_separable(layer))
        status = layer_take(layer, builder, "bias", &bias_shape, &bias, err);
    if (status)
        return status;
    own->ukernels = rnn_ukernels_find(builder->isa, columns);
    own->product = (struct f32_depthwise){
        .taps = own->window.size,
        .stride = plan_stride(columns),
        .kernel = pad_rows(builder->arena, kernel, own->window.size, columns),
        .bias = pad_rows(builder->arena, bias, 1, columns)};
    if (!own->product.kernel || !own->product.bias)
        return plan_no_memory(layer, err);
    return RNN_OK;
}

static enum rnn_status take_pointwise(struct layer *layer,
                                      struct plan_builder *builder,
                                      struct rnn_error *err)
{
    struct depthwise *own = layer->own;
    size_t columns = columns_of(own);
    struct rnn_shape kernel_shape = {.rank = 3,
                                     .dim = {1, columns, own->filters}};
    struct rnn_shape bias_shape = {.rank = 1, .dim = {own->filters}};
    const float *kernel = NULL, *bias = NULL;
    enum rnn_status status = layer_take(layer, builder, "pointwise_kernel",
                                        &kernel_shape, &kernel, err);

    if (!status && own->use_bias)
        status = layer_take(layer, builder, "bias", &bias_shape, &bias, err);
    if (status)
        return status;
    own->point_ukernels = rnn_ukernels_find(builder->isa, own->filters);
    if (!rnn_product_pack(own->point_ukernels, columns, own->filters, 1, 0, 1,
                          kernel, bias, builder->arena, &own->pointwise))
        return plan_no_memory(layer, err);
    return RNN_OK;
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct depthwise *own = layer->own;
    enum rnn_status status =
        window_input(layer, node, own->channels_first, &own->features, err);
    size_t columns;

    if (status)
        return status;
    if (own->multiplier > UINT32_MAX / own->features)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (%s): depth_multiplier is %zu, too "
                        "many",
                        layer->name, layer->class->name, own->multiplier);
    columns = columns_of(own);
    if (!layer->calls)
        status = take_depthwise(layer, builder, err);
    if (!status && !layer->calls && is_separable(layer))
        status = take_pointwise(layer, builder, err);
    if (!status)
        status = window_connect(builder, node, &own->window,
                                is_separable(layer) ? own->filters : columns,
                                own->channels_first, err);
    node->cost = (own->window.size + own->filters) *
                     (uint64_t)node->inputs[0]->features * own->multiplier /
                     own->window.stride +
                 16 * (uint64_t)columns;
    return status;
}

/* Windows first, then results that the pointwise part reads, then those that
 * are not yet where they belong. */
static size_t scratch(const struct node *node, size_t rows, size_t items)
{
    const struct depthwise *own = node->layer->own;
    size_t stride = own->product.stride, apart = 0;
    size_t floats = window_buffer(&own->window, stride, rows);

    (void)items;
    if (is_separable(node->layer)) {
        floats = plan_sum(floats, WINDOW_PIECE, stride);
        stride = plan_stride(own->pointwise.stride);
    }
    if (own->channels_first)
        apart = stride;
    return plan_sum(floats, WINDOW_PIECE, apart);
}

/* One run. */
struct job {
    const struct depthwise *own;
    struct window_results results;
    float *between; /* of SeparableConv1D: what the pointwise part reads */
    float *apart;   /* of channels_first */
};

static bool run_piece(void *arg, struct run *run,
                      const struct window_piece *piece)
{
    const struct job *job = arg;
    const struct depthwise *own = job->own;
    const struct f32_depthwise *product = &own->product;
    size_t stride =
        job->between ? plan_stride(own->pointwise.stride) : product->stride;
    struct view y = job->apart ? (struct view){job->apart, stride}
                               : window_place(&job->results, piece);
    struct view between =
        job->between ? (struct view){job->between, product->stride} : y;

    if (!run_may_go_on(
            run, run_work(product->taps * product->stride, piece->count)))
        return false;
    own->ukernels->depthwise(product, piece->count, piece->x, piece->x_stride,
                             product->stride, between.data, between.stride);
    if (job->between && !run_product(run, own->point_ukernels, &own->pointwise,
                                     piece->count, between, y))
        return false;
    if (job->apart)
        window_put(&job->results, piece, y, 0, job->results.features);
    return true;
}

static bool run(const struct node *node, struct run *run)
{
    const struct depthwise *own = node->layer->own;
    const struct value *input = node->inputs[0], *output = node->outputs[0];
    bool separable = is_separable(node->layer), turned = own->channels_first;
    size_t stride = own->product.stride;
    float *next =
        run->scratch + window_buffer(&own->window, stride, run->rows);
    struct job job = {
        .own = own,
        .results = {.y = run_view(run, output),
                    .outputs = window_steps(run, output, turned),
                    .features = separable ? own->filters : columns_of(own),
                    .channels_first = turned},
        .between = separable ? next : NULL};
    struct window_walk walk = {
        .window = own->window,
        .before =
            window_before(&own->window, window_steps(run, input, turned)),
        .outputs = job.results.outputs,
        .features = own->features,
        .repeat = own->multiplier,
        .item = stride,
        .channels_first = turned,
        .piece = run_piece,
        .arg = &job};

    if (turned)
        job.apart = next + (separable ? WINDOW_PIECE * stride : 0);
    if (!window_run(node, run, &walk, run->scratch))
        return false;
    window_activate(&job.results, run,
                    separable ? own->point_ukernels : own->ukernels,
                    &own->activation);
    window_remember(node, run, &own->window);
    return true;
}

#define DEPTHWISE(label, keras)                                               \
    const struct layer_class layer_##label = {                                \
        .name = (keras),                                                      \
        .inert = inert,                                                       \
        .streaming = STREAM_REMEMBERS,                                        \
        .masking = MASK_DROPPED,                                              \
        .own_bytes = sizeof(struct depthwise),                                \
        .read = read,                                                         \
        .connect = connect,                                                   \
        .scratch = scratch,                                                   \
        .run = run,                                                           \
    }

DEPTHWISE(depthwise_conv1d, "DepthwiseConv1D");
DEPTHWISE(separable_conv1d, "SeparableConv1D");
