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
 * In Keras 3 a mask may have as many rows as there are units: then each unit
 * is held by itself, after a step that all of them have gone, unless a stack
 * of cells is to look at what the mask takes back, or Keras itself raises.
 *
 * What comes in the next call of a session goes on from the state held, as
 * if both calls were one.
 *
 * Keras: keras/src/backend/tensorflow/rnn.py, tf_keras/src/backend.py
 */
#include <string.h>

#include "core/layers/mask.h"
#include "core/layers/recurrent.h"

/* Is it a number for each unit, which Keras takes as such? */
static bool is_of_units(const struct recurrent *own, const struct value *x,
                        const struct plan_builder *builder)
{
    const struct value *mask = x->mask;

    return builder->keras_major >= 3 && mask && own->units > 1 &&
           !own->way.unroll && !own->in_stack && mask->has_time &&
           mask->shape.rank == 2 && mask->features == own->units &&
           plan_same_time(mask, x);
}

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
    if (!is_of_units(layer->own, x, builder))
        return mask_of_steps(layer, x, mask, err);
    *mask = x->mask;
    return RNN_OK;
}

/* A chunk of one call. */
struct masked {
    const struct recurrent *own;
    size_t rows, steps;
    size_t parts; /* of a step that are held alone: 1, or the units */
    struct view mask;
};

static struct masked look(const struct node *node, const struct run *run)
{
    const struct recurrent_call *call = node->own;

    return (struct masked){
        .own = node->layer->own,
        .rows = run->rows,
        .steps = run_steps(run, node->inputs[0]),
        .parts = call->mask->features,
        .mask = run_view(run, call->mask),
    };
}

/* Does part `k` of step t of `row`, in the order of the input, count? */
static bool counts_there(const struct masked *at, size_t row, size_t t,
                         size_t k)
{
    size_t item = row * at->steps + t;

    return at->mask.data[item * at->mask.stride + k] != 0;
}

/* The same of the step that comes as number t. */
static bool counts(const struct masked *at, size_t row, size_t t, size_t k)
{
    if (at->own->way.go_backwards || at->own->mask_is_turned)
        t = at->steps - 1 - t;
    return counts_there(at, row, t, k);
}

/* Timesteps from t on in which the same rows count. */
static size_t alike(const struct masked *at, size_t t)
{
    size_t count = 1;

    for (; t + count < at->steps; count++)
        for (size_t r = 0; r < at->rows; r++)
            if (counts(at, r, t + count, 0) != counts(at, r, t, 0))
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

/* ---- units that are held alone -------------------------------------------*/

/* h and c of each sequence as they were before a step. */
size_t recurrent_masked_scratch(const struct node *node, size_t rows)
{
    const struct recurrent_call *call = node->own;
    const struct recurrent *own = node->layer->own;

    return call->mask && call->mask->features > 1
               ? 2 * rows * plan_stride(own->units)
               : 0;
}

static void put_back(const struct masked *at, size_t row, size_t t,
                     const float *kept, const struct f32_cell_row *now)
{
    const float *kept_c = kept + plan_stride(at->own->units);

    for (size_t k = 0; k < at->parts; k++) {
        if (counts(at, row, t, k))
            continue;
        now->h[k] = kept[k];
        if (now->c)
            now->c[k] = kept_c[k];
        if (now->y)
            now->y[k] = kept[k];
    }
}

static bool run_units(const struct node *node, struct run *run, struct view z,
                      const struct masked *at)
{
    size_t bytes = at->own->units * sizeof(float);
    size_t stride = plan_stride(at->own->units);
    float *kept = z.data + at->rows * at->steps * z.stride;
    float *scratch = kept + 2 * at->rows * stride;

    for (size_t t = 0; t < at->steps; t++) {
        for (size_t r = 0; r < at->rows; r++) {
            struct f32_cell_row row = recurrent_row(node, run, z, r, t);

            run->cell_rows[r] = row;
            memcpy(kept + 2 * r * stride, row.h, bytes);
            if (row.c)
                memcpy(kept + (2 * r + 1) * stride, row.c, bytes);
        }
        if (!recurrent_run_cell(node, run, at->rows, 1, scratch))
            return false;
        for (size_t r = 0; r < at->rows; r++) {
            struct f32_cell_row row = recurrent_row(node, run, z, r, t);

            put_back(at, r, t, kept + 2 * r * stride, &row);
        }
        recurrent_return_each(node, run, t);
    }
    return true;
}

/* ---- steps ---------------------------------------------------------------*/

bool recurrent_run_masked(const struct node *node, struct run *run,
                          struct view z)
{
    struct masked at = look(node, run);
    float *scratch = z.data + at.rows * at.steps * z.stride;

    if (at.parts > 1)
        return run_units(node, run, z, &at);
    for (size_t t = 0, count; t < at.steps; t += count) {
        size_t active = 0;

        count = recurrent_returns_each(node, run) ? 1 : alike(&at, t);
        for (size_t r = 0; r < at.rows; r++) {
            struct f32_cell_row row = recurrent_row(node, run, z, r, t);

            if (counts(&at, r, t, 0))
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

/* Is part `k` of the output of step t zero, and not h?  `begun`: a step has
 * counted. */
static bool is_blank(const struct node *node, const struct masked *at,
                     size_t row, size_t t, size_t k, bool begun)
{
    const struct recurrent *own = at->own;

    if (!begun && node->input_count > 1)
        return true;
    if (!own->way.zero_output_for_mask)
        return false;
    if (own->way.unroll && own->way.return_sequences)
        return !counts_there(at, row, t, k);
    return !counts(at, row, t, k);
}

/* Part `k` of an item. */
static void clear(const struct masked *at, struct view y, size_t item,
                  size_t k)
{
    size_t units = at->own->units / at->parts;

    memset(y.data + item * y.stride + k * units, 0, units * sizeof(float));
}

/* Part `k` of sequence `row`, which is item `end` of an output without time;
 * SIZE_MAX: it does not end here. */
static void blank_part(const struct node *node, const struct run *run,
                       const struct masked *at, size_t row, size_t k,
                       size_t end)
{
    struct view y = run_view(run, node->outputs[0]);
    bool timed = run_is_timed(run, node->outputs[0]);
    bool begun = false, blank = false;

    for (size_t t = 0; t < at->steps; t++) {
        begun = begun || counts(at, row, t, k);
        blank = is_blank(node, at, row, t, k, begun);
        if (timed && blank)
            clear(at, y, row * at->steps + t, k);
    }
    if (!timed && blank && end != SIZE_MAX)
        clear(at, y, end, k);
}

void recurrent_blank(const struct node *node, const struct run *run)
{
    struct masked at = look(node, run);
    size_t end = 0;

    for (size_t r = 0; r < at.rows; r++) {
        bool ends = end < run->ending_count && run->ending[end] == r;

        for (size_t k = 0; k < at.parts; k++)
            blank_part(node, run, &at, r, k, ends ? end : SIZE_MAX);
        end += ends;
    }
}
