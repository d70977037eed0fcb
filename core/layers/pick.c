/* How operators run that take numbers from other places: op_pick.c says which.
 */
#include "core/layers/pick.h"

#include <stdalign.h>
#include <string.h>

/* ---- one axis ------------------------------------------------------------*/

static size_t size_of(const struct pick_axis *axis, size_t size)
{
    switch (axis->how) {
    case PICK_LIST:
        return axis->count;
    case PICK_REPEAT:
    case PICK_TILE:
        return plan_sum(0, size, (size_t)axis->times);
    case PICK_PAD:
    case PICK_REFLECT:
    case PICK_SYMMETRIC:
        return size + (size_t)axis->before + (size_t)axis->after;
    case PICK_ALL:
    case PICK_ROLL:
    default:
        return size;
    }
}

/* The place in an axis of `size` of what stands at `i`; -1: none. */
static long place_of(const struct pick_axis *axis, long i, long size)
{
    long ends = axis->how == PICK_SYMMETRIC;

    switch (axis->how) {
    case PICK_LIST:
        i = axis->list[i];
        return i < 0 ? i + size : i;
    case PICK_REPEAT:
        return i / axis->times;
    case PICK_TILE:
        return i % size;
    case PICK_ROLL:
        i = (i - axis->shift) % size;
        return i < 0 ? i + size : i;
    case PICK_PAD:
        i -= axis->before;
        return i < size ? i : -1;
    case PICK_REFLECT:
    case PICK_SYMMETRIC:
        i -= axis->before;
        i = i < 0 ? -i - ends : i;
        return i < size ? i : 2 * size - 2 + ends - i;
    case PICK_ALL:
    default:
        return i;
    }
}

/* Places that an axis has to have. */
static size_t least_of(const struct pick_axis *axis)
{
    long most = axis->before > axis->after ? axis->before : axis->after;
    size_t least = 1;

    if (axis->how == PICK_REFLECT)
        return (size_t)most + 1;
    if (axis->how == PICK_SYMMETRIC)
        return most ? (size_t)most : 1;
    for (size_t i = 0; axis->how == PICK_LIST && i < axis->count; i++) {
        long place = axis->list[i];
        size_t needs = (size_t)(place < 0 ? -place : place + 1);

        least = needs > least ? needs : least;
    }
    return least;
}

/* ---- when a model is loaded ----------------------------------------------*/

static enum rnn_status check_size(const struct pick *pick,
                                  const struct node *node, size_t axis,
                                  struct rnn_error *err)
{
    const struct value *x = node->inputs[0];
    size_t size = x->shape.dim[axis], least = least_of(&pick->axes[axis]);

    if (size != RNN_FREE && size < least)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (%s): an axis of %zu, where it "
                        "needs %zu",
                        node->layer->name, node->layer->class->name, size,
                        least);
    return size == RNN_FREE ? plan_need_steps(node, x, least, err) : RNN_OK;
}

/* Axis 0 of the output follows from a time of unknown length. */
static enum rnn_status change_steps(const struct pick_axis *axis,
                                    struct node *node,
                                    struct plan_builder *builder,
                                    struct rnn_error *err)
{
    struct pace pace = {.up = 1, .down = 1};

    if (axis->how == PICK_LIST) {
        plan_fix_steps(builder, node, 0, axis->count);
        return RNN_OK;
    }
    pace.up = axis->times ? axis->times : 1;
    pace.add = axis->before + axis->after;
    return plan_change_steps(builder, node, 0, &pace, err);
}

static enum rnn_status make_output(struct pick *pick, struct node *node,
                                   struct plan_builder *builder,
                                   struct rnn_error *err)
{
    const struct value *x = node->inputs[0];
    struct rnn_shape shape = x->shape;
    bool of_time = x->has_time && pick->axes[0].how != PICK_ALL;
    enum rnn_status status = RNN_OK;

    for (size_t i = 0; i < shape.rank && !status; i++) {
        status = check_size(pick, node, i, err);
        if (shape.dim[i] != RNN_FREE || pick->axes[i].how == PICK_LIST)
            shape.dim[i] = size_of(&pick->axes[i], shape.dim[i]);
    }
    if (!status)
        status = plan_make_output(builder, node, 0, &shape, x->has_time, err);
    if (status)
        return status;
    node->cost = 4 * (uint64_t)node->outputs[0]->features;
    if (!of_time)
        return RNN_OK;
    plan_need_whole(node);
    if (x->shape.dim[0] == RNN_FREE)
        return change_steps(&pick->axes[0], node, builder, err);
    if (pick->axes[0].how != PICK_ROLL)
        plan_fix_steps(builder, node, 0, shape.dim[0]);
    return RNN_OK;
}

enum rnn_status pick_connect(struct layer *layer, struct node *node,
                             struct plan_builder *builder,
                             struct rnn_error *err)
{
    const struct picking *picking = layer->class->detail;
    struct pick *pick =
        arena_zalloc(builder->arena, 1, sizeof(*pick), alignof(struct pick));
    enum rnn_status status;

    if (!pick)
        return plan_no_memory(layer, err);
    if (!node->input_count || call_position(node->given, 2))
        return operator_refuse(node, "it takes one tensor", err);
    node->own = pick;
    status = picking->read(node, pick, builder, err);
    if (status)
        return status;
    return pick->drops ? move_connect(&pick->move, node, 0, builder, err)
                       : make_output(pick, node, builder, err);
}

/* ---- when it runs --------------------------------------------------------*/

static void pick_unit(const struct pick *pick, const struct nd *x,
                      const struct nd *y, size_t skip)
{
    struct nd_walk walk = {.rank = y->rank};

    memcpy(walk.dim, y->dim, y->rank * sizeof(walk.dim[0]));
    do {
        const float *from = x->data;

        for (size_t i = 0; i < y->rank && from; i++) {
            long place = place_of(&pick->axes[i + skip], (long)walk.at[i],
                                  (long)x->dim[i]);

            from = place < 0 ? NULL : from + place * x->stride[i];
        }
        y->data[nd_offset(y, &walk)] = from ? *from : pick->fill;
    } while (nd_next(&walk));
}

bool pick_run(const struct node *node, struct run *run)
{
    const struct pick *pick = node->own;
    const struct value *input = node->inputs[0];
    size_t units = nd_units(run, node->outputs[0], node->whole);

    if (!pick) /* from a constant: another node has run */
        return true;
    if (pick->drops)
        return move_run(&pick->move, 1, node, run);
    for (size_t i = 0; i < units; i++) {
        struct nd x = nd_unit(run, input, i, node->whole);
        struct nd y = nd_unit(run, node->outputs[0], i, node->whole);

        if (!run_may_go_on(run, run_work(8 * (uint64_t)nd_count(&y), 1)))
            return false;
        pick_unit(pick, &x, &y, input->has_time && !node->whole);
    }
    return true;
}
