/* Any, All
 *
 *     y = is one of x along the axes not 0
 *     y = is none of x along the axes 0
 *
 * as 1 or 0, along axes behind time.
 *
 * Keras: keras/src/ops/numpy.py; tf.math.reduce_any
 */
#include <stdalign.h>
#include <string.h>

#include "core/layers/nd.h"
#include "core/layers/operator.h"

static const char *const words[] = {"axis", "keepdims", "name", NULL};

extern const struct layer_class operator_all;

/* Which axes of an item go. */
struct any_call {
    bool goes[RNN_MAX_RANK];
};

static enum rnn_status read_axes(const struct node *node,
                                 const struct value *x, struct any_call *call,
                                 struct rnn_error *err)
{
    const struct rnn_json *axis = operator_setting(node, "axis", NULL);
    bool goes[RNN_MAX_RANK] = {false};
    enum rnn_status status;

    if (!axis)
        return operator_refuse(
            node, "it works along all axes, the batch among them", err);
    status = operator_axes(node, axis, x->shape.rank, goes, err);
    if (status)
        return status;
    if (x->has_time && goes[0])
        return operator_refuse(
            node, "it works along time; only axes behind it can be run", err);
    memcpy(call->goes, goes + x->has_time,
           (x->shape.rank - x->has_time) * sizeof(goes[0]));
    return RNN_OK;
}

static struct rnn_shape shape_of(const struct value *x,
                                 const struct any_call *call, bool keepdims)
{
    struct rnn_shape shape = {0};

    for (size_t i = 0; i < x->shape.rank; i++) {
        bool goes = i >= x->has_time && call->goes[i - x->has_time];

        if (!goes || keepdims)
            shape.dim[shape.rank++] = goes ? 1 : x->shape.dim[i];
    }
    return shape;
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct any_call *call = arena_zalloc(builder->arena, 1, sizeof(*call),
                                         alignof(struct any_call));
    struct value *x = NULL;
    struct rnn_shape shape;
    bool keepdims = false;
    enum rnn_status status = operator_only_input(node, &x, err);

    if (!call)
        return plan_no_memory(layer, err);
    node->own = call;
    if (!status)
        status = read_axes(node, x, call, err);
    if (!status)
        status = operator_bool(node, "keepdims", &keepdims, err);
    if (status)
        return status;
    shape = shape_of(x, call, keepdims);
    node->cost = x->features;
    return plan_make_output(builder, node, 0, &shape, x->has_time, err);
}

/* An item of x as [kept axes] [axes that go]. */
static void part(const struct any_call *call, struct nd *x, size_t *kept)
{
    size_t order[ND_AXES], next = 0;

    for (int goes = 0; goes < 2; goes++) {
        for (size_t i = 0; i < x->rank; i++)
            if (call->goes[i] == (goes == 1))
                order[next++] = i;
        if (!goes)
            *kept = next;
    }
    nd_permute(x, order);
}

/* Is a number of the last axes, from `first` on, 0 (`all`), or none? */
static bool find(const struct nd *x, size_t first, ptrdiff_t offset, bool all)
{
    struct nd_walk walk = {.rank = x->rank - first};
    struct nd rest = {.rank = walk.rank};

    memcpy(walk.dim, x->dim + first, walk.rank * sizeof(walk.dim[0]));
    memcpy(rest.stride, x->stride + first, walk.rank * sizeof(walk.dim[0]));
    do {
        if ((x->data[offset + nd_offset(&rest, &walk)] != 0) != all)
            return true;
    } while (nd_next(&walk));
    return false;
}

static bool run(const struct node *node, struct run *run)
{
    const struct value *input = node->inputs[0];
    bool all = node->layer->class == &operator_all;
    size_t items = run_items(run, input);
    struct view y = run_view(run, node->outputs[0]);

    if (!run_may_go_on(run, run_work(node->cost, items)))
        return false;
    for (size_t i = 0; i < items; i++) {
        struct nd x = nd_item(run, input, i);
        struct nd_walk walk = {0};
        float *next = y.data + i * y.stride;

        part(node->own, &x, &walk.rank);
        memcpy(walk.dim, x.dim, walk.rank * sizeof(walk.dim[0]));
        do {
            bool found = find(&x, walk.rank, nd_offset(&x, &walk), all);

            *next++ = all ? !found : found;
        } while (nd_next(&walk));
    }
    return true;
}

OPERATOR(any, "Any", words, NULL, connect, run);
OPERATOR(all, "All", words, NULL, connect, run);
