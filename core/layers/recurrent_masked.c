/* SimpleRNN, LSTM and GRU under a mask
 *
 *     h_t, c_t = cell(z_t, h_t-1, c_t-1)      where m_t
 *                h_t-1, c_t-1                 else: the state is held
 *     y_t      = h_t
 *                0 where not m_t              with zero_output_for_mask
 *
 * t counts in the order of the steps: with go_backwards from the last one.
 * Before the first step that counts y is 0 in Keras, whatever h began with.
 * With `unroll` and go_backwards together, Keras takes the mask of the
 * zeroes, and of these alone, in the order of the input; so is it here.
 *
 * What comes in the next call of a session goes on from the state held, as
 * if both calls were one.
 *
 * Keras: keras/src/backend/tensorflow/rnn.py, tf_keras/src/backend.py
 */
#include <string.h>

#include "core/layers/mask.h"
#include "core/layers/recurrent.h"

/* Keras 3 does not look at a mask that comes with the sequence when the call
 * is given a state too; one that the call itself is given it does. */
enum rnn_status recurrent_find_mask(const struct layer *layer,
                                    const struct node *node,
                                    const struct plan_builder *builder,
                                    const struct value **mask,
                                    struct rnn_error *err)
{
    const struct value *x = node->inputs[0];

    *mask = NULL;
    if (builder->keras_major >= 3 && node->input_count > 1 &&
        !x->mask_is_given)
        return RNN_OK;
    return mask_of_steps(layer, x, mask, err);
}

/* A chunk of one call. */
struct masked {
    const struct recurrent *own;
    size_t rows, steps;
    struct view mask;
};

static struct masked look(const struct node *node, const struct run *run)
{
    const struct recurrent_call *call = node->own;

    return (struct masked){
        .own = node->layer->own,
        .rows = run->rows,
        .steps = run_steps(run, node->inputs[0]),
        .mask = run_view(run, call->mask),
    };
}

/* Does the step that comes as number t of `row` count? */
static bool counts(const struct masked *at, size_t row, size_t t)
{
    if (at->own->way.go_backwards || at->own->mask_is_turned)
        t = at->steps - 1 - t;
    return mask_counts(at->mask, row * at->steps + t);
}

/* Timesteps from t on in which the same rows count. */
static size_t alike(const struct masked *at, size_t t)
{
    size_t count = 1;

    for (; t + count < at->steps; count++)
        for (size_t r = 0; r < at->rows; r++)
            if (counts(at, r, t + count) != counts(at, r, t))
                return count;
    return count;
}

/* Steps t .. t + count - 1 of a row that is masked. */
static void hold(const struct node *node, const struct f32_cell_row *row,
                 size_t count)
{
    const struct value *output = node->outputs[0];

    for (size_t i = 0; row->y && i < count; i++)
        memcpy(row->y + i * output->stride, row->h,
               output->features * sizeof(float));
}

bool recurrent_run_masked(const struct node *node, struct run *run,
                          struct view z)
{
    struct masked at = look(node, run);
    float *scratch = z.data + at.rows * at.steps * z.stride;

    for (size_t t = 0, count; t < at.steps; t += count) {
        size_t active = 0;

        count = recurrent_returns_each(node, run) ? 1 : alike(&at, t);
        for (size_t r = 0; r < at.rows; r++) {
            struct f32_cell_row row = recurrent_row(node, run, z, r, t);

            if (counts(&at, r, t))
                run->cell_rows[active++] = row;
            else
                hold(node, &row, count);
        }
        if (active && !recurrent_run_cell(node, run, active, count, scratch))
            return false;
        recurrent_return_each(node, run, t);
    }
    return true;
}

/* Is the output of step t zero, and not h?  `begun`: a step has counted. */
static bool is_blank(const struct node *node, const struct masked *at,
                     size_t row, size_t t, bool begun)
{
    const struct recurrent *own = at->own;

    if (!begun && node->input_count > 1)
        return true;
    if (!own->way.zero_output_for_mask)
        return false;
    if (own->way.unroll && own->way.return_sequences)
        return !mask_counts(at->mask, row * at->steps + t);
    return !counts(at, row, t);
}

static void clear(const struct value *output, struct view y, size_t item)
{
    memset(y.data + item * y.stride, 0, output->features * sizeof(float));
}

void recurrent_blank(const struct node *node, const struct run *run)
{
    const struct value *output = node->outputs[0];
    struct masked at = look(node, run);
    struct view y = run_view(run, output);
    bool timed = run_is_timed(run, output);
    size_t end = 0;

    for (size_t r = 0; r < at.rows; r++) {
        bool begun = false, blank = false;

        for (size_t t = 0; t < at.steps; t++) {
            begun = begun || counts(&at, r, t);
            blank = is_blank(node, &at, r, t, begun);
            if (timed && blank)
                clear(output, y, r * at.steps + t);
        }
        if (timed || end == run->ending_count || run->ending[end] != r)
            continue;
        if (blank)
            clear(output, y, end);
        end++;
    }
}
