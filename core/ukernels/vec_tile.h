/* vec_tile.h: sums of products for a tile of results held in registers.
 *
 * A tile is `rows` rows by `wide` vectors of neighbouring results.  All its
 * measures but the number of inputs are constants where the functions below
 * are inlined, so that the loops over them unroll and the sums stay in
 * registers.  The order of the sum is that of ukernels.h.
 */
#ifndef CORE_UKERNELS_VEC_TILE_H
#define CORE_UKERNELS_VEC_TILE_H

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_math.h"

#define TILE_ROWS VEC_ROWS
#define TILE_SUMS 24 /* vectors, all chains together */

struct tile {
    const float *x[TILE_ROWS]; /* inputs of each row */
    const float *kernel;       /* input 0, first vector */
    size_t inputs;
    size_t next_input; /* floats from one input's weights to the next */
    size_t next_panel; /* floats from one panel to the next */
    size_t gates;      /* vectors of one panel that belong to the tile */
};

/* Where the weights of vector v lie, relative to vector 0. */
VEC_INLINE size_t tile_place(const struct tile *tile, int v)
{
    return (size_t)v / tile->gates * tile->next_panel +
           (size_t)v % tile->gates * VEC_LANES;
}

/* Adds input k to chain `chain` of every result. */
VEC_INLINE void tile_input(const struct tile *tile, const int rows,
                           const int wide, size_t k, const float *w,
                           vec *chain)
{
    vec x[TILE_ROWS];

    for (int r = 0; r < rows; r++)
        x[r] = vec_set(tile->x[r][k]);
    for (int v = 0; v < wide; v++) {
        vec weight = vec_load(w + tile_place(tile, v));

        for (int r = 0; r < rows; r++)
            chain[r * wide + v] = vec_fma(x[r], weight, chain[r * wide + v]);
    }
}

/* Adds inputs [from, end): sum[(chain * rows + row) * wide + v]. */
VEC_INLINE void tile_inputs(const struct tile *tile, const int rows,
                            const int wide, const int chains, size_t from,
                            size_t end, vec *sum)
{
    const float *w = tile->kernel + from * tile->next_input;
    const int count = rows * wide;
    size_t k = from;

    for (; k + (size_t)chains <= end; k += (size_t)chains)
        for (int p = 0; p < chains; p++, w += tile->next_input)
            tile_input(tile, rows, wide, k + (size_t)p, w, sum + p * count);
    for (int p = 0; p < chains - 1; p++, w += tile->next_input)
        if (k + (size_t)p < end)
            tile_input(tile, rows, wide, k + (size_t)p, w, sum + p * count);
}

/* One block, joined: sum[row * wide + v]. */
VEC_INLINE void tile_block(const struct tile *tile, const int rows,
                           const int wide, const int chains, size_t from,
                           size_t end, vec *sum)
{
    const int count = rows * wide;

    for (int i = count; i < chains * count; i++)
        sum[i] = vec_set(0.0f);
    tile_inputs(tile, rows, wide, chains, from, end, sum);
    for (int half = chains / 2; half > 0; half /= 2)
        for (int i = 0; i < half * count; i++)
            sum[i] = vec_add(sum[i], sum[i + half * count]);
}

/* The whole sums.  sum[row * wide + v] holds the start and then the result;
 * behind it is room for the other chains, TILE_SUMS in all. */
VEC_INLINE void tile_sum(const struct tile *tile, const int rows,
                         const int wide, const int chains, vec sum[TILE_SUMS])
{
    const size_t block = (size_t)chains * F32_BLOCK;
    size_t end = tile->inputs < block ? tile->inputs : block;

    tile_block(tile, rows, wide, chains, 0, end, sum);
    for (size_t from = end; from < tile->inputs; from = end) {
        vec more[TILE_SUMS];

        end = tile->inputs - from < block ? tile->inputs : from + block;
        for (int i = 0; i < rows * wide; i++)
            more[i] = vec_set(0.0f);
        tile_block(tile, rows, wide, chains, from, end, more);
        for (int i = 0; i < rows * wide; i++)
            sum[i] = vec_add(sum[i], more[i]);
    }
}

/* Rows of the next tile when `left` remain: tiles of nearly equal height. */
VEC_INLINE size_t tile_next_rows(size_t left, size_t chains)
{
    const size_t most = chains < TILE_ROWS ? TILE_ROWS / chains : 1;
    const size_t tiles = (left + most - 1) / most;

    return (left + tiles - 1) / tiles;
}

/* TILE_CASES(RUN, rows, chains) runs RUN(rows, chains) with constants, for
 * each pair that tile_next_rows() lets come about. */
#if TILE_ROWS == 6
#define TILE_CASES(RUN, rows, chains)                                         \
    switch ((rows)*8 + (chains)) {                                            \
        TILE_CASE(RUN, 1, 1)                                                  \
        TILE_CASE(RUN, 2, 1)                                                  \
        TILE_CASE(RUN, 3, 1)                                                  \
        TILE_CASE(RUN, 4, 1)                                                  \
        TILE_CASE(RUN, 5, 1)                                                  \
        TILE_CASE(RUN, 6, 1)                                                  \
        TILE_CASE(RUN, 1, 2)                                                  \
        TILE_CASE(RUN, 2, 2)                                                  \
        TILE_CASE(RUN, 3, 2)                                                  \
        TILE_CASE(RUN, 1, 4)                                                  \
    }
#elif TILE_ROWS == 3
#define TILE_CASES(RUN, rows, chains)                                         \
    switch ((rows)*8 + (chains)) {                                            \
        TILE_CASE(RUN, 1, 1)                                                  \
        TILE_CASE(RUN, 2, 1)                                                  \
        TILE_CASE(RUN, 3, 1)                                                  \
        TILE_CASE(RUN, 1, 2)                                                  \
        TILE_CASE(RUN, 1, 4)                                                  \
    }
#elif TILE_ROWS == 1
#define TILE_CASES(RUN, rows, chains)                                         \
    switch ((rows)*8 + (chains)) {                                            \
        TILE_CASE(RUN, 1, 1)                                                  \
        TILE_CASE(RUN, 1, 2)                                                  \
        TILE_CASE(RUN, 1, 4)                                                  \
    }
#else
#error "TILE_CASES lacks this number of rows"
#endif
#define TILE_ROW_CASES(RUN, chains)                                           \
    switch (chains) {                                                         \
    case 1:                                                                   \
        RUN(1, 1);                                                            \
        break;                                                                \
    case 2:                                                                   \
        RUN(1, 2);                                                            \
        break;                                                                \
    case 4:                                                                   \
        RUN(1, 4);                                                            \
        break;                                                                \
    }
#define TILE_CASE(RUN, rows, chains)                                          \
    case (rows)*8 + (chains):                                                 \
        RUN(rows, chains);                                                    \
        break;

#endif
