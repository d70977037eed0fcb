/* Masks between layers: what becomes of one at a call, and who sees it.
 *
 * Keras: Layer._set_mask_metadata in keras/src/layers/layer.py
 */
#include "core/layers/mask.h"

#include <string.h>

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

static enum rnn_status settle(struct plan_builder *builder,
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
        if (!mask_is_lost_in_lists(builder) && is_masked(node))
            return mask_settle_joined(builder, node, err);
        break;
    case MASK_DROPPED:
    case MASK_OWN:
        break;
    }
    return RNN_OK;
}

/* Before Keras 3.11 the mask that a call is given is for its layer alone: on
 * goes the one that came with the input. */
static void pass_own(const struct plan_builder *builder, struct node *node)
{
    const struct value *first = node->given && node->given->input_count
                                    ? node->given->inputs[0]
                                    : NULL;

    if (builder->keras_major != 3 || builder->keras_minor >= 11 || !first ||
        !first->mask_is_given)
        return;
    for (size_t i = 0; i < node->output_count; i++)
        if (node->outputs[i]->mask == first->mask)
            node->outputs[i]->mask = first->own_mask;
}

enum rnn_status mask_settle(struct plan_builder *builder,
                            const struct layer *layer, struct node *node,
                            struct rnn_error *err)
{
    enum rnn_status status = settle(builder, layer, node, err);

    if (!status && !layer->wrapper)
        pass_own(builder, node);
    return status;
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

enum rnn_status mask_keep_as(const struct plan_builder *builder,
                             const struct node *node, const char *dtype,
                             struct rnn_error *err)
{
    const char *model = builder->dtype ? builder->dtype : "float32";
    struct value *mask = node->inputs[0]->mask;

    if (mask && dtype && builder->dtypes_differ)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (%s) makes %s of a masked tensor in "
                        "a model whose layers have several dtypes: whether "
                        "that loses the mask depends on what the tensor was; "
                        "save the model with one dtype",
                        node->layer->name, node->layer->class->name, dtype);
    if (!dtype || !strcmp(dtype, model))
        node->outputs[0]->mask = mask;
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
