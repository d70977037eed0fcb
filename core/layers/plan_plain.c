/* Sequences of numbers without an axis of features, and numbers without any
 * axis. */
#include <stdalign.h>
#include <stddef.h>

#include "core/layers/layer.h"
#include "core/layers/plan.h"

/* The timesteps of `x` as features, for `layer`. */
static enum rnn_status flatten(struct plan_builder *builder,
                               struct layer *layer, struct value **x,
                               struct rnn_error *err)
{
    struct layer *inner =
        arena_zalloc(builder->arena, 1, sizeof(*inner), alignof(struct layer));
    struct node *node = NULL;
    enum rnn_status status;

    if (inner) {
        *inner = (struct layer){
            .class = &layer_flatten,
            .name = layer->name,
            .path = layer->path,
            .wrapper = layer->wrapper ? layer->wrapper : layer,
            .own = arena_zalloc(builder->arena, 1, layer_flatten.own_bytes,
                                alignof(max_align_t)),
        };
    }
    if (!inner || !inner->own)
        return plan_no_memory(layer, err);
    status = plan_call(builder, inner, x, 1, &node, err);
    if (!status)
        *x = node->outputs[0];
    return status;
}

enum rnn_status plan_flatten_plain(struct plan_builder *builder,
                                   struct layer *layer, struct call *given,
                                   struct rnn_error *err)
{
    struct value **inputs =
        arena_zalloc(builder->arena, given->input_count,
                     sizeof(struct value *), alignof(max_align_t));
    enum rnn_status status = RNN_OK;

    if (!inputs)
        return plan_no_memory(layer, err);
    for (size_t i = 0; i < given->input_count && !status; i++) {
        inputs[i] = given->inputs[i];
        if (!layer->class->takes_bare && !inputs[i]->shape.rank)
            return rnn_fail(err, RNN_UNSUPPORTED,
                            "layer \"%.100s\" (%s) is called on one number "
                            "of each sequence, without an axis but the batch; "
                            "give it one (keras.ops.expand_dims(x, -1))",
                            layer->name, layer->class->name);
        if (layer->class->takes_plain || !inputs[i]->has_time ||
            inputs[i]->shape.rank > 1)
            continue;
        if (inputs[i]->shape.dim[0] == RNN_FREE)
            return rnn_fail(err, RNN_UNSUPPORTED,
                            "layer \"%.100s\" (%s) reads a sequence of "
                            "numbers without an axis of features; only an "
                            "Embedding can",
                            layer->name, layer->class->name);
        status = flatten(builder, layer, &inputs[i], err);
    }
    given->inputs = inputs;
    return status;
}

void plan_become_time(struct plan *plan, struct value *x)
{
    size_t fewer = x->features - 1;

    for (struct value *other = plan->values; other; other = other->next)
        if (other->is_input && other->input > x->input)
            other->place -= fewer;
    plan->input_stride -= fewer;
    plan->inputs[x->input].has_time = x->has_time = true;
    plan->inputs[x->input].features = x->features = x->stride = 1;
}

/* Does a node read `x` already? */
static bool is_read(const struct plan *plan, const struct value *x)
{
    for (const struct node *node = plan->nodes; node; node = node->next)
        for (size_t i = 0; i < node->input_count; i++)
            if (node->inputs[i] == x)
                return true;
    return false;
}

/* Are the ids of input `x`, [T], timesteps?  Not where another input has other
 * timesteps, which this one then stands beside, where one id stands beside
 * anything, or where somebody reads the T numbers as features. */
static bool is_sequence(const struct plan *plan, const struct value *x)
{
    if (is_read(plan, x) || (x->features == 1 && plan->input_count > 1))
        return false;
    for (size_t i = 0; i < plan->input_count; i++) {
        const struct rnn_io *io = &plan->inputs[i];

        if (io->has_time && io->shape[0] != RNN_FREE &&
            io->shape[0] != x->features)
            return false;
    }
    return true;
}

void plan_read_ids(struct plan *plan, struct value *x)
{
    if (x->is_input && !x->has_time && x->shape.rank == 1 &&
        is_sequence(plan, x))
        plan_become_time(plan, x);
}
