/* Outputs whose timesteps are not those of their inputs. */
#include <stdalign.h>
#include <stddef.h>

#include "core/layers/layer.h"
#include "core/layers/plan.h"

size_t plan_clock_steps(struct clock *clock, const size_t *inputs,
                        size_t timesteps)
{
    size_t sum;

    clock = plan_clock(clock);
    if (!clock->parts)
        return inputs ? inputs[clock->input] : timesteps;
    sum = clock->more;
    for (const struct clock_part *part = clock->parts; part;
         part = part->next) {
        size_t steps = plan_clock_steps(part->clock, inputs, timesteps);

        if (part->pace)
            steps = pace_steps(part->pace, steps);
        sum = plan_sum(sum, steps, 1);
    }
    return sum;
}

size_t plan_most_steps(const struct plan *plan, size_t timesteps)
{
    size_t most;

    for (struct clock *sum = plan->sums; sum; sum = sum->next) {
        size_t steps = plan_clock_steps(sum, NULL, timesteps);

        timesteps = steps > timesteps ? steps : timesteps;
    }
    most = timesteps > plan->most_steps ? timesteps : plan->most_steps;
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

/* The timesteps that a clock has in any case. */
static size_t surely(struct clock *clock)
{
    return plan_clock_steps(clock, NULL, 1);
}

/* Of a sum nobody asks before anything runs. */
static enum rnn_status note_least(struct clock *clock,
                                  const struct layer *layer, size_t least,
                                  struct rnn_error *err)
{
    clock = plan_clock(clock);
    if (!clock || least <= clock->least)
        return RNN_OK;
    if (clock->parts && least > surely(clock))
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (%s) needs %zu timesteps or more, "
                        "of several inputs whose numbers of timesteps are "
                        "left open; save the model with known numbers",
                        layer->name, layer->class->name, least);
    clock->least = least;
    clock->least_layer = layer;
    return RNN_OK;
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
    enum rnn_status status;

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
    status = note_least(x->clock, node->layer, pace_least(&joined), err);
    if (status)
        return status;
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
        return note_least(x->clock, node->layer, pace_least(&joined), err);
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
    for (struct clock *clock = plan->sums; clock; clock = clock->next)
        sum = plan_add_cost(sum, clock->cost,
                            plan_clock_steps(clock, NULL, timesteps));
    return sum;
}

/* One more part of `clock`, behind `*last`; false: out of memory. */
static bool add_part(struct plan_builder *builder, struct clock_part ***last,
                     const struct value *x)
{
    struct clock_part *part =
        arena_zalloc(builder->arena, 1, sizeof(*part), alignof(max_align_t));

    if (!part)
        return false;
    part->clock = x->clock;
    part->pace = x->pace;
    **last = part;
    *last = &part->next;
    return true;
}

enum rnn_status plan_sum_steps(struct plan_builder *builder, struct node *node,
                               size_t index, struct rnn_error *err)
{
    struct clock *sum =
        arena_zalloc(builder->arena, 1, sizeof(*sum), alignof(max_align_t));
    struct clock_part *parts = NULL, **last = &parts;
    struct value *y = node->outputs[index];

    if (!sum)
        return plan_no_memory(node->layer, err);
    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *x = node->inputs[i];

        if (x->shape.dim[0] != RNN_FREE)
            sum->more = plan_sum(sum->more, x->shape.dim[0], 1);
        else if (!add_part(builder, &last, x))
            return plan_no_memory(node->layer, err);
    }
    sum->parts = parts;
    sum->input = parts ? parts->clock->input : 0;
    sum->next = builder->plan->sums;
    builder->plan->sums = sum;
    y->shape.dim[0] = RNN_FREE;
    y->fixed_steps = 0;
    y->pace = NULL;
    y->clock = sum;
    return RNN_OK;
}

void plan_take_steps(struct node *node, size_t index, const struct value *like)
{
    node->outputs[index]->fixed_steps = like->fixed_steps;
    node->outputs[index]->pace = like->pace;
    node->outputs[index]->clock = like->clock;
}
