/* Operators that make one number of all along some axes
 *
 *     y = sum x,  sum x / n,  max x,  min x,  prod x,
 *         sum (x - sum x / n)^2 / n,  and its root
 *     y = 1 if one of x is not 0, else 0                          Any
 *     y = 1 if none of x is 0, else 0                             All
 *
 * along `axis`, one or several; with `keepdims` they stay, of one.  All is
 * float64 in the order in which the numbers lie and is rounded once.
 *
 * Keras: keras/src/ops/numpy.py; tf.math.reduce_sum and its kin
 */
#include <math.h>
#include <stdalign.h>
#include <string.h>

#include "core/format/json.h"
#include "core/layers/lanes.h"
#include "core/layers/operator.h"

struct reduction {
    double (*fold)(const float *x, size_t count);
};

static double fold_sum(const float *x, size_t count)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += x[i];
    return sum;
}

static double fold_mean(const float *x, size_t count)
{
    return fold_sum(x, count) / (double)count;
}

static double fold_max(const float *x, size_t count)
{
    float most = x[0];

    for (size_t i = 1; i < count; i++)
        most = most < x[i] ? x[i] : most;
    return most;
}

static double fold_min(const float *x, size_t count)
{
    float least = x[0];

    for (size_t i = 1; i < count; i++)
        least = x[i] < least ? x[i] : least;
    return least;
}

static double fold_prod(const float *x, size_t count)
{
    double product = 1;

    for (size_t i = 0; i < count; i++)
        product *= x[i];
    return product;
}

static double fold_var(const float *x, size_t count)
{
    double mean = fold_mean(x, count), sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += (x[i] - mean) * (x[i] - mean);
    return sum / (double)count;
}

static double fold_std(const float *x, size_t count)
{
    return sqrt(fold_var(x, count));
}

static double fold_any(const float *x, size_t count)
{
    bool any = false;

    for (size_t i = 0; i < count; i++)
        any = any || x[i] != 0;
    return any;
}

static double fold_all(const float *x, size_t count)
{
    bool all = true;

    for (size_t i = 0; i < count; i++)
        all = all && x[i] != 0;
    return all;
}

/* ---- when a model is loaded ----------------------------------------------*/

static enum rnn_status read_axes(const struct node *node, struct lanes *lanes,
                                 struct rnn_error *err)
{
    const struct rnn_json *json = operator_setting(node, "axis", NULL);
    const struct value *x = node->inputs[0];
    enum rnn_status status;

    if (!json)
        return operator_refuse(
            node, "without an axis it mixes the sequences of a batch", err);
    status = operator_axes(node, json, x->shape.rank, lanes->along, err);
    for (size_t i = 0; i < x->shape.rank; i++)
        lanes->count += lanes->along[i];
    lanes->whole = x->has_time && lanes->along[0];
    return status;
}

/* What is left of the axes. */
static enum rnn_status find_shape(const struct node *node,
                                  const struct lanes *lanes, bool keepdims,
                                  struct rnn_shape *shape,
                                  struct rnn_error *err)
{
    const struct rnn_shape *from = &node->inputs[0]->shape;

    *shape = (struct rnn_shape){0};
    for (size_t i = 0; i < from->rank; i++)
        if (!lanes->along[i])
            shape->dim[shape->rank++] = from->dim[i];
        else if (keepdims)
            shape->dim[shape->rank++] = 1;
    return shape->rank
               ? RNN_OK
               : operator_refuse(node, "no axis but the batch is left", err);
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct lanes *lanes =
        arena_zalloc(builder->arena, 1, sizeof(*lanes), alignof(struct lanes));
    struct rnn_shape shape;
    struct value *x = NULL;
    bool keepdims = false, has_time;
    enum rnn_status status = operator_only_input(node, &x, err);

    if (!lanes)
        return plan_no_memory(layer, err);
    if (!status)
        status = read_axes(node, lanes, err);
    if (!status)
        status = operator_bool(node, "keepdims", &keepdims, err);
    if (!status)
        status = find_shape(node, lanes, keepdims, &shape, err);
    if (status)
        return status;
    node->own = lanes;
    has_time = lanes->whole ? shape.rank > 1 : x->has_time;
    status = plan_make_output(builder, node, 0, &shape, has_time, err);
    if (status)
        return status;
    node->cost = 4 * (uint64_t)x->features;
    if (!lanes->whole)
        return RNN_OK;
    plan_need_whole(node);
    if (has_time)
        plan_fix_steps(builder, node, 0, shape.dim[0]);
    return RNN_OK;
}

/* ---- when it runs --------------------------------------------------------*/

static size_t scratch(const struct node *node, size_t rows, size_t items)
{
    (void)rows;
    return lanes_scratch(node->own, node->inputs[0], items);
}

static void fold(const struct node *node, const float *x, float *y,
                 size_t width, size_t index)
{
    const struct reduction *reduction = node->layer->class->detail;

    (void)index;
    *y = (float)reduction->fold(x, width);
}

static bool run(const struct node *node, struct run *run)
{
    return lanes_fold(node->own, node, run, fold);
}

static const char *const words[] = {"axis", "keepdims", "name", NULL};

#define REDUCE(label, keras)                                                  \
    static const struct reduction reduction_##label = {fold_##label};         \
    const struct layer_class operator_##label = {                             \
        OPERATOR_FIELDS(keras, words, &reduction_##label),                    \
        .connect = connect, .scratch = scratch, .run = run}

REDUCE(sum, "Sum");
REDUCE(mean, "Mean");
REDUCE(max, "Max");
REDUCE(min, "Min");
REDUCE(prod, "Prod");
REDUCE(var, "Var");
REDUCE(std, "Std");
REDUCE(any, "Any");
REDUCE(all, "All");
