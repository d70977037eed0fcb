/* MaxPooling1D, AveragePooling1D
 *
 *     y_o = max or mean of the timesteps o strides - before + i,
 *                               i = 0 .. pool_size - 1
 *
 * Only those inside of the sequence count.  The mean is added up in float64,
 * in order, and rounded once.  With channels_first the windows move along the
 * last axis instead, for each timestep by itself.
 *
 * Keras: keras/src/layers/pooling/base_pooling.py, max_pooling1d.py,
 *        average_pooling1d.py
 */
#include <string.h>

#include "core/layers/window.h"

struct pooling {
    struct window window;
    bool channels_first;
};

static const char *const inert[] = {NULL};

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct pooling *own = layer->own;
    enum rnn_status status =
        window_read(fields, "pool_size", 0, &own->window, err);

    if (!status)
        status = fields_channels(fields, &own->channels_first, err);
    if (status)
        return status;
    if (own->window.padding == WINDOW_CAUSAL)
        return fields_refuse(fields, RNN_BAD_MODEL, "padding",
                             "valid or same was expected", err);
    return RNN_OK;
}

/* Along the last axis of x. */
static enum rnn_status connect_across(const struct layer *layer,
                                      struct node *node,
                                      struct plan_builder *builder,
                                      struct rnn_error *err)
{
    const struct pooling *own = layer->own;
    const struct value *x = node->inputs[0];
    struct pace pace = window_pace(&own->window);
    struct rnn_shape shape = x->shape;

    shape.dim[1] = pace_steps(&pace, x->shape.dim[1]);
    if (!shape.dim[1])
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (%s) needs %zu timesteps or more, "
                        "it is given %zu",
                        layer->name, layer->class->name, pace_least(&pace),
                        x->shape.dim[1]);
    return plan_make_output(builder, node, 0, &shape, true, err);
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    const struct pooling *own = layer->own;
    const struct value *x;
    size_t features = 0;
    enum rnn_status status = window_input(layer, node, false, &features, err);

    if (status)
        return status;
    x = node->inputs[0];
    node->cost = own->window.size * (uint64_t)x->features;
    if (own->channels_first)
        return connect_across(layer, node, builder, err);
    return window_connect(builder, node, &own->window, features, false, err);
}

/* Items of `width` numbers that are pooled, and where results go. */
struct row {
    const float *x;
    size_t x_next, count, width;
    float *y;
};

static void max_of(const struct row *row, size_t first, size_t end, float *y)
{
    const float *x = row->x + first * row->x_next;

    memcpy(y, x, row->width * sizeof(float));
    for (size_t t = first + 1; t < end; t++) {
        x += row->x_next;
        for (size_t i = 0; i < row->width; i++)
            y[i] = y[i] < x[i] ? x[i] : y[i];
    }
}

static void mean_of(const struct row *row, size_t first, size_t end, float *y)
{
    enum { COLUMNS = 64 };
    double count = (double)(end - first), sum[COLUMNS];

    for (size_t from = 0; from < row->width; from += COLUMNS) {
        size_t left = row->width - from;
        size_t columns = left < COLUMNS ? left : COLUMNS;
        const float *x = row->x + first * row->x_next + from;

        memset(sum, 0, sizeof(sum));
        for (size_t t = first; t < end; t++, x += row->x_next)
            for (size_t i = 0; i < columns; i++)
                sum[i] += (double)x[i];
        for (size_t i = 0; i < columns; i++)
            y[from + i] = (float)(sum[i] / count);
    }
}

/* All windows of one row; results lie `y_next` floats apart. */
static bool pool_row(const struct layer *layer, struct run *run,
                     const struct row *row, size_t outputs, size_t y_next)
{
    const struct pooling *own = layer->own;
    bool max = layer->class == &layer_max_pooling1d;
    size_t size = own->window.size;
    size_t before = window_before(&own->window, row->count);

    for (size_t o = 0; o < outputs; o++) {
        size_t at = o * own->window.stride;
        size_t first = at > before ? at - before : 0;
        size_t end = at + size - before;

        if (end > row->count)
            end = row->count;
        if (!run_may_go_on(run, run_work((end - first) * row->width, 1)))
            return false;
        if (max)
            max_of(row, first, end, row->y + o * y_next);
        else
            mean_of(row, first, end, row->y + o * y_next);
    }
    return true;
}

static bool run(const struct node *node, struct run *run)
{
    const struct pooling *own = node->layer->own;
    const struct value *input = node->inputs[0], *output = node->outputs[0];
    struct view x = run_view(run, input), y = run_view(run, output);
    bool across = own->channels_first;
    size_t steps = run_steps(run, input);
    size_t count = across ? run->rows * steps : run->rows;
    size_t outputs = across ? output->features : run_steps(run, output);

    for (size_t r = 0; r < count; r++) {
        struct row row = {.x = x.data + r * (across ? 1 : steps) * x.stride,
                          .x_next = across ? 1 : x.stride,
                          .count = across ? input->features : steps,
                          .width = across ? 1 : input->features,
                          .y = y.data + r * (across ? 1 : outputs) * y.stride};

        if (!pool_row(node->layer, run, &row, outputs, across ? 1 : y.stride))
            return false;
    }
    return true;
}

#define POOLING(label, keras)                                                 \
    const struct layer_class layer_##label = {                                \
        .name = (keras),                                                      \
        .inert = inert,                                                       \
        .streaming = STREAM_WHOLE,                                            \
        .masking = MASK_DROPPED,                                              \
        .own_bytes = sizeof(struct pooling),                                  \
        .read = read,                                                         \
        .connect = connect,                                                   \
        .run = run,                                                           \
    }

POOLING(max_pooling1d, "MaxPooling1D");
POOLING(average_pooling1d, "AveragePooling1D");
