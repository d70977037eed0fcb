/* f32_cell.c: sequences through a cell, step by step.
 *
 * Compiled once for each instruction set.
 */
#include RNN_VEC_HEADER

#include <string.h>

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_ahead.h"
#include "core/ukernels/vec_block.h"
#include "core/ukernels/vec_cell.h"

/* Floats of z of the cells that make it step by step, at most. */
#define AHEAD_FLOATS 128

/* Floats of the input's kernel, at most, of cells of one vector that do: a
 * third of a nearest cache of 48 KiB.  Of larger ones many timesteps at a time
 * read the kernel less often (measured: GRU (5) takes 0.84 of the time with 3
 * inputs, 0.80 with 64, 0.95 with 128, 1.20 with 256). */
#define AHEAD_WEIGHTS 4096

/* Inputs of a GRU of two panels that does, at most: both its kernels are to
 * stay there (measured: of 64 inputs it takes 0.93 of the time, of 128
 * twice). */
#define TWIN_INPUTS 64

static bool has_walk(const struct f32_cell *cell)
{
    return cell->kind != F32_CELL_GRU_RESET_BEFORE &&
           !rnn_cell_takes_rows(cell);
}

static void run_walk(const struct f32_cell *cell, const struct f32_walk *walk)
{
    switch (cell->kind) {
    case F32_CELL_SIMPLE:
        F32(simple_walk)(cell, walk);
        break;
    case F32_CELL_LSTM:
        F32(lstm_walk)(cell, walk);
        break;
    case F32_CELL_GRU_RESET_AFTER:
        F32(gru_walk)(cell, walk);
        break;
    case F32_CELL_GRU_RESET_BEFORE: /* has none */
        break;
    }
}

/* A step of the only sequence. */
static void walk_step(const struct f32_cell *cell, const struct f32_step *step,
                      size_t first, size_t end)
{
    const struct f32_walk walk = {
        .steps = 1,
        .first = first,
        .end = end,
        .z = step->z[0],
        .h = step->h[0],
        .c = step->c[0],
        .out = {step->out[0]},
    };

    run_walk(cell, &walk);
}

static void run_step(const struct f32_cell *cell, const struct f32_step *step,
                     size_t phase, size_t first, size_t end, float *scratch)
{
    if (rnn_cell_takes_rows(cell)) {
        F32(rows_step)(cell, step, first, end, scratch);
        return;
    }
    if (step->rows == 1 && has_walk(cell) && !step->input) {
        walk_step(cell, step, first, end);
        return;
    }
    switch (cell->kind) {
    case F32_CELL_SIMPLE:
        F32(simple_step)(cell, step, first, end, scratch);
        break;
    case F32_CELL_LSTM:
        F32(lstm_step)(cell, step, first, end, scratch);
        break;
    case F32_CELL_GRU_RESET_AFTER:
        F32(gru_step)(cell, step, first, end, scratch);
        break;
    case F32_CELL_GRU_RESET_BEFORE:
        if (phase == 0)
            F32(gru_gates)(cell, step, first, end, scratch);
        else
            F32(gru_candidate)(cell, step, first, end, scratch);
        break;
    }
}

/* Where the h of step t of a sequence lies, t from 0: in y, or in turn in
 * the sequence's h and in `spare`, so that the last is in h. */
static float *place_of(const struct f32_cell_row *row, size_t steps, size_t t,
                       size_t y_stride, float *spare)
{
    if (row->y)
        return row->y + t * y_stride;
    return (steps - 1 - t) % 2 == 0 ? row->h : spare;
}

/* All steps of the only sequence, whose z `walk` knows. */
static void walk_steps(const struct f32_cell *cell, struct f32_walk *walk,
                       const struct f32_cell_row *row, size_t y_stride,
                       float *spare)
{
    const size_t panels = cell->recurrent.panels, steps = walk->steps;
    const size_t bytes = panels * cell->recurrent.lanes * sizeof(float);

    walk->end = panels;
    walk->h = row->h;
    walk->c = row->c;
    walk->out[0] = place_of(row, steps, 0, 0, spare);
    walk->out[1] = place_of(row, steps, 1, 0, spare);
    walk->out_stride = row->y ? y_stride : 0;
    if (!row->y && steps % 2 == 1) { /* the first goes into h */
        memcpy(spare, row->h, bytes);
        walk->h = spare;
    }
    run_walk(cell, walk);
    if (row->y)
        memcpy(row->h, row->y + (steps - 1) * y_stride, bytes);
}

/* Up to F32_CELL_ROWS sequences; `laid` is where their inputs are laid out, if
 * there is an input. */
static void run_block(const struct f32_cell *cell,
                      const struct f32_batch *block, float *laid,
                      float *scratch)
{
    const struct f32_cell_row *row = block->row;
    const size_t rows = block->rows, steps = block->steps;
    const size_t panels = cell->recurrent.panels;
    const size_t padded = panels * cell->recurrent.lanes;
    const size_t phases = rnn_cell_phases(cell);
    float *spare = scratch, *inner = scratch + rows * padded;
    struct f32_step step = {.rows = rows, .input = block->input, .x = laid};

    if (rows == 1 && has_walk(cell) && !block->input) {
        struct f32_walk walk = {
            .steps = steps, .z = row->z, .z_stride = block->x_stride};

        walk_steps(cell, &walk, row, block->y_stride, spare);
        return;
    }
    for (size_t r = 0; r < rows; r++) {
        step.c[r] = row[r].c;
        step.h[r] = row[r].h;
        if (!row[r].y && steps % 2 == 1) { /* the first goes into h */
            memcpy(spare + r * padded, row[r].h, padded * sizeof(*spare));
            step.h[r] = spare + r * padded;
        }
    }
    for (size_t t = 0; t < steps; t++) {
        step.back = t % 2 == 1;
        for (size_t r = 0; r < rows; r++) {
            step.z[r] = row[r].z + t * block->x_stride;
            step.out[r] = place_of(row + r, steps, t, block->y_stride,
                                   spare + r * padded);
        }
        if (block->input)
            F32(block_lay)(step.z, rows, block->input->inputs, laid);
        for (size_t phase = 0; phase < phases; phase++)
            run_step(cell, &step, phase, 0, panels, inner);
        for (size_t r = 0; r < rows; r++)
            step.h[r] = step.out[r];
    }
    for (size_t r = 0; r < rows; r++)
        if (row[r].y)
            memcpy(row[r].h, step.h[r], padded * sizeof(float));
}

static void run_blocks(const struct f32_cell *cell, struct f32_batch batch,
                       float *laid, float *scratch)
{
    if (batch.steps == 0)
        return;
    for (size_t left = batch.rows; left > 0; left -= batch.rows) {
        const size_t blocks = (left + F32_CELL_ROWS - 1) / F32_CELL_ROWS;

        batch.rows = (left + blocks - 1) / blocks;
        run_block(cell, &batch, laid, scratch);
        batch.row += batch.rows;
    }
}

void F32(cell)(const struct f32_cell *cell, size_t rows, size_t steps,
               const struct f32_cell_row *row, size_t z_stride,
               size_t y_stride, float *scratch)
{
    const struct f32_batch batch = {NULL, rows,     steps,
                                    row,  z_stride, y_stride};

    run_blocks(cell, batch, NULL, scratch);
}

void F32(batch)(const struct f32_cell *cell, const struct f32_batch *batch,
                float *scratch)
{
    TILE_ALIGNED float laid[F32_CELL_ROWS * F32_BLOCK];

    run_blocks(cell, *batch, laid, scratch);
}

/* Is a walk from the inputs on written for the cell, and does it win? */
static bool goes_ahead(const struct f32_cell *cell,
                       const struct f32_product *input)
{
    const struct f32_product *recurrent = &cell->recurrent;

    if (!has_walk(cell) || !cell_is_plain(cell) ||
        input->chains != recurrent->chains || input->inputs > F32_BLOCK)
        return false;
    if (VEC_LANES == 16 && recurrent->inputs == 32)
        return cell->kind != F32_CELL_GRU_RESET_AFTER ||
               input->inputs <= TWIN_INPUTS; /* vec_whole, _pair, _twin.h */
    if (VEC_LANES == 16 && cell->kind == F32_CELL_SIMPLE &&
        recurrent->inputs == 64)
        return true; /* vec_between.h, vec_twostep.h */
    return recurrent->panels == 1 && ahead_fits((int)recurrent->gates) &&
           input->inputs * input->stride <= AHEAD_WEIGHTS; /* vec_lanes.h */
}

bool F32(sequence)(const struct f32_cell *cell,
                   const struct f32_sequence *sequence, float *scratch)
{
    const struct f32_product *input = sequence->input;
    TILE_ALIGNED float z[2 * AHEAD_FLOATS];
    struct f32_walk walk = {
        .steps = sequence->steps,
        .z = z,
        .z_stride = AHEAD_FLOATS,
        .input = input,
        .x = sequence->x,
        .x_stride = sequence->x_stride,
        .made = z,
    };

    if (walk.steps == 0 || !goes_ahead(cell, input))
        return false;
    F32(product)(input, 1, sequence->x, sequence->x_stride, z, AHEAD_FLOATS);
    walk_steps(cell, &walk, sequence->row, sequence->y_stride, scratch);
    return true;
}

void F32(cell_part)(const struct f32_cell *cell, size_t rows,
                    const struct f32_cell_row *row, size_t phase,
                    size_t first_panel, size_t end_panel, float *scratch)
{
    const size_t padded = cell->recurrent.panels * cell->recurrent.lanes;

    for (size_t done = 0; done < rows; done += F32_CELL_ROWS) {
        struct f32_step step = {
            .rows = rows - done < F32_CELL_ROWS ? rows - done : F32_CELL_ROWS};

        for (size_t r = 0; r < step.rows; r++) {
            step.z[r] = row[done + r].z;
            step.h[r] = row[done + r].h;
            step.c[r] = row[done + r].c;
            step.out[r] = row[done + r].y;
        }
        run_step(cell, &step, phase, first_panel, end_panel,
                 scratch + done * 2 * padded);
    }
}
