#include "core/layers/window.h"

#include <stdalign.h>
#include <string.h>

#include "core/format/json.h"

/* Beyond any network, and small enough for every sum below. */
#define MOST ((size_t)1 << 24)

static enum rnn_status read_padding(struct fields *fields,
                                    struct window *window,
                                    struct rnn_error *err)
{
    static const char *const names[] = {"valid", "same", "causal"};
    const struct rnn_json *field = fields_get(fields, "padding");
    const char *name = field ? rnn_json_text(field) : "valid";

    for (int i = 0; name && i < 3; i++)
        if (!strcmp(name, names[i])) {
            window->padding = i == 0   ? WINDOW_VALID
                              : i == 1 ? WINDOW_SAME
                                       : WINDOW_CAUSAL;
            return RNN_OK;
        }
    return fields_refuse(fields, RNN_UNSUPPORTED, "padding",
                         "valid, same or causal was expected", err);
}

enum rnn_status window_read(struct fields *fields, const char *size_key,
                            size_t if_absent, struct window *window,
                            struct rnn_error *err)
{
    struct window read = {0};
    const char *wrong = NULL;
    enum rnn_status status =
        fields_one_count(fields, size_key, 0, &read.size, err);

    if (!status)
        status = fields_one_count(fields, "strides",
                                  if_absent ? if_absent : read.size,
                                  &read.stride, err);
    if (!status)
        status =
            fields_one_count(fields, "dilation_rate", 1, &read.dilation, err);
    if (!status)
        status = read_padding(fields, &read, err);
    if (status)
        return status;
    if (read.size > MOST)
        wrong = size_key;
    else if (read.stride > MOST)
        wrong = "strides";
    else if (read.dilation > MOST)
        wrong = "dilation_rate";
    if (wrong)
        return fields_refuse(fields, RNN_UNSUPPORTED, wrong, "too many", err);
    *window = read;
    return RNN_OK;
}

size_t window_reach(const struct window *window)
{
    return (window->size - 1) * window->dilation + 1;
}

struct pace window_pace(const struct window *window)
{
    int64_t stride = (int64_t)window->stride;
    int64_t missing =
        window->padding == WINDOW_VALID ? (int64_t)window_reach(window) : 1;

    return (struct pace){.up = 1, .add = stride - missing, .down = stride};
}

size_t window_before(const struct window *window, size_t steps)
{
    size_t reach = window_reach(window), last;

    if (window->padding == WINDOW_VALID)
        return 0;
    if (window->padding == WINDOW_CAUSAL)
        return reach - 1;
    last = (steps - 1) / window->stride * window->stride;
    return last + reach > steps ? (last + reach - steps) / 2 : 0;
}

bool window_streams(const struct window *window)
{
    return window->stride == 1 &&
           (window->size == 1 || window->padding == WINDOW_CAUSAL);
}

static enum rnn_status keep(struct plan_builder *builder, struct node *node,
                            const struct window *window, struct rnn_error *err)
{
    struct rnn_state_entry entry = {
        .dtype = RNN_F32,
        .rank = 2,
        .shape = {window_reach(window) - 1, node->inputs[0]->features}};
    size_t *past =
        arena_zalloc(builder->arena, 1, sizeof(*past), alignof(size_t));

    if (!past)
        return plan_no_memory(node->layer, err);
    node->own = past;
    return plan_keep(builder, node, "past", &entry, past, err);
}

enum rnn_status window_connect(struct plan_builder *builder, struct node *node,
                               const struct window *window, size_t features,
                               struct rnn_error *err)
{
    struct rnn_shape shape = {.rank = 2, .dim = {RNN_FREE, features}};
    struct pace pace = window_pace(window);
    enum rnn_status status;

    if (!window_streams(window))
        plan_need_whole(node);
    status = plan_make_output(builder, node, 0, &shape, true, err);
    if (!status)
        status = plan_change_steps(builder, node, 0, &pace, err);
    if (!status && window_streams(window) && window->size > 1)
        status = keep(builder, node, window, err);
    return status;
}

enum rnn_status window_input(const struct layer *layer,
                             const struct node *node, struct value **x,
                             struct rnn_error *err)
{
    struct value *input = NULL;
    enum rnn_status status = layer_only_input(layer, node, &input, err);
    char text[RNN_SHAPE_TEXT];

    if (status)
        return status;
    if (!input->has_time || input->shape.rank != 2)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "layer \"%.100s\" (%s) takes [timesteps, features], "
                        "it is given %s%s",
                        layer->name, layer->class->name,
                        rnn_shape_print(&input->shape, text),
                        input->has_time ? "" : " without time");
    *x = input;
    return RNN_OK;
}

/* ---- the walk ------------------------------------------------------------*/

/* The rows that are gathered at once, and from where. */
struct gathering {
    const struct node *node;
    struct run *run;
    const struct window_walk *walk;
    struct view x;
    size_t steps; /* of each sequence */
};

/* One item: features as they are, or each several times. */
static void put_item(const struct window_walk *walk, const float *from,
                     float *to)
{
    size_t used = walk->features * walk->repeat;

    if (walk->repeat == 1)
        memcpy(to, from + walk->first_feature, used * sizeof(float));
    else
        for (size_t i = 0; i < used; i++)
            to[i] = from[walk->first_feature + i / walk->repeat];
    if (used < walk->item)
        memset(to + used, 0, (walk->item - used) * sizeof(float));
}

/* Do the items that are wanted lie one after the other where x is? */
static bool is_dense(const struct gathering *g)
{
    const struct window_walk *walk = g->walk;

    return walk->window.dilation == 1 && walk->repeat == 1 &&
           walk->item == g->x.stride &&
           walk->features == g->node->inputs[0]->features;
}

/* Item `at` - before of sequence `row`, and up to `most` that follow it where
 * they lie dense; returns how many. */
static size_t put_inside(const struct gathering *g, size_t row, size_t at,
                         size_t most, float *to)
{
    size_t t = at - g->walk->before, left = g->steps - t;
    const float *from = g->x.data + (row * g->steps + t) * g->x.stride;

    if (!is_dense(g)) {
        put_item(g->walk, from, to);
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
            put_item(walk, past + at * width, to);
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
    struct gathering g = {.node = node,
                          .run = run,
                          .walk = walk,
                          .x = run_view(run, node->inputs[0]),
                          .steps = run_steps(run, node->inputs[0])};
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

void window_remember(const struct node *node, struct run *run,
                     const struct window *window)
{
    const size_t *past = node->own;
    const struct value *input = node->inputs[0];
    struct view x = run_view(run, input);
    size_t steps = run_steps(run, input), width = input->features;
    size_t kept = window_reach(window) - 1;
    size_t moved = steps < kept ? steps : kept;

    for (size_t r = 0; past && r < run->rows; r++) {
        float *to = (float *)(void *)(run->state[r] + *past);

        memmove(to, to + moved * width,
                (kept - moved) * width * sizeof(float));
        to += (kept - moved) * width;
        for (size_t i = steps - moved; i < steps; i++, to += width)
            memcpy(to, x.data + (r * steps + i) * x.stride,
                   width * sizeof(float));
    }
}
