/* The masks of several inputs become one
 *
 *     Keras 3   m = m_0 or m_1 or ...      none when one input has none
 *     Keras 2   m = m_0 and m_1 and ...    of the inputs that have one
 *
 * for what merges.  An axis of one, of time too, is repeated in Keras 3.
 *
 * A Concatenate gives each mask an axis of features and puts them one behind
 * the other, as it does with its inputs; an input without a mask has one of
 * ones, and a mask with as many axes as its input (a Softmax gives one on)
 * stays as it is.  Then the axis of features goes again: any along it in
 * Keras 3, all in Keras 2.  Along the features that is what the others do,
 * since or with ones is none; along another axis the masks follow each other.
 *
 * Keras: compute_mask in keras/src/layers/merging/base_merge.py,
 * concatenate.py, and the same two in tf_keras
 */
#include <string.h>

#include "core/layers/concatenate.h"
#include "core/layers/mask.h"
#include "core/layers/nd.h"

static enum rnn_status refuse(const struct node *node, const char *why,
                              struct rnn_error *err)
{
    return rnn_fail(err, RNN_UNSUPPORTED, "layer \"%.100s\" (%s): %s",
                    node->layer->name, node->layer->class->name, why);
}

/* ---- rows ----------------------------------------------------------------*/

/* Has the mask of input `i` the axis of features too, which goes? */
static bool is_wide(const struct node *node, size_t i)
{
    const struct value *x = node->inputs[i];

    return node->layer->class == &layer_concatenate && x->mask &&
           x->mask->shape.rank == x->shape.rank;
}

static size_t last_dim(const struct value *value)
{
    return value->shape.dim[value->shape.rank - 1];
}

/* How many numbers of the mask of input `i` become one. */
static size_t row_width(const struct node *node, size_t i)
{
    return is_wide(node, i) ? last_dim(node->inputs[i]->mask) : 1;
}

/* The mask of input `i`, which has one, as it is without that axis. */
static struct value rows_of(const struct node *node, size_t i)
{
    struct value rows = *node->inputs[i]->mask;

    rows.shape.rank -= is_wide(node, i);
    rows.features /= row_width(node, i);
    return rows;
}

static bool row_counts(const struct node *node, const float *row, size_t width,
                       ptrdiff_t step)
{
    bool is_any = node->mask_is_any;

    for (size_t k = 0; k < width; k++, row += step)
        if ((*row != 0) == is_any)
            return is_any;
    return !is_any;
}

/* ---- masks over each other -----------------------------------------------*/

/* Does `mask` have the axes of `joined`, or ones that can be repeated? */
static bool fits(const struct value *mask, const struct value *joined,
                 bool repeats)
{
    if (mask->has_time != joined->has_time ||
        mask->shape.rank != joined->shape.rank ||
        (mask->has_time && !(repeats && plan_is_repeated(mask, joined)) &&
         !plan_same_time(mask, joined)))
        return false;
    for (size_t i = mask->has_time; i < mask->shape.rank; i++)
        if (mask->shape.dim[i] != joined->shape.dim[i] &&
            !(repeats && mask->shape.dim[i] == 1))
            return false;
    return true;
}

/* A value like the first mask, of the widest axes among them. */
static struct value widest(const struct node *node)
{
    struct value wide = {0};
    bool found = false;

    for (size_t i = 0; i < node->input_count; i++) {
        struct value rows;

        if (!node->inputs[i]->mask)
            continue;
        rows = rows_of(node, i);
        if (!found || (rows.has_time && plan_is_repeated(&wide, &rows)))
            wide = rows;
        found = true;
    }
    for (size_t i = 0; i < node->input_count; i++) {
        struct value rows;

        if (!node->inputs[i]->mask)
            continue;
        rows = rows_of(node, i);
        for (size_t k = wide.has_time;
             rows.shape.rank == wide.shape.rank && k < wide.shape.rank; k++)
            if (wide.shape.dim[k] == 1)
                wide.shape.dim[k] = rows.shape.dim[k];
    }
    /* plan_make_mask() takes the axis of features away */
    wide.shape.dim[wide.shape.rank++] = 1;
    return wide;
}

static enum rnn_status join(struct plan_builder *builder, struct node *node,
                            struct rnn_error *err)
{
    bool is_3 = builder->keras_major >= 3, all = true;
    bool differ = false; /* from what is passed on as it is */
    struct value *first = NULL, *output = node->outputs[0], wide;
    enum rnn_status status;

    for (size_t i = 0; i < node->input_count; i++) {
        struct value *mask = node->inputs[i]->mask;

        all = all && mask;
        differ =
            differ || is_wide(node, i) || (first && mask && mask != first);
        first = first ? first : mask;
    }
    if (!first || (is_3 && !all))
        return RNN_OK;
    if (!differ && first->has_time && plan_is_repeated(first, output))
        return refuse(
            node, "its mask is of one timestep, its output is of more", err);
    if (!differ) {
        output->mask = first;
        return RNN_OK;
    }
    if (first->shape.rank == RNN_MAX_RANK)
        return refuse(node, "the masks of its inputs have too many axes", err);
    wide = widest(node);
    status = plan_make_mask(builder, node, &wide, err);
    if (status)
        return status;
    for (size_t i = 0; i < node->input_count; i++) {
        struct value rows;

        if (!node->inputs[i]->mask)
            continue;
        rows = rows_of(node, i);
        if (!fits(&rows, node->mask, is_3))
            return refuse(node,
                          "the masks of its inputs have different shapes, "
                          "which do not join: Keras raises, or puts the batch "
                          "beside another axis",
                          err);
    }
    output->mask = node->mask;
    node->mask_is_any = is_3;
    return RNN_OK;
}

/* ---- masks behind each other ---------------------------------------------*/

/* Axes that the mask of input `i`, of one like it where it has none, has
 * behind the batch, without that of features. */
static size_t row_axes(const struct node *node, size_t i)
{
    const struct value *x = node->inputs[i];

    return x->mask ? x->mask->shape.rank - is_wide(node, i)
                   : x->shape.rank - 1;
}

/* The axis of the masks along which a Concatenate puts them; as many as they
 * have is that of features. */
static enum rnn_status find_axis(const struct plan_builder *builder,
                                 const struct node *node, size_t *axis,
                                 struct rnn_error *err)
{
    long given = concatenate_given_axis(node->layer);
    size_t rank = 0, most = node->inputs[0]->shape.rank - 1;

    for (size_t i = 0; i < node->input_count; i++)
        if (node->inputs[i]->mask)
            rank = row_axes(node, i);
    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *x = node->inputs[i];

        if (x->mask && x->mask->has_time != x->has_time)
            return refuse(node, "it has a mask without time for a sequence",
                          err);
        if (row_axes(node, i) != rank || rank > most ||
            (builder->keras_major >= 3 && rank < most))
            return refuse(node,
                          "it has masks with other axes than the rows of its "
                          "inputs: Keras raises, or puts the batch beside "
                          "another axis",
                          err);
    }
    *axis = given < 0 ? (size_t)(given + (long)rank + 1) : (size_t)given - 1;
    if (*axis < rank && *axis != concatenate_axis(node))
        return refuse(node,
                      "Keras 2 joins its masks along another axis than its "
                      "inputs",
                      err);
    if (*axis > rank)
        return refuse(node,
                      "its masks have no such axis: Keras 2 itself "
                      "cannot run that",
                      err);
    return RNN_OK;
}

/* Has the mask of `x` a number for each place along its first axes? */
static bool is_of_places(const struct value *x, size_t axes)
{
    if (x->has_time && !plan_same_time(x->mask, x))
        return false;
    for (size_t k = 0; k < axes; k++)
        if (x->mask->shape.dim[k] != x->shape.dim[k])
            return false;
    return true;
}

/* How wide Keras has the mask of input `i` when it puts them together. */
static size_t joined_width(const struct plan_builder *builder,
                           const struct node *node, size_t i)
{
    const struct value *x = node->inputs[i];

    if (x->mask && builder->keras_major < 3)
        return row_width(node, i);
    return is_wide(node, i) ? last_dim(x->mask) : last_dim(x);
}

static enum rnn_status join_along(struct plan_builder *builder,
                                  struct node *node, size_t rank,
                                  struct rnn_error *err)
{
    const struct value *output = node->outputs[0];
    struct value rows = *output;
    enum rnn_status status;

    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *x = node->inputs[i];

        if (joined_width(builder, node, i) != joined_width(builder, node, 0))
            return refuse(node,
                          "it joins inputs whose masks differ in width, as "
                          "one of features and one of timesteps do, or one "
                          "that is not there: Keras itself cannot run that",
                          err);
        if (x->mask && !is_of_places(x, rank))
            return refuse(node,
                          "it joins masks of other sizes than its inputs: "
                          "Keras has no mask for its output",
                          err);
    }
    rows.shape.rank = rank + 1;
    status = plan_make_mask(builder, node, &rows, err);
    node->outputs[0]->mask = node->mask;
    node->mask_is_any = builder->keras_major >= 3;
    return status;
}

enum rnn_status mask_settle_joined(struct plan_builder *builder,
                                   struct node *node, struct rnn_error *err)
{
    size_t axis = 0;
    enum rnn_status status;

    if (node->layer->class != &layer_concatenate)
        return join(builder, node, err);
    status = find_axis(builder, node, &axis, err);
    if (status)
        return status;
    for (size_t i = 0; i < node->input_count; i++)
        if (node->inputs[i]->mask && axis < row_axes(node, i))
            return join_along(builder, node, row_axes(node, i), err);
    return join(builder, node, err);
}

/* ---- when it runs --------------------------------------------------------*/

/* Does the node put masks one behind the other?  Then they are less than its
 * output by an axis that is not the one along which it works. */
static bool goes_along(const struct node *node)
{
    return node->layer->class == &layer_concatenate &&
           concatenate_axis(node) < node->mask->shape.rank;
}

/* The mask of input `i`, of a unit, to where it stands in that of the output;
 * one that is not there is ones. */
static void write_rows(const struct node *node, size_t i, struct nd *from,
                       const struct nd *to)
{
    struct nd_walk walk = {.rank = to->rank};
    bool is_masked = node->inputs[i]->mask, wide = is_wide(node, i);
    size_t width = wide ? from->dim[from->rank - 1] : 1;
    ptrdiff_t step = wide ? from->stride[from->rank - 1] : 0;

    if (wide || !is_masked)
        nd_drop(from, from->rank - 1);
    memcpy(walk.dim, to->dim, to->rank * sizeof(walk.dim[0]));
    do {
        const float *row = from->data + nd_offset(from, &walk);

        to->data[nd_offset(to, &walk)] =
            !is_masked || row_counts(node, row, width, step);
    } while (nd_next(&walk));
}

/* Unit `index`: the mask of each input behind that of the one before. */
static void write_along(const struct node *node, const struct run *run,
                        size_t index)
{
    size_t axis =
        concatenate_axis(node) - (node->outputs[0]->has_time && !node->whole);
    size_t done = 0;

    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *x = node->inputs[i];
        struct nd y = nd_unit(run, node->mask, index, node->whole);
        struct nd from =
            nd_unit(run, x->mask ? x->mask : x, index, node->whole);

        nd_cut(&y, axis, done, from.dim[axis]);
        write_rows(node, i, &from, &y);
        done += y.dim[axis];
    }
}

/* Number `k` of an item of `joined` is which one of `mask`? */
static size_t place_in(const struct value *mask, const struct value *joined,
                       size_t width, size_t k)
{
    size_t place = 0, stride = width;

    if (mask->features == joined->features * width)
        return k * width;
    for (size_t i = joined->shape.rank; i-- > joined->has_time;) {
        size_t at = k % joined->shape.dim[i];

        k /= joined->shape.dim[i];
        if (mask->shape.dim[i] > 1)
            place += at * stride;
        stride *= mask->shape.dim[i];
    }
    return place;
}

static void write_over(const struct node *node, const struct run *run,
                       size_t index)
{
    struct view y = run_view(run, node->mask);

    for (size_t k = 0; k < node->mask->features; k++) {
        bool any = false, every = true;

        for (size_t n = 0; n < node->input_count; n++) {
            const struct value *mask = node->inputs[n]->mask;
            struct view m = mask_view(run, node->inputs[n]);
            size_t width = row_width(node, n);
            bool counts;

            if (!m.data)
                continue;
            m.data += run_item_of(run, mask, node->mask, index) * m.stride;
            counts = row_counts(
                node, m.data + place_in(mask, node->mask, width, k), width, 1);
            any = any || counts;
            every = every && counts;
        }
        y.data[index * y.stride + k] = node->mask_is_any ? any : every;
    }
}

void mask_join(const struct node *node, const struct run *run)
{
    size_t units;

    if (!node->mask)
        return;
    if (goes_along(node)) {
        units = nd_units(run, node->outputs[0], node->whole);
        for (size_t i = 0; i < units; i++)
            write_along(node, run, i);
        return;
    }
    units = run_items(run, node->mask);
    for (size_t i = 0; i < units; i++)
        write_over(node, run, i);
}
