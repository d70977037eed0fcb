/* tables.h: the functions that f32_*.c define once for each instruction set,
 * and the small helpers shared by all of them.
 *
 * F32(product) in a file compiled for AVX2 is f32_product_avx2.
 */
#ifndef CORE_UKERNELS_TABLES_H
#define CORE_UKERNELS_TABLES_H

#include "core/ukernels/ukernels.h"

#define F32_PASTE_2(name, isa) f32_##name##_##isa
#define F32_PASTE(name, isa)   F32_PASTE_2(name, isa)
#define F32(name)              F32_PASTE(name, RNN_ISA)

/* Inputs that one partial sum takes before its block is joined. */
#define F32_BLOCK 256

/* Inputs that blocks of rows take at a time (vec_block.h), a divisor of
 * F32_BLOCK: their weights, four vectors of AVX-512 for each, and the inputs
 * of 32 rows fill the nearest cache (measured: with 64 or 256 batches of LSTM
 * 256 and 512 take 1 to 4 % more). */
#define F32_PIECE 128

/* Partial sums of a product of few columns: these lie in lanes. */
#define F32_DOT_CHAINS 16

/* Sequences whose steps are run side by side. */
#define F32_CELL_ROWS 32

/* One timestep of up to F32_CELL_ROWS sequences: where each finds its input's
 * part, its old h, its c (in place) and its new h. */
struct f32_step {
    size_t rows;
    bool back; /* from the last panel to the first: every other step, so that
                  it begins with what is still in the nearer caches */
    const float *z[F32_CELL_ROWS];
    const float *h[F32_CELL_ROWS];
    float *c[F32_CELL_ROWS];
    float *out[F32_CELL_ROWS];
    const struct f32_product *input; /* or NULL: z is there; */
    const float *x; /* its inputs laid out for blocks (vec_block.h) */
};

/* Many timesteps of one sequence, panels [first, end) of each (all of them,
 * unless it is one step).  Step t reads the h that step t - 1 wrote and leaves
 * its own at out[t % 2] + t * out_stride.  With an `input` z holds two rows
 * in turn, of which the first is made; step t makes a later one from row
 * t + 1 or t + 2 of x. */
struct f32_walk {
    size_t steps, first, end;
    const float *z;
    size_t z_stride;
    const struct f32_product *input; /* or NULL: all z are made */
    const float *x;
    size_t x_stride;
    float *made; /* z, to be written */
    const float *h;
    float *c;
    float *out[2];
    size_t out_stride;
};

typedef void f32_walk_fn(const struct f32_cell *cell,
                         const struct f32_walk *walk);

/* Panels [first, end) of one step of one kind of cell. */
typedef void f32_step_fn(const struct f32_cell *cell,
                         const struct f32_step *step, size_t first, size_t end,
                         float *scratch);

#define F32_DECLARE(isa)                                                      \
    f32_product_fn f32_product_##isa, f32_dot_product_##isa;                  \
    f32_depthwise_fn f32_depthwise_##isa;                                     \
    f32_cell_fn f32_cell_##isa, f32_cell_narrow_##isa;                        \
    f32_sequence_fn f32_sequence_##isa, f32_sequence_narrow_##isa;            \
    f32_batch_fn f32_batch_##isa;                                             \
    f32_cell_part_fn f32_cell_part_##isa;                                     \
    f32_step_fn f32_simple_step_##isa, f32_lstm_step_##isa,                   \
        f32_gru_step_##isa, f32_gru_gates_##isa, f32_gru_candidate_##isa,     \
        f32_rows_step_##isa;                                                  \
    f32_walk_fn f32_simple_walk_##isa, f32_lstm_walk_##isa,                   \
        f32_gru_walk_##isa;                                                   \
    f32_activate_fn f32_activate_##isa, f32_gate_activate_##isa;              \
    f32_activate_rows_fn f32_activate_rows_##isa;

F32_DECLARE(scalar)
F32_DECLARE(avx2)
F32_DECLARE(avx512)
F32_DECLARE(neon)

/* Groups of `count` panels in [first, end), as many as fit, in the order of
 * `step`: the group to take when `done` panels have been. */
static inline size_t f32_step_panel(const struct f32_step *step, size_t first,
                                    size_t end, size_t count, size_t done)
{
    size_t fit = (end - first) / count * count;

    return step->back ? first + fit - done - count : first + done;
}

/* Floats that a row's inputs take where they lie in pieces. */
static inline size_t f32_laid_floats(size_t inputs)
{
    return (inputs + F32_PIECE - 1) / F32_PIECE * F32_PIECE;
}

#endif
