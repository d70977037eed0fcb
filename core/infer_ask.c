/* What a call makes and what it costs, before it runs. */
#include <assert.h>
#include <string.h>

#include "core/infer.h"
#include "core/layers/layer.h"
#include "core/layers/loaded.h"
#include "core/layers/scores.h"

/* Timesteps of `value`, where each input has as many as `inputs` says or,
 * NULL, `timesteps`. */
static size_t steps_of(const struct value *value, const size_t *inputs,
                       size_t timesteps)
{
    if (value->has_time && value->clock)
        timesteps = plan_clock_steps(value->clock, inputs, timesteps);
    return plan_steps(value, timesteps);
}

size_t rnn_output_shape_of(const struct rnn_model *model, size_t index,
                           const struct rnn_sequence *sequence,
                           bool every_step, size_t shape[RNN_MAX_RANK])
{
    const struct value *value = model->plan.outputs[index].value;
    size_t rank = value->shape.rank, added = !value->has_time && every_step;

    assert(rank + added <= RNN_MAX_RANK);
    /* As many as there may be: fewer would be a call of memcpy(). */
    if (added)
        memcpy(shape + 1, value->shape.dim,
               (RNN_MAX_RANK - 1) * sizeof(shape[0]));
    else
        memcpy(shape, value->shape.dim, RNN_MAX_RANK * sizeof(shape[0]));
    if (value->has_time || every_step)
        shape[0] =
            steps_of(value, sequence->input_timesteps, sequence->timesteps);
    if (value->scores || value->turned)
        shape[1] = steps_of(value->scores ? value->scores->b : value->turned,
                            sequence->input_timesteps, sequence->timesteps);
    return rank + added;
}

size_t rnn_output_shape(const struct rnn_model *model, size_t index,
                        size_t timesteps, bool every_step,
                        size_t shape[RNN_MAX_RANK])
{
    const struct rnn_sequence sequence = {.timesteps = timesteps};

    return rnn_output_shape_of(model, index, &sequence, every_step, shape);
}

uint64_t rnn_infer_cost(const struct rnn_model *model, size_t timesteps)
{
    return plan_cost(&model->plan, timesteps);
}
