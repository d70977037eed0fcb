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

#define TILE_ROWS   8  /* at most */
#define TILE_SUMS   24 /* vectors, all chains together */
#define TILE_CHAINS 4  /* at most, but for those in lanes */

/* Inputs from which on tile_spread() wins: weights of fewer may be all in the
 * nearest cache. */
#define TILE_SPREAD 128

/* For sums in memory: a vector that lies across two lines of the cache is read
 * and written twice. */
#define TILE_ALIGNED _Alignas(64)

struct tile {
    const float *x[TILE_ROWS]; /* inputs of each row */
    const float *kernel;       /* input 0, first vector */
    size_t inputs;
    size_t next_input; /* floats from one input's weights to the next */
    size_t next_panel; /* floats from one panel to the next */
    size_t gates;      /* vectors of one panel that belong to the tile */
    bool spread;       /* one row of one chain: inputs by tile_spread() */
    /* For F32(tile)(): */
    size_t chains;
    const float *start[TILE_ROWS]; /* where each row's first sum begins */
    size_t next_start;             /* floats from one panel's to the next's */
    const float *last; /* where the last vector of every row begins; NULL:
                          as the others */
    ptrdiff_t ahead;   /* floats from an input's weights to what is fetched
                          meanwhile */
};

/* Where the weights of vector v lie, relative to vector 0. */
VEC_INLINE size_t tile_place(const struct tile *tile, int v)
{
    return (size_t)v / tile->gates * tile->next_panel +
           (size_t)v % tile->gates * VEC_LANES;
}

/* ---- one row, inline, its chains side by side ----------------------- */

/* Adds an input, spread over `x`, to one chain of every result. */
VEC_INLINE void tile_input(const struct tile *tile, const int wide, vec x,
                           const float *w, vec *chain)
{
    for (int v = 0; v < wide; v++)
        chain[v] = vec_fma(x, vec_load(w + tile_place(tile, v)), chain[v]);
}

/* Adds inputs [from, end), each read by itself: sum[chain * wide + v]. */
VEC_INLINE void tile_each(const struct tile *tile, const int wide,
                          const int chains, size_t from, size_t end, vec *sum)
{
    const float *w = tile->kernel + from * tile->next_input;
    size_t k = from;

    for (; k + (size_t)chains <= end; k += (size_t)chains)
        for (int p = 0; p < chains; p++, w += tile->next_input)
            tile_input(tile, wide, vec_set(tile->x[0][k + (size_t)p]), w,
                       sum + p * wide);
    for (int p = 0; p < chains - 1; p++, w += tile->next_input)
        if (k + (size_t)p < end)
            tile_input(tile, wide, vec_set(tile->x[0][k + (size_t)p]), w,
                       sum + p * wide);
}

/* The same for one chain and weights from the second-level cache, which wait
 * for loads: inputs come a vector at a time and are spread by shuffles, in a
 * loop as short as can be, since the core foresees best what few instructions
 * read.  (Measured: see BENCHMARKS.md.) */
VEC_INLINE void tile_spread(const struct tile *tile, const int wide,
                            size_t from, size_t end, vec *sum)
{
#if VEC_LANES >= 8
    const float *w = tile->kernel + from * tile->next_input;

    for (size_t k = from; k < end; k += VEC_LANES) {
        const size_t count = end - k < VEC_LANES ? end - k : VEC_LANES;
        const vec inputs = vec_load_part(tile->x[0] + k, count);
        vec_place place = vec_lane_first();

#pragma GCC unroll 1
        for (size_t i = 0; i < count; i++, w += tile->next_input) {
            tile_input(tile, wide, vec_lane_at(inputs, place), w, sum);
            place = vec_lane_next(place);
        }
    }
#else
    tile_each(tile, wide, 1, from, end, sum);
#endif
}

/* Adds inputs [from, end): sum[chain * wide + v]. */
VEC_INLINE void tile_inputs(const struct tile *tile, const int wide,
                            const int chains, size_t from, size_t end,
                            vec *sum)
{
    if (chains == 1 && tile->spread)
        tile_spread(tile, wide, from, end, sum);
    else
        tile_each(tile, wide, chains, from, end, sum);
}

/* One block, joined: sum[v].  (The joins are no loop in a loop: for the sake
 * of one gcc 12 kept sums on the stack, 3 % of a GRU (32).) */
VEC_INLINE void tile_block(const struct tile *tile, const int wide,
                           const int chains, size_t from, size_t end, vec *sum)
{
    for (int i = wide; i < chains * wide; i++)
        sum[i] = vec_set(0.0f);
    tile_inputs(tile, wide, chains, from, end, sum);
    if (chains == 4)
        for (int i = 0; i < 2 * wide; i++)
            sum[i] = vec_add(sum[i], sum[i + 2 * wide]);
    if (chains >= 2)
        for (int i = 0; i < wide; i++)
            sum[i] = vec_add(sum[i], sum[i + wide]);
}

/* Adds the blocks from input `from` on, behind the first. */
VEC_INLINE void tile_blocks(const struct tile *tile, const int wide,
                            const int chains, size_t from, vec *sum)
{
    const size_t block = (size_t)chains * F32_BLOCK;

    for (size_t end; from < tile->inputs; from = end) {
        vec more[TILE_SUMS];

        end = tile->inputs - from < block ? tile->inputs : from + block;
        for (int v = 0; v < wide; v++)
            more[v] = vec_set(0.0f);
        tile_block(tile, wide, chains, from, end, more);
        for (int v = 0; v < wide; v++)
            sum[v] = vec_add(sum[v], more[v]);
    }
}

/* The whole sums.  sum[v] holds the start and then the result; behind it is
 * room for the other chains, TILE_SUMS in all. */
VEC_INLINE void tile_sum(const struct tile *tile, const int wide,
                         const int chains, vec sum[TILE_SUMS])
{
    const size_t block = (size_t)chains * F32_BLOCK;
    size_t end = tile->inputs < block ? tile->inputs : block;

    tile_block(tile, wide, chains, 0, end, sum);
    tile_blocks(tile, wide, chains, end, sum);
}

/* ---- several rows ---------------------------------------------------- */

/* The functions NAME_<rows>_<wide>_<gates>, by rows less one. */
#define TILE_HEIGHTS(name, wide, gates)                                       \
    {                                                                         \
        name##_1_##wide##_##gates, name##_2_##wide##_##gates,                 \
            name##_3_##wide##_##gates, name##_4_##wide##_##gates,             \
            name##_5_##wide##_##gates, name##_6_##wide##_##gates,             \
            name##_7_##wide##_##gates, name##_8_##wide##_##gates              \
    }

/* Rows of a tile `wide` vectors wide, at most. */
VEC_INLINE size_t tile_most_rows(size_t wide)
{
    const size_t fit = VEC_SUMS / wide;

    return fit > TILE_ROWS ? TILE_ROWS : fit ? fit : 1;
}

/* Rows of the next tile when `left` remain and it is `wide` vectors wide:
 * tiles of nearly equal height. */
VEC_INLINE size_t tile_next_rows(size_t left, size_t wide)
{
    const size_t most = tile_most_rows(wide);
    const size_t tiles = (left + most - 1) / most;

    return (left + tiles - 1) / tiles;
}

/* Tile number `index` of `product`, on the panels from `panel` on, fetches
 * some of the weights that come next (or `back`, came before), lines that
 * other tiles on these panels leave out: the last level of cache is too slow
 * to be waited for. */
VEC_INLINE void tile_fetch(struct tile *tile,
                           const struct f32_product *product, size_t panel,
                           size_t wide, size_t index, bool back)
{
    const size_t panels = wide / tile->gates;
    ptrdiff_t next = 0;

    if (back)
        next = panel >= panels ? -(ptrdiff_t)panels : 0;
    else if (panel + 2 * panels <= product->panels)
        next = (ptrdiff_t)panels;
    tile->ahead = next * (ptrdiff_t)tile->next_panel +
                  (ptrdiff_t)tile_place(tile, (int)(index % wide));
}

/* The sums of a tile of any height and width that f32_tile.c knows: `wide`
 * vectors, which belong to one panel (gates == wide) or to several.  Vector v
 * of row r goes to out + r * out_stride + v * VEC_LANES. */
void F32(tile)(const struct tile *tile, size_t rows, size_t wide, float *out,
               size_t out_stride);

#endif
