/* f32_narrow.c: walks of an LSTM of up to 8 units in vectors of 16.
 *
 * The kernel is packed for vectors of 8; two gates, which lie side by side,
 * are one vector here, so that they take one sum, one shuffle of h and one
 * set of look-ups instead of two.  (The look-ups of a small cell go through
 * one port of the core.  Measured: an LSTM (5) takes 7 % less; a GRU, whose
 * third gate finds no partner, took 3 % more.)  h and c stay in registers
 * from step to step, and so does z where it is made from the inputs between
 * the sums and the ends of the step before: that takes 11 % less of an LSTM
 * (5) of 3 features, 17 % of an LSTM (8) of 8, 47 % of an LSTM (5) of 64. (The
 * other cells, and whatever is not one plain LSTM, go to AVX2.)  The equations
 * are those of f32_lstm.c, the order of the sums is that of ukernels.h.
 *
 * Compiled once for each instruction set, though only one has such vectors.
 */
#include RNN_VEC_HEADER

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_cell.h"

#if VEC_LANES == 16

#define HALF   8 /* lanes of a gate */
#define CHAINS 4 /* of so few columns: see rnn_sum_chains() */

/* Sums, or what they begin with: of i and f, of c and o. */
struct sums {
    vec i_f, c_o;
};

/* Their chains. */
struct chains {
    vec i_f[CHAINS], c_o[CHAINS];
};

VEC_INLINE void begin(struct chains *to, struct sums start)
{
    to->i_f[0] = start.i_f;
    to->c_o[0] = start.c_o;
    for (int i = 1; i < CHAINS; i++)
        to->i_f[i] = to->c_o[i] = vec_set(0.0f);
}

/* Adds x times the weights from `w` on. */
VEC_INLINE void add(struct chains *to, const int chain, vec x, const float *w)
{
    to->i_f[chain] = vec_fma(x, vec_load(w), to->i_f[chain]);
    to->c_o[chain] = vec_fma(x, vec_load(w + VEC_LANES), to->c_o[chain]);
}

VEC_INLINE vec join(const vec chain[CHAINS])
{
    return vec_add(vec_add(chain[0], chain[2]), vec_add(chain[1], chain[3]));
}

VEC_INLINE struct sums joined(const struct chains *all)
{
    return (struct sums){join(all->i_f), join(all->c_o)};
}

VEC_INLINE struct sums load(const float *z)
{
    return (struct sums){vec_load(z), vec_load(z + VEC_LANES)};
}

/* (Inputs are written out, since compilers keep sums in registers only where
 * all is constant.) */
VEC_INLINE struct sums narrow_sums(const struct f32_cell *cell, struct sums z,
                                   vec h)
{
    const size_t inputs = cell->recurrent.inputs;
    const float *w = cell->recurrent.kernel;
    struct chains all;

    begin(&all, z);
#define INPUT(k)                                                              \
    if (inputs > (k))                                                         \
        add(&all, (k) % CHAINS, vec_lane(h, k), w + (k)*4 * HALF);
    INPUT(0)
    INPUT(1)
    INPUT(2)
    INPUT(3)
    INPUT(4)
    INPUT(5)
    INPUT(6)
    INPUT(7)
#undef INPUT
    return joined(&all);
}

/* The input's part of a step, from its inputs on. */
VEC_INLINE struct sums narrow_input(const struct f32_product *input,
                                    const float *x)
{
    const float *w = input->kernel, *end = x + input->inputs;
    struct chains all;

    begin(&all, load(input->bias));
    for (; end - x >= CHAINS; x += CHAINS, w += CHAINS * 4 * HALF) {
        add(&all, 0, vec_set(x[0]), w);
        add(&all, 1, vec_set(x[1]), w + 4 * HALF);
        add(&all, 2, vec_set(x[2]), w + 8 * HALF);
        add(&all, 3, vec_set(x[3]), w + 12 * HALF);
    }
    if (end > x)
        add(&all, 0, vec_set(x[0]), w);
    if (end - x > 1)
        add(&all, 1, vec_set(x[1]), w + 4 * HALF);
    if (end - x > 2)
        add(&all, 2, vec_set(x[2]), w + 8 * HALF);
    return joined(&all);
}

/* tanh of the lower half of x, the gates' sigmoid of the upper one. */
VEC_INLINE vec tanh_and_gate(vec x)
{
    static const _Alignas(64) float table[8][16] = {TANH_TABLE(PAIR_ROW)};
    const vec near = vec_halves(0.35f, 1.4f);
    const vec end = vec_halves(MATH_TANH_END, 2.0f * MATH_TANH_END);
    vec_place place = vec_octave_halves(vec_fma(x, x, near), 0x427fffff,
                                        0x437fffff, PAIR_APART);
    vec entry[8];

    MATH_COLUMN(vec_entry_16, table, place, entry);
    x = math_tanh_sum(x, vec_min(end, vec_abs(x)), entry);
    return vec_add(vec_halves(-0.0f, 0.5f), x); /* -0 changes nothing */
}

/* The new h, of whose state the lower halves count. */
VEC_INLINE vec narrow_end(struct sums sum, vec *c)
{
    vec i_f = math_gate(sum.i_f), g_o = tanh_and_gate(sum.c_o);

    *c = vec_fma(vec_upper(i_f), *c, vec_mul(i_f, g_o));
    return vec_mul(vec_upper(g_o), math_tanh(*c));
}

/* All steps of a sequence with its z. */
static void narrow_walk(const struct f32_cell *cell, size_t steps,
                        const struct f32_cell_row *row, size_t z_stride,
                        size_t y_stride)
{
    vec h = vec_load_part(row->h, HALF), c = vec_load_part(row->c, HALF);

    for (size_t t = 0; t < steps; t++) {
        h = narrow_end(narrow_sums(cell, load(row->z + t * z_stride), h), &c);
        if (row->y)
            vec_store_part(row->y + t * y_stride, h, HALF);
    }
    vec_store_part(row->h, h, HALF);
    vec_store_part(row->c, c, HALF);
}

/* All steps of one from its inputs on. */
static void narrow_ahead(const struct f32_cell *cell,
                         const struct f32_sequence *sequence)
{
    const struct f32_cell_row *row = sequence->row;
    const struct f32_product *input = sequence->input;
    const float *x = sequence->x;
    vec h = vec_load_part(row->h, HALF), c = vec_load_part(row->c, HALF);
    struct sums z = narrow_input(input, x);

    for (size_t t = 0; t < sequence->steps; t++) {
        const struct sums sum = narrow_sums(cell, z, h);

        if (t + 1 < sequence->steps)
            z = narrow_input(input, x += sequence->x_stride);
        h = narrow_end(sum, &c);
        if (row->y)
            vec_store_part(row->y + t * sequence->y_stride, h, HALF);
    }
    vec_store_part(row->h, h, HALF);
    vec_store_part(row->c, c, HALF);
}

void F32(cell_narrow)(const struct f32_cell *cell, size_t rows, size_t steps,
                      const struct f32_cell_row *row, size_t z_stride,
                      size_t y_stride, float *scratch)
{
    if (rows == 1 && cell->kind == F32_CELL_LSTM && cell_is_plain(cell))
        narrow_walk(cell, steps, row, z_stride, y_stride);
    else
        f32_cell_avx2(cell, rows, steps, row, z_stride, y_stride, scratch);
}

bool F32(sequence_narrow)(const struct f32_cell *cell,
                          const struct f32_sequence *sequence, float *scratch)
{
    if (cell->kind != F32_CELL_LSTM || !cell_is_plain(cell))
        return f32_sequence_avx2(cell, sequence, scratch);
    if (sequence->steps == 0 || sequence->input->chains != CHAINS ||
        sequence->input->inputs > F32_BLOCK)
        return false;
    narrow_ahead(cell, sequence);
    return true;
}

#endif
