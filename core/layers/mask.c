/* Masks between layers
 *
 *     Keras 3   m = m_0 or m_1 or ...      none when one input has none
 *     Keras 2   m = m_0 and m_1 and ...    of the inputs that have one
 *
 * for what merges.  Keras 3 has another one for Concatenate, where an input
 * without a mask counts as one of ones: or with ones is ones, which is none.
 *
 * Keras: compute_mask in keras/src/layers/merging/base_merge.py,
 * concatenate.py, and the same two in tf_keras
 */
#include "core/layers/mask.h"

static bool is_masked(const struct node *node)
{
    for (size_t i = 0; i < node->input_count; i++)
        if (node->inputs[i]->mask)
            return true;
    return false;
}

static void pass(struct node *node)
{
    const struct value *first = node->inputs[0];

    for (size_t i = 0; i < node->output_count; i++)
        if (node->outputs[i]->has_time == first->has_time)
            node->outputs[i]->mask = first->mask;
}

/* May `mask` stand beside `other` in an `or`? */
static bool fits(const struct value *mask, const struct value *other)
{
    return mask->has_time == other->has_time &&
           mask->features == other->features &&
           (!mask->has_time || plan_same_time(mask, other));
}

/* Does the node put sequences one after the other?  Their masks go along. */
static bool joins_time(const struct node *node)
{
    return node->layer->class == &layer_concatenate && node->whole;
}

/* An input without a mask counts throughout. */
static enum rnn_status join_time(struct plan_builder *builder,
                                 const struct layer *layer, struct node *node,
                                 struct rnn_error *err)
{
    enum rnn_status status;

    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *x = node->inputs[i], *mask = NULL;

        status = mask_of_steps(layer, x, &mask, err);
        if (status)
            return status;
        if (builder->keras_major < 3 && !mask && x->features > 1)
            return rnn_fail(err, RNN_UNSUPPORTED,
                            "layer \"%.100s\" (%s) joins sequences of which "
                            "one has a mask and another has none: Keras 2 "
                            "itself cannot run that",
                            layer->name, layer->class->name);
        if (!x->has_time)
            return rnn_fail(err, RNN_UNSUPPORTED,
                            "layer \"%.100s\" (%s) makes a sequence of what "
                            "has none, and has a mask for it",
                            layer->name, layer->class->name);
    }
    status = plan_make_mask(builder, node, node->outputs[0], err);
    node->outputs[0]->mask = node->mask;
    return status;
}

static enum rnn_status join(struct plan_builder *builder,
                            const struct layer *layer, struct node *node,
                            struct rnn_error *err)
{
    struct value *first = NULL, *output = node->outputs[0];
    bool differ = false, all = true;
    enum rnn_status status;

    for (size_t i = 0; i < node->input_count; i++) {
        struct value *mask = node->inputs[i]->mask;

        all = all && mask;
        differ = differ || (first && mask && mask != first);
        first = first ? first : mask;
    }
    if (!first || (builder->keras_major >= 3 && !all))
        return RNN_OK;
    if (!differ) {
        output->mask = first;
        return RNN_OK;
    }
    status = plan_make_mask(builder, node, output, err);
    if (status)
        return status;
    for (size_t i = 0; i < node->input_count; i++)
        if (node->inputs[i]->mask && !fits(node->mask, node->inputs[i]->mask))
            return rnn_fail(err, RNN_UNSUPPORTED,
                            "layer \"%.100s\" (%s): the masks of its inputs "
                            "have different shapes, which do not join",
                            layer->name, layer->class->name);
    output->mask = node->mask;
    node->mask_is_any = builder->keras_major >= 3;
    return RNN_OK;
}

enum rnn_status mask_settle(struct plan_builder *builder,
                            const struct layer *layer, struct node *node,
                            struct rnn_error *err)
{
    switch (layer->class->masking) {
    case MASK_UNTOLD:
        if (is_masked(node))
            return rnn_fail(err, RNN_UNSUPPORTED,
                            "layer \"%.100s\" (%s) is given a mask, and this "
                            "version does not know what it does with it",
                            layer->name, layer->class->name);
        break;
    case MASK_REFUSED:
        if (is_masked(node))
            return rnn_fail(err, RNN_UNSUPPORTED,
                            "layer \"%.100s\" (%s) is given a mask: Keras "
                            "itself cannot run it under one",
                            layer->name, layer->class->name);
        break;
    case MASK_PASSED_KERAS_3:
        if (builder->keras_major >= 3)
            pass(node);
        break;
    case MASK_PASSED:
        pass(node);
        break;
    case MASK_JOINED:
        if (mask_is_lost_in_lists(builder))
            break;
        if (joins_time(node) && is_masked(node))
            return join_time(builder, layer, node, err);
        return join(builder, layer, node, err);
    case MASK_DROPPED:
    case MASK_OWN:
        break;
    }
    return RNN_OK;
}

static const struct value *root_of(const struct value *value)
{
    return value->alias ? value->alias : value;
}

enum rnn_status mask_forget(struct plan_builder *builder,
                            const struct layer *layer, struct value *value,
                            struct rnn_error *err)
{
    for (struct value *other = builder->plan->values; other && value->mask;
         other = other->next) {
        if (other->mask != value->mask || other->later ||
            root_of(other) != root_of(value))
            continue;
        other->later = plan_with_mask(builder, other, NULL);
        if (!other->later)
            return plan_no_memory(layer, err);
    }
    return RNN_OK;
}

enum rnn_status mask_of_steps(const struct layer *layer,
                              const struct value *value,
                              const struct value **mask, struct rnn_error *err)
{
    const struct value *found = value->mask;
    char text[RNN_SHAPE_TEXT];

    if (found && (!found->has_time || found->features != 1 ||
                  !plan_same_time(found, value)))
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (%s) takes a mask of one number for "
                        "each timestep, it is given %s%s",
                        layer->name, layer->class->name,
                        rnn_shape_print(&found->shape, text),
                        found->has_time ? "" : " without time");
    *mask = found;
    return RNN_OK;
}

/* The masks of sequences that follow each other. */
static void write_joined_time(const struct node *node, const struct run *run)
{
    struct view y = run_view(run, node->mask);

    for (size_t r = 0; r < run->rows; r++)
        for (size_t i = 0; i < node->input_count; i++) {
            struct view mask = mask_view(run, node->inputs[i]);
            size_t steps = run_steps(run, node->inputs[i]);

            for (size_t t = 0; t < steps; t++, y.data += y.stride)
                *y.data = mask_counts(mask, r * steps + t);
        }
}

void mask_join(const struct node *node, const struct run *run)
{
    const struct value *output = node->outputs[0];
    size_t items = run_items(run, output);
    struct view y;

    if (!node->mask)
        return;
    if (joins_time(node)) {
        write_joined_time(node, run);
        return;
    }
    y = run_view(run, node->mask);
    for (size_t i = 0; i < items; i++)
        for (size_t k = 0; k < node->mask->features; k++) {
            bool any = false, every = true;

            for (size_t n = 0; n < node->input_count; n++) {
                struct view m = mask_view(run, node->inputs[n]);

                if (!m.data)
                    continue;
                any = any || m.data[i * m.stride + k] != 0;
                every = every && m.data[i * m.stride + k] != 0;
            }
            y.data[i * y.stride + k] = node->mask_is_any ? any : every;
        }
}
