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

/* Is the kernel one of those, and is there a group of `panels`? */
VEC_INLINE bool streamed_fits(const struct f32_cell *cell,
                              const struct f32_walk *walk, size_t panels)
{
    return VEC_LANES == 16 &&
           cell->recurrent.inputs >= (STREAMED_PIECES + 2) * STREAMED_INPUTS &&
           walk->end - walk->first >= panels;
}

/* The sums of a group, with the ends of the one before among them, unless it
 * is the first (NULL). */
VEC_INLINE void streamed_group(const struct tile *tile,
                               const struct cell_way way,
                               streamed_piece_fn *const piece,
                               struct streamed_ends *ends, vec *sum)
{
    const int wide = way.gates * way.panels;
    const size_t end = tile->inputs < F32_BLOCK ? tile->inputs : F32_BLOCK;
    size_t from = 0;

    if (ends) {
#define PIECE(i)                                                              \
    tile_inputs(tile, wide, 1, (i)*STREAMED_INPUTS,                           \
                ((i) + 1) * STREAMED_INPUTS, sum);                            \
    piece(ends, (i))
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

/* Step t, every other one from back to front; panels that are no group come
 * last. */
VEC_INLINE void streamed_step(const struct f32_cell *cell,
                              const struct cell_at *row,
                              const struct f32_walk *walk, size_t t,
                              const struct cell_way way,
                              streamed_piece_fn *const piece)
{
    const size_t panels = (size_t)way.panels;
    const size_t first = walk->first;
    const size_t end = walk->end - (walk->end - first) % panels;
    const int wide = way.gates * way.panels;
    struct streamed_ends ends = {.row = row};

    for (int v = 0; v < wide; v++)
        ends.value[v] = vec_set(0.0f);
    for (size_t at = first; at < end; at += panels) {
        const size_t panel = t % 2 ? first + end - at - panels : at;
        struct tile tile = cell_tile(&cell->recurrent, way.gates, panel);
        vec sum[TILE_SUMS];

        tile.x[0] = row->h;
        tile.spread = true;
        for (int v = 0; v < wide; v++)
            sum[v] = cell_start(cell, row->z, panel, way.gates, v);
        if (at == first)
            streamed_group(&tile, way, piece, NULL, sum);
        else
            streamed_group(&tile, way, piece, &ends, sum);
        for (int v = 0; v < wide; v++)
            ends.value[v] = sum[v];
        ends.panel = panel;
    }
    cell_group_ends(cell, row, ends.panel, way, way.panels, ends.value);
    cell_groups(cell, row, end, walk->end, false, way, 1);
}

/* All steps of a walk; `way` is that of its groups, whose sums are taken all
 * at a time, in one chain. */
VEC_INLINE void streamed_walk(const struct f32_cell *cell,
                              const struct f32_walk *walk,
                              const struct cell_way way,
                              streamed_piece_fn *const piece)
{
    const float *h = walk->h;

    for (size_t t = 0; t < walk->steps; t++) {
        const struct cell_at row = cell_at_step(walk, t, h);

        streamed_step(cell, &row, walk, t, way, piece);
        h = row.out;
    }
}

#endif
