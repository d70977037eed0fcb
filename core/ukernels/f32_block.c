/* f32_block.c: the sums of products of whole blocks.
 *
 * Each shape of a tile is a function of its own, as in f32_tile.c, and knows
 * four addresses: inputs, weights, what is fetched, and the end.
 *
 * Compiled once for each instruction set.
 */
#include RNN_VEC_HEADER

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_block.h"

/* One piece of all rows. */
struct piece {
    const float *x, *w, *fetch;
    size_t count;             /* inputs */
    size_t next_vector;       /* floats from one vector's weights to the
                                 next's, where it is not VEC_LANES */
    const float *const *from; /* what the sums of each row begin with is */
    size_t column;            /* from here on, */
    const float *last;        /* but for gate 2 of 3, if not NULL, here */
    const float *more;        /* to be added at the end, or NULL */
    float *out;
    size_t out_stride; /* of `more` too */
    bool spare;        /* more tiles than vectors */
};

/* `tiles` tiles from row `row` on, the first being number `index`. */
typedef void piece_fn(const struct piece *piece, size_t row, size_t tiles,
                      size_t index);

/* Everything is written out, since compilers keep sums in registers from the
 * first to the last only where every index is a constant early on. */
#define EACH_VECTOR(DO, r) DO(r, 0) DO(r, 1) DO(r, 2) DO(r, 3)
#define EACH_ROW(DO)       DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)
#define EACH(DO)                                                              \
    EACH_VECTOR(DO, 0)                                                        \
    EACH_VECTOR(DO, 1)                                                        \
    EACH_VECTOR(DO, 2)                                                        \
    EACH_VECTOR(DO, 3)                                                        \
    EACH_VECTOR(DO, 4)                                                        \
    EACH_VECTOR(DO, 5)                                                        \
    EACH_VECTOR(DO, 6)                                                        \
    EACH_VECTOR(DO, 7)

/* One input of all rows, whose weights are `ahead` floats from each of w. */
VEC_INLINE void add_input(const float *x, const float *const w[BLOCK_WIDE],
                          size_t ahead, const int rows, const int wide,
                          vec sum[TILE_ROWS][BLOCK_WIDE])
{
    vec weight[BLOCK_WIDE], value;

#define WEIGHT(r, v)                                                          \
    if ((v) < wide)                                                           \
        weight[v] = vec_load(w[v] + ahead);
#define ADD(r, v)                                                             \
    if ((v) < wide)                                                           \
        sum[r][v] = vec_fma(value, weight[v], sum[r][v]);
#define ROW(r)                                                                \
    if ((r) < rows) {                                                         \
        value = vec_set(x[(r)*F32_PIECE]);                                    \
        EACH_VECTOR(ADD, r)                                                   \
    }
    EACH_VECTOR(WEIGHT, 0)
    EACH_ROW(ROW)
#undef WEIGHT
#undef ADD
#undef ROW
}

/* How often the loop is written down: its end is foreseen, if it does not come
 * too late.  Of wide vectors only the tallest tiles are worth so much code
 * (0.2 % of a batch of 32). */
VEC_INLINE size_t unroll(const int rows, const int wide)
{
    return VEC_REGISTERS > 16 && rows * wide < 20 ? 2 : 4;
}

/* One tile. */
VEC_INLINE void run_tile(const struct piece *piece, size_t row,
                         const float *fetch, const int rows, const int wide,
                         const int gates)
{
    const size_t next_input = (size_t)gates * VEC_LANES;
    const size_t next_vector = gates > 1 ? VEC_LANES : piece->next_vector;
    const size_t stride = piece->out_stride, column = piece->column;
    const float *const *const from = piece->from + row;
    const float *x = piece->x + row * F32_PIECE, *w[BLOCK_WIDE];
    const float *const end = x + piece->count;
    const size_t times = unroll(rows, wide);
    const float *const most = x + piece->count / times * times;
    const float *const last = piece->last, *const more = piece->more;
    float *const out = piece->out + row * stride;
    vec sum[TILE_ROWS][BLOCK_WIDE];

#define PLACE(r, v)                                                           \
    if ((v) < wide)                                                           \
        w[v] = piece->w + (v)*next_vector;
/* Where registers are few, multiply-adds take weights from memory, and
 * compilers are not to see which addresses belong together: they would write
 * them as sums of two registers, which makes two operations of one. */
#define NEXT(r, v)                                                            \
    if ((v) < wide) {                                                         \
        w[v] += ahead;                                                        \
        if (gates == 1 && VEC_REGISTERS == 16)                                \
            __asm__("" : "+r"(w[v]));                                         \
    }
    EACH_VECTOR(PLACE, 0)
#undef PLACE
#define BEGIN(r, v)                                                           \
    if ((r) < rows && (v) < wide)                                             \
        sum[r][v] = vec_load(gates == 3 && (v) == 2 && last                   \
                                 ? last                                       \
                                 : from[r] + column + (v)*VEC_LANES);
    EACH(BEGIN)
#undef BEGIN
    for (; x < most; x += times) {
        const size_t ahead = times * next_input;

        for (size_t i = 0; i < times; i++) {
            __builtin_prefetch(fetch, 0, 2);
            add_input(x + i, w, i * next_input, rows, wide, sum);
            fetch += next_input;
        }
        EACH_VECTOR(NEXT, 0)
    }
    for (; x < end; x++) {
        const size_t ahead = next_input;

        add_input(x, w, 0, rows, wide, sum);
        EACH_VECTOR(NEXT, 0)
    }
#undef NEXT
#define PLACE(r, v) ((size_t)(r)*stride + (size_t)(v)*VEC_LANES)
#define ADD(r, v)                                                             \
    if ((r) < rows && (v) < wide)                                             \
        sum[r][v] = vec_add(sum[r][v], vec_load(more + PLACE(row + (r), v)));
#define STORE(r, v)                                                           \
    if ((r) < rows && (v) < wide)                                             \
        vec_store(out + PLACE(r, v), sum[r][v]);
    if (more) {
        EACH(ADD)
    }
    EACH(STORE)
#undef PLACE
#undef ADD
#undef STORE
}

/* What tile number `index` fetches: the weights of one vector of what comes
 * next, or, where there are tiles to spare, its own once more, which cost
 * nothing.  The first tile waits for lines itself (measured: without it 512
 * units of an LSTM or GRU take 2 % less). */
VEC_INLINE const float *choose_fetch(const struct piece *piece, size_t index,
                                     const int wide, const int gates)
{
    const size_t next_vector = gates > 1 ? VEC_LANES : piece->next_vector;

    if (!piece->spare)
        return piece->fetch + index % (size_t)wide * next_vector;
    if (index == 0 || index > (size_t)wide)
        return piece->w;
    return piece->fetch + (index - 1) * next_vector;
}

VEC_INLINE void run_tiles(const struct piece *piece, size_t row, size_t tiles,
                          size_t index, const int rows, const int wide,
                          const int gates)
{
    for (; tiles > 0; tiles--, index++, row += (size_t)rows)
        run_tile(piece, row, choose_fetch(piece, index, wide, gates), rows,
                 wide, gates);
}

#define PIECE(rows, wide, gates)                                              \
    __attribute__((noinline)) static void piece_##rows##_##wide##_##gates(    \
        const struct piece *piece, size_t row, size_t tiles, size_t index)    \
    {                                                                         \
        if ((rows) == 1 || (rows) * (wide) <= VEC_SUMS)                       \
            run_tiles(piece, row, tiles, index, rows, wide, gates);           \
    }
#define SHAPE(wide, gates)                                                    \
    PIECE(1, wide, gates)                                                     \
    PIECE(2, wide, gates)                                                     \
    PIECE(3, wide, gates)                                                     \
    PIECE(4, wide, gates)                                                     \
    PIECE(5, wide, gates)                                                     \
    PIECE(6, wide, gates)                                                     \
    PIECE(7, wide, gates)                                                     \
    PIECE(8, wide, gates)

SHAPE(1, 1)
SHAPE(2, 1)
SHAPE(4, 1)
SHAPE(2, 2)
SHAPE(3, 3)
SHAPE(4, 4)

static piece_fn *const *find(size_t wide, size_t gates)
{
    static piece_fn *const one_gate[][TILE_ROWS] = {
        [1] = TILE_HEIGHTS(piece, 1, 1),
        [2] = TILE_HEIGHTS(piece, 2, 1),
        [4] = TILE_HEIGHTS(piece, 4, 1),
    };
    static piece_fn *const more_gates[][TILE_ROWS] = {
        [2] = TILE_HEIGHTS(piece, 2, 2),
        [3] = TILE_HEIGHTS(piece, 3, 3),
        [4] = TILE_HEIGHTS(piece, 4, 4),
    };

    return gates == 1 ? one_gate[wide] : more_gates[gates];
}

VEC_INLINE void lay_piece(const float *x, size_t count, float *laid)
{
    size_t i = 0;

    if (count == F32_PIECE) {
        for (; i < F32_PIECE; i += VEC_LANES)
            vec_store(laid + i, vec_load(x + i));
        return;
    }
    for (; i + VEC_LANES <= count; i += VEC_LANES)
        vec_store(laid + i, vec_load(x + i));
    if (i < count)
        vec_store_part(laid + i, vec_load_part(x + i, count - i), count - i);
}

void F32(block_lay)(const float *const *x, size_t rows, size_t inputs,
                    float *laid)
{
    for (size_t k = 0; k < inputs; k += F32_PIECE) {
        const size_t left = inputs - k;
        const size_t count = left < F32_PIECE ? left : F32_PIECE;

        for (size_t r = 0; r < rows; r++, laid += F32_PIECE)
            lay_piece(x[r] + k, count, laid);
    }
}

/* Tiles of nearly equal height. */
struct heights {
    size_t low;   /* rows of most of them */
    size_t tiles; /* all of them */
    size_t high;  /* so many have one row more: the first */
};

static struct heights choose_heights(size_t rows, size_t wide)
{
    const size_t most = tile_most_rows(wide);
    const size_t tiles = (rows + most - 1) / most;

    return (struct heights){rows / tiles, tiles, rows % tiles};
}

static void run(const struct piece *piece, piece_fn *const *tile,
                const struct heights *heights)
{
    const size_t high = heights->high, low = heights->low;

    if (high > 0)
        tile[low](piece, 0, high, 0);
    tile[low - 1](piece, high * (low + 1), heights->tiles - high, high);
}

void F32(block)(const struct block *block, size_t wide, bool again, float *out,
                size_t out_stride)
{
    static const TILE_ALIGNED float zero[BLOCK_WIDE * VEC_LANES];
    const struct heights heights = choose_heights(block->rows, wide);
    const size_t next_input = block->gates * VEC_LANES;
    TILE_ALIGNED float sums[F32_CELL_ROWS * BLOCK_WIDE * VEC_LANES];
    const float *own[F32_CELL_ROWS], *zeros[F32_CELL_ROWS];
    struct piece piece = {
        .x = block->x,
        .w = block->kernel,
        .next_vector = block->next_panel,
        .from = again ? zeros : block->start,
        .column = again ? 0 : block->column,
        .last = again ? NULL : block->last,
        .spare = heights.tiles > wide,
    };

    for (size_t r = 0; r < block->rows; r++) {
        own[r] = sums + r * wide * VEC_LANES;
        zeros[r] = zero;
    }
    for (size_t from = 0; from < block->inputs; from += piece.count) {
        const size_t left = block->inputs - from;
        const bool ends = left <= F32_PIECE;

        piece.count = ends ? left : F32_PIECE;
        piece.fetch = ends ? block->next : piece.w + piece.count * next_input;
        if (ends || (from + piece.count) % F32_BLOCK == 0) {
            piece.out = out;
            piece.out_stride = out_stride;
            piece.more = again || from >= F32_BLOCK ? out : NULL;
        } else {
            piece.out = sums;
            piece.out_stride = wide * VEC_LANES;
            piece.more = NULL;
        }
        run(&piece, find(wide, block->gates), &heights);
        piece.from = piece.out == out ? zeros : own;
        piece.column = 0;
        piece.last = NULL;
        piece.x += piece.count * block->rows;
        piece.w += piece.count * next_input;
    }
}
