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
 * has more; inputs with fewer axes get axes of one in front.
 *
 * Keras: keras/src/layers/merging/base_merge.py and its neighbours
 */
#include <stdalign.h>
#include <string.h>

#include "core/layers/mask.h"

/* How one call reads its inputs. */
struct merge_call {
    size_t rank; /* of an item of the output */
    size_t dim[RNN_MAX_RANK];
    struct merge_input {
        bool repeats; /* an axis of the item */
        size_t stride[RNN_MAX_RANK];
    } inputs[]; /* [node->input_count] */
};

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

/* The shape of an item: without time. */
static struct rnn_shape item_shape(const struct value *value)
{
    struct rnn_shape shape = {.rank = value->shape.rank - value->has_time};

    memcpy(shape.dim, value->shape.dim + value->has_time,
           shape.rank * sizeof(shape.dim[0]));
    return shape;
}

/* Make `item` large enough for `value` too; false: they do not fit. */
static bool widen(struct rnn_shape *item, const struct value *value)
{
    struct rnn_shape other = item_shape(value);
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

/* The item of the output, and an input whose time is that of the output. */
static enum rnn_status find_shape(const struct layer *layer,
                                  const struct node *node,
                                  struct rnn_shape *item,
                                  const struct value **timed,
                                  struct rnn_error *err)
{
    const struct value *first = node->inputs[0];

    *timed = NULL;
    *item = item_shape(first);
    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *value = node->inputs[i];

        if (!widen(item, value))
            return refuse_shapes(layer, first, value, err);
        if (!value->has_time)
            continue;
        /* Keras puts the new axis behind the batch: before time. */
        if (*timed && ((*timed)->shape.rank != value->shape.rank ||
                       !plan_same_time(*timed, value)))
            return refuse_shapes(layer, *timed, value, err);
        *timed = value;
    }
    for (size_t i = 0; *timed && i < node->input_count; i++)
        if (!node->inputs[i]->has_time &&
            node->inputs[i]->shape.rank >= (*timed)->shape.rank)
            return refuse_shapes(layer, *timed, node->inputs[i], err);
    return RNN_OK;
}

static void set_strides(struct merge_input *input, const struct value *value,
                        const struct rnn_shape *item)
{
    struct rnn_shape own = item_shape(value);
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
    enum rnn_status status = find_shape(layer, node, &item, &timed, err);

    if (!call)
        return plan_no_memory(layer, err);
    if (status)
        return status;
    if (layer->class == &layer_subtract && node->input_count != 2)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (Subtract) takes 2 inputs, it is "
                        "given %zu",
                        layer->name, node->input_count);
    call->rank = item.rank;
    memcpy(call->dim, item.dim, sizeof(call->dim));
    for (size_t i = 0; i < node->input_count; i++) {
        set_strides(&call->inputs[i], node->inputs[i], &item);
        if (timed && !node->inputs[i]->has_time)
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
    if (!status)
        node->cost = node->input_count * (uint64_t)node->outputs[0]->features;
    return status;
}

/* An item of an input as wide as one of the output. */
static size_t scratch(const struct node *node, size_t rows, size_t items)
{
    (void)rows;
    (void)items;
    return node->outputs[0]->stride;
}

static void repeat(const struct merge_call *call,
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

/* Item `index` of the output, of the same row and timestep. */
static void merge_item(const struct node *node, struct run *run, size_t index,
                       float *y)
{
    const struct merge_call *call = node->own;
    const struct value *output = node->outputs[0];
    size_t count = output->features;

    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *value = node->inputs[i];
        struct view x = run_view(run, value);
        const float *item =
            x.data + x.stride * run_item_of(run, value, output, index);

        if (call->inputs[i].repeats) {
            repeat(call, &call->inputs[i], item, count, run->scratch);
            item = run->scratch;
        }
        if (i)
            combine(node->layer->class, count, item, y);
        else
            memcpy(y, item, count * sizeof(float));
    }
    if (node->layer->class == &layer_average)
        for (size_t i = 0; i < count; i++)
            y[i] /= (float)node->input_count;
}

static bool run(const struct node *node, struct run *run)
{
    size_t items = run_items(run, node->outputs[0]);
    struct view y = run_view(run, node->outputs[0]);

    for (size_t i = 0; i < items; i++) {
        if (!run_may_go_on(run, run_work(node->cost, 1)))
            return false;
        merge_item(node, run, i, y.data + i * y.stride);
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
