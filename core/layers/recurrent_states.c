/* States that a recurrent layer is given (initial_state) and states that it
 * gives (return_state).
 *
 * Keras: keras/src/layers/rnn/rnn.py
 */
#include <string.h>

#include "core/format/json.h"
#include "core/layers/recurrent.h"

const char *const recurrent_keywords[] = {"initial_state", NULL};

const char recurrent_begins_given[] =
    "it is called with initial_state, which has to be there before the first "
    "timestep";

enum rnn_status recurrent_check_call(const struct layer *layer,
                                     const struct node *node,
                                     struct rnn_error *err)
{
    const struct call_argument *given =
        call_keyword(node->given, recurrent_keywords[0]);
    char text[80];

    if (!given || !given->json)
        return RNN_OK;
    return rnn_fail(err, RNN_UNSUPPORTED,
                    "layer \"%.100s\" (%s) is called with initial_state %s, "
                    "which is no tensor",
                    layer->name, layer->class->name,
                    rnn_json_print(given->json, text, sizeof(text)));
}

enum rnn_status recurrent_check_states(const struct layer *layer,
                                       const struct node *node,
                                       struct rnn_error *err)
{
    const struct recurrent *own = layer->own;
    size_t states = recurrent_states(own);
    char text[RNN_SHAPE_TEXT];
    enum rnn_status status = recurrent_check_call(layer, node, err);

    if (status)
        return status;
    if (node->input_count != 1 && node->input_count != 1 + states)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (%s) is called on %zu tensors; it "
                        "takes a sequence, alone or with %zu state%s",
                        layer->name, layer->class->name, node->input_count,
                        states, states == 1 ? "" : "s");
    for (size_t i = 1; i < node->input_count; i++) {
        const struct value *state = node->inputs[i];

        if (!state->has_time && state->shape.rank == 1 &&
            state->features == own->units)
            continue;
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.100s\" (%s): its initial state %zu should "
                        "be [%zu], it is %s%s",
                        layer->name, layer->class->name, i - 1, own->units,
                        rnn_shape_print(&state->shape, text),
                        state->has_time ? " with time" : "");
    }
    return RNN_OK;
}

enum rnn_status recurrent_make_states(struct layer *layer, struct node *node,
                                      struct plan_builder *builder,
                                      struct rnn_error *err)
{
    const struct recurrent *own = layer->own;
    size_t states = recurrent_states(own);
    const struct rnn_shape shape = {.rank = 1, .dim = {own->units}};
    enum rnn_status status =
        plan_reserve_outputs(builder, node, 1 + states, err);

    for (size_t i = 0; i < states && !status; i++)
        status = plan_make_output(builder, node, 1 + i, &shape, false, err);
    return status;
}

/* State `index` of sequence `row` at work. */
static float *state_at(const struct node *node, const struct run *run,
                       size_t row, size_t index)
{
    const struct recurrent_call *call = node->own;

    return (float *)(void *)(run->state[row] + (index ? call->c : call->h));
}

/* The whole sequence runs at once: an item of a value without time is a
 * row. */
void recurrent_begin(const struct node *node, const struct run *run)
{
    const struct recurrent *own = node->layer->own;

    for (size_t i = 1; i < node->input_count; i++) {
        struct view given = run_view(run, node->inputs[i]);

        for (size_t r = 0; r < run->rows; r++)
            memcpy(state_at(node, run, r, i - 1),
                   given.data + r * given.stride, own->units * sizeof(float));
    }
}

bool recurrent_returns_each(const struct node *node, const struct run *run)
{
    return node->output_count > 1 && run_is_timed(run, node->outputs[1]);
}

void recurrent_return_each(const struct node *node, const struct run *run,
                           size_t t)
{
    const struct recurrent *own = node->layer->own;
    size_t steps = run_steps(run, node->inputs[0]);

    if (!recurrent_returns_each(node, run))
        return;
    for (size_t i = 1; i < node->output_count; i++) {
        struct view y = run_view(run, node->outputs[i]);

        for (size_t r = 0; r < run->rows; r++)
            memcpy(y.data + (r * steps + t) * y.stride,
                   state_at(node, run, r, i - 1), own->units * sizeof(float));
    }
}

void recurrent_return_last(const struct node *node, const struct run *run)
{
    const struct recurrent *own = node->layer->own;

    if (recurrent_returns_each(node, run))
        return;
    for (size_t i = 1; i < node->output_count; i++) {
        struct view y = run_view(run, node->outputs[i]);

        for (size_t e = 0; e < run->ending_count; e++)
            memcpy(y.data + e * y.stride,
                   state_at(node, run, run->ending[e], i - 1),
                   own->units * sizeof(float));
    }
}
