/* Multiply, Maximum and Minimum under masks, in Keras 3
 *
 *     y = product of the x_i where m_i, 0 where there is none      Multiply
 *
 *     y = x_0, m = m_0, and then for each other input             Maximum and
 *     x = x_i where m_i, else y                                   Minimum
 *     y = max(y where m, else x,  x)
 *     m = m or m_i
 *
 * m_i is that of the timestep or, with more axes, of the row of features.  An
 * input without a mask counts throughout in a product; a maximum knows of no
 * m behind it.  An input with fewer axes than another one has lost its mask:
 * Keras puts in axes of one before it looks.
 *
 * Keras: keras/src/layers/merging/base_merge.py, multiply.py
 */
#include <stdalign.h>
#include <string.h>

#include "core/layers/mask.h"
#include "core/layers/merge.h"

struct merge_mask {
    const struct value *mask; /* NULL: the input counts throughout */
    struct merge_input input; /* how it is read */
};

/* ---- when a model is loaded ----------------------------------------------*/

static bool looks_at_masks(const struct layer *layer,
                           const struct plan_builder *builder)
{
    return builder->keras_major >= 3 && !mask_is_lost_in_lists(builder) &&
           (layer->class == &layer_multiply ||
            layer->class == &layer_maximum || layer->class == &layer_minimum);
}

static size_t most_axes(const struct node *node)
{
    size_t most = 0;

    for (size_t i = 0; i < node->input_count; i++)
        if (node->inputs[i]->shape.rank > most)
            most = node->inputs[i]->shape.rank;
    return most;
}

/* Is there a number, or one for all, for each row of features of `x`? */
static bool is_of_rows(const struct value *mask, const struct value *x)
{
    if (mask->has_time != x->has_time ||
        mask->shape.rank + 1 != x->shape.rank ||
        (x->has_time && !plan_same_time(mask, x)))
        return false;
    for (size_t i = x->has_time; i < mask->shape.rank; i++)
        if (mask->shape.dim[i] != 1 && mask->shape.dim[i] != x->shape.dim[i])
            return false;
    return true;
}

static enum rnn_status find_mask(const struct node *node,
                                 const struct value *x,
                                 const struct value *timed,
                                 const struct rnn_shape *item,
                                 struct merge_mask *found,
                                 struct rnn_error *err)
{
    char mask[RNN_SHAPE_TEXT], text[RNN_SHAPE_TEXT];
    struct value rows = *x->mask;

    if (!is_of_rows(x->mask, x))
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (%s) is given %s with a mask of %s: "
                        "Keras puts the batch of the mask beside another "
                        "axis, so that its answer depends on the batch",
                        node->layer->name, node->layer->class->name,
                        rnn_shape_print(&x->shape, text),
                        rnn_shape_print(&x->mask->shape, mask));
    found->mask = x->mask;
    rows.shape.dim[rows.shape.rank++] = 1;
    merge_set_strides(&found->input, merge_item_shape(&rows, timed), item);
    return RNN_OK;
}

enum rnn_status merge_find_masks(const struct node *node,
                                 const struct plan_builder *builder,
                                 const struct value *timed,
                                 const struct rnn_shape *item,
                                 const struct merge_mask **masks,
                                 struct rnn_error *err)
{
    struct merge_mask *found =
        arena_zalloc(builder->arena, node->input_count, sizeof(found[0]),
                     alignof(struct merge_mask));
    size_t most = most_axes(node);
    bool any = false;

    if (!found)
        return plan_no_memory(node->layer, err);
    for (size_t i = 0;
         i < node->input_count && looks_at_masks(node->layer, builder); i++) {
        const struct value *x = node->inputs[i];
        enum rnn_status status;

        if (!x->mask || x->shape.rank < most)
            continue;
        status = find_mask(node, x, timed, item, &found[i], err);
        if (status)
            return status;
        any = true;
    }
    *masks = any ? found : NULL;
    return RNN_OK;
}

/* ---- when it runs --------------------------------------------------------*/

static void fill(float *y, size_t count, float value)
{
    for (size_t i = 0; i < count; i++)
        y[i] = value;
}

/* The mask of input `i` for each number of an item, in the scratch; NULL: it
 * counts throughout. */
static const float *find_row(const struct node *node, const struct run *run,
                             size_t i, size_t index)
{
    const struct merge_call *call = node->own;
    const struct merge_mask *from = &call->masks[i];
    const struct value *output = node->outputs[0];
    float *row = run->scratch + output->stride;
    struct view mask;
    const float *item;

    if (!from->mask)
        return NULL;
    mask = run_view(run, from->mask);
    item =
        mask.data + mask.stride * run_item_of(run, from->mask, output, index);
    if (from->mask->features == 1)
        fill(row, output->features, *item);
    else
        merge_repeat(call, &from->input, item, output->features, row);
    return row;
}

static void multiply(const struct node *node, const struct run *run,
                     size_t index, float *y)
{
    size_t count = node->outputs[0]->features;
    float *seen = run->scratch + 2 * node->outputs[0]->stride;

    fill(y, count, 1);
    fill(seen, count, 0);
    for (size_t i = 0; i < node->input_count; i++) {
        const float *x = merge_find_item(node, run, i, index);
        const float *mask = find_row(node, run, i, index);

        for (size_t k = 0; k < count; k++)
            if (!mask || mask[k] != 0) {
                y[k] *= x[k];
                seen[k] = 1;
            }
    }
    for (size_t k = 0; k < count; k++)
        if (seen[k] == 0)
            y[k] = 0;
}

static float choose(bool largest, float a, float b)
{
    if (largest)
        return a < b ? b : a;
    return b < a ? b : a;
}

/* `seen`: what counts of y; NULL when Keras does not know. */
static void choose_next(bool largest, size_t count, const float *x,
                        const float *mask, float *seen, float *y)
{
    for (size_t k = 0; k < count; k++) {
        float b = mask && mask[k] == 0 ? y[k] : x[k];
        float a = seen && seen[k] == 0 ? b : y[k];

        y[k] = choose(largest, a, b);
        if (seen && mask)
            seen[k] = seen[k] != 0 || mask[k] != 0;
    }
}

static void choose_all(const struct node *node, const struct run *run,
                       size_t index, float *y)
{
    size_t count = node->outputs[0]->features;
    bool largest = node->layer->class == &layer_maximum;
    float *seen = run->scratch + 2 * node->outputs[0]->stride;
    const float *mask = find_row(node, run, 0, index);

    memcpy(y, merge_find_item(node, run, 0, index), count * sizeof(float));
    if (mask)
        memcpy(seen, mask, count * sizeof(float));
    else
        seen = NULL;
    for (size_t i = 1; i < node->input_count; i++) {
        const float *x = merge_find_item(node, run, i, index);

        mask = find_row(node, run, i, index);
        choose_next(largest, count, x, mask, seen, y);
        seen = mask ? seen : NULL;
    }
}

void merge_masked(const struct node *node, const struct run *run, size_t index,
                  float *y)
{
    if (node->layer->class == &layer_multiply)
        multiply(node, run, index, y);
    else
        choose_all(node, run, index, y);
}
