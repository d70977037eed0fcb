#include "core/layers/move.h"

#include <math.h>
#include <string.h>

#include "core/layers/operator.h"

struct move move_nothing(const struct value *x)
{
    struct move move = {.rank = x->shape.rank};

    for (size_t i = 0; i < move.rank; i++)
        move.axes[i] = (struct move_axis){.from = i, .slice = SLICE_ALL};
    return move;
}

/* ---- slices --------------------------------------------------------------*/

/* `at` counted from the start, cut to low..high. */
static long settle(long at, long size, long low, long high)
{
    if (at < 0)
        at += size;
    return at < low ? low : at > high ? high : at;
}

size_t slice_places(const struct slice *slice, size_t size, size_t *first)
{
    long n = (long)size, step = slice->step;
    long low = step > 0 ? 0 : -1, high = step > 0 ? n : n - 1;
    long start = step > 0 ? low : high, stop = step > 0 ? high : low;
    long apart;

    if (slice->has_start)
        start = settle(slice->start, n, low, high);
    if (slice->has_stop)
        stop = settle(slice->stop, n, low, high);
    apart = step > 0 ? stop - start : start - stop;
    *first = apart > 0 ? (size_t)start : 0;
    return apart > 0 ? (size_t)((apart - 1) / (step > 0 ? step : -step)) + 1
                     : 0;
}

static bool takes_all(const struct slice *slice)
{
    return !slice->has_start && !slice->has_stop &&
           (slice->step == 1 || slice->step == -1);
}

static bool keeps(const struct move_axis *axis)
{
    return !axis->is_new && takes_all(&axis->slice) && axis->slice.step == 1;
}

/* ---- when a model is loaded ----------------------------------------------*/

static enum rnn_status refuse_open(const struct node *node,
                                   struct rnn_error *err)
{
    return rnn_fail(err, RNN_UNSUPPORTED,
                    "layer \"%.100s\" (%s): the number of timesteps is left "
                    "open, so the size of its output is too",
                    node->layer->name, node->layer->class->name);
}

/* Are the places that are taken there? */
static enum rnn_status check_places(const struct move *move,
                                    const struct node *node,
                                    struct rnn_error *err)
{
    const struct rnn_shape *shape = &node->inputs[0]->shape;

    for (size_t i = 0; i < shape->rank; i++) {
        long size = (long)shape->dim[i], place = move->place[i];

        if (move->is_taken[i] && size != RNN_FREE &&
            (place >= size || place < -size))
            return rnn_fail(err, RNN_BAD_MODEL,
                            "layer \"%.100s\" (%s): place %ld of an axis of "
                            "%ld",
                            node->layer->name, node->layer->class->name, place,
                            size);
    }
    return RNN_OK;
}

static enum rnn_status find_shape(const struct move *move,
                                  const struct node *node,
                                  struct rnn_shape *shape,
                                  struct rnn_error *err)
{
    const struct value *x = node->inputs[0];
    size_t first;

    if (!move->rank || move->rank > RNN_MAX_RANK)
        return operator_refuse(
            node,
            move->rank ? "its output has too many axes"
                       : "no axis but the batch is left of its output",
            err);
    *shape = (struct rnn_shape){.rank = move->rank};
    for (size_t i = 0; i < move->rank; i++) {
        const struct move_axis *axis = &move->axes[i];
        size_t size = axis->is_new ? 1 : x->shape.dim[axis->from];

        if (size == RNN_FREE && (i || !takes_all(&axis->slice)))
            return refuse_open(node, err);
        shape->dim[i] = axis->is_new || size == RNN_FREE
                            ? size
                            : slice_places(&axis->slice, size, &first);
        if (!shape->dim[i] && size != RNN_FREE)
            return operator_refuse(node, "nothing is left of its input", err);
    }
    return RNN_OK;
}

static void find_way(struct move *move, const struct value *x)
{
    bool last = x->has_time && move->is_taken[0] && move->place[0] == -1;

    move->how = MOVE_WHOLE;
    if (x->has_time && keeps(&move->axes[0]) && !move->axes[0].from)
        move->how = MOVE_ITEMS;
    else if (move->rank == 1 && !x->has_time)
        move->how = MOVE_ITEMS;
    else if (move->rank == 1 && last)
        move->how = MOVE_LAST;
}

enum rnn_status move_connect(struct move *move, struct node *node,
                             size_t index, struct plan_builder *builder,
                             struct rnn_error *err)
{
    const struct value *x = node->inputs[0];
    struct rnn_shape shape;
    bool has_time, turned;
    enum rnn_status status = check_places(move, node, err);

    if (!status)
        status = find_shape(move, node, &shape, err);
    if (status)
        return status;
    find_way(move, x);
    turned = x->has_time && !move->axes[0].is_new && !move->axes[0].from &&
             takes_all(&move->axes[0].slice);
    has_time = turned || shape.rank > 1;
    status = plan_make_output(builder, node, index, &shape, has_time, err);
    if (status)
        return status;
    if (move->how != MOVE_WHOLE) {
        node->cost += node->outputs[index]->features;
        return RNN_OK;
    }
    node->cost += plan_sum(0, node->outputs[index]->features,
                           has_time && shape.dim[0] ? shape.dim[0] : 1);
    plan_need_whole(node);
    if (has_time && !turned)
        plan_fix_steps(builder, node, index, shape.dim[0]);
    return RNN_OK;
}

/* ---- when it runs --------------------------------------------------------*/

/* What of `x` comes out, as a view; false: a place is not there.  Axis 0 of
 * the input is time, which items do not have: `skip` is 1 for them. */
static bool look(const struct move *move, const struct nd *x, size_t skip,
                 struct nd *seen)
{
    struct nd made = {.data = x->data};

    for (size_t i = skip; i < x->rank + skip; i++) {
        long size = (long)x->dim[i - skip], place = move->place[i];

        if (!move->is_taken[i])
            continue;
        if (place >= size || place < -size)
            return false;
        made.data += x->stride[i - skip] * (place < 0 ? place + size : place);
    }
    for (size_t i = 0; i < move->rank; i++) {
        const struct move_axis *axis = &move->axes[i];
        size_t first = 0, from = axis->from - skip;

        if (axis->is_new) {
            made.dim[made.rank++] = 1;
            continue;
        }
        if (axis->from < skip)
            continue;
        made.dim[made.rank] = slice_places(&axis->slice, x->dim[from], &first);
        made.data += (ptrdiff_t)first * x->stride[from];
        made.stride[made.rank++] = axis->slice.step * x->stride[from];
    }
    *seen = made;
    return true;
}

static void fill(const struct nd *y, float number)
{
    struct nd one = {.data = &number, .rank = y->rank};

    memcpy(one.dim, y->dim, sizeof(one.dim));
    nd_copy(&one, y);
}

/* The item of `x` that item `index` of a value without time comes from. */
static size_t last_item(const struct run *run, const struct value *x,
                        size_t index)
{
    size_t steps = run_steps(run, x);

    return run->every_step ? index : (run->ending[index] + 1) * steps - 1;
}

void move_run(const struct move *move, const struct node *node, size_t index,
              struct run *run)
{
    const struct value *x = node->inputs[0], *y = node->outputs[index];
    bool whole = move->how == MOVE_WHOLE;
    size_t units = nd_units(run, y, whole);
    size_t skip = !whole && x->has_time;

    for (size_t i = 0; i < units; i++) {
        size_t from = move->how == MOVE_LAST ? last_item(run, x, i) : i;
        struct nd in = nd_unit(run, x, from, whole), seen;
        struct nd out = nd_unit(run, y, i, whole);

        if (look(move, &in, skip, &seen))
            nd_copy(&seen, &out);
        else
            fill(&out, NAN);
    }
}
