/* Outputs whose timesteps are not those of their inputs. */
#include <stdalign.h>

#include "core/layers/layer.h"
#include "core/layers/plan.h"

size_t plan_most_steps(const struct plan *plan, size_t timesteps)
{
    size_t most = timesteps > plan->most_steps ? timesteps : plan->most_steps;

    for (const struct pace *pace = plan->paces; pace; pace = pace->next) {
        size_t steps = pace_steps(pace, timesteps);

        most = steps > most ? steps : most;
    }
    return most;
}

static const struct value *timed_input(const struct node *node)
{
    for (size_t i = 0; i < node->input_count; i++)
        if (node->inputs[i]->has_time)
            return node->inputs[i];
    return NULL;
}

/* `pace` as the plan knows it; NULL: out of memory. */
static struct pace *find_or_add(struct plan_builder *builder,
                                const struct pace *pace)
{
    struct plan *plan = builder->plan;
    struct pace *found = plan->paces;

    while (found &&
           (found->up != pace->up || found->add != pace->add ||
            found->down != pace->down || found->before != pace->before))
        found = found->next;
    if (found)
        return found;
    found =
        arena_zalloc(builder->arena, 1, sizeof(*found), alignof(struct pace));
    if (!found)
        return NULL;
    *found = *pace;
    found->next = plan->paces;
    plan->paces = found;
    return found;
}

/* The number is known: the model's T is, or the value has its own. */
static enum rnn_status change_known(struct plan_builder *builder,
                                    struct node *node, size_t index,
                                    const struct pace *change, size_t known,
                                    struct rnn_error *err)
{
    size_t steps = pace_steps(change, known);

    if (!steps)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (%s) needs %zu timesteps or more, "
                        "it is given %zu",
                        node->layer->name, node->layer->class->name,
                        pace_least(change), known);
    if (steps > UINT32_MAX)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (%s) makes %zu timesteps, too many",
                        node->layer->name, node->layer->class->name, steps);
    node->outputs[index]->shape.dim[0] = steps;
    plan_fix_steps(builder, node, index, steps);
    return RNN_OK;
}

static void note_least(struct clock *clock, const struct layer *layer,
                       size_t least)
{
    clock = plan_clock(clock);
    if (!clock || least <= clock->least)
        return;
    clock->least = least;
    clock->least_layer = layer;
}

static enum rnn_status refuse_large(const struct node *node,
                                    struct rnn_error *err)
{
    return rnn_fail(err, RNN_UNSUPPORTED,
                    "layer \"%.100s\" (%s): its number of timesteps is too "
                    "large",
                    node->layer->name, node->layer->class->name);
}

enum rnn_status plan_change_steps(struct plan_builder *builder,
                                  struct node *node, size_t index,
                                  const struct pace *change,
                                  struct rnn_error *err)
{
    return plan_change_steps_of(builder, node, index, timed_input(node),
                                change, err);
}

enum rnn_status plan_change_steps_of(struct plan_builder *builder,
                                     struct node *node, size_t index,
                                     const struct value *x,
                                     const struct pace *change,
                                     struct rnn_error *err)
{
    struct value *y = node->outputs[index];
    struct pace joined;

    y->shape.dim[0] = x->shape.dim[0];
    y->fixed_steps = x->fixed_steps;
    y->pace = x->pace;
    y->clock = x->clock;
    if (pace_is_identity(change))
        return RNN_OK;
    if (x->shape.dim[0] != RNN_FREE)
        return change_known(builder, node, index, change, x->shape.dim[0],
                            err);
    if (!pace_join(x->pace, change, &joined))
        return refuse_large(node, err);
    note_least(x->clock, node->layer, pace_least(&joined));
    if (pace_is_identity(&joined)) {
        /* up and down, or there and back */
        y->pace = joined.before ? find_or_add(builder, joined.before) : NULL;
        return RNN_OK;
    }
    y->pace = find_or_add(builder, &joined);
    return y->pace ? RNN_OK : plan_no_memory(node->layer, err);
}

enum rnn_status plan_need_steps(const struct node *node, const struct value *x,
                                size_t least, struct rnn_error *err)
{
    struct pace beyond = {.up = 1, .add = 1 - (int64_t)least, .down = 1};
    struct pace joined;

    if (x->shape.dim[0] == RNN_FREE) {
        if (!pace_join(x->pace, &beyond, &joined))
            return refuse_large(node, err);
        note_least(x->clock, node->layer, pace_least(&joined));
        return RNN_OK;
    }
    if (x->shape.dim[0] >= least)
        return RNN_OK;
    return rnn_fail(err, RNN_BAD_MODEL,
                    "layer \"%.100s\" (%s) needs %zu timesteps or more, it is "
                    "given %zu",
                    node->layer->name, node->layer->class->name, least,
                    x->shape.dim[0]);
}

uint64_t plan_add_cost(uint64_t sum, uint64_t cost, size_t steps)
{
    if (__builtin_mul_overflow(cost, steps, &cost) ||
        __builtin_add_overflow(sum, cost, &sum))
        return UINT64_MAX;
    return sum;
}

uint64_t plan_cost(const struct plan *plan, size_t timesteps)
{
    uint64_t each =
        plan_add_cost(plan->timed_cost, plan->square_cost, timesteps);
    uint64_t sum = plan_add_cost(plan->untimed_cost, each, timesteps);

    for (const struct pace *pace = plan->paces; pace; pace = pace->next)
        sum = plan_add_cost(sum, pace->cost, pace_steps(pace, timesteps));
    return sum;
}

void plan_take_steps(struct node *node, size_t index, const struct value *like)
{
    node->outputs[index]->fixed_steps = like->fixed_steps;
    node->outputs[index]->pace = like->pace;
    node->outputs[index]->clock = like->clock;
}
