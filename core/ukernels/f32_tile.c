/* f32_tile.c: the sums of products of whole tiles.
 *
 * A tile of several rows takes its chains in turn, so that each finds all
 * registers; one row takes them side by side, since it has too few sums to
 * hide the latency of one.  The bits are the same.
 *
 * Each shape is a function of its own: inlined where sums are finished, a tile
 * leaves the compiler too few integer registers for its rows' addresses, and
 * to fetch those costs the ports of multiply-adds (measured: a batch of GRU
 * 256 took 12 % more on AVX-512, 69 % more on AVX2).
 *
 * Compiled once for each instruction set.
 */
#include RNN_VEC_HEADER

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_tile.h"

/* A tile of a constant shape; copied piece by piece, since one wide load of
 * what was just stored in pieces would have to wait. */
VEC_INLINE struct tile tile_of(const struct tile *any, const int rows,
                               const int gates)
{
    struct tile tile = {
        .kernel = any->kernel,
        .inputs = any->inputs,
        .next_input = any->next_input,
        .next_panel = any->next_panel,
        .gates = (size_t)gates,
        .chains = any->chains,
        .next_start = any->next_start,
        .last = any->last,
    };

    for (int r = 0; r < rows; r++) {
        tile.x[r] = any->x[r];
        tile.start[r] = any->start[r];
    }
    return tile;
}

#if TILE_ROWS > 1
/* Inputs from, from + chains, .. of a block; the first chain of the first
 * begins with the starts. */
VEC_INLINE void one_chain(const struct tile *tile, const int rows,
                          const int wide, size_t from, size_t end, vec *out)
{
    const size_t chains = tile->chains;
    const float *w = tile->kernel + from * tile->next_input;
    vec sum[TILE_SUMS];

    for (int r = 0; r < rows; r++)
        for (int v = 0; v < wide; v++)
            sum[r * wide + v] =
                from == 0 ? tile_start(tile, r, wide, v) : vec_set(0.0f);
    for (size_t k = from; k < end; k += chains) {
        tile_input(tile, rows, wide, k, w, sum);
        w += chains * tile->next_input;
    }
    for (int i = 0; i < rows * wide; i++)
        out[i] = sum[i];
}

/* One block: its chains in turn, joined. */
VEC_INLINE void one_block(const struct tile *tile, const int rows,
                          const int wide, size_t from, size_t end, vec *out)
{
    const size_t chains = tile->chains;
    vec part[TILE_CHAINS][TILE_SUMS];

    one_chain(tile, rows, wide, from, end, chains > 1 ? part[0] : out);
    if (chains == 1)
        return;
    for (size_t p = 1; p < chains; p++)
        one_chain(tile, rows, wide, from + p, end, part[p]);
    for (size_t half = chains / 2; half > 1; half /= 2)
        for (size_t p = 0; p < half; p++)
            for (int i = 0; i < rows * wide; i++)
                part[p][i] = vec_add(part[p][i], part[p + half][i]);
    for (int i = 0; i < rows * wide; i++)
        out[i] = vec_add(part[0][i], part[1][i]);
}

/* Several rows. */
VEC_INLINE void rows_sum(const struct tile *any, const int rows,
                         const int wide, const int gates, vec *sum)
{
    const struct tile tile = tile_of(any, rows, gates);
    const size_t block = tile.chains * F32_BLOCK;
    size_t end = tile.inputs < block ? tile.inputs : block;

    one_block(&tile, rows, wide, 0, end, sum);
    for (size_t from = end; from < tile.inputs; from = end) {
        vec more[TILE_SUMS];

        end = tile.inputs - from < block ? tile.inputs : from + block;
        one_block(&tile, rows, wide, from, end, more);
        for (int i = 0; i < rows * wide; i++)
            sum[i] = vec_add(sum[i], more[i]);
    }
}

#endif

/* One row. */
VEC_INLINE void row_sum(const struct tile *any, const int wide,
                        const int gates, vec *out)
{
    const struct tile tile = tile_of(any, 1, gates);

    tile_row(&tile, wide, out);
}

/* A function for each shape: wide vectors of panels with `gates` gates. */
#define ROW(wide, gates)                                                      \
    __attribute__((noinline)) static void row_##wide##_##gates(               \
        const struct tile *tile, vec *sum)                                    \
    {                                                                         \
        row_sum(tile, wide, gates, sum);                                      \
    }
#define ROWS(rows, wide, gates)                                               \
    __attribute__((noinline)) static void rows_##rows##_##wide##_##gates(     \
        const struct tile *tile, vec *sum)                                    \
    {                                                                         \
        rows_sum(tile, rows, wide, gates, sum);                               \
    }

#if TILE_ROWS == 6
#define HEIGHTS(XX, wide, gates)                                              \
    XX(2, wide, gates)                                                        \
    XX(3, wide, gates)                                                        \
    XX(4, wide, gates) XX(5, wide, gates) XX(6, wide, gates)
#elif TILE_ROWS == 3
#define HEIGHTS(XX, wide, gates) XX(2, wide, gates) XX(3, wide, gates)
#elif TILE_ROWS == 1
#define HEIGHTS(XX, wide, gates)
#else
#error "HEIGHTS lacks this number of rows"
#endif

#define SHAPES(XX)                                                            \
    XX(1, 1)                                                                  \
    XX(2, 1)                                                                  \
    XX(4, 1)                                                                  \
    XX(2, 2)                                                                  \
    XX(3, 3)                                                                  \
    XX(4, 4)
#define SHAPES_OF_ONE_ROW(XX) XX(8, 1) XX(6, 3) XX(8, 4)

#define ALL_ROWS(wide, gates) ROW(wide, gates) HEIGHTS(ROWS, wide, gates)
SHAPES(ALL_ROWS)
SHAPES_OF_ONE_ROW(ROW)

/* A shape as one number. */
#define SHAPE(rows, wide, gates) (((rows)*8 + (wide)-1) * 4 + (gates)-1)

void F32(tile)(const struct tile *tile, size_t rows, size_t wide, vec *sum)
{
    switch (SHAPE(rows, wide, tile->gates)) {
#define CASE(rows, wide, gates)                                               \
    case SHAPE(rows, wide, gates):                                            \
        rows_##rows##_##wide##_##gates(tile, sum);                            \
        break;
#define CASE_OF_ONE_ROW(wide, gates)                                          \
    case SHAPE(1, wide, gates):                                               \
        row_##wide##_##gates(tile, sum);                                      \
        break;
#define ALL_CASES(wide, gates)                                                \
    CASE_OF_ONE_ROW(wide, gates) HEIGHTS(CASE, wide, gates)
        SHAPES(ALL_CASES)
        SHAPES_OF_ONE_ROW(CASE_OF_ONE_ROW)
    }
}
