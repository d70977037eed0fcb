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

size_t rnn_output_timesteps(const struct rnn_model *model, size_t index,
                            const struct rnn_sequence *sequence)
{
    const struct value *value = model->plan.outputs[index].value;

    if (!sequence->input_timesteps || !value->has_time || !value->clock)
        return sequence->timesteps;
    return sequence->input_timesteps[value->clock->input];
}

uint64_t rnn_infer_cost(const struct rnn_model *model, size_t timesteps)
{
    return plan_cost(&model->plan, timesteps);
}
