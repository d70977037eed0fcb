/* TakeAlongAxis
 *
 *     y[.., i, ..] = x[.., p[.., i, ..], ..]        along `axis`
 *
 * p are whole numbers, cut to such, a tensor or a constant, of as many axes as
 * x; one below 0 counts from the end, and one of a tensor that is outside
 * gives NaN, where Keras fails.  An axis of one beside it is repeated.  Each
 * timestep runs alone but along time, which needs the whole sequence.
 *
 * Keras: keras/src/ops/numpy.py, keras/src/backend/tensorflow/numpy.py
 */
#include <math.h>
#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "core/format/constant.h"
#include "core/format/json.h"
#include "core/layers/nd.h"
#include "core/layers/operator.h"

struct take_along {
    size_t axis;
    bool is_constant;
    struct constant places; /* behind the batch */
};

/* ---- when a model is loaded ----------------------------------------------*/

/* The shape of the places, behind the batch. */
static enum rnn_status read_places(const struct node *node,
                                   struct take_along *own,
                                   struct plan_builder *builder,
                                   struct rnn_shape *shape,
                                   struct rnn_error *err)
{
    const struct call_argument *first = call_position(node->given, 0);
    const struct call_argument *second = call_position(node->given, 1);
    size_t rank = node->input_count ? node->inputs[0]->shape.rank : 0;
    enum rnn_status status;

    if (!first || first->json || first->is_list || !second ||
        (!second->json && second->is_list) || call_position(node->given, 2))
        return operator_refuse(node, "it takes a tensor and places", err);
    own->is_constant = second->json;
    if (!second->json) {
        *shape = node->inputs[1]->shape;
        if (node->inputs[1]->has_time != node->inputs[0]->has_time)
            shape->rank = RNN_MAX_RANK + 1;
    } else {
        status = constant_read(second->json, node->layer->name, builder->arena,
                               &own->places, err);
        if (status)
            return status;
        *shape = own->places.shape;
        if (shape->rank && shape->dim[0] == 1)
            memmove(shape->dim, shape->dim + 1,
                    --shape->rank * sizeof(shape->dim[0]));
        else
            shape->rank = RNN_MAX_RANK + 1;
        own->places.shape = *shape;
    }
    return shape->rank == rank
               ? RNN_OK
               : operator_refuse(node,
                                 "its places have other axes than what they "
                                 "are places of",
                                 err);
}

/* Axes beside that of the places, which may be one in either. */
static enum rnn_status find_shape(const struct node *node,
                                  const struct take_along *own,
                                  struct rnn_shape *shape,
                                  struct rnn_error *err)
{
    const struct value *x = node->inputs[0];

    for (size_t i = 0; i < shape->rank; i++) {
        size_t size = x->shape.dim[i];
        bool fits = size == shape->dim[i] || size == 1 || shape->dim[i] == 1;

        if (i == own->axis)
            continue;
        if (x->has_time && !i)
            fits = own->is_constant ? shape->dim[i] == 1
                                    : plan_same_time(x, node->inputs[1]);
        if (!fits)
            return operator_refuse(
                node, "its places do not fit to what they are places of", err);
        if (shape->dim[i] == 1 || (x->has_time && !i))
            shape->dim[i] = size;
    }
    return RNN_OK;
}

/* Are the places of a constant there? */
static enum rnn_status check_places(const struct node *node,
                                    const struct take_along *own,
                                    struct rnn_error *err)
{
    const struct value *x = node->inputs[0];
    size_t size = x->shape.dim[own->axis], least = 1;

    for (size_t i = 0; i < own->places.count; i++) {
        float place = truncf(own->places.numbers[i]);
        float needs = place < 0 ? -place : place + 1;

        if (!(needs <= (float)UINT32_MAX) ||
            (size != RNN_FREE && needs > (float)size))
            return operator_refuse(node, "it takes what is not there", err);
        least = (size_t)needs > least ? (size_t)needs : least;
    }
    return size == RNN_FREE ? plan_need_steps(node, x, least, err) : RNN_OK;
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    const struct rnn_json *json = operator_setting(node, "axis", NULL);
    struct take_along *own = arena_zalloc(builder->arena, 1, sizeof(*own),
                                          alignof(struct take_along));
    struct rnn_shape shape = {0};
    const struct value *x;
    enum rnn_status status;

    if (!own)
        return plan_no_memory(layer, err);
    node->own = own;
    if (!json)
        return operator_refuse(
            node, "without an axis it mixes the sequences of a batch", err);
    status = read_places(node, own, builder, &shape, err);
    if (status)
        return status;
    x = node->inputs[0];
    status = operator_axis(node, json, shape.rank, &own->axis, err);
    if (!status)
        status = find_shape(node, own, &shape, err);
    if (!status)
        status = check_places(node, own, err);
    if (!status)
        status = plan_make_output(builder, node, 0, &shape, x->has_time, err);
    if (status)
        return status;
    node->cost = 4 * (uint64_t)node->outputs[0]->features;
    if (!x->has_time || own->axis)
        return RNN_OK;
    plan_need_whole(node);
    if (own->is_constant)
        plan_fix_steps(builder, node, 0, shape.dim[0]);
    else
        plan_take_steps(node, 0, node->inputs[1]);
    return RNN_OK;
}

/* ---- when it runs --------------------------------------------------------*/

static void repeat_ones(struct nd *nd)
{
    for (size_t i = 0; i < nd->rank; i++)
        if (nd->dim[i] == 1)
            nd->stride[i] = 0;
}

/* `axis` is that of the arrays, of which items have one less. */
static void take_unit(const struct nd *x, const struct nd *places,
                      const struct nd *y, size_t axis)
{
    struct nd_walk walk = {.rank = y->rank};
    float size = (float)x->dim[axis];
    struct nd rest = *x;

    rest.stride[axis] = 0;
    memcpy(walk.dim, y->dim, sizeof(walk.dim));
    do {
        float place = truncf(places->data[nd_offset(places, &walk)]);
        ptrdiff_t at = nd_offset(&rest, &walk);

        place += place < 0 ? size : 0;
        y->data[nd_offset(y, &walk)] =
            place >= 0 && place < size
                ? x->data[at + (ptrdiff_t)place * x->stride[axis]]
                : NAN;
    } while (nd_next(&walk));
}

static bool run(const struct node *node, struct run *run)
{
    const struct take_along *own = node->own;
    const struct value *input = node->inputs[0];
    bool skip = input->has_time && !node->whole;
    size_t units = nd_units(run, node->outputs[0], node->whole);

    for (size_t i = 0; i < units; i++) {
        struct nd x = nd_unit(run, input, i, node->whole), places;
        struct nd y = nd_unit(run, node->outputs[0], i, node->whole);

        if (!run_may_go_on(run, run_work(8 * (uint64_t)nd_count(&y), 1)))
            return false;
        if (own->is_constant)
            places = nd_plain(own->places.numbers, y.rank,
                              own->places.shape.dim + skip);
        else
            places = nd_unit(run, node->inputs[1], i, node->whole);
        /* Of an axis of one there is but place 0, whatever its stride. */
        repeat_ones(&places);
        repeat_ones(&x);
        take_unit(&x, &places, &y, own->axis - skip);
    }
    return true;
}

static const char *const words[] = {"axis", NULL};

const struct layer_class operator_take_along_axis = {
    OPERATOR_FIELDS("TakeAlongAxis", words, NULL),
    .connect = connect,
    .run = run,
};
