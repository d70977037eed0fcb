#include "core/infer.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "core/layers/layer.h"
#include "core/layers/layout.h"
#include "core/layers/loaded.h"
#include "core/layers/scores.h"
#include "core/layers/sequences.h"

/* A chunk has at most this many timesteps and, over all its sequences,
 * plan->chunk_items (or one for each sequence, when there are more). */
#define CHUNK_STEPS ((size_t)32)
/* Where whole sequences run at once: items of several together. */
#define WHOLE_ITEMS ((size_t)1024)

/* Work (run.h) between two questions whether to go on: about half a
 * millisecond of reading a kernel from memory; scalar code computes so slowly
 * that it is asked earlier. */
#define WORK_LIMIT        ((uint64_t)1 << 20)
#define WORK_LIMIT_SCALAR ((uint64_t)1 << 14)

/* One block of sequences on its way. */
struct block {
    const struct plan *plan;
    bool whole; /* a chunk is the whole of its sequences */
    struct run run;
    const struct rnn_sequence **sequences; /* [run.rows] of those that run */
    unsigned char **states;                /* [run.rows] */
    size_t *ending;
    unsigned char *work; /* [rows of the block] plan->work_bytes */
    float *inputs;       /* gathered */
    size_t t;            /* timesteps done, the same for all */
};

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* An odd number where it is one of many: the sequences' numbers lie so many
 * items apart, and were it a power of two, those of one timestep would drive
 * each other out of the nearest cache (measured: 1.05 to 1.1 times the time,
 * of batches of 32). */
static size_t chunk_steps(const struct plan *plan, size_t rows)
{
    const size_t fit = rows < plan->chunk_items ? plan->chunk_items / rows : 1;

    if (rows < 3 || fit < 3)
        return smaller(fit, CHUNK_STEPS);
    return smaller((fit - 1) | 1, CHUNK_STEPS - 1);
}

/* Sequences of this many timesteps that run whole and together. */
static size_t whole_rows(const struct plan *plan, size_t rows,
                         size_t timesteps)
{
    size_t each = plan_most_steps(plan, timesteps);

    return each >= WHOLE_ITEMS ? 1 : smaller(rows, WHOLE_ITEMS / each);
}

/* Items of the largest chunk of up to `rows` sequences. */
static size_t chunk_items(const struct plan *plan, size_t rows,
                          size_t timesteps, bool whole)
{
    if (whole) {
        size_t each = plan_most_steps(plan, timesteps);
        size_t all = plan_sum(0, rows, each);

        return smaller(all, each > WHOLE_ITEMS ? each : WHOLE_ITEMS);
    }

    size_t most = rows > plan->chunk_items ? rows : plan->chunk_items;
    size_t each = smaller(timesteps, CHUNK_STEPS);

    return smaller(most, rows * each);
}

/* ---- questions -----------------------------------------------------------*/

size_t plan_scratch(const struct plan *plan, size_t count, size_t timesteps)
{
    size_t rows = smaller(count, plan->block_rows);

    if (!plan->has_time)
        timesteps = 1;
    return plan_layout_bytes(plan, rows,
                             chunk_items(plan, rows, timesteps, plan->whole));
}

size_t rnn_scratch_size_for(const struct rnn_model *model,
                            const struct rnn_sequence *sequences, size_t count)
{
    const struct plan *plan = &model->plan;
    size_t rows = smaller(count, plan->block_rows);
    size_t items =
        chunk_items(plan, rows, sequences_longest(plan, sequences, count),
                    sequences_run_whole(plan, sequences, count));

    return plan_layout_bytes(plan, rows, items);
}

size_t rnn_scratch_size(const struct rnn_model *model, size_t count,
                        size_t timesteps, bool every_step)
{
    (void)every_step; /* a chunk is as large with it as without */
    return plan_scratch(&model->plan, count, timesteps);
}

/* ---- state ---------------------------------------------------------------*/

/* The padding is cleared too: what happens to lie there could be a number
 * that is slow to compute with. */
static void load_state(const struct plan *plan, const struct rnn_state *state,
                       unsigned char *work)
{
    const unsigned char *from = (const unsigned char *)state;

    if (!state) {
        memset(work, 0, plan->work_bytes);
        return;
    }
    for (const struct state_slot *slot = plan->state; slot;
         slot = slot->next) {
        size_t padding = -slot->bytes & (PLAN_ALIGN - 1);

        memcpy(work + slot->work_offset, from + slot->entry.offset,
               slot->bytes);
        memset(work + slot->work_offset + slot->bytes, 0, padding);
    }
}

static void store_state(const struct plan *plan, const unsigned char *work,
                        struct rnn_state *state)
{
    unsigned char *to = (unsigned char *)state;

    for (const struct state_slot *slot = plan->state; slot; slot = slot->next)
        memcpy(to + slot->entry.offset, work + slot->work_offset, slot->bytes);
}

/* ---- inputs and outputs --------------------------------------------------*/

static size_t timesteps_of(const struct block *block, size_t row)
{
    return block->plan->has_time ? block->sequences[row]->timesteps : 1;
}

/* Read an input where the caller has it, if the rows of this chunk follow
 * each other there; else bring them together. */
static void view_input(struct block *block, const struct value *value)
{
    struct run *run = &block->run;
    struct view *view = &run->views[value->index];
    bool timed = value->has_time;
    size_t rows = timed ? run->rows : run->ending_count;
    size_t floats = (timed ? run_steps(run, value) : 1) * value->features;
    size_t skip = timed ? block->t * value->features : 0;
    float *gathered = block->inputs + value->place * run->rows * run->steps;
    bool together = true;

    view->stride = value->features;
    for (size_t r = 0; r < rows; r++) {
        size_t row = timed ? r : run->ending[r];
        const float *x = block->sequences[row]->inputs[value->input] + skip;

        if (!r)
            view->data = (float *)x; /* only read */
        together = together && x == view->data + r * floats;
    }
    if (together)
        return;
    for (size_t r = 0; r < rows; r++) {
        size_t row = timed ? r : run->ending[r];

        memcpy(gathered + r * floats,
               block->sequences[row]->inputs[value->input] + skip,
               floats * sizeof(float));
    }
    view->data = gathered;
}

static void view_inputs(struct block *block)
{
    struct view *views = block->run.views;

    for (const struct value *value = block->plan->values; value;
         value = value->next) {
        if (value->is_input)
            view_input(block, value);
        else if (value->alias && value->alias->is_input)
            views[value->index] = views[value->alias->index];
    }
}

static void copy_items(const struct value *value, struct view from,
                       size_t items, float *to)
{
    if (from.stride == value->features) {
        memcpy(to, from.data, items * value->features * sizeof(float));
        return;
    }
    for (size_t i = 0; i < items; i++)
        memcpy(to + i * value->features, from.data + i * from.stride,
               value->features * sizeof(float));
}

/* What no buffer holds: the whole sequence runs at once. */
static bool write_wide(struct block *block, const struct value *value,
                       size_t index)
{
    for (size_t r = 0; r < block->run.rows; r++)
        if (!scores_write(value, &block->run, r,
                          block->sequences[r]->outputs[index]))
            return false;
    return true;
}

/* False: the caller said stop. */
static bool write_output(struct block *block, size_t index)
{
    const struct run *run = &block->run;
    const struct value *value = block->plan->outputs[index].value;
    struct view from = run_view(run, value);

    if (value->scores || value->turned)
        return write_wide(block, value, index);
    if (!run_is_timed(run, value)) {
        for (size_t i = 0; i < run->ending_count; i++) {
            copy_items(value, from, 1,
                       block->sequences[run->ending[i]]->outputs[index]);
            from.data += from.stride;
        }
        return true;
    }
    for (size_t r = 0; r < run->rows; r++) {
        size_t steps = run_steps(run, value);

        copy_items(value, from, steps,
                   block->sequences[r]->outputs[index] +
                       block->t * value->features);
        from.data += steps * from.stride;
    }
    return true;
}

/* ---- blocks and chunks ---------------------------------------------------*/

/* As many timesteps as fit and as every sequence still has. */
static void begin_chunk(struct block *block)
{
    struct run *run = &block->run;

    run->steps = block->whole ? SIZE_MAX : chunk_steps(block->plan, run->rows);
    run->input_steps =
        block->whole ? block->sequences[0]->input_timesteps : NULL;
    for (size_t r = 0; r < run->rows; r++)
        run->steps = smaller(run->steps, timesteps_of(block, r) - block->t);
    run->ending_count = 0;
    for (size_t r = 0; r < run->rows; r++)
        if (timesteps_of(block, r) - block->t == run->steps)
            block->ending[run->ending_count++] = r;
}

/* Sequences that have ended leave; the others move up. */
static void end_chunk(struct block *block)
{
    struct run *run = &block->run;
    size_t kept = 0, ended = 0;

    for (size_t r = 0; r < run->rows; r++) {
        if (ended < run->ending_count && run->ending[ended] == r) {
            if (block->sequences[r]->state)
                store_state(block->plan, block->states[r],
                            block->sequences[r]->state);
            ended++;
            continue;
        }
        block->sequences[kept] = block->sequences[r];
        block->states[kept++] = block->states[r];
    }
    block->t += run->steps;
    run->rows = kept;
}

static bool run_nodes(struct block *block)
{
    struct run *run = &block->run;

    for (const struct node *node = block->plan->nodes; node;
         node = node->next) {
        if (!node->layer->class->run)
            continue;
        if (!node->has_time && !run->every_step && !run->ending_count)
            continue;
        if (!node->layer->class->run(node, run))
            return false;
    }
    return true;
}

static bool run_block(struct block *block,
                      const struct rnn_sequence *sequences, size_t count)
{
    const struct plan *plan = block->plan;

    for (size_t r = 0; r < count; r++) {
        block->sequences[r] = &sequences[r];
        block->states[r] = block->work + r * plan->work_bytes;
        load_state(plan, sequences[r].state, block->states[r]);
    }
    block->t = 0;
    block->run.rows = count;
    while (block->run.rows) {
        begin_chunk(block);
        view_inputs(block);
        if (!run_nodes(block))
            return false;
        for (size_t i = 0; i < plan->output_count; i++)
            if (!write_output(block, i))
                return false;
        end_chunk(block);
    }
    return true;
}

static void prepare(const struct plan *plan, unsigned char *scratch,
                    const struct plan_layout *at, struct block *block)
{
    struct run *run = &block->run;
    float *slots = (float *)(void *)(scratch + at->slots);

    block->sequences = (void *)(scratch + at->sequences);
    block->states = (void *)(scratch + at->states);
    block->ending = (void *)(scratch + at->ending);
    block->work = scratch + at->work;
    block->inputs = (float *)(void *)(scratch + at->inputs);
    run->views = (void *)(scratch + at->views);
    run->cell_rows = (void *)(scratch + at->cell_rows);
    run->scratch = (float *)(void *)(scratch + at->scratch);
    run->state = block->states;
    run->ending = block->ending;
    for (const struct value *value = plan->values; value;
         value = value->next) {
        const struct value *root = value->alias ? value->alias : value;

        run->views[value->index] = (struct view){
            .data = slots + root->place * at->items,
            .stride = value->stride,
        };
    }
}

/* How many of the sequences from `first` on make the next block. */
static size_t block_size(const struct plan *plan,
                         const struct rnn_sequence *first, size_t count,
                         size_t rows, bool whole)
{
    size_t same = 1;

    rows = smaller(rows, count);
    if (!whole)
        return rows;
    if (!plan->has_time)
        return whole_rows(plan, rows, 1);
    rows = whole_rows(plan, rows, first->timesteps);
    while (same < rows && sequences_are_alike(plan, first, &first[same]))
        same++;
    return same;
}

bool plan_run(const struct plan *plan, const struct rnn_sequence *sequences,
              size_t count, struct run *like, void *scratch)
{
    size_t rows = smaller(count, plan->block_rows);
    bool whole = sequences_run_whole(plan, sequences, count);
    size_t items = chunk_items(
        plan, rows, sequences_longest(plan, sequences, count), whole);
    struct block block = {.plan = plan, .run = *like, .whole = whole};
    struct plan_layout at = plan_layout(plan, rows, items);
    bool gone_on = true;

    prepare(plan, scratch, &at, &block);
    for (size_t i = 0, size; i < count && gone_on; i += size) {
        size = block_size(plan, sequences + i, count - i, rows, whole);
        gone_on = run_block(&block, sequences + i, size);
    }
    like->work = block.run.work;
    like->team = block.run.team;
    return gone_on;
}

enum rnn_status rnn_infer(const struct rnn_model *model,
                          const struct rnn_sequence *sequences, size_t count,
                          const struct rnn_infer_options *options,
                          void *scratch, struct rnn_error *err)
{
    static const struct rnn_infer_options defaults = {0};
    struct run like = {0};
    enum rnn_status status;

    if (!options)
        options = &defaults;
    status = sequences_check(&model->plan, sequences, count,
                             options->every_step, err);
    if (status)
        return status;
    like.every_step = options->every_step;
    like.keep_going = options->keep_going;
    like.arg = options->arg;
    like.team = options->team;
    like.work_limit =
        model->info.isa == RNN_ISA_SCALAR ? WORK_LIMIT_SCALAR : WORK_LIMIT;
    if (!plan_run(&model->plan, sequences, count, &like, scratch))
        return rnn_fail(err, RNN_CANCELLED, "the caller asked to stop");
    return RNN_OK;
}
