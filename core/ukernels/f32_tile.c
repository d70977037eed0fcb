/* f32_tile.c: the sums of products of whole tiles.
 *
 * A tile of several rows takes its chains in turn, so that each finds all
 * registers; one row takes them side by side, since it has too few sums to
 * hide the latency of one.  The bits are the same.
 *
 * Each shape is a function of its own, which keeps nothing but sums and the
 * rows' addresses: where compilers have more to keep, they fetch it in the
 * innermost loop, by the ports that feed the multiply-adds (measured: a batch
 * of GRU 256 took 12 % more on AVX-512, 69 % more on AVX2).
 *
 * Compiled once for each instruction set.
 */
#include RNN_VEC_HEADER

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_tile.h"

/* Which inputs a chain takes, what it starts from, and where its sums go. */
struct chain {
    size_t from, end;
    const float *const *start; /* as in struct tile */
    size_t next_start;
    const float *last;
    float *out;
    size_t out_stride;
    const float *more[2]; /* sums of other chains to add, one after the other,
                             [row][vector]; NULL: none */
    bool again;           /* add what is in `out` */
};

/* `count` chains, one after the other. */
typedef void chains_fn(const struct tile *tile, const struct chain *chain,
                       size_t count);

/* What the sum of vector v of a row starts from. */
VEC_INLINE vec start_of(const struct chain *chain, int row, const int gates,
                        int v)
{
    const float *start = chain->start[row] +
                         (size_t)(v / gates) * chain->next_start +
                         (size_t)(v % gates) * VEC_LANES;

    return vec_load(gates == 3 && v == 2 && chain->last ? chain->last : start);
}

VEC_INLINE void add_sums(const float *more, size_t stride, const int rows,
                         const int wide, vec *sum)
{
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < wide; v++)
            sum[r * wide + v] =
                vec_add(sum[r * wide + v], vec_load(more + (size_t)r * stride +
                                                    (size_t)v * VEC_LANES));
}

/* Inputs from, from + chains, .. of a block. */
VEC_INLINE void one_chain(const struct tile *tile, const struct chain *chain,
                          const int rows, const int wide, const int gates)
{
    const size_t next_input = (size_t)gates * VEC_LANES;
    const float *w = tile->kernel + chain->from * next_input;
    vec sum[TILE_SUMS];

    for (int r = 0; r < rows; r++)
        for (int v = 0; v < wide; v++)
            sum[r * wide + v] = start_of(chain, r, gates, v);
    for (size_t k = chain->from; k < chain->end; k += tile->chains) {
        vec weight[TILE_SUMS];

        __builtin_prefetch(w + tile->ahead, 0, 2);
        for (int v = 0; v < wide; v++)
            weight[v] = vec_load(w + (size_t)(v / gates) * tile->next_panel +
                                 (size_t)(v % gates) * VEC_LANES);
        for (int r = 0; r < rows; r++) {
            vec x = vec_set(tile->x[r][k]);

            for (int v = 0; v < wide; v++)
                sum[r * wide + v] = vec_fma(x, weight[v], sum[r * wide + v]);
        }
        w += tile->chains * next_input;
    }
    if (chain->more[0])
        add_sums(chain->more[0], (size_t)wide * VEC_LANES, rows, wide, sum);
    if (chain->more[1])
        add_sums(chain->more[1], (size_t)wide * VEC_LANES, rows, wide, sum);
    if (chain->again)
        add_sums(chain->out, chain->out_stride, rows, wide, sum);
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < wide; v++)
            vec_store(chain->out + (size_t)r * chain->out_stride +
                          (size_t)v * VEC_LANES,
                      sum[r * wide + v]);
}

/* One row, all of its chains and blocks. */
VEC_INLINE void one_row(const struct tile *tile, const struct chain *chain,
                        const int wide, const int gates)
{
    struct tile row = {
        .x = {tile->x[0]},
        .kernel = tile->kernel,
        .inputs = tile->inputs,
        .next_input = (size_t)gates * VEC_LANES,
        .next_panel = tile->next_panel,
        .gates = (size_t)gates,
    };
    vec sum[TILE_SUMS];

    for (int v = 0; v < wide; v++)
        sum[v] = start_of(chain, 0, gates, v);
    switch (wide > 4 ? 1 : tile->chains) {
    case 1:
        tile_sum(&row, wide, 1, sum);
        break;
    case 2:
        tile_sum(&row, wide, 2, sum);
        break;
    default:
        tile_sum(&row, wide, TILE_CHAINS, sum);
        break;
    }
    for (int v = 0; v < wide; v++)
        vec_store(chain->out + v * VEC_LANES, sum[v]);
}

/* The functions of a shape: `wide` vectors of panels with `gates` gates.
 * Those of more rows than the registers hold are never asked for. */
#define ROW(wide, gates)                                                      \
    __attribute__((noinline)) static void rows_1_##wide##_##gates(            \
        const struct tile *tile, const struct chain *chain, size_t count)     \
    {                                                                         \
        (void)count;                                                          \
        one_row(tile, chain, wide, gates);                                    \
    }
#define ROWS(rows, wide, gates)                                               \
    __attribute__((noinline)) static void rows_##rows##_##wide##_##gates(     \
        const struct tile *tile, const struct chain *chain, size_t count)     \
    {                                                                         \
        for (size_t i = 0; i < count && (rows) * (wide) <= VEC_SUMS; i++)     \
            one_chain(tile, chain + i, rows, wide, gates);                    \
    }
#define SHAPE(wide, gates)                                                    \
    ROW(wide, gates)                                                          \
    ROWS(2, wide, gates)                                                      \
    ROWS(3, wide, gates)                                                      \
    ROWS(4, wide, gates)                                                      \
    ROWS(5, wide, gates)                                                      \
    ROWS(6, wide, gates)                                                      \
    ROWS(7, wide, gates)                                                      \
    ROWS(8, wide, gates)

SHAPE(1, 1)
SHAPE(2, 1)
SHAPE(4, 1)
SHAPE(2, 2)
SHAPE(4, 2)
SHAPE(3, 3)
SHAPE(4, 4)
ROW(8, 1)
ROW(6, 3)
ROW(8, 4)

static chains_fn *find(size_t rows, size_t wide, size_t gates)
{
    static chains_fn *const one_gate[][TILE_ROWS] = {
        [1] = TILE_HEIGHTS(rows, 1, 1),
        [2] = TILE_HEIGHTS(rows, 2, 1),
        [4] = TILE_HEIGHTS(rows, 4, 1),
        [8] = {rows_1_8_1},
    };
    static chains_fn *const more_gates[][2][TILE_ROWS] = {
        [2] = {TILE_HEIGHTS(rows, 2, 2), TILE_HEIGHTS(rows, 4, 2)},
        [3] = {TILE_HEIGHTS(rows, 3, 3), {rows_1_6_3}},
        [4] = {TILE_HEIGHTS(rows, 4, 4), {rows_1_8_4}},
    };

    return gates == 1 ? one_gate[wide][rows - 1]
                      : more_gates[gates][wide > gates][rows - 1];
}

/* The first chain of a block.  All but that of the first start from zero. */
static struct chain first_chain(const struct tile *tile, size_t from)
{
    static const TILE_ALIGNED float zero[4 * VEC_LANES];
    static const float *const zeros[TILE_ROWS] = {zero, zero, zero, zero,
                                                  zero, zero, zero, zero};
    const size_t block = tile->chains * F32_BLOCK;
    const size_t left = tile->inputs - from;
    struct chain chain = {
        .from = from,
        .end = left < block ? tile->inputs : from + block,
        .start = zeros,
        .next_start = VEC_LANES,
        .again = from > 0,
    };

    if (from == 0) {
        chain.start = tile->start;
        chain.next_start = tile->next_start;
        chain.last = tile->last;
    }
    return chain;
}

/* A block of two or four chains, which are joined by halves as they are
 * stored. */
static void run_chains(const struct tile *tile, chains_fn *run, size_t wide,
                       const struct chain *first)
{
    TILE_ALIGNED float odd[TILE_SUMS * VEC_LANES];
    TILE_ALIGNED float even[TILE_SUMS * VEC_LANES];
    const struct chain zero = first_chain(tile, 1);
    struct chain chain[TILE_CHAINS];
    size_t count = 0;

    for (size_t p = tile->chains - 1; p > 0; p--) {
        chain[count] = zero;
        chain[count].from = first->from + p;
        chain[count].end = first->end;
        /* cppcheck-suppress legacyUninitvar */
        chain[count].out = p % 2 ? odd : even;
        chain[count].out_stride = wide * VEC_LANES;
        chain[count].again = p == 1 && count > 0;
        count++;
    }
    chain[count] = *first;
    chain[count].more[0] = count > 1 ? even : odd;
    chain[count].more[1] = count > 1 ? odd : NULL;
    run(tile, chain, count + 1);
}

void F32(tile)(const struct tile *tile, size_t rows, size_t wide, float *out,
               size_t out_stride)
{
    chains_fn *const run = find(rows, wide, tile->gates);
    struct chain chain = first_chain(tile, 0);

    chain.out = out;
    chain.out_stride = out_stride;
    if (rows == 1) {
        run(tile, &chain, 1);
        return;
    }
    for (;;) {
        if (tile->chains == 1)
            run(tile, &chain, 1);
        else
            run_chains(tile, run, wide, &chain);
        if (chain.end == tile->inputs)
            break;
        chain = first_chain(tile, chain.end);
        chain.out = out;
        chain.out_stride = out_stride;
    }
}
