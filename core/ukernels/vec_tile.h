/* vec_tile.h: sums of products for a tile of results held in registers.
 *
 * A tile is `rows` rows by `wide` vectors of neighbouring results.  All its
 * measures but the number of inputs are constants where the functions below
 * are inlined, so that the loops over them unroll and the sums stay in
 * registers.  The order of the sum is that of ukernels.h.
 *
 * Included after RNN_VEC_HEADER.
 */
#ifndef CORE_UKERNELS_VEC_TILE_H
#define CORE_UKERNELS_VEC_TILE_H

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_math.h"

#define TILE_ROWS VEC_ROWS
#define TILE_WIDE 8
#define TILE_SUMS 24 /* vectors: VEC_ROWS * 4, or 8 * 1, 4 * 2, 4 * 4 */

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

/* Inputs from, from + by, ... below `end` added to sum[row * wide + v]. */
VEC_INLINE void tile_chain(const struct tile *tile, const int rows,
                           const int wide, size_t from, size_t by, size_t end,
                           vec *sum)
{
    const float *w = tile->kernel + from * tile->next_input;
    const size_t step = by * tile->next_input;

    for (size_t k = from; k < end; k += by, w += step) {
        vec x[TILE_ROWS];

        for (int r = 0; r < rows; r++)
            x[r] = vec_set(tile->x[r][k]);
        for (int v = 0; v < wide; v++) {
            vec weight = vec_load(w + tile_place(tile, v));

            for (int r = 0; r < rows; r++)
                sum[r * wide + v] = vec_fma(x[r], weight, sum[r * wide + v]);
        }
    }
}

/* The same for `chains` chains at once, one row:
 * sum[chain * wide + v]. */
VEC_INLINE void tile_chains(const struct tile *tile, const int wide,
                            const int chains, size_t from, size_t end,
                            vec *sum)
{
    const float *w = tile->kernel + from * tile->next_input;
    const float *x = tile->x[0];
    size_t k = from;

    for (; k + (size_t)chains <= end; k += (size_t)chains)
        for (int p = 0; p < chains; p++, w += tile->next_input)
            for (int v = 0; v < wide; v++)
                sum[p * wide + v] = vec_fma(vec_set(x[k + (size_t)p]),
                                            vec_load(w + tile_place(tile, v)),
                                            sum[p * wide + v]);
    for (int p = 0; p < chains - 1; p++, w += tile->next_input)
        if (k + (size_t)p < end)
            for (int v = 0; v < wide; v++)
                sum[p * wide + v] = vec_fma(vec_set(x[k + (size_t)p]),
                                            vec_load(w + tile_place(tile, v)),
                                            sum[p * wide + v]);
}

/* One block, one row: chains side by side, then joined into sum[0..wide). */
VEC_INLINE void tile_block_row(const struct tile *tile, const int wide,
                               const int chains, size_t from, size_t end,
                               vec *sum)
{
    vec part[TILE_SUMS];

    for (int v = 0; v < wide; v++)
        part[v] = sum[v];
    for (int v = wide; v < chains * wide; v++)
        part[v] = vec_set(0.0f);
    tile_chains(tile, wide, chains, from, end, part);
    for (int half = chains / 2; half > 0; half /= 2)
        for (int v = 0; v < half * wide; v++)
            part[v] = vec_add(part[v], part[v + half * wide]);
    for (int v = 0; v < wide; v++)
        sum[v] = part[v];
}

/* One block, several rows: one chain after the other. */
VEC_INLINE void tile_block_rows(const struct tile *tile, const int rows,
                                const int wide, size_t chains, size_t from,
                                size_t end, vec *sum)
{
    const int count = rows * wide;
    vec part[3][TILE_SUMS];

    tile_chain(tile, rows, wide, from, chains, end, sum);
    if (chains == 1)
        return;
    for (size_t p = 1; p < chains; p++) {
        vec next[TILE_SUMS];

        for (int i = 0; i < count; i++)
            next[i] = vec_set(0.0f);
        tile_chain(tile, rows, wide, from + p, chains, end, next);
        for (int i = 0; i < count; i++)
            part[p - 1][i] = next[i];
    }
    for (int i = 0; i < count; i++)
        sum[i] = chains == 2 ? vec_add(sum[i], part[0][i])
                             : vec_add(vec_add(sum[i], part[1][i]),
                                       vec_add(part[0][i], part[2][i]));
}

VEC_INLINE void tile_block(const struct tile *tile, const int rows,
                           const int wide, const int chains, size_t from,
                           size_t end, vec *sum)
{
    if (rows == 1)
        tile_block_row(tile, wide, chains, from, end, sum);
    else
        tile_block_rows(tile, rows, wide, (size_t)chains, from, end, sum);
}

/* The whole sum.  sum[row * wide + v] holds the start and then the result. */
VEC_INLINE void tile_sum(const struct tile *tile, const int rows,
                         const int wide, const int chains, vec *sum)
{
    const size_t block = (size_t)chains * F32_BLOCK;
    const size_t inputs = tile->inputs;

    if (inputs <= block) {
        tile_block(tile, rows, wide, chains, 0, inputs, sum);
        return;
    }
    tile_block(tile, rows, wide, chains, 0, block, sum);
    for (size_t from = block; from < inputs; from += block) {
        size_t end = inputs - from < block ? inputs : from + block;
        vec more[TILE_SUMS];

        for (int i = 0; i < rows * wide; i++)
            more[i] = vec_set(0.0f);
        tile_block(tile, rows, wide, chains, from, end, more);
        for (int i = 0; i < rows * wide; i++)
            sum[i] = vec_add(sum[i], more[i]);
    }
}

#endif
