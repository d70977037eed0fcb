/* vec_step.h: one step of several sequences: tiles of few rows, or blocks of
 * many, and then the ends.
 *
 * Where a step has an `input`, z is made right before the sums that begin with
 * it, by the same block, and goes nowhere else.
 *
 * A cell's file gives its number of gates and its end, as for walks
 * (vec_cell.h).
 */
#ifndef CORE_UKERNELS_VEC_STEP_H
#define CORE_UKERNELS_VEC_STEP_H

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_block.h"
#include "core/ukernels/vec_cell.h"

/* Sums of rows [row, row + rows) that lie in memory, panels from `panel` on:
 * [row][panel][gate][lane]. */
struct cell_sums {
    const struct f32_step *step;
    size_t row, rows, panel;
    const float *sums;
    const float *z; /* the input's part, if it lies in the same order; NULL:
                       where `step` says */
};

/* Where panel `p` of them, of row `r` of the step, reads and writes.  (A GRU
 * alone reads z, and has one panel at a time.) */
VEC_INLINE struct cell_at cell_sums_at(const struct cell_sums *all, size_t r,
                                       size_t p, const int gates)
{
    const struct f32_step *step = all->step;
    const size_t unit = (all->panel + p) * VEC_LANES;
    const float *z = NULL;

    if (gates == 3)
        z = all->z ? all->z + (r - all->row) * 3 * VEC_LANES
                   : step->z[r] + unit * 3;
    return (struct cell_at){
        .z = z,
        .h = step->h[r] + unit,
        .c = gates == 4 ? step->c[r] + unit : NULL,
        .out = step->out[r] + unit,
    };
}

/* The ends of all of them, whatever their activations. */
VEC_INLINE void cell_ends_any(const struct f32_cell *cell,
                              const struct cell_sums *all, const int gates,
                              const int panels, const struct cell_end end)
{
    const float *sums = all->sums;

    for (size_t r = all->row; r < all->row + all->rows; r++)
        for (size_t p = 0; p < (size_t)panels; p++) {
            const struct cell_at here = cell_sums_at(all, r, p, gates);
            vec sum[TILE_SUMS];

            for (int g = 0; g < gates; g++, sums += VEC_LANES)
                sum[g] = vec_load(sums);
            cell_end(cell, end, CELL_ANY, sum, &here);
        }
}

/* The same for plain cells.  Where an end has two activations one after the
 * other, the second stands behind the first of the next row, when what it
 * waits for is there: right behind its own first it would fill the core's
 * window, waiting (measured: 4 to 7 % of an end). */
VEC_INLINE void cell_ends_many(const struct f32_cell *cell,
                               const struct cell_sums *all, const int gates,
                               const int panels, const struct cell_end end)
{
    const float *sums = all->sums;
    const vec none = vec_set(0.0f);
    struct cell_half last = {none, none, none};
    float *out = NULL;

    for (size_t r = all->row; r < all->row + all->rows; r++)
        for (int p = 0; p < panels; p++) {
            const struct cell_at here = cell_sums_at(all, r, (size_t)p, gates);
            struct cell_half half;
            vec sum[TILE_SUMS];

            for (int g = 0; g < gates; g++, sums += VEC_LANES)
                sum[g] = vec_load(sums);
            half = end.head(cell, CELL_MANY, sum, &here);
            if (gates == 1) {
                end.tail(cell, CELL_MANY, &half, here.out);
                continue;
            }
            if (out)
                end.tail(cell, CELL_MANY, &last, out);
            last = half;
            out = here.out;
        }
    if (out)
        end.tail(cell, CELL_MANY, &last, out);
}

VEC_INLINE void cell_ends(const struct f32_cell *cell,
                          const struct cell_sums *all, const int gates,
                          const int panels, const struct cell_end end)
{
    if (cell_is_plain(cell))
        cell_ends_many(cell, all, gates, panels, end);
    else
        cell_ends_any(cell, all, gates, panels, end);
}

/* Sums of so few inputs are over before a tile of several rows pays. */
#define CELL_FEW_INPUTS 8

/* One step of `panels` panels of a plain small cell, row by row. */
VEC_INLINE void cell_small_rows(const struct f32_cell *cell,
                                const struct f32_step *step, size_t panel,
                                const int gates, const int panels,
                                const struct cell_end end)
{
    const int most = gates == 4 && VEC_REGISTERS == 16 ? 2 : gates;
    const struct cell_way way = {gates, panels,     gates == 1 ? panels : most,
                                 4,     CELL_SHORT, end};

    for (size_t r = 0; r < step->rows; r++) {
        const struct cell_at row = {step->z[r], step->h[r], step->c[r],
                                    step->out[r]};

        cell_groups(cell, &row, panel, panel + (size_t)panels, false, way,
                    panels);
    }
}

/* One step of `panels` panels, of all rows. */
VEC_INLINE void cell_rows(const struct f32_cell *cell,
                          const struct f32_step *step, size_t panel,
                          const int gates, const int panels,
                          const struct cell_end end)
{
    struct tile tile = cell_tile(&cell->recurrent, gates, panel);
    const int wide = panels * gates;
    const size_t column = panel * (size_t)gates * VEC_LANES;
    TILE_ALIGNED float sums[TILE_SUMS * VEC_LANES];
    size_t rows, tiles = 0;

    if (cell_is_plain(cell) && tile.chains == 4 &&
        tile.inputs <= CELL_FEW_INPUTS) {
        cell_small_rows(cell, step, panel, gates, panels, end);
        return;
    }
    if (gates == 3)
        tile.last = cell->recurrent.bias + column + 2 * VEC_LANES;
    for (size_t row = 0; row < step->rows; row += rows) {
        rows = tile_next_rows(step->rows - row, (size_t)wide);
        for (size_t r = 0; r < rows; r++) {
            tile.x[r] = step->h[row + r];
            tile.start[r] = step->z[row + r] + column;
        }
        tile_fetch(&tile, &cell->recurrent, panel, (size_t)wide, tiles++,
                   step->back);
        F32(tile)(&tile, rows, (size_t)wide, sums, (size_t)wide * VEC_LANES);
        cell_ends(cell,
                  &(struct cell_sums){step, row, rows, panel, sums, NULL},
                  gates, panels, end);
    }
}

/* Do its steps of several rows go block by block? */
VEC_INLINE bool cell_has_blocks(const struct f32_cell *cell)
{
    return cell->recurrent.chains == 1 && VEC_LANES > 1;
}

/* Panels of `product` from `panel` on, for all rows, whose inputs are laid
 * side by side. */
VEC_INLINE struct block cell_panels(const struct f32_product *product,
                                    size_t rows, size_t panel, const int gates,
                                    const float *laid)
{
    const size_t next_input = (size_t)gates * VEC_LANES;
    const size_t next_panel = product->inputs * next_input;

    return (struct block){
        .x = laid,
        .rows = rows,
        .inputs = product->inputs,
        .kernel = product->kernel + panel * next_panel,
        .gates = (size_t)gates,
        .next_panel = next_panel,
    };
}

/* The input's part of `block`, whose sums are to begin with it: z [row][panel]
 * [gate][lane]. */
VEC_INLINE void cell_block_input(const struct f32_step *step, size_t panel,
                                 const int gates, const int panels,
                                 const float *first_kernel, float *z,
                                 const float **start)
{
    const size_t wide = (size_t)(panels * gates) * VEC_LANES;
    struct block block =
        cell_panels(step->input, step->rows, panel, gates, step->x);

    for (size_t r = 0; r < step->rows; r++)
        start[r] = step->input->bias;
    block.start = start;
    block.column = panel * (size_t)gates * VEC_LANES;
    block.next = first_kernel;
    F32(block)(&block, (size_t)(panels * gates), false, z, wide);
    for (size_t r = 0; r < step->rows; r++)
        start[r] = z + r * wide;
}

/* One step of `panels` panels, of all rows, whose h are laid side by side;
 * `next` is the panel that comes next. */
VEC_INLINE void cell_block(const struct f32_cell *cell,
                           const struct f32_step *step, size_t panel,
                           size_t next, const int gates, const int panels,
                           const float *laid, const struct cell_end end)
{
    const struct f32_product *product = &cell->recurrent;
    const struct f32_product *input = step->input;
    const size_t next_input = (size_t)gates * VEC_LANES;
    const int wide = panels * gates;
    struct block block = cell_panels(product, step->rows, panel, gates, laid);
    TILE_ALIGNED float sums[F32_CELL_ROWS * BLOCK_WIDE * VEC_LANES];
    TILE_ALIGNED float apart[F32_CELL_ROWS * 3 * VEC_LANES];
    float *const z = gates == 3 ? apart : sums;
    const float *start[F32_CELL_ROWS];

    block.start = step->z;
    block.column = panel * next_input;
    block.next = product->kernel + next * block.next_panel;
    if (gates == 3)
        block.last = product->bias + panel * next_input + 2 * VEC_LANES;
    if (input) {
        cell_block_input(step, panel, gates, panels, block.kernel, z, start);
        block.start = start;
        block.column = 0;
        block.next = input->kernel + next * input->inputs * next_input;
    }
    F32(block)(&block, (size_t)wide, false, sums, (size_t)wide * VEC_LANES);
    cell_ends(cell,
              &(struct cell_sums){step, 0, step->rows, panel, sums,
                                  input ? z : NULL},
              gates, panels, end);
}

/* One step of the groups of `panels` panels in [first, end). */
VEC_INLINE void cell_step(const struct f32_cell *cell,
                          const struct f32_step *step, size_t first,
                          size_t end, const int gates, const int panels,
                          const float *laid, const struct cell_end finish)
{
    const size_t count = (size_t)panels;

    for (size_t done = 0; done + count <= end - first; done += count) {
        const size_t panel = f32_step_panel(step, first, end, count, done);
        size_t next = panel;

        if (!cell_has_blocks(cell)) {
            cell_rows(cell, step, panel, gates, panels, finish);
            continue;
        }
        if (done + 2 * count <= end - first)
            next = f32_step_panel(step, first, end, count, done + count);
        cell_block(cell, step, panel, next, gates, panels, laid, finish);
    }
}

/* All h side by side in scratch, if blocks are to read them there. */
VEC_INLINE void cell_lay(const struct f32_cell *cell,
                         const struct f32_step *step, float *scratch)
{
    if (cell_has_blocks(cell))
        F32(block_lay)(step->h, step->rows, cell->recurrent.inputs, scratch);
}

#endif
