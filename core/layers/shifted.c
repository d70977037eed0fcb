/* UpSampling1D, ZeroPadding1D, Cropping1D
 *
 *     y_t = x_(t / size), rounded down          UpSampling1D
 *     y_t = x_(t - first), outside of x zero    ZeroPadding1D
 *     y_t = x_(t + first)                       Cropping1D
 *
 * T size, first + T + last, and T - first - last timesteps.  ZeroPadding1D
 * with channels_first puts zeros around each timestep's features instead.
 *
 * Keras: keras/src/layers/reshaping/up_sampling1d.py, zero_padding1d.py,
 *        cropping1d.py
 */
#include <string.h>

#include "core/layers/window.h"

/* Beyond any network. */
#define MOST ((size_t)1 << 20)

struct shifted {
    size_t size;        /* of UpSampling1D, else 1 */
    size_t first, last; /* of the other two */
    bool channels_first;
};

static const char *const inert[] = {NULL};

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct shifted *own = layer->own;
    const char *key = "size";
    enum rnn_status status;

    own->size = 1;
    if (layer->class == &layer_up_sampling1d) {
        status = fields_count(fields, key, &own->size, err);
    } else {
        key = layer->class == &layer_cropping1d ? "cropping" : "padding";
        status = fields_both_sides(fields, key, &own->first, &own->last, err);
    }
    if (!status && layer->class == &layer_zero_padding1d)
        status = fields_channels(fields, &own->channels_first, err);
    if (status)
        return status;
    if (own->size > MOST || own->first > MOST || own->last > MOST)
        return fields_refuse(fields, RNN_UNSUPPORTED, key, "too many", err);
    return RNN_OK;
}

static struct pace pace_of(const struct layer *layer)
{
    const struct shifted *own = layer->own;
    int64_t both = (int64_t)(own->first + own->last);

    return (struct pace){.up = (int64_t)own->size,
                         .add =
                             layer->class == &layer_cropping1d ? -both : both,
                         .down = 1};
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    const struct shifted *own = layer->own;
    const struct value *x;
    size_t features = 0;
    struct pace pace = pace_of(layer);
    struct rnn_shape shape;
    enum rnn_status status = window_input(layer, node, false, &features, err);

    if (status)
        return status;
    x = node->inputs[0];
    if (pace_is_identity(&pace))
        return plan_pass_input(builder, node, err);
    shape = x->shape;
    if (own->channels_first)
        shape.dim[1] += own->first + own->last;
    else
        plan_need_whole(node);
    node->cost = own->size * (uint64_t)x->features;
    status = plan_make_output(builder, node, 0, &shape, true, err);
    if (!status && !own->channels_first)
        status = plan_change_steps(builder, node, 0, &pace, err);
    return status;
}

/* Zeros around the features of each item. */
static void run_across(const struct node *node, size_t items, struct view x,
                       struct view y)
{
    const struct shifted *own = node->layer->own;
    size_t width = node->inputs[0]->features;

    for (size_t i = 0; i < items; i++) {
        float *to = y.data + i * y.stride;

        memset(to, 0, node->outputs[0]->features * sizeof(float));
        memcpy(to + own->first, x.data + i * x.stride, width * sizeof(float));
    }
}

/* Timestep t of y; NULL: zeros. */
static const float *source(const struct layer *layer, const float *x,
                           size_t stride, size_t steps, size_t t)
{
    const struct shifted *own = layer->own;

    if (layer->class == &layer_cropping1d)
        return x + (t + own->first) * stride;
    if (t < own->first || (t - own->first) / own->size >= steps)
        return NULL;
    return x + (t - own->first) / own->size * stride;
}

static bool run(const struct node *node, struct run *run)
{
    const struct shifted *own = node->layer->own;
    const struct value *input = node->inputs[0], *output = node->outputs[0];
    struct view x = run_view(run, input), y = run_view(run, output);
    size_t steps = run_steps(run, input), outputs = run_steps(run, output);
    size_t bytes = input->features * sizeof(float);

    if (output->alias)
        return true;
    if (!run_may_go_on(run, run_work(node->cost, run->rows * steps)))
        return false;
    if (own->channels_first) {
        run_across(node, run->rows * steps, x, y);
        return true;
    }
    for (size_t r = 0; r < run->rows; r++, x.data += steps * x.stride)
        for (size_t t = 0; t < outputs; t++, y.data += y.stride) {
            const float *from =
                source(node->layer, x.data, x.stride, steps, t);

            if (from)
                memcpy(y.data, from, bytes);
            else
                memset(y.data, 0, bytes);
        }
    return true;
}

#define SHIFTED(label, keras)                                                 \
    const struct layer_class layer_##label = {                                \
        .name = (keras),                                                      \
        .inert = inert,                                                       \
        .streaming = STREAM_WHOLE,                                            \
        .masking = MASK_DROPPED,                                              \
        .own_bytes = sizeof(struct shifted),                                  \
        .read = read,                                                         \
        .connect = connect,                                                   \
        .run = run,                                                           \
    }

SHIFTED(up_sampling1d, "UpSampling1D");
SHIFTED(zero_padding1d, "ZeroPadding1D");
SHIFTED(cropping1d, "Cropping1D");
