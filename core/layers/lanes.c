#include "core/layers/lanes.h"

#include <string.h>

#include "core/layers/operator.h"

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
    return plan_sum(0, 2 + lanes->beside, lanes_known_width(lanes, &shape));
}

size_t lanes_own_scratch(const struct node *node, size_t rows, size_t items)
{
    const struct lanes *lanes = node->own;

    (void)rows;
    return lanes_scratch(lanes, node->inputs[0], items);
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

enum rnn_status lanes_read(struct lanes *lanes, const struct node *node,
                           const struct rnn_json *json, struct rnn_error *err)
{
    const struct value *x = node->inputs[0];
    enum rnn_status status;

    if (!json)
        return operator_refuse(
            node, "without an axis it mixes the sequences of a batch", err);
    *lanes = (struct lanes){0};
    status = operator_axes(node, json, x->shape.rank, lanes->along, err);
    for (size_t i = 0; i < x->shape.rank; i++)
        lanes->count += lanes->along[i];
    lanes->whole = x->has_time && lanes->along[0];
    return status;
}

enum rnn_status lanes_read_one(struct lanes *lanes, const struct node *node,
                               const struct rnn_json *json,
                               struct rnn_error *err)
{
    enum rnn_status status = lanes_read(lanes, node, json, err);

    if (!status && lanes->count != 1)
        status = operator_refuse(node, "it goes along one axis", err);
    return status;
}

enum rnn_status lanes_make_output(const struct lanes *lanes, struct node *node,
                                  size_t index, size_t width,
                                  struct plan_builder *builder,
                                  struct rnn_error *err)
{
    const struct value *x = node->inputs[0];
    size_t known = lanes_known_width(lanes, &x->shape);
    struct rnn_shape shape = x->shape;
    enum rnn_status status = RNN_OK;

    if (known != RNN_FREE && known < width)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (%s): an axis of %zu, where it "
                        "needs %zu",
                        node->layer->name, node->layer->class->name, known,
                        width);
    for (size_t i = 0; i < shape.rank; i++)
        shape.dim[i] = lanes->along[i] ? width : shape.dim[i];
    if (lanes->whole)
        status = plan_need_steps(node, x, width, err);
    if (!status)
        status =
            plan_make_output(builder, node, index, &shape, x->has_time, err);
    if (status || !lanes->whole)
        return status;
    plan_need_whole(node);
    plan_fix_steps(builder, node, index, width);
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
    struct nd beside; /* as x; if there is any */
    size_t skip;
    float *scratch;
};

/* The axes of the output that a lane's numbers go along, or all others.  An
 * output with fewer axes has those beside the lanes alone. */
static struct nd pick_output(const struct lanes *lanes,
                             const struct unit *unit, bool along)
{
    struct nd y = unit->y, last = {.data = y.data, .rank = lanes->appends};

    if (y.rank == unit->x.rank)
        return pick(lanes, &y, unit->skip, along);
    if (lanes->appends) {
        last.dim[0] = y.dim[--y.rank];
        last.stride[0] = y.stride[y.rank];
    }
    return along ? last : y;
}

/* Where one of the arrays of a unit stands in a walk through its lanes. */
struct lane_of {
    struct nd outer, inner;
};

static struct lane_of part(const struct lanes *lanes, const struct nd *nd,
                           size_t skip)
{
    return (struct lane_of){pick(lanes, nd, skip, false),
                            pick(lanes, nd, skip, true)};
}

static void copy_lane(struct lane_of *from, const struct nd_walk *walk,
                      float *to)
{
    struct nd row = nd_plain(to, from->inner.rank, from->inner.dim);

    from->inner.data = from->outer.data + nd_offset(&from->outer, walk);
    nd_copy(&from->inner, &row);
}

static bool run_unit(const struct lanes *lanes, const struct node *node,
                     const struct unit *unit, struct run *run, lanes_fn *apply)
{
    struct lane_of x = part(lanes, &unit->x, unit->skip);
    struct lane_of beside = part(lanes, &unit->beside, unit->skip);
    struct nd to = pick_output(lanes, unit, false);
    struct nd back = pick_output(lanes, unit, true);
    struct nd_walk walk = {.rank = x.outer.rank};
    size_t width = nd_count(&x.inner), index = 0;
    uint64_t work = run_work(8 * (uint64_t)width, 1);
    struct nd made = nd_plain(unit->scratch + width * (1 + lanes->beside),
                              back.rank, back.dim);

    memcpy(walk.dim, x.outer.dim, sizeof(walk.dim));
    do {
        if (!run_may_go_on(run, work))
            return false;
        copy_lane(&x, &walk, unit->scratch);
        if (lanes->beside)
            copy_lane(&beside, &walk, unit->scratch + width);
        apply(node, unit->scratch, made.data, width, index++);
        back.data = to.data + nd_offset(&to, &walk);
        nd_copy(&made, &back);
    } while (nd_next(&walk));
    return true;
}

bool lanes_run(const struct lanes *lanes, const struct node *node,
               struct run *run, lanes_fn *apply)
{
    const struct value *x = node->inputs[0];
    const struct value *y = node->outputs[lanes->output];
    size_t units = nd_units(run, x, lanes->whole);

    for (size_t i = 0; i < units; i++) {
        struct unit unit = {
            .x = nd_unit(run, x, i, lanes->whole),
            .y = nd_unit(run, y, i, lanes->whole),
            .beside =
                nd_unit(run, node->inputs[lanes->beside], i, lanes->whole),
            .skip = x->has_time && !lanes->whole,
            .scratch = run->scratch,
        };

        if (!run_unit(lanes, node, &unit, run, apply))
            return false;
    }
    return true;
}
