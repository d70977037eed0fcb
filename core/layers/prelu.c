/* PReLU
 *
 *     y = x            where x > 0
 *     y = alpha * x    elsewhere
 *
 * alpha has the shape of x, with 1 on the axes that share it (`shared_axes`,
 * counted from 1 behind the batch).  Where time is not among them there is an
 * alpha for each timestep, which needs the whole sequence.
 *
 * Keras: keras/src/layers/activations/prelu.py
 */
#include <stdalign.h>

#include "core/format/json.h"
#include "core/layers/layer.h"

struct prelu {
    bool shared[RNN_MAX_RANK];
    struct rnn_shape shape; /* of the first call's input */
    size_t features;        /* of its items */
    size_t steps;           /* that have an alpha of their own, or 1 */
    float *alpha;           /* [steps, features], spread over shared axes */
};

static const char *const inert[] = {"alpha_initializer", "alpha_regularizer",
                                    "alpha_constraint", NULL};

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct prelu *own = layer->own;
    const struct rnn_json *axes = fields_get(fields, "shared_axes");
    const struct rnn_json *axis =
        rnn_json_is_array(axes) ? rnn_json_first(axes) : axes;

    for (; axis; axis = rnn_json_next(axis)) {
        size_t number;

        if (!rnn_json_size(axis, &number) || !number || number > RNN_MAX_RANK)
            return fields_refuse(fields, RNN_BAD_MODEL, "shared_axes",
                                 "axes from 1 were expected", err);
        own->shared[number - 1] = true;
        if (axis == axes)
            break;
    }
    return RNN_OK;
}

/* Number k from axis `first` on is alpha[`where`]. */
static size_t place_in_alpha(const struct prelu *own, size_t first, size_t k)
{
    size_t where = 0, step = 1;

    for (size_t i = own->shape.rank; i-- > first;) {
        size_t size = own->shape.dim[i];

        if (!own->shared[i]) {
            where += k % size * step;
            step *= size;
        }
        k /= size;
    }
    return where;
}

static enum rnn_status take(struct layer *layer, const struct value *x,
                            struct plan_builder *builder,
                            struct rnn_error *err)
{
    struct prelu *own = layer->own;
    struct rnn_shape shape = x->shape;
    size_t count = plan_sum(0, own->steps, x->features);
    const float *alpha = NULL;
    enum rnn_status status;

    for (size_t i = 0; i < shape.rank; i++)
        if (own->shared[i])
            shape.dim[i] = 1;
    status = layer_take(layer, builder, "alpha", &shape, &alpha, err);
    if (status)
        return status;
    own->alpha =
        arena_alloc(builder->arena, count, sizeof(float), alignof(float));
    if (!own->alpha)
        return plan_no_memory(layer, err);
    for (size_t k = 0; k < count; k++)
        own->alpha[k] =
            alpha[place_in_alpha(own, x->has_time && own->shared[0], k)];
    return RNN_OK;
}

static enum rnn_status check(const struct layer *layer, const struct value *x,
                             struct rnn_error *err)
{
    const struct prelu *own = layer->own;
    bool timed = x->has_time && !own->shared[0];
    bool same =
        x->shape.rank == own->shape.rank && x->features == own->features;

    if (timed && x->shape.dim[0] == RNN_FREE)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (PReLU) has an alpha for each "
                        "timestep, how many is left open; share them with "
                        "shared_axes=[1]",
                        layer->name);
    for (size_t i = x->has_time && !timed; same && i < x->shape.rank; i++)
        same = x->shape.dim[i] == own->shape.dim[i];
    if (layer->calls && !same)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (PReLU) is called with inputs of "
                        "two shapes",
                        layer->name);
    return RNN_OK;
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct prelu *own = layer->own;
    struct value *x = NULL;
    enum rnn_status status = layer_only_input(layer, node, &x, err);

    if (!status)
        status = check(layer, x, err);
    if (status)
        return status;
    if (!layer->calls) {
        own->shape = x->shape;
        own->features = x->features;
        own->steps = x->has_time && !own->shared[0] ? x->shape.dim[0] : 1;
        status = take(layer, x, builder, err);
    }
    if (status)
        return status;
    if (x->has_time && !own->shared[0])
        plan_need_whole(node);
    node->cost = 2 * (uint64_t)x->features;
    return plan_make_output(builder, node, 0, &x->shape, x->has_time, err);
}

static bool run(const struct node *node, struct run *run)
{
    const struct prelu *own = node->layer->own;
    const struct value *input = node->inputs[0];
    size_t items = run_items(run, input);
    struct view x = run_view(run, input), y = run_view(run, node->outputs[0]);

    if (!run_may_go_on(run, run_work(node->cost, items)))
        return false;
    for (size_t i = 0; i < items; i++) {
        const float *from = x.data + i * x.stride;
        const float *alpha = own->alpha + i % own->steps * input->features;
        float *to = y.data + i * y.stride;

        for (size_t k = 0; k < input->features; k++)
            to[k] = from[k] > 0 ? from[k] : alpha[k] * from[k];
    }
    return true;
}

const struct layer_class layer_prelu = {
    .name = "PReLU",
    .inert = inert,
    .streaming = STREAM_ALONE,
    .masking = MASK_PASSED,
    .own_bytes = sizeof(struct prelu),
    .read = read,
    .connect = connect,
    .run = run,
};
