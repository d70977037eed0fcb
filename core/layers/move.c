#include "core/layers/move.h"

#include "core/layers/operator.h"
#include "core/layers/scores.h"

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

enum rnn_status move_order(struct move *move, const struct node *node,
                           const long *numbers, size_t count,
                           struct rnn_error *err)
{
    size_t rank = node->inputs[0]->shape.rank;
    bool used[RNN_MAX_RANK] = {false};

    if (count != rank + 1 || numbers[0] != 0)
        return operator_refuse(
            node, "it does not say where each axis goes, the batch first",
            err);
    for (size_t i = 0; i < rank; i++) {
        long from = numbers[i + 1];

        if (from < 0)
            from += (long)rank + 1;
        if (from < 1 || from > (long)rank || used[from - 1])
            return operator_refuse(node, "it does not name each axis once",
                                   err);
        used[from - 1] = true;
        move->axes[i].from = (size_t)from - 1;
    }
    return RNN_OK;
}

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

    if (move->rank > RNN_MAX_RANK)
        return operator_refuse(node, "its output has too many axes", err);
    *shape = (struct rnn_shape){.rank = move->rank};
    for (size_t i = 0; i < move->rank; i++) {
        const struct move_axis *axis = &move->axes[i];
        size_t size = axis->is_new ? 1 : x->shape.dim[axis->from];

        if (size == RNN_FREE && i)
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
    if (x->has_time
            ? move->rank && keeps(&move->axes[0]) && !move->axes[0].from
            : move->rank <= 1)
        move->how = MOVE_ITEMS;
    else if (move->rank <= 1 && last)
        move->how = MOVE_LAST;
}

/* What a slice of time takes of T timesteps: floor((T + add) / down), or
 * `fixed` of them, where there are `least`.  False: it is no such function. */
static bool find_pace(const struct slice *slice, struct pace *pace,
                      size_t *fixed, size_t *least)
{
    long step = slice->step > 0 ? slice->step : -slice->step;
    long start = slice->has_start ? slice->start : 0;
    long stop = slice->has_stop ? slice->stop : 0; /* 0: the end */

    *fixed = 0;
    *least = 1;
    *pace = (struct pace){.up = 1, .add = step - 1, .down = step};
    if (slice->step < 0)
        return !slice->has_start && !slice->has_stop;
    if (slice->has_stop && !stop)
        return false;
    if (start >= 0 && stop <= 0) {
        pace->add += stop - start;
        return true;
    }
    if ((start < 0) != (stop < 0 || !slice->has_stop) ||
        (stop && stop <= start))
        return false;
    *fixed = (size_t)((stop - start - 1) / step + 1);
    *least = (size_t)(stop > 0 ? stop : -start);
    return true;
}

/* Axis 0 of what comes out is a slice of a time of unknown length. */
static enum rnn_status change_steps(const struct move *move, struct node *node,
                                    size_t index, struct plan_builder *builder,
                                    struct rnn_error *err)
{
    struct value *y = node->outputs[index];
    struct pace pace;
    size_t fixed, least;
    enum rnn_status status;

    if (!find_pace(&move->axes[0].slice, &pace, &fixed, &least))
        return refuse_open(node, err);
    status = plan_need_steps(node, node->inputs[0], least, err);
    if (status)
        return status;
    if (!fixed)
        return plan_change_steps(builder, node, index, &pace, err);
    y->shape.dim[0] = fixed;
    plan_fix_steps(builder, node, index, fixed);
    return RNN_OK;
}

/* The place of time that is taken has to be there. */
static enum rnn_status need_place(const struct move *move, struct node *node,
                                  struct rnn_error *err)
{
    const struct value *x = node->inputs[0];
    long place = move->place[0];

    if (!x->has_time || !move->is_taken[0])
        return RNN_OK;
    return plan_need_steps(node, x, (size_t)(place < 0 ? -place : place + 1),
                           err);
}

/* Do a sequence's two axes change places, where time is open? */
static bool turns(const struct move *move, const struct value *x)
{
    return x->has_time && x->shape.rank == 2 && move->rank == 2 &&
           x->shape.dim[0] == RNN_FREE && keeps(&move->axes[0]) &&
           keeps(&move->axes[1]) && move->axes[0].from == 1 &&
           move->axes[1].from == 0;
}

/* Do numbers of open timesteps become one row of them? */
static bool is_line(const struct move *move, const struct value *x)
{
    return x->has_time && x->shape.rank == 1 && move->rank == 2 &&
           x->shape.dim[0] == RNN_FREE && move->axes[0].is_new &&
           keeps(&move->axes[1]) && !move->axes[1].from;
}

enum rnn_status move_connect(struct move *move, struct node *node,
                             size_t index, struct plan_builder *builder,
                             struct rnn_error *err)
{
    const struct value *x = node->inputs[0];
    struct rnn_shape shape = {0};
    bool has_time, from_time, open;
    enum rnn_status status = check_places(move, node, err);

    if (!status && (turns(move, x) || is_line(move, x)))
        return scores_turn(builder, node, err);
    if (!status)
        status = find_shape(move, node, &shape, err);
    if (!status)
        status = need_place(move, node, err);
    if (status)
        return status;
    find_way(move, x);
    from_time = x->has_time && move->rank && !move->axes[0].is_new &&
                !move->axes[0].from;
    open = from_time && x->shape.dim[0] == RNN_FREE;
    has_time = shape.rank > 1 || open ||
               (from_time && takes_all(&move->axes[0].slice));
    status = plan_make_output(builder, node, index, &shape, has_time, err);
    if (status)
        return status;
    node->cost += plan_sum(0, node->outputs[index]->features,
                           move->how == MOVE_WHOLE && has_time && shape.dim[0]
                               ? shape.dim[0]
                               : 1);
    if (move->how != MOVE_WHOLE)
        return RNN_OK;
    plan_need_whole(node);
    if (from_time && takes_all(&move->axes[0].slice))
        return RNN_OK;
    if (open)
        return change_steps(move, node, index, builder, err);
    if (has_time)
        plan_fix_steps(builder, node, index, shape.dim[0]);
    return RNN_OK;
}

/* ---- when it runs --------------------------------------------------------*/

/* What of `x` comes out, as a view.  Axis 0 of the input is time, which items
 * do not have: `skip` is 1 for them. */
static struct nd look(const struct move *move, const struct nd *x, size_t skip)
{
    struct nd made = {.data = x->data};

    for (size_t i = skip; i < x->rank + skip; i++) {
        long size = (long)x->dim[i - skip], place = move->place[i];

        if (move->is_taken[i])
            made.data +=
                x->stride[i - skip] * (place < 0 ? place + size : place);
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
    return made;
}

/* The item of `x` that item `index` of a value without time comes from. */
static size_t last_item(const struct run *run, const struct value *x,
                        size_t index)
{
    size_t steps = run_steps(run, x);

    return run->every_step ? index : (run->ending[index] + 1) * steps - 1;
}

static void run_move(const struct move *move, const struct node *node,
                     size_t index, struct run *run)
{
    const struct value *x = node->inputs[0], *y = node->outputs[index];
    bool whole = move->how == MOVE_WHOLE;
    size_t units = nd_units(run, y, whole);
    size_t skip = !whole && x->has_time;

    if (y->turned)
        return;
    for (size_t i = 0; i < units; i++) {
        size_t from = move->how == MOVE_LAST ? last_item(run, x, i) : i;
        struct nd in = nd_unit(run, x, from, whole), seen;
        struct nd out = nd_unit(run, y, i, whole);

        seen = look(move, &in, skip);
        nd_copy(&seen, &out);
    }
}

bool move_run(const struct move *moves, size_t count, const struct node *node,
              struct run *run)
{
    size_t units = nd_units(run, node->outputs[0], node->whole);

    if (!run_may_go_on(run, run_work(node->cost, units)))
        return false;
    for (size_t i = 0; i < count; i++)
        run_move(&moves[i], node, i, run);
    return true;
}
