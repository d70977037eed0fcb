/* Cumsum, Cumprod, Nancumsum, Nancumprod
 *
 *     y_i = x_0 + x_1 + ... + x_i,  or the product
 *
 * along one axis, in float64, each rounded once.  Keras 2 has two settings
 * more: with `exclusive` y_i is that of the numbers before x_i, with `reverse`
 * it goes from the other end.  Along time it goes on from what has come so
 * far; backwards it needs the whole sequence.
 *
 * Keras: keras/src/ops/numpy.py; tf.math.cumsum, tf.math.cumprod
 */
#include <float.h>
#include <math.h>
#include <stdalign.h>
#include <stdint.h>

#include "core/format/json.h"
#include "core/layers/lanes.h"
#include "core/layers/operator.h"

struct scan {
    bool multiplies;
    bool cleans; /* what is no number counts as none, infinity as the largest
                    of float32 */
};

struct scan_call {
    const struct scan *scan;
    struct lanes lanes;
    bool exclusive, reverse;
    bool folds;         /* along time, step by step */
    size_t kept, count; /* where they lie at work, in bytes */
};

/* ---- when a model is loaded ----------------------------------------------*/

static enum rnn_status read_settings(const struct node *node,
                                     struct scan_call *call,
                                     struct rnn_error *err)
{
    enum rnn_status status = lanes_read_one(
        &call->lanes, node, operator_setting(node, "axis", NULL), err);

    if (!status)
        status = operator_bool(node, "exclusive", &call->exclusive, err);
    if (!status)
        status = operator_bool(node, "reverse", &call->reverse, err);
    call->folds = call->lanes.whole && !call->reverse;
    return status;
}

static enum rnn_status keep(struct node *node, struct scan_call *call,
                            struct plan_builder *builder,
                            struct rnn_error *err)
{
    struct rnn_state_entry kept = {
        .dtype = RNN_F64, .rank = 1, .shape = {node->inputs[0]->features}};
    struct rnn_state_entry count = {.dtype = RNN_I64, .rank = 1, .shape = {1}};
    enum rnn_status status =
        plan_keep(builder, node, "fold", &kept, &call->kept, err);

    if (!status)
        status = plan_keep(builder, node, "count", &count, &call->count, err);
    return status;
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct scan_call *call = arena_zalloc(builder->arena, 1, sizeof(*call),
                                          alignof(struct scan_call));
    struct value *x = NULL;
    enum rnn_status status = operator_only_input(node, &x, err);

    if (!call)
        return plan_no_memory(layer, err);
    if (!status)
        status = read_settings(node, call, err);
    if (!status)
        status =
            plan_make_output(builder, node, 0, &x->shape, x->has_time, err);
    if (status)
        return status;
    call->scan = layer->class->detail;
    node->own = call;
    node->cost = 4 * (uint64_t)x->features;
    if (call->folds)
        return keep(node, call, builder, err);
    if (call->lanes.whole)
        plan_need_whole(node);
    return RNN_OK;
}

/* ---- when it runs --------------------------------------------------------*/

static size_t scratch(const struct node *node, size_t rows, size_t items)
{
    const struct scan_call *call = node->own;

    (void)rows;
    return call->folds ? 0
                       : lanes_scratch(&call->lanes, node->inputs[0], items);
}

/* tf.where(is_nan(x), ...), of infinity the largest number of its sign */
static float clean(float x, bool multiplies)
{
    if (isnan(x))
        return multiplies;
    return isinf(x) ? copysignf(FLT_MAX, x) : x;
}

/* One more number; `first`: nothing is kept yet. */
static float take(const struct scan_call *call, double *kept, float x,
                  bool first)
{
    bool multiplies = call->scan->multiplies;
    double before = first ? multiplies : *kept;

    if (call->scan->cleans)
        x = clean(x, multiplies);
    *kept = multiplies ? before * (double)x : before + (double)x;
    return (float)(call->exclusive ? before : *kept);
}

static void run_lane(const struct node *node, const float *x, float *y,
                     size_t width, size_t index)
{
    const struct scan_call *call = node->own;
    double kept = 0;

    (void)index;
    for (size_t i = 0; i < width; i++) {
        size_t at = call->reverse ? width - 1 - i : i;

        y[at] = take(call, &kept, x[at], !i);
    }
}

static bool fold(const struct node *node, struct run *run)
{
    const struct scan_call *call = node->own;
    const struct value *input = node->inputs[0];
    struct view x = run_view(run, input), y = run_view(run, node->outputs[0]);
    size_t steps = run_steps(run, input);

    if (!run_may_go_on(run, run_work(node->cost, run_items(run, input))))
        return false;
    for (size_t r = 0; r < run->rows; r++) {
        double *kept = (double *)(void *)(run->state[r] + call->kept);
        int64_t *count = (int64_t *)(void *)(run->state[r] + call->count);

        for (size_t t = 0; t < steps; t++, ++*count)
            for (size_t k = 0; k < input->features; k++) {
                size_t item = r * steps + t;

                y.data[item * y.stride + k] =
                    take(call, &kept[k], x.data[item * x.stride + k], !*count);
            }
    }
    return true;
}

static bool run(const struct node *node, struct run *run)
{
    const struct scan_call *call = node->own;

    return call->folds ? fold(node, run)
                       : lanes_run(&call->lanes, node, run, run_lane);
}

static const char *const words[] = {"axis", "exclusive", "reverse", "name",
                                    NULL};

#define SCAN(label, keras, ...)                                               \
    static const struct scan scan_##label = {__VA_ARGS__};                    \
    const struct layer_class operator_##label = {                             \
        OPERATOR_FIELDS(keras, words, &scan_##label),                         \
        .connect = connect,                                                   \
        .scratch = scratch,                                                   \
        .run = run,                                                           \
    }

SCAN(cumsum, "Cumsum", false, false);
SCAN(cumprod, "Cumprod", true, false);
SCAN(nancumsum, "Nancumsum", false, true);
SCAN(nancumprod, "Nancumprod", true, true);
