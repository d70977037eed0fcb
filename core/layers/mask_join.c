/* The masks of several inputs become one
 *
 *     Keras 3   m = m_0 or m_1 or ...      none when one input has none
 *     Keras 2   m = m_0 and m_1 and ...    of the inputs that have one
 *
 * for what merges.  An axis of one, of time too, is repeated in Keras 3.
 *
 * A Concatenate gives each mask an axis of features and puts them one behind
 * the other, as it does with its inputs; an input without a mask has one of
 * ones.  Then the axis of features goes again: any along it in Keras 3, all in
 * Keras 2.  Along the features that is what the others do, since or with ones
 * is none; along another axis the masks follow each other.
 *
 * Keras: compute_mask in keras/src/layers/merging/base_merge.py,
 * concatenate.py, and the same two in tf_keras
 */
#include "core/layers/concatenate.h"
#include "core/layers/mask.h"
#include "core/layers/nd.h"

static enum rnn_status refuse(const struct node *node, const char *why,
                              struct rnn_error *err)
{
    return rnn_fail(err, RNN_UNSUPPORTED, "layer \"%.100s\" (%s): %s",
                    node->layer->name, node->layer->class->name, why);
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
static struct value widest(const struct node *node, const struct value *first)
{
    struct value wide;

    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *mask = node->inputs[i]->mask;

        if (mask && mask->has_time && plan_is_repeated(first, mask))
            first = mask;
    }
    wide = *first;

    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *mask = node->inputs[i]->mask;

        if (!mask || mask->shape.rank != wide.shape.rank)
            continue;
        for (size_t k = wide.has_time; k < wide.shape.rank; k++)
            if (wide.shape.dim[k] == 1)
                wide.shape.dim[k] = mask->shape.dim[k];
    }
    /* plan_make_mask() takes the axis of features away */
    wide.shape.dim[wide.shape.rank++] = 1;
    return wide;
}

static enum rnn_status join(struct plan_builder *builder, struct node *node,
                            struct rnn_error *err)
{
    bool is_3 = builder->keras_major >= 3, differ = false, all = true;
    struct value *first = NULL, *output = node->outputs[0], wide;
    enum rnn_status status;

    for (size_t i = 0; i < node->input_count; i++) {
        struct value *mask = node->inputs[i]->mask;

        all = all && mask;
        differ = differ || (first && mask && mask != first);
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
    wide = widest(node, first);
    status = plan_make_mask(builder, node, &wide, err);
    if (status)
        return status;
    for (size_t i = 0; i < node->input_count; i++)
        if (node->inputs[i]->mask &&
            !fits(node->inputs[i]->mask, node->mask, is_3))
            return refuse(node,
                          "the masks of its inputs have different shapes, "
                          "which do not join: Keras raises, or puts the batch "
                          "beside another axis",
                          err);
    output->mask = node->mask;
    node->mask_is_any = is_3;
    return RNN_OK;
}

/* ---- masks behind each other ---------------------------------------------*/

/* The axis of the masks along which a Concatenate puts them; as many as they
 * have is that of features. */
static enum rnn_status find_axis(const struct plan_builder *builder,
                                 const struct node *node, size_t *axis,
                                 struct rnn_error *err)
{
    long given = concatenate_given_axis(node->layer);
    size_t rank = 0, inputs = node->inputs[0]->shape.rank;

    for (size_t i = 0; i < node->input_count; i++)
        if (node->inputs[i]->mask)
            rank = node->inputs[i]->mask->shape.rank;
    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *x = node->inputs[i];
        size_t has = x->mask ? x->mask->shape.rank : x->shape.rank - 1;

        if (x->mask && x->mask->has_time != x->has_time)
            return refuse(node, "it has a mask without time for a sequence",
                          err);
        if (has != rank || (builder->keras_major >= 3 && rank + 1 != inputs))
            return refuse(node,
                          "it has masks with fewer axes than the rows of its "
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

static enum rnn_status join_along(struct plan_builder *builder,
                                  struct node *node, size_t rank,
                                  struct rnn_error *err)
{
    const struct value *output = node->outputs[0];
    struct value rows = *output;
    enum rnn_status status;

    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *x = node->inputs[i];

        if (builder->keras_major < 3 && !x->mask &&
            x->shape.dim[x->shape.rank - 1] > 1)
            return refuse(node,
                          "it joins inputs of which one has a mask and "
                          "another has none: Keras 2 itself cannot run that",
                          err);
    }
    rows.shape.rank = rank + 1;
    status = plan_make_mask(builder, node, &rows, err);
    node->outputs[0]->mask = node->mask;
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
        if (node->inputs[i]->mask && axis < node->inputs[i]->mask->shape.rank)
            return join_along(builder, node, node->inputs[i]->mask->shape.rank,
                              err);
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

/* Unit `index`: the mask of each input behind that of the one before. */
static void write_along(const struct node *node, const struct run *run,
                        size_t index)
{
    static float one = 1;
    size_t axis =
        concatenate_axis(node) - (node->outputs[0]->has_time && !node->whole);
    size_t done = 0;

    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *x = node->inputs[i];
        struct nd y = nd_unit(run, node->mask, index, node->whole);
        struct nd from =
            nd_unit(run, x->mask ? x->mask : x, index, node->whole);

        nd_cut(&y, axis, done, from.dim[axis]);
        if (!x->mask) {
            nd_drop(&from, from.rank - 1);
            from.data = &one;
            for (size_t k = 0; k < from.rank; k++)
                from.stride[k] = 0;
        }
        nd_copy(&from, &y);
        done += from.dim[axis];
    }
}

/* Number `k` of an item of `joined` is which one of `mask`? */
static size_t place_in(const struct value *mask, const struct value *joined,
                       size_t k)
{
    size_t place = 0, stride = 1;

    if (mask->features == joined->features)
        return k;
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
            bool counts;

            if (!m.data)
                continue;
            counts =
                m.data[run_item_of(run, mask, node->mask, index) * m.stride +
                       place_in(mask, node->mask, k)] != 0;
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
