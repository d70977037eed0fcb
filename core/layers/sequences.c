#include "core/layers/sequences.h"

/* Do the inputs of a sequence differ in timesteps?  Then it runs whole. */
static bool is_apart(const struct plan *plan,
                     const struct rnn_sequence *sequence)
{
    for (size_t i = 0; sequence->input_timesteps && i < plan->input_count; i++)
        if (plan->inputs[i].has_time &&
            sequence->input_timesteps[i] != sequence->timesteps)
            return true;
    return false;
}

bool sequences_run_whole(const struct plan *plan,
                         const struct rnn_sequence *sequences, size_t count)
{
    bool whole = plan->whole;

    for (size_t i = 0; i < count && !whole; i++)
        whole = is_apart(plan, &sequences[i]);
    return whole;
}

size_t sequences_longest(const struct plan *plan,
                         const struct rnn_sequence *sequences, size_t count)
{
    size_t longest = 1;

    for (size_t i = 0; plan->has_time && i < count; i++)
        if (sequences[i].timesteps > longest)
            longest = sequences[i].timesteps;
    return longest;
}

bool sequences_are_alike(const struct plan *plan, const struct rnn_sequence *a,
                         const struct rnn_sequence *b)
{
    if (a->timesteps != b->timesteps)
        return false;
    for (size_t i = 0; i < plan->input_count; i++) {
        size_t first =
            a->input_timesteps ? a->input_timesteps[i] : a->timesteps;
        size_t second =
            b->input_timesteps ? b->input_timesteps[i] : b->timesteps;

        if (plan->inputs[i].has_time && first != second)
            return false;
    }
    return true;
}

/* Timesteps of each input: there, not more than the longest, as many as
 * others of the same clock, and where whole sequences run, those that the
 * model takes. */
static enum rnn_status check_timesteps(const struct plan *plan,
                                       const struct rnn_sequence *sequence,
                                       size_t index, struct rnn_error *err)
{
    const size_t *given = sequence->input_timesteps;

    for (size_t k = 0; k < plan->input_count; k++) {
        const struct rnn_io *io = &plan->inputs[k];
        size_t steps = given ? given[k] : sequence->timesteps;

        if (!io->has_time)
            continue;
        if (!steps || steps > sequence->timesteps ||
            (given && steps != given[io->clock]))
            return rnn_fail(err, RNN_INVALID_ARGUMENT,
                            "input \"%.100s\" of sequence %zu has %zu "
                            "timesteps, which do not fit the others",
                            io->name, index, steps);
        if (steps < io->least_timesteps)
            return rnn_fail(err, RNN_INVALID_ARGUMENT,
                            "sequence %zu has %zu timesteps, the layer "
                            "\"%.100s\" needs %zu or more",
                            index, steps, io->least_because,
                            io->least_timesteps);
        if (plan->whole && io->shape[0] && io->shape[0] != steps)
            return rnn_fail(err, RNN_INVALID_ARGUMENT,
                            "sequence %zu has %zu timesteps, the model "
                            "takes %zu",
                            index, steps, io->shape[0]);
    }
    return RNN_OK;
}

enum rnn_status sequences_check(const struct plan *plan,
                                const struct rnn_sequence *sequences,
                                size_t count, bool every_step,
                                struct rnn_error *err)
{
    enum rnn_status status;

    if (every_step && !plan->streams)
        return rnn_fail(err, RNN_INVALID_ARGUMENT,
                        "every_step needs a model that streams: %s",
                        plan->cannot_stream_because);
    for (size_t i = 0; i < count; i++) {
        if (!sequences[i].timesteps)
            return rnn_fail(err, RNN_INVALID_ARGUMENT,
                            "sequence %zu has 0 timesteps", i);
        if (sequences[i].state && !plan->streams)
            return rnn_fail(err, RNN_INVALID_ARGUMENT,
                            "sequence %zu has a state, but the model does not "
                            "stream: %s",
                            i, plan->cannot_stream_because);
        if ((sequences[i].state || every_step) &&
            is_apart(plan, &sequences[i]))
            return rnn_fail(err, RNN_INVALID_ARGUMENT,
                            "the inputs of sequence %zu have different "
                            "numbers of timesteps, so that they cannot "
                            "advance together",
                            i);
        status = check_timesteps(plan, &sequences[i], i, err);
        if (status)
            return status;
    }
    return RNN_OK;
}
