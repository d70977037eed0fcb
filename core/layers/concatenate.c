/* Concatenate, Stack, Append, Hstack, Dstack
 *
 *     y = [x_0, x_1, ...]        along one axis, the last unless said
 *
 * Append is of two, Hstack along axis 1, Dstack along axis 2.  Stack puts an
 * axis of one into each before, and so does a Dstack of vectors.  What goes
 * along the axis of time needs the whole sequence.
 *
 * Keras: keras/src/layers/merging/concatenate.py, keras/src/ops/numpy.py
 */
#include <stdalign.h>
#include <string.h>

#include "core/layers/concatenate.h"
#include "core/layers/mask.h"
#include "core/layers/nd.h"
#include "core/layers/operator.h"

struct concatenate {
    long axis; /* as Keras counts: 0 is the batch, -1 the last */
};

struct concatenate_call {
    bool stacks;
    size_t axis;     /* of the output, without batch */
    size_t outer;    /* pieces of each input in an item */
    size_t pieces[]; /* [node->input_count] floats of one */
};

static const char *const inert[] = {NULL};

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    struct concatenate *own = layer->own;

    return fields_integer(fields, "axis", -1, &own->axis, err);
}

size_t concatenate_axis(const struct node *node)
{
    const struct concatenate_call *call = node->own;

    return call->axis;
}

long concatenate_given_axis(const struct layer *layer)
{
    const struct concatenate *own = layer->own;

    return own->axis;
}

/* The axis in a shape without batch, of an output of `axes` axes. */
static enum rnn_status find_axis(const struct layer *layer, size_t axes,
                                 size_t *axis, struct rnn_error *err)
{
    const struct concatenate *own = layer->own;
    long rank = (long)axes, at = own->axis;

    if (at < 0)
        at += rank + 1;
    if (at < 1 || at > rank)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (Concatenate): axis is %ld, of "
                        "inputs with %ld axes behind the batch",
                        layer->name, own->axis, rank);
    *axis = (size_t)at - 1;
    return RNN_OK;
}

/* ---- shapes --------------------------------------------------------------*/

/* An axis of one, where the inputs of a Stack get theirs. */
static void insert(struct rnn_shape *shape, size_t axis)
{
    memmove(shape->dim + axis + 1, shape->dim + axis,
            (shape->rank - axis) * sizeof(shape->dim[0]));
    shape->dim[axis] = 1;
    shape->rank++;
}

static enum rnn_status refuse_shapes(const struct node *node, size_t other,
                                     struct rnn_error *err)
{
    char first[RNN_SHAPE_TEXT], second[RNN_SHAPE_TEXT];

    return rnn_fail(err, RNN_BAD_MODEL,
                    "layer \"%.100s\" (%s): %s and %s do not fit together",
                    node->layer->name, node->layer->class->name,
                    rnn_shape_print(&node->inputs[0]->shape, first),
                    rnn_shape_print(&node->inputs[other]->shape, second));
}

static bool fit(const struct concatenate_call *call, const struct value *a,
                const struct value *b)
{
    if (a->has_time != b->has_time || a->shape.rank != b->shape.rank)
        return false;
    for (size_t i = 0; i < a->shape.rank; i++) {
        if (i == call->axis && !call->stacks)
            continue;
        if (!i && a->has_time ? !plan_same_time(a, b)
                              : a->shape.dim[i] != b->shape.dim[i])
            return false;
    }
    return true;
}

/* The shape of the output, but for a number of timesteps that is open. */
static enum rnn_status find_shape(const struct node *node,
                                  struct concatenate_call *call,
                                  struct rnn_shape *shape,
                                  struct rnn_error *err)
{
    const struct value *first = node->inputs[0];

    if (call->stacks && first->shape.rank == RNN_MAX_RANK)
        return operator_refuse(node, "its output has too many axes", err);
    *shape = first->shape;
    call->outer = 1;
    for (size_t i = first->has_time; i < call->axis && i < shape->rank; i++)
        call->outer *= shape->dim[i];
    if (call->stacks)
        insert(shape, call->axis);
    shape->dim[call->axis] = 0;
    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *x = node->inputs[i];

        if (!fit(call, first, x))
            return refuse_shapes(node, i, err);
        shape->dim[call->axis] += call->stacks ? 1 : x->shape.dim[call->axis];
        call->pieces[i] = x->features / call->outer;
    }
    return RNN_OK;
}

/* Are their numbers of timesteps the same for all sequences? */
static bool same_open(const struct value *a, const struct value *b)
{
    return plan_clock(a->clock) == plan_clock(b->clock) && a->pace == b->pace;
}

/* Timesteps one after the other: those of the inputs that are open times
 * their number, and the known ones. */
static enum rnn_status join_time(struct node *node, struct rnn_shape *shape,
                                 struct plan_builder *builder,
                                 struct rnn_error *err)
{
    const struct value *open = NULL;
    struct pace pace = {.down = 1};

    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *x = node->inputs[i];

        if (x->shape.dim[0] != RNN_FREE) {
            pace.add += (int64_t)x->shape.dim[0];
            continue;
        }
        if (open && !same_open(open, x))
            return plan_sum_steps(builder, node, 0, err);
        open = x;
        pace.up++;
    }
    if (open)
        return plan_change_steps_of(builder, node, 0, open, &pace, err);
    plan_fix_steps(builder, node, 0, shape->dim[0]);
    return RNN_OK;
}

/* ---- calls ---------------------------------------------------------------*/

static struct concatenate_call *make_call(struct node *node,
                                          struct plan_builder *builder)
{
    struct concatenate_call *call = arena_zalloc(
        builder->arena, 1,
        sizeof(*call) + node->input_count * sizeof(call->pieces[0]),
        alignof(max_align_t));

    node->own = call;
    return call;
}

static enum rnn_status settle(struct concatenate_call *call, struct node *node,
                              struct plan_builder *builder,
                              struct rnn_error *err)
{
    bool timed = node->inputs[0]->has_time, has_time;
    struct rnn_shape shape = {0};
    enum rnn_status status = find_shape(node, call, &shape, err);

    if (status)
        return status;
    has_time = timed || shape.rank > 1;
    status = plan_make_output(builder, node, 0, &shape, has_time, err);
    if (status)
        return status;
    node->cost = node->outputs[0]->features;
    if (has_time == timed && (call->axis || !timed))
        return RNN_OK;
    plan_need_whole(node);
    if (!call->stacks && timed)
        return join_time(node, &shape, builder, err);
    if (call->stacks && timed && shape.dim[1] == RNN_FREE)
        return operator_refuse(node,
                               "the number of timesteps is left open, so the "
                               "size of its output is too",
                               err);
    plan_fix_steps(builder, node, 0, shape.dim[0]);
    return RNN_OK;
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct concatenate_call *call = make_call(node, builder);
    enum rnn_status status;

    if (!call)
        return plan_no_memory(layer, err);
    status = find_axis(layer, node->inputs[0]->shape.rank, &call->axis, err);
    return status ? status : settle(call, node, builder, err);
}

/* What an operator of these is. */
struct joining {
    size_t axis;    /* its axis; 0: that which it is told */
    size_t tensors; /* its arguments, one by one; 0: one list of them */
    bool stacks;
};

static enum rnn_status connect_operator(struct layer *layer, struct node *node,
                                        struct plan_builder *builder,
                                        struct rnn_error *err)
{
    const struct rnn_json *json = operator_setting(node, "axis", NULL);
    const struct joining *joining = layer->class->detail;
    struct concatenate_call *call = make_call(node, builder);
    size_t axes = node->inputs[0]->shape.rank;
    enum rnn_status status;

    if (!call)
        return plan_no_memory(layer, err);
    call->stacks = joining->stacks || axes < joining->axis;
    if (call_positional_inputs(node->given) != node->input_count ||
        call_position(node->given, joining->tensors ? joining->tensors : 1) ||
        (joining->tensors && joining->tensors != node->input_count))
        return operator_refuse(node,
                               joining->tensors ? "it takes two tensors"
                                                : "it takes one list of "
                                                  "tensors",
                               err);
    if (joining->axis) {
        call->axis = joining->axis - 1;
        return settle(call, node, builder, err);
    }
    if (!json)
        return operator_refuse(
            node, "without an axis it mixes the sequences of a batch", err);
    status = operator_axis(node, json, axes + call->stacks, &call->axis, err);
    return status ? status : settle(call, node, builder, err);
}

/* ---- when it runs --------------------------------------------------------*/

/* A unit of each input behind the one before. */
static void join_unit(const struct node *node, const struct run *run,
                      size_t index)
{
    const struct concatenate_call *call = node->own;
    size_t axis = call->axis - (node->outputs[0]->has_time && !node->whole);
    size_t done = 0;

    for (size_t k = 0; k < node->input_count; k++) {
        struct nd x = nd_unit(run, node->inputs[k], index, node->whole);
        struct nd y = nd_unit(run, node->outputs[0], index, node->whole);

        if (call->stacks)
            nd_insert(&x, axis);
        nd_cut(&y, axis, done, x.dim[axis]);
        nd_copy(&x, &y);
        done += x.dim[axis];
    }
}

static void join_item(const struct node *node, const struct run *run,
                      size_t index)
{
    const struct concatenate_call *call = node->own;
    struct view y = run_view(run, node->outputs[0]);
    float *to = y.data + index * y.stride;

    for (size_t o = 0; o < call->outer; o++)
        for (size_t k = 0; k < node->input_count; k++) {
            struct view x = run_view(run, node->inputs[k]);

            memcpy(to, x.data + index * x.stride + o * call->pieces[k],
                   call->pieces[k] * sizeof(float));
            to += call->pieces[k];
        }
}

static bool run(const struct node *node, struct run *run)
{
    const struct concatenate_call *call = node->own;
    size_t units = nd_units(run, node->outputs[0], node->whole);

    if (!run_may_go_on(run, run_work(node->cost, units)))
        return false;
    for (size_t i = 0; i < units; i++)
        if (call->stacks || node->whole)
            join_unit(node, run, i);
        else
            join_item(node, run, i);
    mask_join(node, run);
    return true;
}

const struct layer_class layer_concatenate = {
    .name = "Concatenate",
    .inert = inert,
    .streaming = STREAM_ALONE,
    .masking = MASK_JOINED,
    .own_bytes = sizeof(struct concatenate),
    .read = read,
    .connect = connect,
    .run = run,
};

static const char *const words[] = {"axis", "name", NULL};

#define JOIN(label, keras, bare, ...)                                         \
    static const struct joining joining_##label = {__VA_ARGS__};              \
    const struct layer_class operator_##label = {                             \
        OPERATOR_FIELDS(keras, words, &joining_##label),                      \
        .takes_bare = (bare), .connect = connect_operator, .run = run}

JOIN(concatenate, "Concatenate", false, .axis = 0);
JOIN(stack, "Stack", true, .stacks = true);
JOIN(append, "Append", false, .tensors = 2);
JOIN(hstack, "Hstack", false, .axis = 1);
JOIN(dstack, "Dstack", false, .axis = 2);
