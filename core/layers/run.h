/* run.h: one chunk of timesteps on its way through the nodes of a plan.
 *
 * A chunk is `steps` timesteps of each of `rows` sequences; where inputs
 * differ in timesteps it is the whole of them, and `steps` the longest.
 *  The items of a
 * value with time are [row][step]; those of a value without are the rows
 * whose sequence ends in this chunk, or, when every step is wanted, [row]
 * [step] too.
 *
 * Memory   All of it is the caller's scratch.
 * Threads  One run, one thread.
 */
#ifndef CORE_LAYERS_RUN_H
#define CORE_LAYERS_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/layers/plan.h"
#include "core/ukernels/ukernels.h"

struct view {
    float *data; /* of inputs: only read */
    size_t stride;
};

struct run {
    size_t rows, steps;
    const size_t *input_steps; /* of each input; NULL: all have `steps` */
    bool every_step;
    const size_t *ending; /* [ending_count] rows that end here, ascending */
    size_t ending_count;
    struct view *views;             /* [plan->value_count] */
    unsigned char *const *state;    /* [rows] states at work */
    struct f32_cell_row *cell_rows; /* [rows] free for the layer's use */
    float *scratch;                 /* as the layer's scratch() asked */

    bool (*keep_going)(void *arg);
    void *arg;
    uint64_t work, work_limit; /* since it was asked last; run_work() */
    struct rnn_team *team;     /* NULL: this thread alone */
};

/* The time that `rows` rows take with a kernel of `floats`, in floats read
 * from memory: to compute with a float takes an eighth of that. */
static inline uint64_t run_work(uint64_t floats, uint64_t rows)
{
    return floats + floats * rows / 8;
}

/* Does this value have an item for each timestep of this run? */
static inline bool run_is_timed(const struct run *run,
                                const struct value *value)
{
    return value->has_time || run->every_step;
}

/* Timesteps of the input, or the inputs, that `value` comes from. */
static inline size_t run_clock(const struct run *run,
                               const struct value *value)
{
    if (value->is_sum)
        return plan_clock_steps(value->clock, run->input_steps, run->steps);
    return run->input_steps && value->clock
               ? run->input_steps[value->clock->input]
               : run->steps;
}

/* Timesteps of a value with time in this run. */
static inline size_t run_steps(const struct run *run,
                               const struct value *value)
{
    return plan_steps(value, run_clock(run, value));
}

static inline size_t run_items(const struct run *run,
                               const struct value *value)
{
    return run_is_timed(run, value) ? run->rows * run_steps(run, value)
                                    : run->ending_count;
}

/* The item of `value` that belongs to item `index` of `of`.  A value without
 * time beside one with it, or one of a single timestep beside one of more:
 * only where the whole sequence runs at once, so that its items are the
 * rows. */
static inline size_t run_item_of(const struct run *run,
                                 const struct value *value,
                                 const struct value *of, size_t index)
{
    if (run_is_timed(run, value) == run_is_timed(run, of) &&
        run_steps(run, value) == run_steps(run, of))
        return index;
    return index / run_steps(run, of);
}

static inline struct view run_view(const struct run *run,
                                   const struct value *value)
{
    return run->views[value->index];
}

/* Account for work that comes now; false: stop. */
bool run_may_go_on(struct run *run, uint64_t work);

/* y = x . kernel + bias over `items` rows, in pieces that let the caller
 * stop.  False: stopped. */
bool run_product(struct run *run, const struct rnn_ukernels *ukernels,
                 const struct f32_product *product, size_t items,
                 struct view x, struct view y);

/* Activate `items` rows of `units` in place; padding is left alone or
 * activated too. */
void run_activate(const struct rnn_ukernels *ukernels,
                  const struct rnn_activation *activation, size_t items,
                  size_t units, struct view y);

/* Output 0 of `node` = act(input 0), in rows of `units`.  False: stopped. */
bool run_activate_input(struct run *run, const struct rnn_ukernels *ukernels,
                        const struct rnn_activation *activation, size_t units,
                        const struct node *node);

/* ---- a whole plan (core/infer.c) -----------------------------------------*/

/* Bytes of scratch, aligned to 64, for `count` sequences of which the longest
 * has `timesteps`; SIZE_MAX: too many. */
size_t plan_scratch(const struct plan *plan, size_t count, size_t timesteps);

/* Run `count` sequences through all nodes of `plan`, with the questions,
 * every_step and work of `like`, whose work goes on.  False: stopped. */
bool plan_run(const struct plan *plan, const struct rnn_sequence *sequences,
              size_t count, struct run *like, void *scratch);

#endif
