/* vec_cell.h: what the cells' files share: how their ends are computed, and
 * walks of one sequence through many steps.  (Steps of batches: vec_step.h.)
 *
 * A cell's file gives its number of gates and its end: what follows the sums.
 * Both are constants where the functions below are inlined.
 */
#ifndef CORE_UKERNELS_VEC_CELL_H
#define CORE_UKERNELS_VEC_CELL_H

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_tile.h"

/* Where the end of one panel of one row reads and writes. */
struct cell_at {
    const float *z; /* the input's part of the panel's gates */
    const float *h;
    float *c;
    float *out;
};

/* How the activations of an end are computed.  The last two have the same
 * bits, for cells that are plain: see cell_is_plain(). */
enum cell_acts {
    CELL_ANY,   /* whatever they are, by a call */
    CELL_SHORT, /* inline, the shortest way through */
    CELL_MANY,  /* inline, fewest operations */
};

/* What the last activation of an end takes, and what joins its result to the
 * new h: a gate, the old h; those a cell does not have are not set. */
struct cell_half {
    vec value, gate, h;
};

/* From the sums of the gates of one panel to its new h (and c), in two halves,
 * so that another panel's first half can stand between them. */
typedef struct cell_half cell_head_fn(const struct f32_cell *cell,
                                      const enum cell_acts acts,
                                      const vec *sum,
                                      const struct cell_at *at);
typedef vec cell_tail_fn(const struct f32_cell *cell,
                         const enum cell_acts acts,
                         const struct cell_half *half, float *out);

struct cell_end {
    cell_head_fn *head;
    cell_tail_fn *tail;
};

/* How a walk goes, all constants: `panels` panels at a time (1, 2, 4, 8),
 * whose sums are taken `most` at a time, a divisor of their number. */
struct cell_way {
    int gates, panels, most, chains;
    enum cell_acts acts;
    struct cell_end end;
};

/* A tile of `product` from panel `panel` on, its inputs yet to be set. */
VEC_INLINE struct tile cell_tile(const struct f32_product *product,
                                 const int gates, size_t panel)
{
    const size_t next_input = (size_t)gates * VEC_LANES;

    return (struct tile){
        .kernel = product->kernel + panel * product->inputs * next_input,
        .inputs = product->inputs,
        .next_input = next_input,
        .next_panel = product->inputs * next_input,
        .gates = (size_t)gates,
        .chains = product->chains,
        .next_start = next_input,
    };
}

/* Sixteen statements, written out: compilers keep sums in registers only where
 * all is constant. */
#define CELL_SIXTEEN(INPUT)                                                   \
    INPUT(0);                                                                 \
    INPUT(1);                                                                 \
    INPUT(2);                                                                 \
    INPUT(3);                                                                 \
    INPUT(4);                                                                 \
    INPUT(5);                                                                 \
    INPUT(6);                                                                 \
    INPUT(7);                                                                 \
    INPUT(8);                                                                 \
    INPUT(9);                                                                 \
    INPUT(10);                                                                \
    INPUT(11);                                                                \
    INPUT(12);                                                                \
    INPUT(13);                                                                \
    INPUT(14);                                                                \
    INPUT(15);

/* Are its activations the ones that the ends hold inline? */
VEC_INLINE bool cell_is_plain(const struct f32_cell *cell)
{
    return cell->activation.kind == RNN_ACT_TANH &&
           (cell->kind == F32_CELL_SIMPLE ||
            cell->recurrent_activation.kind == RNN_ACT_SIGMOID);
}

/* One vector through any activation of one number.  A gate that is a sigmoid
 * is the exact one here: what it weighs may be of any size. */
VEC_INLINE vec cell_activate(const struct rnn_activation *activation, vec x)
{
    float lanes[VEC_LANES];

    vec_store(lanes, x);
    F32(activate)(activation, VEC_LANES, lanes);
    return vec_load(lanes);
}

VEC_INLINE vec cell_tanh(const enum cell_acts acts, vec x)
{
    return acts == CELL_MANY ? math_tanh_many(x) : math_tanh(x);
}

VEC_INLINE vec cell_gate(const enum cell_acts acts, vec x)
{
    return acts == CELL_MANY ? math_gate_many(x) : math_gate(x);
}

/* What the sums of vector v start from: z, but for gate h of a GRU b1_h. */
VEC_INLINE vec cell_start(const struct f32_cell *cell, const float *z,
                          size_t panel, const int gates, int v)
{
    const float *start = gates == 3 && v % 3 == 2 ? cell->recurrent.bias : z;

    return vec_load(start + panel * (size_t)gates * VEC_LANES +
                    (size_t)v * VEC_LANES);
}

VEC_INLINE struct cell_at cell_at(const struct cell_at *row, size_t panel,
                                  const int gates)
{
    const size_t unit = panel * VEC_LANES;

    return (struct cell_at){
        .z = row->z + unit * (size_t)gates,
        .h = row->h + unit,
        .c = gates == 4 ? row->c + unit : NULL,
        .out = row->out + unit,
    };
}

/* The only row at step t of a walk, from `h` on. */
VEC_INLINE struct cell_at cell_at_step(const struct f32_walk *walk, size_t t,
                                       const float *h)
{
    const size_t z_step = walk->input ? t % 2 : t; /* ahead_make() */

    return (struct cell_at){
        .z = walk->z + z_step * walk->z_stride,
        .h = h,
        .c = walk->c,
        .out = walk->out[t % 2] + t * walk->out_stride,
    };
}

/* From the sums of the gates of one panel to its new h, which is returned. */
VEC_INLINE vec cell_end(const struct f32_cell *cell, const struct cell_end end,
                        const enum cell_acts acts, const vec *sum,
                        const struct cell_at *at)
{
    const struct cell_half half = end.head(cell, acts, sum, at);

    return end.tail(cell, acts, &half, at->out);
}

/* The sums of vectors [first, first + part) of a group, into all[first ..]. */
VEC_INLINE void cell_part(const struct f32_cell *cell,
                          const struct cell_at *row, size_t panel,
                          const int gates, const int first, const int part,
                          const int chains, vec *all)
{
    struct tile tile = cell_tile(&cell->recurrent, gates, panel);
    vec sum[TILE_SUMS];

    tile.x[0] = row->h;
    /* (One gate has one chain from 128 units on only.) */
    tile.spread = gates == 1 || (VEC_LANES < 16 && tile.inputs >= TILE_SPREAD);
    tile.kernel += tile_place(&tile, first);
    for (int v = 0; v < part; v++)
        sum[v] = cell_start(cell, row->z, panel, gates, first + v);
    tile_sum(&tile, part, chains, sum);
    for (int v = 0; v < part; v++)
        all[first + v] = sum[v];
}

/* The ends of the panels of a group, whose sums are `all`. */
VEC_INLINE void cell_group_ends(const struct f32_cell *cell,
                                const struct cell_at *row, size_t panel,
                                const struct cell_way way, const int panels,
                                const vec *all)
{
    for (int p = 0; p < panels; p++) {
        const struct cell_at here = cell_at(row, panel + (size_t)p, way.gates);

        cell_end(cell, way.end, way.acts, all + p * way.gates, &here);
    }
}

/* One step of groups of `panels` panels of one row, while there are so many:
 * all sums, `most` at a time, then all ends, so that their long ways run side
 * by side.  Returns the first panel left.  (The parts are written out since
 * compilers keep sums in registers only where all is constant.) */
VEC_INLINE size_t cell_groups(const struct f32_cell *cell,
                              const struct cell_at *row, size_t first,
                              size_t end, const bool back,
                              const struct cell_way way, const int panels)
{
    const int wide = panels * way.gates;
    const int part = way.most < wide ? way.most : wide;
    const size_t behind = end - (end - first) % (size_t)panels;
    vec all[TILE_SUMS];

    for (size_t at = first; at < behind; at += (size_t)panels) {
        const size_t panel = back ? first + behind - at - (size_t)panels : at;

        cell_part(cell, row, panel, way.gates, 0, part, way.chains, all);
        if (part < wide)
            cell_part(cell, row, panel, way.gates, part, part, way.chains,
                      all);
        if (2 * part < wide)
            cell_part(cell, row, panel, way.gates, 2 * part, part, way.chains,
                      all);
        if (3 * part < wide)
            cell_part(cell, row, panel, way.gates, 3 * part, part, way.chains,
                      all);
        cell_group_ends(cell, row, panel, way, panels, all);
    }
    return behind;
}

/* All steps of a walk.  Every other one goes through a large kernel from back
 * to front, so that it begins with what is still in the nearer caches. */
VEC_INLINE void cell_walk(const struct f32_cell *cell,
                          const struct f32_walk *walk,
                          const struct cell_way way)
{
    const float *h = walk->h;

    for (size_t t = 0; t < walk->steps; t++) {
        const struct cell_at row = cell_at_step(walk, t, h);
        const bool back = way.chains == 1 && t % 2 == 1;
        size_t panel = walk->first;

        if (way.panels >= 8)
            panel = cell_groups(cell, &row, panel, walk->end, back, way, 8);
        if (way.panels >= 4)
            panel = cell_groups(cell, &row, panel, walk->end, back, way, 4);
        if (way.panels >= 2)
            panel = cell_groups(cell, &row, panel, walk->end, back, way, 2);
        cell_groups(cell, &row, panel, walk->end, back, way, 1);
        h = row.out;
    }
}

#endif
