/* f32_narrow.c: walks of an LSTM of up to 8 units in vectors of 16.
 *
 * The kernel is packed for vectors of 8; two gates, which lie side by side,
 * are one vector here, so that they take one sum, one shuffle of h and one
 * set of look-ups instead of two.  (The look-ups of a small cell go through
 * one port of the core.  Measured: an LSTM (5) takes 7 % less; a GRU, whose
 * third gate finds no partner, took 3 % more.)  h and c stay in registers
 * from step to step.  The equations are those of f32_lstm.c, the order of the
 * sums is that of ukernels.h.
 *
 * Compiled once for each instruction set, though only one has such vectors.
 */
#include RNN_VEC_HEADER

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_cell.h"

#if VEC_LANES == 16

#define HALF   8 /* lanes of a gate */
#define CHAINS 4 /* of so few columns: see rnn_sum_chains() */

/* The sums of a step: of i and f, of c and o. */
struct sums {
    vec i_f, c_o;
};

/* Joins the chains of one vector. */
VEC_INLINE vec join(const vec chain[CHAINS])
{
    return vec_add(vec_add(chain[0], chain[2]), vec_add(chain[1], chain[3]));
}

/* (Inputs are written out, since compilers keep sums in registers only where
 * all is constant.) */
VEC_INLINE struct sums narrow_sums(const struct f32_cell *cell, const float *z,
                                   vec h)
{
    const size_t inputs = cell->recurrent.inputs;
    vec i_f[CHAINS], c_o[CHAINS];

    i_f[0] = vec_load(z);
    c_o[0] = vec_load(z + VEC_LANES);
    for (int i = 1; i < CHAINS; i++)
        i_f[i] = c_o[i] = vec_set(0.0f);
#define INPUT(k)                                                              \
    if (inputs > (k)) {                                                       \
        const float *w = cell->recurrent.kernel + (k)*4 * HALF;               \
        const vec x = vec_lane(h, k);                                         \
                                                                              \
        i_f[(k) % CHAINS] = vec_fma(x, vec_load(w), i_f[(k) % CHAINS]);       \
        c_o[(k) % CHAINS] =                                                   \
            vec_fma(x, vec_load(w + VEC_LANES), c_o[(k) % CHAINS]);           \
    }
    INPUT(0)
    INPUT(1)
    INPUT(2)
    INPUT(3)
    INPUT(4)
    INPUT(5)
    INPUT(6)
    INPUT(7)
#undef INPUT
    return (struct sums){join(i_f), join(c_o)};
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

/* All steps; of h and c the lower halves count. */
static void narrow_walk(const struct f32_cell *cell, size_t steps,
                        const struct f32_cell_row *row, size_t z_stride,
                        size_t y_stride)
{
    vec h = vec_load_part(row->h, HALF), c = vec_load_part(row->c, HALF);

    for (size_t t = 0; t < steps; t++) {
        const struct sums sum = narrow_sums(cell, row->z + t * z_stride, h);
        vec i_f = math_gate(sum.i_f), g_o = tanh_and_gate(sum.c_o);

        c = vec_fma(vec_upper(i_f), c, vec_mul(i_f, g_o));
        h = vec_mul(vec_upper(g_o), math_tanh(c));
        if (row->y)
            vec_store_part(row->y + t * y_stride, h, HALF);
    }
    vec_store_part(row->h, h, HALF);
    vec_store_part(row->c, c, HALF);
}

void F32(narrow_cell)(const struct f32_cell *cell, size_t rows, size_t steps,
                      const struct f32_cell_row *row, size_t z_stride,
                      size_t y_stride, float *scratch)
{
    if (rows == 1 && cell->kind == F32_CELL_LSTM && cell_is_plain(cell))
        narrow_walk(cell, steps, row, z_stride, y_stride);
    else
        f32_cell_avx2(cell, rows, steps, row, z_stride, y_stride, scratch);
}

#endif
