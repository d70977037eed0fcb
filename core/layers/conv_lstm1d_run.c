/* ConvLSTM1D over one chunk: sequence by sequence, step by step, each place
 * of a step through the cell. */
#include <string.h>

#include "core/layers/conv_lstm1d.h"
#include "core/layers/mask.h"

/* One sequence at work; see conv_lstm_scratch(). */
struct places {
    const struct conv_lstm *own;
    float *windows; /* [places][taps * most of channels and filters] */
    float *z;       /* [places][z_stride] */
    float *h, *c;   /* [places][stride] */
    float *next;    /* the new h */
    float *held;    /* the old c */
    float *inner;   /* the cell's own */
    size_t stride;
};

static size_t window_floats(const struct conv_lstm *own)
{
    size_t widest =
        own->channels > own->filters ? own->channels : own->filters;

    return plan_stride(plan_sum(0, own->taps, widest));
}

size_t conv_lstm_scratch(const struct node *node, size_t rows, size_t items)
{
    const struct conv_lstm *own = node->layer->own;
    size_t each =
        plan_sum(own->z_stride, 1,
                 plan_sum(window_floats(own), 4, plan_stride(own->filters)));

    (void)rows;
    (void)items;
    return plan_sum(rnn_cell_scratch_floats(&own->cell, CONV_LSTM_GROUP),
                    own->places, each);
}

static void lay_out(const struct conv_lstm *own, float *scratch,
                    struct places *at)
{
    *at = (struct places){.own = own, .stride = plan_stride(own->filters)};
    at->z = scratch;
    at->h = at->z + own->places * own->z_stride;
    at->c = at->h + own->places * at->stride;
    at->next = at->c + own->places * at->stride;
    at->held = at->next + own->places * at->stride;
    at->windows = at->held + own->places * at->stride;
    at->inner = at->windows + own->places * window_floats(own);
}

/* Where number `channel` of place `place` lies in a value. */
static size_t place_of(const struct conv_lstm *own, size_t place,
                       size_t channel, size_t places, size_t channels)
{
    return own->channels_first ? channel * places + place
                               : place * channels + channel;
}

/* What each place sees of x; zeros beyond its ends. */
static void gather_input(const struct places *at, const float *x)
{
    const struct conv_lstm *own = at->own;
    float *to = at->windows;

    for (size_t p = 0; p < own->places; p++)
        for (size_t k = 0; k < own->taps; k++) {
            size_t row = p * own->stride + k * own->dilation;
            bool there = row >= own->left && row - own->left < own->rows;

            for (size_t c = 0; c < own->channels; c++)
                *to++ = there ? x[place_of(own, row - own->left, c, own->rows,
                                           own->channels)]
                              : 0.0f;
        }
}

/* What each place sees of h. */
static void gather_state(const struct places *at)
{
    const struct conv_lstm *own = at->own;
    size_t left = (own->taps - 1) / 2;
    float *to = at->windows;

    for (size_t p = 0; p < own->places; p++)
        for (size_t k = 0; k < own->taps; k++, to += own->filters) {
            if (p + k >= left && p + k - left < own->places)
                memcpy(to, at->h + (p + k - left) * at->stride,
                       own->filters * sizeof(float));
            else
                memset(to, 0, own->filters * sizeof(float));
        }
}

/* h and c of one step, from z and the windows. */
static bool run_cells(const struct places *at, struct run *run)
{
    const struct conv_lstm *own = at->own;
    const struct f32_product *recurrent = &own->cell.recurrent;
    uint64_t floats = (uint64_t)recurrent->inputs * recurrent->stride;
    struct f32_cell_row row[CONV_LSTM_GROUP];

    for (size_t p = 0; p < own->places; p += CONV_LSTM_GROUP) {
        size_t left = own->places - p;
        size_t count = left < CONV_LSTM_GROUP ? left : CONV_LSTM_GROUP;

        for (size_t i = 0; i < count; i++)
            row[i] = (struct f32_cell_row){
                .z = at->z + (p + i) * own->z_stride,
                .h = at->windows + (p + i) * recurrent->inputs,
                .c = at->c + (p + i) * at->stride,
                .y = at->next + (p + i) * at->stride,
            };
        if (!run_may_go_on(run, run_work(floats, count) + 64 * count))
            return false;
        own->ukernels->cell_part(&own->cell, count, row, 0, 0,
                                 recurrent->panels, at->inner);
    }
    return true;
}

static bool run_step(struct places *at, struct run *run, const float *x)
{
    const struct conv_lstm *own = at->own;
    struct view windows = {at->windows, own->input.inputs};
    struct view z = {at->z, own->z_stride};
    float *h = at->h;

    gather_input(at, x);
    if (!run_product(run, own->ukernels, &own->input, own->places, windows, z))
        return false;
    gather_state(at);
    if (!run_cells(at, run))
        return false;
    at->h = at->next;
    at->next = h;
    return true;
}

/* ---- masks ---------------------------------------------------------------*/

/* Does place `p` of step number `s` of sequence `row` count? */
static bool counts(const struct node *node, const struct run *run, size_t row,
                   size_t s, size_t p)
{
    const struct conv_lstm *own = node->layer->own;
    const struct conv_lstm_call *call = node->own;
    size_t steps = run_steps(run, node->inputs[0]);
    size_t t = own->way.go_backwards ? steps - 1 - s : s;
    struct view mask;

    if (!call->mask)
        return true;
    mask = run_view(run, call->mask);
    return mask.data[(row * steps + t) * mask.stride +
                     (call->mask->features > 1 ? p : 0)] != 0;
}

/* Is the output there 0, whatever h is?  So it is before the first step that
 * counts, also where h begins with something else. */
static bool is_blank(const struct node *node, const struct run *run,
                     size_t row, size_t s, size_t p)
{
    const struct conv_lstm *own = node->layer->own;
    const struct conv_lstm_call *call = node->own;
    size_t steps = run_steps(run, node->inputs[0]);
    bool begun = !call->mask || node->input_count == 1;

    for (size_t i = 0; i <= s && !begun; i++)
        begun = counts(node, run, row, i, p);
    if (!begun)
        return true;
    /* Keras turns the mask of the zeroes around, but not with `unroll`. */
    if (own->way.unroll && own->way.return_sequences && own->way.go_backwards)
        s = steps - 1 - s;
    return call->zeroes && !counts(node, run, row, s, p);
}

/* A step at the places that count; the others stay as they are. */
static bool run_masked_step(const struct node *node, struct run *run,
                            struct places *at, size_t row, size_t s,
                            const float *x)
{
    size_t floats = at->stride * sizeof(float), places = at->own->places;
    bool any = false;

    for (size_t p = 0; p < places; p++)
        any = any || counts(node, run, row, s, p);
    if (!any)
        return true;
    memcpy(at->held, at->c, places * floats);
    if (!run_step(at, run, x))
        return false;
    /* The old h is where the next one grows. */
    for (size_t p = 0; p < places; p++)
        if (!counts(node, run, row, s, p)) {
            memcpy(at->h + p * at->stride, at->next + p * at->stride, floats);
            memcpy(at->c + p * at->stride, at->held + p * at->stride, floats);
        }
    return true;
}

/* ---- states --------------------------------------------------------------*/

/* A state as a value has it. */
static void write_state(const struct places *at, const float *state, float *to)
{
    const struct conv_lstm *own = at->own;

    for (size_t p = 0; p < own->places; p++)
        for (size_t f = 0; f < own->filters; f++)
            to[place_of(own, p, f, own->places, own->filters)] =
                state[p * at->stride + f];
}

/* A state at work, which has no gaps, into scratch, which has. */
static void load_state(const struct places *at, const float *from, float *to)
{
    const struct conv_lstm *own = at->own;

    memset(to, 0, own->places * at->stride * sizeof(float));
    for (size_t p = 0; p < own->places; p++)
        memcpy(to + p * at->stride, from + p * own->filters,
               own->filters * sizeof(float));
}

static void store_state(const struct places *at, const float *from, float *to)
{
    const struct conv_lstm *own = at->own;

    for (size_t p = 0; p < own->places; p++)
        memcpy(to + p * own->filters, from + p * at->stride,
               own->filters * sizeof(float));
}

/* The initial state that sequence `row` is given.  A model's input of two
 * axes counts as a sequence: its items are the first axis. */
static void given_state(const struct places *at, const struct run *run,
                        const struct value *given, size_t row, float *to)
{
    const struct conv_lstm *own = at->own;
    struct view from = run_view(run, given);
    size_t items = given->has_time ? given->shape.dim[0] : 1;
    size_t features = given->features;

    memset(to, 0, own->places * at->stride * sizeof(float));
    for (size_t p = 0; p < own->places; p++)
        for (size_t f = 0; f < own->filters; f++) {
            size_t n = place_of(own, p, f, own->places, own->filters);

            to[p * at->stride + f] =
                from.data[(row * items + n / features) * from.stride +
                          n % features];
        }
}

static float *at_work(const struct run *run, size_t row, size_t offset)
{
    return (float *)(void *)(run->state[row] + offset);
}

static void begin_sequence(const struct node *node, const struct run *run,
                           size_t row, const struct places *at)
{
    const struct conv_lstm_call *call = node->own;

    if (node->input_count > 1) {
        given_state(at, run, node->inputs[1], row, at->h);
        given_state(at, run, node->inputs[2], row, at->c);
        return;
    }
    load_state(at, at_work(run, row, call->h), at->h);
    load_state(at, at_work(run, row, call->c), at->c);
}

/* The output after step number `s` of sequence `row`: h, but where a mask
 * makes it 0. */
static void write_output(const struct node *node, const struct run *run,
                         const struct places *at, size_t row, size_t s,
                         float *to)
{
    const struct conv_lstm *own = at->own;
    const struct conv_lstm_call *call = node->own;

    write_state(at, at->h, to);
    for (size_t p = 0; call->mask && p < own->places; p++)
        for (size_t f = 0; f < own->filters && is_blank(node, run, row, s, p);
             f++)
            to[place_of(own, p, f, own->places, own->filters)] = 0;
}

/* Outputs of step number `s`; those that have one for the whole sequence come
 * at its end. */
static void write_step(const struct node *node, const struct run *run,
                       const struct places *at, size_t row, size_t s)
{
    size_t item = row * run_steps(run, node->inputs[0]) + s;

    for (size_t i = 0; i < node->output_count; i++) {
        struct view y = run_view(run, node->outputs[i]);

        if (!run_is_timed(run, node->outputs[i]))
            continue;
        if (!i)
            write_output(node, run, at, row, s, y.data + item * y.stride);
        else
            write_state(at, i == 2 ? at->c : at->h, y.data + item * y.stride);
    }
}

static void write_end(const struct node *node, const struct run *run,
                      size_t ending, struct places *at)
{
    const struct conv_lstm_call *call = node->own;
    size_t row = run->ending[ending];

    load_state(at, at_work(run, row, call->h), at->h);
    load_state(at, at_work(run, row, call->c), at->c);
    for (size_t i = 0; i < node->output_count; i++) {
        struct view y = run_view(run, node->outputs[i]);

        if (run_is_timed(run, node->outputs[i]))
            continue;
        if (!i)
            write_output(node, run, at, row,
                         run_steps(run, node->inputs[0]) - 1,
                         y.data + ending * y.stride);
        else
            write_state(at, i == 2 ? at->c : at->h,
                        y.data + ending * y.stride);
    }
}

bool conv_lstm_run(const struct node *node, struct run *run)
{
    const struct conv_lstm *own = node->layer->own;
    const struct conv_lstm_call *call = node->own;
    struct view x = run_view(run, node->inputs[0]);
    size_t steps = run_steps(run, node->inputs[0]);
    struct places at;

    lay_out(own, run->scratch, &at);
    for (size_t r = 0; r < run->rows; r++) {
        begin_sequence(node, run, r, &at);
        for (size_t s = 0; s < steps; s++) {
            size_t t = own->way.go_backwards ? steps - 1 - s : s;

            if (!run_masked_step(node, run, &at, r, s,
                                 x.data + (r * steps + t) * x.stride))
                return false;
            write_step(node, run, &at, r, s);
        }
        store_state(&at, at.h, at_work(run, r, call->h));
        store_state(&at, at.c, at_work(run, r, call->c));
    }
    for (size_t e = 0; e < run->ending_count; e++)
        write_end(node, run, e, &at);
    return true;
}
