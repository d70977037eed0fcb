#include "core/layers/lanes.h"

#include <string.h>

size_t lanes_known_width(const struct lanes *lanes,
                         const struct rnn_shape *shape)
{
    size_t width = 1;

    for (size_t i = 0; i < shape->rank; i++)
        if (lanes->along[i] && !rnn_product(width, shape->dim[i], &width))
            return SIZE_MAX;
    return width;
}

/* The shape of `value` in this run. */
static struct rnn_shape shape_now(const struct run *run,
                                  const struct value *value)
{
    struct rnn_shape shape = value->shape;

    if (value->has_time)
        shape.dim[0] = run_steps(run, value);
    return shape;
}

size_t lanes_width(const struct lanes *lanes, const struct run *run,
                   const struct value *value)
{
    struct rnn_shape shape = shape_now(run, value);

    return lanes_known_width(lanes, &shape);
}

size_t lanes_scratch(const struct lanes *lanes, const struct value *value,
                     size_t items)
{
    struct rnn_shape shape = value->shape;

    if (value->has_time)
        shape.dim[0] = items; /* all of them may be of one sequence */
    return plan_sum(0, 2, lanes_known_width(lanes, &shape));
}

enum rnn_status lanes_init(struct lanes *lanes, const struct layer *layer,
                           const struct value *x, const long *axes,
                           size_t count, struct rnn_error *err)
{
    long rank = (long)x->shape.rank;

    *lanes = (struct lanes){.count = count};
    for (size_t i = 0; i < count; i++) {
        long axis = axes[i] < 0 ? axes[i] + rank + 1 : axes[i];

        if (axis < 1 || axis > rank)
            return rnn_fail(err, RNN_UNSUPPORTED,
                            "layer \"%.100s\" (%s) works along axis %ld, of "
                            "an input with %ld axes behind the batch, which "
                            "is 0",
                            layer->name, layer->class->name, axes[i], rank);
        if (lanes->along[axis - 1])
            return rnn_fail(err, RNN_BAD_MODEL,
                            "layer \"%.100s\" (%s) names axis %ld twice",
                            layer->name, layer->class->name, axes[i]);
        lanes->along[axis - 1] = true;
    }
    lanes->whole = x->has_time && lanes->along[0];
    return RNN_OK;
}

/* The axes of `nd` that lie along the lanes, or those that do not. */
static struct nd pick(const struct lanes *lanes, const struct nd *nd,
                      size_t skip, bool along)
{
    struct nd picked = {.data = nd->data};

    for (size_t i = 0; i < nd->rank; i++)
        if (lanes->along[i + skip] == along) {
            picked.dim[picked.rank] = nd->dim[i];
            picked.stride[picked.rank++] = nd->stride[i];
        }
    return picked;
}

/* One item or sequence on its way. */
struct unit {
    struct nd x, y;
    size_t skip;
    bool folds; /* a lane becomes one number */
    float *scratch;
};

/* The axes of the output beside the lanes.  A fold leaves them as they are:
 * axes of one, where it keeps them, hold nothing back. */
static struct nd pick_output(const struct lanes *lanes,
                             const struct unit *unit)
{
    if (!unit->folds || unit->y.rank == unit->x.rank)
        return pick(lanes, &unit->y, unit->skip, false);
    return unit->y;
}

static void run_unit(const struct lanes *lanes, const struct node *node,
                     const struct unit *unit, lanes_fn *apply)
{
    struct nd outer = pick(lanes, &unit->x, unit->skip, false);
    struct nd inner = pick(lanes, &unit->x, unit->skip, true);
    struct nd to = pick_output(lanes, unit);
    struct nd back = pick(lanes, &unit->y, unit->skip, true);
    struct nd_walk walk = {.rank = outer.rank};
    size_t width = nd_count(&inner), index = 0;
    struct nd row = nd_plain(unit->scratch, inner.rank, inner.dim);
    struct nd made = nd_plain(unit->scratch + width, inner.rank, inner.dim);

    memcpy(walk.dim, outer.dim, sizeof(walk.dim));
    do {
        float *y = to.data + nd_offset(&to, &walk);

        inner.data = outer.data + nd_offset(&outer, &walk);
        nd_copy(&inner, &row);
        apply(node, row.data, unit->folds ? y : made.data, width, index++);
        back.data = y;
        if (!unit->folds)
            nd_copy(&made, &back);
    } while (nd_next(&walk));
}

static bool run_units(const struct lanes *lanes, const struct node *node,
                      struct run *run, bool folds, lanes_fn *apply)
{
    const struct value *x = node->inputs[0];
    size_t units = nd_units(run, x, lanes->whole);

    for (size_t i = 0; i < units; i++) {
        struct unit unit = {
            .x = nd_unit(run, x, i, lanes->whole),
            .y = nd_unit(run, node->outputs[0], i, lanes->whole),
            .skip = x->has_time && !lanes->whole,
            .folds = folds,
            .scratch = run->scratch,
        };

        if (!run_may_go_on(run, run_work(8 * (uint64_t)nd_count(&unit.x), 1)))
            return false;
        run_unit(lanes, node, &unit, apply);
    }
    return true;
}

bool lanes_run(const struct lanes *lanes, const struct node *node,
               struct run *run, lanes_fn *apply)
{
    return run_units(lanes, node, run, false, apply);
}

bool lanes_fold(const struct lanes *lanes, const struct node *node,
                struct run *run, lanes_fn *apply)
{
    return run_units(lanes, node, run, true, apply);
}
