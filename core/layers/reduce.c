/* How operators run that make one number of all along some axes: op_reduce.c
 * says what number.
 *
 * Where all that is left of time is a number, the timesteps are taken one by
 * one and what is kept of them is the state.  Where `keepdims` keeps an axis
 * of one, that is a sequence of its own, which the end of the other one
 * makes.
 */
#include "core/layers/reduce.h"

#include <stdalign.h>
#include <stdint.h>

#include "core/format/json.h"
#include "core/layers/lanes.h"

struct reduce_call {
    const struct reduction *reduction;
    struct lanes lanes;
    bool folds;          /* along time, step by step */
    size_t *lane, *turn; /* [features] of each number: which, which of it */
    size_t width;        /* numbers of a lane in one item */
    size_t kept, count;  /* where they lie at work, in bytes */
};

/* ---- when a model is loaded ----------------------------------------------*/

static enum rnn_status read_axes(const struct node *node,
                                 struct reduce_call *call,
                                 struct rnn_error *err)
{
    const struct rnn_json *json = operator_setting(node, "axis", NULL);
    const struct value *x = node->inputs[0];
    struct lanes *lanes = &call->lanes;
    enum rnn_status status;

    if (!json)
        return operator_refuse(
            node, "without an axis it mixes the sequences of a batch", err);
    status = operator_axes(node, json, x->shape.rank, lanes->along, err);
    for (size_t i = 0; i < x->shape.rank; i++)
        lanes->count += lanes->along[i];
    lanes->whole = x->has_time && lanes->along[0];
    call->reduction = node->layer->class->detail;
    if (!status && !call->reduction)
        status = reduce_find_norm(node, lanes->count, &call->reduction, err);
    if (!status && call->reduction->places && lanes->count != 1)
        status = operator_refuse(node, "a place is one along one axis", err);
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

/* Which lane each number of an item belongs to. */
static bool number_lanes(const struct node *node, struct reduce_call *call,
                         struct arena *arena)
{
    const struct value *x = node->inputs[0];
    const struct rnn_shape *shape = &x->shape;
    size_t *seen =
        arena_zalloc(arena, x->features, sizeof(*seen), alignof(size_t));

    call->lane =
        arena_zalloc(arena, x->features, sizeof(size_t), alignof(size_t));
    call->turn =
        arena_zalloc(arena, x->features, sizeof(size_t), alignof(size_t));
    if (!seen || !call->lane || !call->turn)
        return false;
    for (size_t k = 0; k < x->features; k++) {
        size_t place = k, lane = 0, step = 1;

        for (size_t i = shape->rank; i-- > 1; place /= shape->dim[i])
            if (!call->lanes.along[i]) {
                lane += place % shape->dim[i] * step;
                step *= shape->dim[i];
            }
        call->lane[k] = lane;
        call->turn[k] = ++seen[lane];
        call->width = seen[lane];
    }
    return true;
}

static enum rnn_status keep(struct node *node, struct reduce_call *call,
                            struct plan_builder *builder,
                            struct rnn_error *err)
{
    size_t lanes = node->outputs[0]->features;
    struct rnn_state_entry kept = {
        .dtype = RNN_F64, .rank = 2, .shape = {lanes, call->reduction->kept}};
    struct rnn_state_entry count = {.dtype = RNN_I64, .rank = 1, .shape = {1}};
    enum rnn_status status =
        plan_keep(builder, node, "fold", &kept, &call->kept, err);

    if (!status)
        status = plan_keep(builder, node, "count", &count, &call->count, err);
    if (!status && !number_lanes(node, call, builder->arena))
        status = plan_no_memory(node->layer, err);
    return status;
}

enum rnn_status reduce_connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct reduce_call *call = arena_zalloc(builder->arena, 1, sizeof(*call),
                                            alignof(struct reduce_call));
    struct rnn_shape shape = {0};
    struct value *x = NULL;
    bool keepdims = false, has_time;
    enum rnn_status status = operator_only_input(node, &x, err);

    if (!call)
        return plan_no_memory(layer, err);
    if (!status)
        status = read_axes(node, call, err);
    if (!status)
        status = operator_bool(node, "keepdims", &keepdims, err);
    if (!status)
        status = find_shape(node, &call->lanes, keepdims, &shape, err);
    if (status)
        return status;
    node->own = call;
    has_time = call->lanes.whole ? shape.rank > 1 : x->has_time;
    status = plan_make_output(builder, node, 0, &shape, has_time, err);
    if (status)
        return status;
    node->cost = 4 * (uint64_t)x->features;
    call->folds = call->lanes.whole && !has_time;
    if (call->folds)
        return keep(node, call, builder, err);
    if (!call->lanes.whole)
        return RNN_OK;
    plan_need_whole(node);
    if (has_time)
        plan_fix_steps(builder, node, 0, shape.dim[0]);
    return RNN_OK;
}

/* ---- when it runs --------------------------------------------------------*/

size_t reduce_scratch(const struct node *node, size_t rows, size_t items)
{
    const struct reduce_call *call = node->own;

    (void)rows;
    return call->folds ? 0
                       : lanes_scratch(&call->lanes, node->inputs[0], items);
}

/* A lane that is there whole. */
static void run_lane(const struct node *node, const float *x, float *y,
                     size_t width, size_t index)
{
    const struct reduce_call *call = node->own;
    const struct reduction *reduction = call->reduction;
    double kept[REDUCE_KEPT] = {0};

    (void)index;
    for (size_t i = 0; i < width; i++)
        reduction->take(kept, (double)x[i], (double)(i + 1));
    *y = (float)reduction->give(kept, (double)width);
}

static void take_step(const struct node *node, const float *x, double *kept,
                      int64_t *count)
{
    const struct reduce_call *call = node->own;
    const struct reduction *reduction = call->reduction;
    double before = (double)*count * (double)call->width;

    for (size_t k = 0; k < node->inputs[0]->features; k++)
        reduction->take(kept + call->lane[k] * reduction->kept, (double)x[k],
                        before + (double)call->turn[k]);
    ++*count;
}

static void give_step(const struct node *node, const double *kept,
                      int64_t count, float *y)
{
    const struct reduce_call *call = node->own;
    const struct reduction *reduction = call->reduction;
    double n = (double)count * (double)call->width;

    for (size_t i = 0; i < node->outputs[0]->features; i++)
        y[i] = (float)reduction->give(kept + i * reduction->kept, n);
}

static bool fold(const struct node *node, struct run *run)
{
    const struct reduce_call *call = node->own;
    const struct value *input = node->inputs[0];
    struct view x = run_view(run, input), y = run_view(run, node->outputs[0]);
    size_t steps = run_steps(run, input);

    if (!run_may_go_on(run, run_work(node->cost, run_items(run, input))))
        return false;
    for (size_t r = 0; r < run->rows; r++) {
        double *kept = (double *)(void *)(run->state[r] + call->kept);
        int64_t *count = (int64_t *)(void *)(run->state[r] + call->count);

        for (size_t t = 0; t < steps; t++) {
            size_t item = r * steps + t;

            take_step(node, x.data + item * x.stride, kept, count);
            if (run->every_step)
                give_step(node, kept, *count, y.data + item * y.stride);
        }
    }
    for (size_t i = 0; !run->every_step && i < run->ending_count; i++) {
        unsigned char *state = run->state[run->ending[i]];

        give_step(node, (double *)(void *)(state + call->kept),
                  *(int64_t *)(void *)(state + call->count),
                  y.data + i * y.stride);
    }
    return true;
}

bool reduce_run(const struct node *node, struct run *run)
{
    const struct reduce_call *call = node->own;

    return call->folds ? fold(node, run)
                       : lanes_fold(&call->lanes, node, run, run_lane);
}
