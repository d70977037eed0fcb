/* ukernels.h: the inner loops, one table of them for each instruction set.
 *
 * A "kernel" is a weight matrix (Keras' word); a "ukernel" is the code that
 * runs over one.  Each f32_*.c is written once over the thin vector header
 * vec_<isa>.h and compiled once for each instruction set, so that all of them
 * compute the same bits by construction.
 *
 * THE ORDER OF EVERY SUM (numerics version 2).  A product of a row x[inputs]
 * with a kernel [inputs, columns] has P partial sums ("chains"), where P =
 * rnn_sum_chains(inputs, columns) follows from these two numbers alone:
 *
 *     P = 16 where columns <= 4 and inputs >= 32
 *          4 where columns <= 32,   2 where columns < 128,   else 1
 *
 * The inputs are taken in blocks of 256 * P, the last may be shorter:
 *
 *     for each block b:
 *         s[0] = b == 0 ? start : +0,  s[1..P-1] = +0
 *         for k in the block in order: s[k % P] = fma(x[k], w[k], s[k % P])
 *         for n = P/2, P/4, .. 1:      s[i] = s[i] + s[i + n] for i < n
 *         y = b == 0 ? s[0] : y + s[0]
 *
 * `start` is the bias (or +0 without one) for a product from the input, and
 * for a recurrent product the input's part already computed.  Padding
 * columns are computed like any other.  Padding inputs do not exist, but for
 * P = 16: there inputs are padded with x = w = +0 to a multiple of 16.
 *
 * Shapes  A packed kernel has panels of `lanes` units: [panel][input][gate]
 *         [lane], zero in the lanes past the last unit; `stride` is
 *         panels * gates * lanes, the floats of one row of results in packed
 *         column order [panel][gate][lane].  With one gate that is the
 *         plain order, padded.  (With 16 chains the packed kernel is
 *         [gate][unit][inputs, padded to 16]; results are the same.)
 * Memory  Vectors of results may be written up to their stride, never
 *         beyond; x and h are read up to their true length, never beyond.
 *         Packed memory and result rows are aligned to 64 bytes.
 */
#ifndef CORE_UKERNELS_UKERNELS_H
#define CORE_UKERNELS_UKERNELS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"
#include "core/isa.h"
#include "core/ukernels/activation.h"

/* Partial sums of a product; `columns` counts all gates together. */
size_t rnn_sum_chains(size_t inputs, size_t columns);

/* A kernel with its bias, packed for the lanes of one table. */
struct f32_product {
    size_t inputs, units, gates; /* columns = units * gates */
    size_t chains;               /* rnn_sum_chains(inputs, units * gates) */
    size_t lanes, panels, stride;
    const float *kernel; /* [panels, inputs, gates, lanes], or see above */
    const float *bias;   /* [stride] packed columns; zeros without a bias */
};

/* One small kernel for each column, with its bias. */
struct f32_depthwise {
    size_t taps, stride; /* stride: of the columns, padded to 16 */
    const float *kernel; /* [taps, stride] */
    const float *bias;   /* [stride]; zeros without a bias */
};

enum f32_cell_kind {
    F32_CELL_SIMPLE,           /* 1 gate: h */
    F32_CELL_LSTM,             /* 4 gates: i f c o */
    F32_CELL_GRU_RESET_AFTER,  /* 3 gates: z r h; r times (h.U_h + b1_h) */
    F32_CELL_GRU_RESET_BEFORE, /* 3 gates: z r h; (r times h).U_h */
};

/* The recurrent half of a cell.
 *
 *   SIMPLE  h' = act(z + h.U)
 *   LSTM    i f o = ract(z_ifo + h.U_ifo)   g = act(z_c + h.U_c)
 *           c' = fma(f, c, i*g)             h' = o * act(c')
 *   GRU     u r = ract(z_ur + h.U_ur)
 *     after   g = act(fma(r, b1_h + h.U_h, z_h))
 *     before  g = act(z_h + (r*h).U_h)
 *           h' = fma(u, h - g, g)
 *
 * The chains are those of units * gates columns, but for the last product of
 * reset-before: `candidate` is a product of its own (1 gate) and `recurrent`
 * has 2 (z r). */
struct f32_cell {
    enum f32_cell_kind kind;
    struct rnn_activation activation, recurrent_activation;
    struct f32_product recurrent; /* its bias: reset-after b1_h in the place
                                     of gate h, else zeros and not read */
    struct f32_product candidate; /* reset-before only */
};

/* One sequence of a block.  All sequences of a block have the same steps.
 * z [steps][z_stride] is the input's part in the packed column order of the
 * cell's gates (z_stride = panels * gates * lanes; for reset-before 3 gates
 * although `recurrent` has 2).  h and c [padded units] are read and left at
 * the last step.  y is every h, [steps][y_stride], or NULL. */
struct f32_cell_row {
    const float *z;
    float *h, *c, *y;
};

/* y[r] = x[r] . kernel + bias for `rows` rows; strides in floats.  Writes
 * product->stride floats of each y row. */
typedef void f32_product_fn(const struct f32_product *product, size_t rows,
                            const float *x, size_t x_stride, float *y,
                            size_t y_stride);

/* y[r][c] = bias[c] + x[r][0][c] kernel[0][c] + ..., one chain of
 * multiply-adds, tap after tap; tap i of row r is at x + r * x_stride +
 * i * x_next.  Reads and writes product->stride columns of each row. */
typedef void f32_depthwise_fn(const struct f32_depthwise *product, size_t rows,
                              const float *x, size_t x_stride, size_t x_next,
                              float *y, size_t y_stride);

/* `steps` timesteps of `rows` sequences.  `scratch` holds
 * rnn_cell_scratch_floats() floats. */
typedef void f32_cell_fn(const struct f32_cell *cell, size_t rows,
                         size_t steps, const struct f32_cell_row *row,
                         size_t z_stride, size_t y_stride, float *scratch);

/* One sequence from its inputs on: x [steps][x_stride], and with them the
 * input's part of each step is made beside the step before.  row->z is not
 * read. */
struct f32_sequence {
    const struct f32_product *input;
    size_t steps;
    const float *x;
    size_t x_stride;
    const struct f32_cell_row *row;
    size_t y_stride;
};

/* The same bits as `product` and then `cell`, for the cells that take less
 * time so: their own multiply-adds and activations wait for each other, and
 * the input's fill the gaps.  False, with nothing done, for all others.
 * `scratch` as for `cell`. */
typedef bool f32_sequence_fn(const struct f32_cell *cell,
                             const struct f32_sequence *sequence,
                             float *scratch);

/* Several sequences from their inputs on: what `z` of each row points to is
 * x [steps][x_stride].  (Without an input it is z, as for `cell`.) */
struct f32_batch {
    const struct f32_product *input;
    size_t rows, steps;
    const struct f32_cell_row *row; /* [rows] */
    size_t x_stride, y_stride;
};

/* The same bits as `product` and then `cell`, for what
 * rnn_cell_takes_batch(): z of a few units at a time is made right before
 * their own sums begin with it, and goes nowhere else.  `scratch` as for
 * `cell`. */
typedef void f32_batch_fn(const struct f32_cell *cell,
                          const struct f32_batch *batch, float *scratch);

/* Part of one timestep, for callers that must look up in the middle of a long
 * one: panels [first_panel, end_panel) of one phase.  Every panel once, in any
 * order, one part after the other; all parts of a phase before any of the
 * next; rnn_cell_phases() says how many.  Reads h of each row, leaves it,
 * writes the new one to y[0] and steps c in place.  A cell with softmax or its
 * kin inside takes all panels in one part.  `scratch` as for a whole call,
 * kept between phases. */
typedef void f32_cell_part_fn(const struct f32_cell *cell, size_t rows,
                              const struct f32_cell_row *row, size_t phase,
                              size_t first_panel, size_t end_panel,
                              float *scratch);

/* In place on `count` floats, one by one (not softmax and its kin). */
typedef void f32_activate_fn(const struct rnn_activation *activation,
                             size_t count, float *x);

/* In place on rows of `units` floats: softmax, log_softmax, sparsemax; sums
 * along a row in the order of a product with one column. */
typedef void f32_activate_rows_fn(const struct rnn_activation *activation,
                                  size_t rows, size_t units, float *x,
                                  size_t stride);

struct rnn_ukernels {
    enum rnn_isa isa;
    size_t lanes;      /* units of one panel */
    size_t block_rows; /* sequences that are best run together */
    f32_product_fn *product;
    f32_depthwise_fn *depthwise;
    f32_cell_fn *cell;
    f32_sequence_fn *sequence;
    f32_batch_fn *batch;
    f32_cell_part_fn *cell_part;
    f32_activate_fn *activate;
    f32_activate_fn *gate_activate; /* the sigmoid that cells of tanh have
                                       inline, to be looked at: of small
                                       absolute error and short latency */
    f32_activate_rows_fn *activate_rows;
};

/* The table for `isa` and layers of `units` units (small layers may get the
 * table of narrower vectors: the bits are the same).  NULL when this build or
 * this CPU lacks it; for AUTO never. */
const struct rnn_ukernels *rnn_ukernels_find(enum rnn_isa isa, size_t units);

/* Do any of the cell's activations take whole rows? */
static inline bool rnn_cell_takes_rows(const struct f32_cell *cell)
{
    return rnn_activation_takes_rows(&cell->activation) ||
           rnn_activation_takes_rows(&cell->recurrent_activation);
}

/* Does `batch` know how to run it, and does it win? */
bool rnn_cell_takes_batch(const struct f32_cell *cell,
                          const struct f32_product *input, size_t rows);

size_t rnn_cell_phases(const struct f32_cell *cell);

/* Floats of scratch that one call of `cell` needs for `rows` rows. */
size_t rnn_cell_scratch_floats(const struct f32_cell *cell, size_t rows);

/* Pack `kernel` [inputs, gates * units] (Keras' layout: gate by gate) and
 * `bias` [gates * units] or NULL, for the lanes of `ukernels`.  `first_gate`
 * and `gates` choose among `all_gates`.  False when the arena is out. */
bool rnn_product_pack(const struct rnn_ukernels *ukernels, size_t inputs,
                      size_t units, size_t all_gates, size_t first_gate,
                      size_t gates, const float *kernel, const float *bias,
                      struct arena *arena, struct f32_product *product);

#endif
