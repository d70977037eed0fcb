/* What a call makes and what it costs, before it runs. */
#include <assert.h>
#include <string.h>

#include "core/infer.h"
#include "core/layers/layer.h"
#include "core/layers/loaded.h"

size_t rnn_output_shape(const struct rnn_model *model, size_t index,
                        size_t timesteps, bool every_step,
                        size_t shape[RNN_MAX_RANK])
{
    const struct value *value = model->plan.outputs[index].value;
    size_t rank = value->shape.rank, added = !value->has_time && every_step;

    assert(rank + added <= RNN_MAX_RANK);
    memcpy(shape + added, value->shape.dim, rank * sizeof(shape[0]));
    if (value->has_time || every_step)
        shape[0] = plan_steps(value, timesteps);
    return rank + added;
}

/* sum + cost * steps; UINT64_MAX when that does not fit. */
static uint64_t add_cost(uint64_t sum, uint64_t cost, size_t steps)
{
    if (__builtin_mul_overflow(cost, steps, &cost) ||
        __builtin_add_overflow(sum, cost, &sum))
        return UINT64_MAX;
    return sum;
}

uint64_t rnn_infer_cost(const struct rnn_model *model, size_t timesteps)
{
    const struct plan *plan = &model->plan;
    uint64_t sum = add_cost(plan->untimed_cost, plan->timed_cost, timesteps);

    for (const struct pace *pace = plan->paces; pace; pace = pace->next)
        sum = add_cost(sum, pace->cost, pace_steps(pace, timesteps));
    return sum;
}
