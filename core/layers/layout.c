#include "core/layers/layout.h"

#include <stdint.h>

#include "core/layers/layer.h"
#include "core/layers/scores.h"

/* What is laid out ahead: one sequence of up to so many items, when all of it
 * takes no more than this.  A larger call takes so long that it does not
 * matter, and is not spread over more memory than it needs. */
#define AHEAD_ITEMS ((size_t)32)
#define AHEAD_BYTES ((size_t)32 * 1024)

/* A chunk's items: so many of a large model, and as many of a small one as
 * take so many bytes. */
#define LEAST_ITEMS ((size_t)64)
#define MOST_ITEMS  ((size_t)1024)
#define CHUNK_BYTES ((size_t)256 * 1024)

static size_t take(size_t *total, size_t bytes)
{
    size_t offset = *total;

    if (bytes > SIZE_MAX - PLAN_ALIGN)
        *total = SIZE_MAX;
    else
        *total =
            plan_sum(*total, (bytes + PLAN_ALIGN - 1) & ~(PLAN_ALIGN - 1), 1);
    return offset;
}

static size_t take_floats(size_t *total, size_t items, size_t stride)
{
    return take(total, plan_sum(0, plan_sum(0, items, stride), sizeof(float)));
}

/* Rows are few and strides are limited when a model is loaded (plan.c), but
 * items are as many as the timesteps where whole sequences run. */
static struct plan_layout lay_out(const struct plan *plan, size_t rows,
                                  size_t items)
{
    struct plan_layout at = {0};
    size_t most = 0;

    at.items = items;
    at.views = take(&at.total, plan->value_count * sizeof(struct view));
    at.ending = take(&at.total, rows * sizeof(size_t));
    at.sequences = take(&at.total, rows * sizeof(const struct rnn_sequence *));
    at.states = take(&at.total, rows * sizeof(unsigned char *));
    at.cell_rows = take(&at.total, rows * sizeof(struct f32_cell_row));
    at.work = take(&at.total, rows * plan->work_bytes);
    at.slots = take_floats(&at.total, items, plan->slots_stride);
    at.inputs =
        take_floats(&at.total, rows > 1 ? items : 0, plan->input_stride);
    for (const struct node *node = plan->nodes; node; node = node->next)
        if (node->layer->class->scratch) {
            size_t floats = node->layer->class->scratch(node, rows, items);

            most = floats > most ? floats : most;
        }
    for (size_t i = 0; i < plan->output_count; i++) {
        const struct scores *scores = plan->outputs[i].value->scores;
        size_t floats = scores ? scores_rows_scratch(scores, items) : 0;

        most = floats > most ? floats : most;
    }
    at.scratch = take_floats(&at.total, most, 1);
    return at;
}

size_t plan_choose_items(const struct plan *plan)
{
    const size_t few = lay_out(plan, plan->block_rows, LEAST_ITEMS).total;
    const size_t twice =
        lay_out(plan, plan->block_rows, 2 * LEAST_ITEMS).total;
    const size_t each = (twice - few) / LEAST_ITEMS + 1;

    if (twice == SIZE_MAX || CHUNK_BYTES / each < LEAST_ITEMS)
        return LEAST_ITEMS;
    return CHUNK_BYTES / each > MOST_ITEMS ? MOST_ITEMS : CHUNK_BYTES / each;
}

void plan_lay_out_ahead(struct plan *plan)
{
    struct plan_layout at = lay_out(plan, 1, AHEAD_ITEMS);

    if (at.total <= AHEAD_BYTES)
        plan->ahead = at;
}

struct plan_layout plan_layout(const struct plan *plan, size_t rows,
                               size_t items)
{
    if (rows == 1 && items <= AHEAD_ITEMS && plan->ahead.total)
        return plan->ahead;
    return lay_out(plan, rows, items);
}

size_t plan_layout_bytes(const struct plan *plan, size_t rows, size_t items)
{
    size_t total;

    if (rows == 1 && items <= AHEAD_ITEMS && plan->ahead.total)
        return plan->ahead.total;
    total = lay_out(plan, rows, items).total;
    return total > plan->ahead.total ? total : plan->ahead.total;
}
