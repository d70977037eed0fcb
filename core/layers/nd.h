/* nd.h: one item or one sequence of a value as an array of several axes, for
 * layers that move axes or work along other ones than the last.
 *
 * An array is a view: its axes may be cut, turned around, exchanged or
 * repeated (stride 0) without anything being copied.
 *
 * Item      The axes behind time.
 * Sequence  All axes; the first is time, with as many timesteps as the run
 *           has.  Only where the whole sequence runs at once.
 * Memory    All of it is the caller's.
 */
#ifndef CORE_LAYERS_ND_H
#define CORE_LAYERS_ND_H

#include <stdbool.h>
#include <stddef.h>

#include "core/layers/run.h"

/* One more than a value has: axes of one are put in. */
#define ND_AXES (RNN_MAX_RANK + 1)

struct nd {
    float *data; /* of inputs: only read */
    size_t rank;
    size_t dim[ND_AXES];
    ptrdiff_t stride[ND_AXES]; /* floats */
};

/* Item `index` of `value`, of the shape that the plan knows. */
struct nd nd_item(const struct run *run, const struct value *value,
                  size_t index);

/* All of `value` for sequence `row`; without time it is the item. */
struct nd nd_sequence(const struct run *run, const struct value *value,
                      size_t row);

/* `whole`: the sequence, else the item. */
struct nd nd_unit(const struct run *run, const struct value *value,
                  size_t index, bool whole);

/* How many of them `value` has in this run. */
size_t nd_units(const struct run *run, const struct value *value, bool whole);

/* A plain array of this shape, outermost axis first. */
struct nd nd_plain(float *data, size_t rank, const size_t *dim);

/* Numbers in it. */
size_t nd_count(const struct nd *nd);

/* Put an axis of one in front of axis `axis`. */
void nd_insert(struct nd *nd, size_t axis);

/* Leave axis `axis` out. */
void nd_drop(struct nd *nd, size_t axis);

/* Part of an axis: `count` places from `first` on. */
void nd_cut(struct nd *nd, size_t axis, size_t first, size_t count);

/* Axis i becomes what axis order[i] is now. */
void nd_permute(struct nd *nd, const size_t *order);

/* Where a walk through all places of some axes stands. */
struct nd_walk {
    size_t rank;
    size_t dim[ND_AXES], at[ND_AXES];
};

/* The next place, the last axis fastest; false behind the last one. */
static inline bool nd_next(struct nd_walk *walk)
{
    for (size_t i = walk->rank; i-- > 0;) {
        if (++walk->at[i] < walk->dim[i])
            return true;
        walk->at[i] = 0;
    }
    return false;
}

/* Floats from the start of `nd`, whose first axes are those of the walk. */
static inline ptrdiff_t nd_offset(const struct nd *nd,
                                  const struct nd_walk *walk)
{
    ptrdiff_t offset = 0;

    for (size_t i = 0; i < walk->rank; i++)
        offset += (ptrdiff_t)walk->at[i] * nd->stride[i];
    return offset;
}

/* y = x, number by number; both have as many, their shapes may differ. */
void nd_copy(const struct nd *x, const struct nd *y);

#endif
