/* vec_streamed.h: walks through kernels that stream from the second-level
 * cache: the ends of a group of panels stand in pieces among the sums of the
 * next group.
 *
 * Sums wait for their weights and leave the ports of arithmetic free; but an
 * end in one piece, a hundred operations that wait for each other, fills the
 * window in which the core looks for what could go on, and no weights are
 * asked for meanwhile.  (Measured: see BENCHMARKS.md.)
 */
#ifndef CORE_UKERNELS_VEC_STREAMED_H
#define CORE_UKERNELS_VEC_STREAMED_H

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_cell.h"
#include "core/ukernels/vec_tile.h"

/* Inputs before the first piece and between two. */
#define STREAMED_INPUTS 16
#define STREAMED_PIECES 6

/* The ends of a group on their way: its sums, in whose places pieces leave
 * for each other what they have made. */
struct streamed_ends {
    const struct cell_at *row;
    size_t panel; /* the first of the group */
    vec value[TILE_SUMS];
};

/* Piece `piece` of the ends. */
typedef void streamed_piece_fn(struct streamed_ends *ends, const int piece);

/* How a walk goes, all constants. */
struct streamed_way {
    int gates, panels; /* of a group: 1 or 2 */
    streamed_piece_fn *piece;
    struct cell_end end; /* in one piece, of the last group */
};

/* Is the kernel one of those, in whole groups of `panels`? */
VEC_INLINE bool streamed_fits(const struct f32_cell *cell,
                              const struct f32_walk *walk, size_t panels)
{
    return VEC_LANES == 16 &&
           cell->recurrent.inputs >= (STREAMED_PIECES + 2) * STREAMED_INPUTS &&
           (walk->end - walk->first) % panels == 0;
}

/* The sums of a group, with the ends of the one before among them, unless it
 * is the first (NULL). */
VEC_INLINE void streamed_group(const struct tile *tile,
                               const struct streamed_way way,
                               struct streamed_ends *ends, vec *sum)
{
    const int wide = way.gates * way.panels;
    const size_t end = tile->inputs < F32_BLOCK ? tile->inputs : F32_BLOCK;
    size_t from = 0;

    if (ends) {
#define PIECE(i)                                                              \
    tile_inputs(tile, wide, 1, (i)*STREAMED_INPUTS,                           \
                ((i) + 1) * STREAMED_INPUTS, sum);                            \
    way.piece(ends, (i))
        PIECE(0);
        PIECE(1);
        PIECE(2);
        PIECE(3);
        PIECE(4);
        PIECE(5);
#undef PIECE
        from = STREAMED_PIECES * STREAMED_INPUTS;
    }
    tile_inputs(tile, wide, 1, from, end, sum);
    tile_blocks(tile, wide, 1, end, sum);
}

/* One step, from `first` on or, `back`, from the last group on. */
VEC_INLINE void streamed_step(const struct f32_cell *cell,
                              const struct cell_at *row, size_t first,
                              size_t end, const bool back,
                              const struct streamed_way way)
{
    const size_t panels = (size_t)way.panels;
    const int wide = way.gates * way.panels;
    struct streamed_ends ends = {.row = row};

    for (int v = 0; v < wide; v++)
        ends.value[v] = vec_set(0.0f);
    for (size_t at = first; at < end; at += panels) {
        const size_t panel = back ? first + end - at - panels : at;
        struct tile tile = cell_tile(&cell->recurrent, way.gates, panel);
        vec sum[TILE_SUMS];

        tile.x[0] = row->h;
        for (int v = 0; v < wide; v++)
            sum[v] = cell_start(cell, row->z, panel, way.gates, v);
        if (at == first)
            streamed_group(&tile, way, NULL, sum);
        else
            streamed_group(&tile, way, &ends, sum);
        for (int v = 0; v < wide; v++)
            ends.value[v] = sum[v];
        ends.panel = panel;
    }
    for (int p = 0; p < way.panels; p++) {
        const struct cell_at at =
            cell_at(row, ends.panel + (size_t)p, way.gates);

        cell_end(cell, way.end, CELL_SHORT, ends.value + p * way.gates, &at);
    }
}

/* All steps of a walk, every other one from back to front. */
VEC_INLINE void streamed_walk(const struct f32_cell *cell,
                              const struct f32_walk *walk,
                              const struct streamed_way way)
{
    const float *h = walk->h;

    if (walk->first == walk->end) /* a part without panels */
        return;
    for (size_t t = 0; t < walk->steps; t++) {
        const struct cell_at row = {
            .z = walk->z + t * walk->z_stride,
            .h = h,
            .c = walk->c,
            .out = walk->out[t % 2] + t * walk->out_stride,
        };

        streamed_step(cell, &row, walk->first, walk->end, t % 2 == 1, way);
        h = row.out;
    }
}

#endif
