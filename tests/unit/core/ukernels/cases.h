/* cases.h: random products and cells for the tests of the inner loops.
 *
 * Everything follows from a seed, so that two instruction sets (or two
 * machines) can be given the same work.  Every NaN counts as one value.
 */
#ifndef TESTS_UNIT_CORE_UKERNELS_CASES_H
#define TESTS_UNIT_CORE_UKERNELS_CASES_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/ukernels/ukernels.h"

struct random {
    uint64_t state;
};

static inline uint64_t random_next(struct random *random)
{
    uint64_t z = random->state += 0x9e3779b97f4a7c15;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

/* In [low, high]. */
static inline size_t random_size(struct random *random, size_t low,
                                 size_t high)
{
    return low + (size_t)(random_next(random) % (high - low + 1));
}

static inline float random_float(struct random *random, float scale)
{
    int32_t value = (int32_t)(random_next(random) >> 40) - (1 << 23);

    return (float)value * 0x1p-23f * scale;
}

static inline float *random_floats(struct random *random, size_t count,
                                   float scale)
{
    float *made = malloc((count + 1) * sizeof(*made));

    for (size_t i = 0; made && i < count; i++)
        made[i] = random_float(random, scale);
    return made;
}

static inline float *aligned_floats(size_t count)
{
    void *made = aligned_alloc(64, (count * sizeof(float) / 64 + 1) * 64);

    if (made)
        memset(made, 0xee, (count * sizeof(float) / 64 + 1) * 64);
    return made;
}

static inline uint32_t float_bits(float value)
{
    uint32_t bits;

    if (isnan(value))
        value = NAN;
    memcpy(&bits, &value, sizeof(bits));
    return bits & (isnan(value) ? 0x7fffffff : 0xffffffff);
}

static inline bool same_bits(const float *a, const float *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (float_bits(a[i]) != float_bits(b[i]))
            return false;
    return true;
}

/* Distance in floats that lie between, of two finite ones. */
static inline uint64_t ulps_between(float a, float b)
{
    int64_t x = (int64_t)float_bits(fabsf(a)) * (signbit(a) ? -1 : 1);
    int64_t y = (int64_t)float_bits(fabsf(b)) * (signbit(b) ? -1 : 1);

    return (uint64_t)(x > y ? x - y : y - x);
}

static inline bool is_gru(enum f32_cell_kind kind)
{
    return kind == F32_CELL_GRU_RESET_AFTER ||
           kind == F32_CELL_GRU_RESET_BEFORE;
}

static inline size_t gates_of(enum f32_cell_kind kind)
{
    return kind == F32_CELL_SIMPLE ? 1 : is_gru(kind) ? 3 : 4;
}

/* A cell and its input in Keras' layout. */
struct cell_case {
    enum f32_cell_kind kind;
    struct rnn_activation activation, recurrent_activation;
    size_t inputs, units, rows, steps;
    float *kernel, *bias;              /* [inputs, gates * units], [..] */
    float *recurrent, *recurrent_bias; /* the latter for reset-after */
    float *x;                          /* [rows, steps, inputs] */
    float *h, *c;                      /* [rows, units] */
};

static inline void cell_case_fill(struct cell_case *it, struct random *random)
{
    const size_t columns = gates_of(it->kind) * it->units;
    const float scale = 1.7f / sqrtf((float)it->units);

    it->kernel = random_floats(random, it->inputs * columns,
                               1.7f / sqrtf((float)it->inputs));
    it->bias = random_floats(random, columns, 0.5f);
    it->recurrent = random_floats(random, it->units * columns, scale);
    it->recurrent_bias = random_floats(random, columns, 0.5f);
    it->x = random_floats(random, it->rows * it->steps * it->inputs, 2.0f);
    it->h = random_floats(random, it->rows * it->units, 1.0f);
    it->c = random_floats(random, it->rows * it->units, 1.0f);
}

static inline void cell_case_free(struct cell_case *it)
{
    float *all[] = {it->kernel, it->bias, it->recurrent, it->recurrent_bias,
                    it->x,      it->h,    it->c};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        free(all[i]);
}

/* What a run leaves behind, without padding: y [rows, steps, units], and h
 * and c [rows, units]. */
struct cell_result {
    size_t count; /* floats in all */
    float *all, *y, *h, *c;
};

static inline struct cell_result cell_result_make(const struct cell_case *it)
{
    const size_t last = it->rows * it->units;
    struct cell_result made = {.count = last * (it->steps + 2)};

    made.all = calloc(made.count, sizeof(float));
    made.y = made.all;
    made.h = made.y + last * it->steps;
    made.c = made.h + last;
    return made;
}

/* A case packed for one table. */
struct cell_setup {
    const struct rnn_ukernels *ukernels;
    struct arena arena;
    struct f32_product input;
    struct f32_cell cell;
    size_t padded;
    bool from_inputs; /* cell_run() goes from the inputs on */
};

static inline bool cell_setup_make(struct cell_setup *setup,
                                   const struct rnn_ukernels *ukernels,
                                   const struct cell_case *it)
{
    const size_t gates = gates_of(it->kind);
    const bool before = it->kind == F32_CELL_GRU_RESET_BEFORE;
    struct arena *arena = &setup->arena;
    float *hidden = calloc(gates * it->units, sizeof(float));
    bool ok;

    *setup = (struct cell_setup){.ukernels = ukernels};
    arena_init(arena, 0);
    setup->cell.kind = it->kind;
    setup->cell.activation = it->activation;
    setup->cell.recurrent_activation = it->recurrent_activation;
    if (it->kind == F32_CELL_GRU_RESET_AFTER)
        memcpy(hidden + 2 * it->units, it->recurrent_bias + 2 * it->units,
               it->units * sizeof(float));
    ok = rnn_product_pack(ukernels, it->inputs, it->units, gates, 0, gates,
                          it->kernel, it->bias, arena, &setup->input) &&
         rnn_product_pack(ukernels, it->units, it->units, gates, 0,
                          before ? 2 : gates, it->recurrent, hidden, arena,
                          &setup->cell.recurrent);
    if (ok && before)
        ok = rnn_product_pack(ukernels, it->units, it->units, gates, 2, 1,
                              it->recurrent, NULL, arena,
                              &setup->cell.candidate);
    free(hidden);
    setup->padded = setup->cell.recurrent.panels * ukernels->lanes;
    return ok;
}

/* `rows` and steps at once, from their z, or inputs, on. */
static inline void cell_run_rows(const struct cell_setup *setup, size_t rows,
                                 size_t steps, const struct f32_cell_row *row,
                                 float *scratch)
{
    const struct f32_batch batch = {
        .input = &setup->input,
        .rows = rows,
        .steps = steps,
        .row = row,
        .x_stride = setup->input.inputs,
        .y_stride = setup->padded,
    };

    if (setup->from_inputs)
        setup->ukernels->batch(&setup->cell, &batch, scratch);
    else
        setup->ukernels->cell(&setup->cell, rows, steps, row,
                              setup->input.stride, setup->padded, scratch);
}

/* Rows [first, first + rows) of the case in pieces of `piece` steps, with y
 * wanted or not (then result->y stays as it is). */
static inline void cell_run(struct cell_setup *setup,
                            const struct cell_case *it, size_t first,
                            size_t rows, size_t piece, bool want_y,
                            struct cell_result *result)
{
    const size_t padded = setup->padded, stride = setup->input.stride;
    const size_t units = it->units, steps = it->steps;
    float *z = aligned_floats(rows * steps * stride);
    float *state = aligned_floats(rows * 2 * padded);
    float *y = aligned_floats(rows * steps * padded);
    float *scratch =
        aligned_floats(rnn_cell_scratch_floats(&setup->cell, rows));
    struct f32_cell_row *row = calloc(rows, sizeof(*row));

    memset(state, 0, rows * 2 * padded * sizeof(float));
    for (size_t r = 0; r < rows; r++) {
        float *h = state + 2 * r * padded, *c = h + padded;

        memcpy(h, it->h + (first + r) * units, units * sizeof(float));
        memcpy(c, it->c + (first + r) * units, units * sizeof(float));
        row[r] = (struct f32_cell_row){.h = h, .c = c};
    }
    setup->ukernels->product(&setup->input, rows * steps,
                             it->x + first * steps * it->inputs, it->inputs, z,
                             stride);
    for (size_t t = 0; t < steps; t += piece) {
        size_t now = steps - t < piece ? steps - t : piece;

        for (size_t r = 0; r < rows; r++) {
            row[r].z = z + (r * steps + t) * stride;
            if (setup->from_inputs)
                row[r].z = it->x + ((first + r) * steps + t) * it->inputs;
            row[r].y = want_y ? y + (r * steps + t) * padded : NULL;
        }
        cell_run_rows(setup, rows, now, row, scratch);
    }
    for (size_t r = 0; r < rows; r++) {
        memcpy(result->h + (first + r) * units, row[r].h,
               units * sizeof(float));
        memcpy(result->c + (first + r) * units, row[r].c,
               units * sizeof(float));
        for (size_t t = 0; want_y && t < steps; t++)
            memcpy(result->y + ((first + r) * steps + t) * units,
                   y + (r * steps + t) * padded, units * sizeof(float));
    }
    free(z);
    free(state);
    free(y);
    free(scratch);
    free(row);
}

/* The rows from their inputs on, one after the other, with y wanted or not;
 * false: not such a cell. */
static inline bool cell_run_sequences(struct cell_setup *setup,
                                      const struct cell_case *it, bool want_y,
                                      struct cell_result *result)
{
    const size_t padded = setup->padded, units = it->units, steps = it->steps;
    float *state = aligned_floats(2 * padded);
    float *y = aligned_floats(steps * padded);
    float *scratch = aligned_floats(rnn_cell_scratch_floats(&setup->cell, 1));
    struct f32_cell_row row = {
        .h = state, .c = state + padded, .y = want_y ? y : NULL};
    bool ok = true;

    for (size_t r = 0; ok && r < it->rows; r++) {
        const struct f32_sequence sequence = {
            .input = &setup->input,
            .steps = steps,
            .x = it->x + r * steps * it->inputs,
            .x_stride = it->inputs,
            .row = &row,
            .y_stride = padded,
        };

        memset(state, 0, 2 * padded * sizeof(float));
        memcpy(row.h, it->h + r * units, units * sizeof(float));
        memcpy(row.c, it->c + r * units, units * sizeof(float));
        ok = setup->ukernels->sequence(&setup->cell, &sequence, scratch);
        memcpy(result->h + r * units, row.h, units * sizeof(float));
        memcpy(result->c + r * units, row.c, units * sizeof(float));
        for (size_t t = 0; want_y && t < steps; t++)
            memcpy(result->y + (r * steps + t) * units, y + t * padded,
                   units * sizeof(float));
    }
    free(state);
    free(y);
    free(scratch);
    return ok;
}

/* All rows and steps of the case at once. */
static inline bool cell_case_run(const struct cell_case *it,
                                 const struct rnn_ukernels *ukernels,
                                 struct cell_result *result)
{
    struct cell_setup setup;
    bool ok = cell_setup_make(&setup, ukernels, it);

    if (ok)
        cell_run(&setup, it, 0, it->rows, it->steps, true, result);
    arena_release(&setup.arena);
    return ok;
}

#endif
