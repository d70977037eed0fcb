#include "core/layers/nd.h"

#include <string.h>

struct nd nd_plain(float *data, size_t rank, const size_t *dim)
{
    struct nd nd = {.data = data, .rank = rank};
    ptrdiff_t stride = 1;

    for (size_t i = rank; i-- > 0;) {
        nd.dim[i] = dim[i];
        nd.stride[i] = stride;
        stride *= (ptrdiff_t)dim[i];
    }
    return nd;
}

struct nd nd_item(const struct run *run, const struct value *value,
                  size_t index)
{
    struct view view = run_view(run, value);

    return nd_plain(view.data + index * view.stride,
                    value->shape.rank - value->has_time,
                    value->shape.dim + value->has_time);
}

struct nd nd_sequence(const struct run *run, const struct value *value,
                      size_t row)
{
    size_t steps = value->has_time ? run_steps(run, value) : 1;
    struct nd nd = nd_item(run, value, row * steps);

    if (value->has_time) {
        nd_insert(&nd, 0);
        nd.dim[0] = steps;
        nd.stride[0] = (ptrdiff_t)run_view(run, value).stride;
    }
    return nd;
}

struct nd nd_unit(const struct run *run, const struct value *value,
                  size_t index, bool whole)
{
    return whole ? nd_sequence(run, value, index) : nd_item(run, value, index);
}

size_t nd_units(const struct run *run, const struct value *value, bool whole)
{
    return whole ? run->rows : run_items(run, value);
}

size_t nd_count(const struct nd *nd)
{
    size_t count = 1;

    for (size_t i = 0; i < nd->rank; i++)
        count *= nd->dim[i];
    return count;
}

void nd_insert(struct nd *nd, size_t axis)
{
    memmove(nd->dim + axis + 1, nd->dim + axis,
            (nd->rank - axis) * sizeof(nd->dim[0]));
    memmove(nd->stride + axis + 1, nd->stride + axis,
            (nd->rank - axis) * sizeof(nd->stride[0]));
    nd->dim[axis] = 1;
    nd->stride[axis] = 0;
    nd->rank++;
}

void nd_drop(struct nd *nd, size_t axis)
{
    nd->rank--;
    memmove(nd->dim + axis, nd->dim + axis + 1,
            (nd->rank - axis) * sizeof(nd->dim[0]));
    memmove(nd->stride + axis, nd->stride + axis + 1,
            (nd->rank - axis) * sizeof(nd->stride[0]));
}

void nd_cut(struct nd *nd, size_t axis, size_t first, size_t count)
{
    nd->data += (ptrdiff_t)first * nd->stride[axis];
    nd->dim[axis] = count;
}

void nd_permute(struct nd *nd, const size_t *order)
{
    const struct nd old = *nd;

    for (size_t i = 0; i < nd->rank; i++) {
        nd->dim[i] = old.dim[order[i]];
        nd->stride[i] = old.stride[order[i]];
    }
}

/* A walk over all axes but the last, which it leaves to the caller. */
static struct nd_walk outer_walk(const struct nd *nd, size_t *inner,
                                 ptrdiff_t *stride)
{
    struct nd_walk walk = {.rank = nd->rank ? nd->rank - 1 : 0};

    memcpy(walk.dim, nd->dim, walk.rank * sizeof(walk.dim[0]));
    *inner = nd->rank ? nd->dim[walk.rank] : 1;
    *stride = nd->rank ? nd->stride[walk.rank] : 1;
    return walk;
}

static bool same_shape(const struct nd *x, const struct nd *y)
{
    return x->rank == y->rank &&
           !memcmp(x->dim, y->dim, x->rank * sizeof(x->dim[0]));
}

static void copy_same(const struct nd *x, const struct nd *y)
{
    size_t count;
    ptrdiff_t from_stride, to_stride;
    struct nd_walk walk = outer_walk(y, &count, &to_stride);

    outer_walk(x, &count, &from_stride);
    do {
        const float *from = x->data + nd_offset(x, &walk);
        float *to = y->data + nd_offset(y, &walk);

        if (from_stride == 1 && to_stride == 1)
            memcpy(to, from, count * sizeof(float));
        else
            for (size_t i = 0; i < count; i++)
                to[(ptrdiff_t)i * to_stride] =
                    from[(ptrdiff_t)i * from_stride];
    } while (nd_next(&walk));
}

void nd_copy(const struct nd *x, const struct nd *y)
{
    struct nd_walk from = {.rank = x->rank}, to = {.rank = y->rank};

    if (!nd_count(y))
        return;
    if (same_shape(x, y)) {
        copy_same(x, y);
        return;
    }
    memcpy(from.dim, x->dim, sizeof(from.dim));
    memcpy(to.dim, y->dim, sizeof(to.dim));
    do {
        y->data[nd_offset(y, &to)] = x->data[nd_offset(x, &from)];
        nd_next(&from);
    } while (nd_next(&to));
}
