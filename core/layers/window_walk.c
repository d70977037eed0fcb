#include "core/layers/window_walk.h"

#include <string.h>

/* The rows that are gathered at once, and from where. */
struct gathering {
    const struct node *node;
    struct run *run;
    const struct window_walk *walk;
    struct view x;
    size_t steps; /* of each sequence */
};

/* One item: features as they are, or each several times; in x they lie
 * `next` floats apart. */
static void put_item(const struct window_walk *walk, const float *from,
                     size_t next, float *to)
{
    size_t used = walk->features * walk->repeat;

    from += walk->first_feature * next;
    if (walk->repeat == 1 && next == 1)
        memcpy(to, from, used * sizeof(float));
    else
        for (size_t i = 0; i < used; i++)
            to[i] = from[i / walk->repeat * next];
    if (used < walk->item)
        memset(to + used, 0, (walk->item - used) * sizeof(float));
}

/* Do the items that are wanted lie one after the other where x is? */
static bool is_dense(const struct gathering *g)
{
    const struct window_walk *walk = g->walk;

    return walk->window.dilation == 1 && walk->repeat == 1 &&
           !walk->channels_first && walk->item == g->x.stride &&
           walk->features == g->node->inputs[0]->features;
}

/* Item `at` - before of sequence `row`, and up to `most` that follow it where
 * they lie dense; returns how many. */
static size_t put_inside(const struct gathering *g, size_t row, size_t at,
                         size_t most, float *to)
{
    size_t t = at - g->walk->before, left = g->steps - t;
    const float *from = g->x.data + (row * g->steps + t) * g->x.stride;

    if (g->walk->channels_first) {
        size_t features = g->node->inputs[0]->shape.dim[0];

        from = g->x.data + row * features * g->x.stride + t;
        put_item(g->walk, from, g->x.stride, to);
        return 1;
    }
    if (!is_dense(g)) {
        put_item(g->walk, from, 1, to);
        return 1;
    }
    if (left < most)
        most = left;
    memcpy(to, from, most * g->walk->item * sizeof(float));
    return most;
}

/* `count` items of sequence `row` from timestep `from` - before on. */
static void gather(const struct gathering *g, size_t row, size_t from,
                   size_t count, float *to)
{
    const struct window_walk *walk = g->walk;
    size_t width = g->node->inputs[0]->features;
    const size_t *place = g->node->own;
    const float *past = NULL;

    if (place)
        past = (const float *)(const void *)(g->run->state[row] + *place);
    for (size_t i = 0, put; i < count; i += put, to += put * walk->item) {
        size_t at = from + i * walk->window.dilation;

        put = 1;
        if (at >= walk->before && at - walk->before < g->steps)
            put = put_inside(g, row, at, count - i, to);
        else if (past && at < walk->before)
            put_item(walk, past + at * width, 1, to);
        else
            memset(to, 0, walk->item * sizeof(float));
    }
}

/* Windows of one residue: rows [row, row + rows), each `count` outputs from
 * `output` on, residues() apart. */
struct bundle {
    size_t row, rows, output, count;
};

/* Of outputs so far apart the items interleave. */
static size_t residues(const struct window *window)
{
    return window->stride == 1 ? window->dilation : 1;
}

/* Is each window gathered for itself, since they do not share items? */
static bool is_alone(const struct window *window)
{
    return window->stride > window->size ||
           (window->stride > 1 && window->dilation > 1);
}

/* Items from one window to the next where they are gathered. */
static size_t spacing(const struct window *window)
{
    return is_alone(window) ? window->size : window->stride;
}

static size_t gathered_items(const struct window *window, size_t count)
{
    return (count - 1) * spacing(window) + window->size;
}

static void gather_row(const struct gathering *g, const struct bundle *b,
                       size_t row, float *to)
{
    const struct window *window = &g->walk->window;
    size_t from = b->output * window->stride + g->walk->skip;

    if (!is_alone(window)) {
        gather(g, row, from, gathered_items(window, b->count), to);
        return;
    }
    for (size_t i = 0; i < b->count; i++)
        gather(g, row, from + i * window->stride, window->size,
               to + i * window->size * g->walk->item);
}

/* Can the windows be read where x is? */
static bool in_place(const struct gathering *g, const struct bundle *b)
{
    const struct window_walk *walk = g->walk;
    const struct window *window = &walk->window;
    size_t from = b->output * window->stride + walk->skip;
    size_t end = from + (b->count - 1) * window->stride + window->size;

    return is_dense(g) && from >= walk->before &&
           end - walk->before <= g->steps;
}

static bool run_bundle(const struct gathering *g, const struct bundle *b,
                       float *buffer)
{
    const struct window_walk *walk = g->walk;
    const struct window *window = &walk->window;
    size_t step = spacing(window) * walk->item;
    size_t row_step = gathered_items(window, b->count) * walk->item;
    const float *x = buffer;

    if (in_place(g, b)) {
        x = g->x.data + (b->row * g->steps + b->output * window->stride +
                         walk->skip - walk->before) *
                            g->x.stride;
        step = window->stride * walk->item;
        row_step = g->steps * walk->item;
    } else {
        for (size_t r = 0; r < b->rows; r++)
            gather_row(g, b, b->row + r, buffer + r * row_step);
    }
    for (size_t r = 0; b->count >= b->rows && r < b->rows; r++) {
        struct window_piece piece = {
            b->count,         b->row + r,       b->output, 0,
            residues(window), x + r * row_step, step};

        if (!walk->piece(walk->arg, g->run, &piece))
            return false;
    }
    for (size_t i = 0; b->count < b->rows && i < b->count; i++) {
        struct window_piece piece = {
            b->rows,      b->row,  b->output + i * residues(window), 1, 0,
            x + i * step, row_step};

        if (!walk->piece(walk->arg, g->run, &piece))
            return false;
    }
    return true;
}

size_t window_buffer(const struct window *window, size_t item, size_t rows)
{
    size_t most = rows < WINDOW_PIECE ? rows : WINDOW_PIECE;
    size_t items =
        WINDOW_PIECE * spacing(window) + plan_sum(0, most, window->size);

    return plan_sum(0, items, item);
}

bool window_run(const struct node *node, struct run *run,
                const struct window_walk *walk, float *buffer)
{
    struct gathering g = {
        .node = node,
        .run = run,
        .walk = walk,
        .x = run_view(run, node->inputs[0]),
        .steps = window_steps(run, node->inputs[0], walk->channels_first)};
    size_t apart = residues(&walk->window);
    size_t most = walk->outputs < WINDOW_PIECE ? walk->outputs : WINDOW_PIECE;
    size_t rows = WINDOW_PIECE / (most ? most : 1);

    for (size_t row = 0; row < run->rows; row += rows)
        for (size_t o = 0; o < walk->outputs; o += most) {
            size_t left = walk->outputs - o;
            size_t count = left < most ? left : most;

            for (size_t c = 0; c < apart && c < count; c++) {
                struct bundle b = {.row = row,
                                   .rows = run->rows - row,
                                   .output = o + c,
                                   .count = (count - c - 1) / apart + 1};

                if (b.rows > rows)
                    b.rows = rows;
                if (!run_bundle(&g, &b, buffer))
                    return false;
            }
        }
    return true;
}

/* ---- results -------------------------------------------------------------*/

size_t window_steps(const struct run *run, const struct value *value,
                    bool channels_first)
{
    return channels_first ? value->features : run_steps(run, value);
}

struct view window_place(const struct window_results *results,
                         const struct window_piece *piece)
{
    size_t first = piece->row * results->outputs + piece->output;
    size_t next = piece->next_row * results->outputs + piece->next_output;

    return (struct view){results->y.data + first * results->y.stride,
                         next * results->y.stride};
}

void window_put(const struct window_results *results,
                const struct window_piece *piece, struct view from,
                size_t first, size_t count)
{
    struct view y = results->y;

    for (size_t i = 0; i < piece->count; i++) {
        size_t row = piece->row + i * piece->next_row;
        size_t output = piece->output + i * piece->next_output;
        const float *x = from.data + i * from.stride;
        float *to;

        if (!results->channels_first) {
            to = y.data + (row * results->outputs + output) * y.stride;
            memcpy(to + first, x, count * sizeof(float));
            continue;
        }
        to = y.data + (row * results->features + first) * y.stride + output;
        for (size_t f = 0; f < count; f++)
            to[f * y.stride] = x[f];
    }
}

void window_activate(const struct window_results *results,
                     const struct run *run,
                     const struct rnn_ukernels *ukernels,
                     const struct rnn_activation *activation)
{
    size_t items =
        results->channels_first ? results->features : results->outputs;
    size_t units =
        results->channels_first ? results->outputs : results->features;

    run_activate(ukernels, activation, run->rows * items, units, results->y);
}
