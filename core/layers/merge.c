/* Add, Subtract, Multiply, Average, Maximum, Minimum
 *
 *     y = x_0 + x_1 + ...            Add
 *     y = x_0 - x_1                  Subtract
 *     y = x_0 * x_1 * ...            Multiply
 *     y = (x_0 + x_1 + ...) / n      Average
 *     y = max(x_0, x_1, ...)         Maximum
 *     y = min(x_0, x_1, ...)         Minimum
 *
 * from left to right.  An axis of one input is repeated where another input
 * has more, a single timestep too; inputs with fewer axes get axes of one in
 * front.
 *
 * In Keras 3 what is masked is left out of a product, a maximum and a minimum
 * (merge_masked.c).
 *
 * Keras: keras/src/layers/merging/base_merge.py and its neighbours
 */
#include <stdalign.h>
#include <string.h>

#include "core/layers/mask.h"
#include "core/layers/merge.h"
#include "core/layers/scores.h"

extern const struct layer_class operator_add, operator_subtract,
    operator_multiply, operator_maximum, operator_minimum, operator_divide;

static const char *const inert[] = {NULL};

static enum rnn_status read(struct layer *layer, struct fields *fields,
                            struct rnn_error *err)
{
    (void)layer;
    (void)fields;
    (void)err;
    return RNN_OK;
}

static enum rnn_status refuse_shapes(const struct layer *layer,
                                     const struct value *a,
                                     const struct value *b,
                                     struct rnn_error *err)
{
    char first[RNN_SHAPE_TEXT], second[RNN_SHAPE_TEXT];

    return rnn_fail(err, RNN_BAD_MODEL,
                    "layer \"%.100s\" (%s): %s and %s%s do not fit together",
                    layer->name, layer->class->name,
                    rnn_shape_print(&a->shape, first),
                    rnn_shape_print(&b->shape, second),
                    a->has_time == b->has_time ? "" : " without time");
}

struct rnn_shape merge_item_shape(const struct value *value,
                                  const struct value *timed)
{
    bool stands_for_time = timed && !value->has_time &&
                           value->shape.rank == timed->shape.rank &&
                           value->shape.dim[0] == 1;
    size_t skip = value->has_time || stands_for_time;
    struct rnn_shape shape = {.rank = value->shape.rank - skip};

    memcpy(shape.dim, value->shape.dim + skip,
           shape.rank * sizeof(shape.dim[0]));
    return shape;
}

/* Make `item` large enough for `other` too; false: they do not fit. */
static bool widen(struct rnn_shape *item, struct rnn_shape other)
{
    size_t most = item->rank > other.rank ? item->rank : other.rank;
    struct rnn_shape wide = {.rank = most};

    for (size_t i = 0; i < most; i++) {
        size_t skip = most - item->rank, other_skip = most - other.rank;
        size_t a = i < skip ? 1 : item->dim[i - skip];
        size_t b = i < other_skip ? 1 : other.dim[i - other_skip];

        if (a != b && a != 1 && b != 1)
            return false;
        wide.dim[i] = a == 1 ? b : a;
    }
    *item = wide;
    return true;
}

/* An input whose time is that of the output. */
static enum rnn_status find_time(const struct layer *layer,
                                 const struct node *node,
                                 const struct value **timed,
                                 struct rnn_error *err)
{
    *timed = NULL;
    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *value = node->inputs[i];

        if (!value->has_time)
            continue;
        /* Keras puts the new axis behind the batch: before time. */
        if (*timed && (*timed)->shape.rank != value->shape.rank)
            return refuse_shapes(layer, *timed, value, err);
        if (*timed && plan_is_repeated(value, *timed))
            continue;
        if (*timed && !plan_is_repeated(*timed, value) &&
            !plan_same_time(*timed, value))
            return refuse_shapes(layer, *timed, value, err);
        *timed = value;
    }
    return RNN_OK;
}

static enum rnn_status find_item_shape(const struct layer *layer,
                                       const struct node *node,
                                       const struct value *timed,
                                       struct rnn_shape *item,
                                       struct rnn_error *err)
{
    const struct value *first = node->inputs[0];

    *item = merge_item_shape(first, timed);
    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *value = node->inputs[i];
        struct rnn_shape other = merge_item_shape(value, timed);

        if (timed && !value->has_time && other.rank >= timed->shape.rank)
            return refuse_shapes(layer, timed, value, err);
        if (!widen(item, other))
            return refuse_shapes(layer, first, value, err);
    }
    return RNN_OK;
}

void merge_set_strides(struct merge_input *input, struct rnn_shape own,
                       const struct rnn_shape *item)
{
    size_t stride = 1;

    for (size_t i = own.rank; i-- > 0;) {
        size_t axis = i + item->rank - own.rank;

        if (own.dim[i] == item->dim[axis])
            input->stride[axis] = stride;
        stride *= own.dim[i];
    }
    for (size_t axis = 0; axis < item->rank; axis++)
        if (!input->stride[axis] && item->dim[axis] != 1)
            input->repeats = true;
}

/* Of what is as wide as there are timesteps: by the operators of the same
 * names. */
static enum rnn_status merge_scores(struct node *node,
                                    struct plan_builder *builder,
                                    struct rnn_error *err)
{
    static const struct {
        const struct layer_class *merge, *operator;
    } known[] = {{&layer_add, &operator_add},
                 {&layer_average, &operator_add},
                 {&layer_subtract, &operator_subtract},
                 {&layer_multiply, &operator_multiply},
                 {&layer_maximum, &operator_maximum},
                 {&layer_minimum, &operator_minimum}};
    bool is_mean = node->layer->class == &layer_average;
    size_t i = 0;

    while (known[i].merge != node->layer->class)
        i++;
    return scores_merge(builder, node, known[i].operator->detail,
                        is_mean ? operator_divide.detail : NULL, err);
}

static enum rnn_status connect(struct layer *layer, struct node *node,
                               struct plan_builder *builder,
                               struct rnn_error *err)
{
    struct merge_call *call = arena_zalloc(
        builder->arena, 1,
        sizeof(*call) + node->input_count * sizeof(call->inputs[0]),
        alignof(max_align_t));
    const struct value *timed = NULL;
    struct rnn_shape item, shape;
    enum rnn_status status;

    if (!call)
        return plan_no_memory(layer, err);
    if (scores_are_met(node))
        return merge_scores(node, builder, err);
    status = find_time(layer, node, &timed, err);
    if (!status)
        status = find_item_shape(layer, node, timed, &item, err);
    if (status)
        return status;
    if (layer->class == &layer_subtract && node->input_count != 2)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (Subtract) takes 2 inputs, it is "
                        "given %zu",
                        layer->name, node->input_count);
    status = merge_find_masks(node, builder, timed, &item, &call->masks, err);
    if (status)
        return status;
    call->rank = item.rank;
    memcpy(call->dim, item.dim, sizeof(call->dim));
    for (size_t i = 0; i < node->input_count; i++) {
        merge_set_strides(&call->inputs[i],
                          merge_item_shape(node->inputs[i], timed), &item);
        if (timed && (!node->inputs[i]->has_time ||
                      plan_is_repeated(node->inputs[i], timed)))
            plan_need_whole(node);
    }
    shape = item;
    if (timed) {
        shape.rank++;
        shape.dim[0] = timed->shape.dim[0];
        memcpy(shape.dim + 1, item.dim, item.rank * sizeof(item.dim[0]));
    }
    node->own = call;
    status = plan_make_output(builder, node, 0, &shape, timed, err);
    if (status)
        return status;
    if (timed)
        plan_take_steps(node, 0, timed);
    node->cost = node->input_count * (uint64_t)node->outputs[0]->features;
    return RNN_OK;
}

/* An item of an input as wide as one of the output, and what masks take. */
static size_t scratch(const struct node *node, size_t rows, size_t items)
{
    const struct merge_call *call = node->own;
    size_t stride = node->outputs[0]->stride;

    (void)rows;
    (void)items;
    if (node->outputs[0]->scores)
        return 0;
    return call->masks ? plan_sum(stride, MERGE_MASKED_ROWS, stride) : stride;
}

void merge_repeat(const struct merge_call *call,
                  const struct merge_input *input, const float *x,
                  size_t count, float *wide)
{
    size_t at[RNN_MAX_RANK] = {0}, from = 0;

    for (size_t i = 0; i < count; i++) {
        size_t axis = call->rank;

        wide[i] = x[from];
        while (axis-- > 0) {
            from += input->stride[axis];
            if (++at[axis] < call->dim[axis])
                break;
            from -= input->stride[axis] * call->dim[axis];
            at[axis] = 0;
        }
    }
}

static void combine(const struct layer_class *class, size_t count,
                    const float *x, float *y)
{
    if (class == &layer_add || class == &layer_average)
        for (size_t i = 0; i < count; i++)
            y[i] += x[i];
    else if (class == &layer_subtract)
        for (size_t i = 0; i < count; i++)
            y[i] -= x[i];
    else if (class == &layer_multiply)
        for (size_t i = 0; i < count; i++)
            y[i] *= x[i];
    else if (class == &layer_maximum)
        for (size_t i = 0; i < count; i++)
            y[i] = y[i] < x[i] ? x[i] : y[i];
    else
        for (size_t i = 0; i < count; i++)
            y[i] = x[i] < y[i] ? x[i] : y[i];
}

const float *merge_find_item(const struct node *node, const struct run *run,
                             size_t i, size_t index)
{
    const struct merge_call *call = node->own;
    const struct value *value = node->inputs[i], *output = node->outputs[0];
    struct view x = run_view(run, value);
    const float *item =
        x.data + x.stride * run_item_of(run, value, output, index);

    if (!call->inputs[i].repeats)
        return item;
    merge_repeat(call, &call->inputs[i], item, output->features, run->scratch);
    return run->scratch;
}

/* Item `index` of the output, of the same row and timestep. */
static void merge_item(const struct node *node, struct run *run, size_t index,
                       float *y)
{
    size_t count = node->outputs[0]->features;

    memcpy(y, merge_find_item(node, run, 0, index), count * sizeof(float));
    for (size_t i = 1; i < node->input_count; i++)
        combine(node->layer->class, count,
                merge_find_item(node, run, i, index), y);
    if (node->layer->class == &layer_average)
        for (size_t i = 0; i < count; i++)
            y[i] /= (float)node->input_count;
}

static bool run(const struct node *node, struct run *run)
{
    const struct merge_call *call = node->own;
    size_t items = run_items(run, node->outputs[0]);
    struct view y = run_view(run, node->outputs[0]);

    if (node->outputs[0]->scores)
        return true;
    for (size_t i = 0; i < items; i++) {
        float *item = y.data + i * y.stride;

        if (!run_may_go_on(run, run_work(node->cost, 1)))
            return false;
        if (call->masks)
            merge_masked(node, run, i, item);
        else
            merge_item(node, run, i, item);
    }
    mask_join(node, run);
    return true;
}

#define MERGE(label, keras)                                                   \
    const struct layer_class layer_##label = {                                \
        .name = (keras),                                                      \
        .inert = inert,                                                       \
        .streaming = STREAM_ALONE,                                            \
        .masking = MASK_JOINED,                                               \
        .takes_scores = true,                                                 \
        .takes_bare = true,                                                   \
        .read = read,                                                         \
        .connect = connect,                                                   \
        .scratch = scratch,                                                   \
        .run = run,                                                           \
    }

MERGE(add, "Add");
MERGE(subtract, "Subtract");
MERGE(multiply, "Multiply");
MERGE(average, "Average");
MERGE(maximum, "Maximum");
MERGE(minimum, "Minimum");
