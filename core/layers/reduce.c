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
#include <string.h>

#include "core/format/json.h"

/* ---- when a model is loaded ----------------------------------------------*/

static enum rnn_status read_call(const struct node *node,
                                 struct reduce_call *call,
                                 struct plan_builder *builder,
                                 struct rnn_error *err)
{
    const struct reduction *reduction = node->layer->class->detail;
    enum rnn_status status = RNN_OK;
    struct value *x;

    call->reduction = reduction;
    if (!reduction->read)
        status = operator_only_input(node, &x, err);
    if (!status)
        status = lanes_read(&call->lanes, node,
                            operator_setting(node, "axis", "axes"), err);
    if (!status && reduction->places && call->lanes.count != 1)
        status = operator_refuse(node, "a place is one along one axis", err);
    if (!status && reduction->read)
        status = reduction->read(node, call, builder, err);
    return status;
}

struct rnn_shape reduce_shape(const struct node *node,
                              const struct lanes *lanes, bool keepdims)
{
    const struct rnn_shape *from = &node->inputs[0]->shape;
    struct rnn_shape shape = {0};

    for (size_t i = 0; i < from->rank; i++)
        if (!lanes->along[i])
            shape.dim[shape.rank++] = from->dim[i];
        else if (keepdims)
            shape.dim[shape.rank++] = 1;
    return shape;
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

/* One output, or two of one shape; of time, if any, as many steps as there
 * are or a number of them that is known. */
static enum rnn_status make_outputs(struct node *node,
                                    struct reduce_call *call,
                                    const struct rnn_shape *shape,
                                    struct plan_builder *builder,
                                    struct rnn_error *err)
{
    const struct reduction *reduction = call->reduction;
    const struct value *x = node->inputs[0];
    bool whole = call->lanes.whole;
    bool has_time = whole ? shape->rank > 1 : x->has_time;
    enum rnn_status status = RNN_OK;

    call->folds = whole && !has_time && !reduction->of_lane;
    if (reduction->give_2)
        status = plan_reserve_outputs(builder, node, 2, err);
    for (size_t i = 0; i < node->output_count && !status; i++)
        status = plan_make_output(builder, node, i, shape, has_time, err);
    if (status || !whole || call->folds)
        return status;
    plan_need_whole(node);
    for (size_t i = 0; i < node->output_count && has_time; i++)
        plan_fix_steps(builder, node, i, shape->dim[0]);
    return RNN_OK;
}

enum rnn_status reduce_connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct reduce_call *call = arena_zalloc(builder->arena, 1, sizeof(*call),
                                            alignof(struct reduce_call));
    struct rnn_shape shape;
    bool keepdims = false;
    enum rnn_status status;

    if (!call)
        return plan_no_memory(layer, err);
    if (!node->input_count)
        return operator_refuse(node, "it takes one tensor", err);
    status = read_call(node, call, builder, err);
    if (!status)
        status = operator_bool(node, "keepdims", &keepdims, err);
    if (status)
        return status;
    shape = reduce_shape(node, &call->lanes, keepdims);
    status = make_outputs(node, call, &shape, builder, err);
    if (status)
        return status;
    node->own = call;
    node->cost = 4 * (uint64_t)node->inputs[0]->features;
    return call->folds ? keep(node, call, builder, err) : RNN_OK;
}

/* ---- when it runs --------------------------------------------------------*/

size_t reduce_scratch(const struct node *node, size_t rows, size_t items)
{
    const struct reduce_call *call = node->own;

    (void)rows;
    return call->folds ? 0
                       : lanes_scratch(&call->lanes, node->inputs[0], items);
}

/* A lane that is there whole: what is kept of it. */
static void keep_lane(const struct reduction *reduction, const float *x,
                      size_t width, double kept[REDUCE_KEPT])
{
    memset(kept, 0, REDUCE_KEPT * sizeof(kept[0]));
    for (size_t i = 0; i < width; i++)
        reduction->take(kept, (double)x[i], (double)(i + 1));
}

static void run_lane(const struct node *node, const float *x, float *y,
                     size_t width, size_t index)
{
    const struct reduce_call *call = node->own;
    const struct reduction *reduction = call->reduction;
    double kept[REDUCE_KEPT];

    (void)index;
    if (reduction->of_lane) {
        *y = (float)reduction->of_lane(call, x, y, width);
        return;
    }
    keep_lane(reduction, x, width, kept);
    *y = (float)reduction->give(kept, (double)width);
}

/* The same for the second output. */
static void run_lane_2(const struct node *node, const float *x, float *y,
                       size_t width, size_t index)
{
    const struct reduce_call *call = node->own;
    double kept[REDUCE_KEPT];

    (void)index;
    keep_lane(call->reduction, x, width, kept);
    *y = (float)call->reduction->give_2(kept, (double)width);
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

/* Item `item` of each output. */
static void give_step(const struct node *node, const struct run *run,
                      const unsigned char *state, size_t item)
{
    const struct reduce_call *call = node->own;
    const struct reduction *reduction = call->reduction;
    const double *kept = (const double *)(const void *)(state + call->kept);
    int64_t count = *(const int64_t *)(const void *)(state + call->count);
    double n = (double)count * (double)call->width;

    for (size_t i = 0; i < node->output_count; i++) {
        struct view view = run_view(run, node->outputs[i]);
        float *y = view.data + item * view.stride;

        for (size_t k = 0; k < node->outputs[i]->features; k++)
            y[k] = (float)(i ? reduction->give_2
                             : reduction->give)(kept + k * reduction->kept, n);
    }
}

static bool fold(const struct node *node, struct run *run)
{
    const struct reduce_call *call = node->own;
    const struct value *input = node->inputs[0];
    struct view x = run_view(run, input);
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
                give_step(node, run, run->state[r], item);
        }
    }
    for (size_t i = 0; !run->every_step && i < run->ending_count; i++)
        give_step(node, run, run->state[run->ending[i]], i);
    return true;
}

bool reduce_run(const struct node *node, struct run *run)
{
    const struct reduce_call *call = node->own;
    struct lanes second = call->lanes;

    if (call->folds)
        return fold(node, run);
    second.output = 1;
    return lanes_run(&call->lanes, node, run, run_lane) &&
           (node->output_count < 2 ||
            lanes_run(&second, node, run, run_lane_2));
}
