/* vec_dot.h: one long sum in sixteen chains that lie in lanes.
 *
 * Input k belongs to chain k % 16, whatever the width of a vector; the chains
 * are joined by halves.
 */
#ifndef CORE_UKERNELS_VEC_DOT_H
#define CORE_UKERNELS_VEC_DOT_H

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_math.h"

#define DOT_VECS (F32_DOT_CHAINS / VEC_LANES)

/* Sixteen floats of which the first `count` are at p, the others zero. */
VEC_INLINE void dot_load(const float *p, size_t count, vec x[DOT_VECS])
{
    for (int v = 0; v < DOT_VECS; v++) {
        size_t before = (size_t)v * VEC_LANES;

        if (before + VEC_LANES <= count)
            x[v] = vec_load(p + before);
        else if (before < count)
            x[v] = vec_load_part(p + before, count - before);
        else
            x[v] = vec_set(0.0f);
    }
}

VEC_INLINE float dot_join(vec sum[DOT_VECS])
{
    float lane[F32_DOT_CHAINS];

    for (int half = DOT_VECS / 2; half > 0; half /= 2)
        for (int v = 0; v < half; v++)
            sum[v] = vec_add(sum[v], sum[v + half]);
    vec_store(lane, sum[0]);
    for (int half = VEC_LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            lane[i] += lane[i + half];
    return lane[0];
}

/* start + x[0] w[0] + ...; w is padded with zeros to a multiple of 16. */
VEC_INLINE float dot_row(const float *x, const float *w, size_t inputs,
                         float start)
{
    const size_t block = (size_t)F32_BLOCK * F32_DOT_CHAINS;
    float total = start;

    for (size_t from = 0; from < inputs; from += block) {
        size_t end = inputs - from < block ? inputs : from + block;
        float first[F32_DOT_CHAINS] = {from == 0 ? start : 0.0f};
        vec sum[DOT_VECS];
        float joined;

        dot_load(first, F32_DOT_CHAINS, sum);
        for (size_t k = from; k < end; k += F32_DOT_CHAINS) {
            vec value[DOT_VECS];

            dot_load(x + k, end - k, value);
            for (int v = 0; v < DOT_VECS; v++)
                sum[v] = vec_fma(
                    value[v], vec_load(w + k + (size_t)v * VEC_LANES), sum[v]);
        }
        joined = dot_join(sum);
        total = from == 0 ? joined : total + joined;
    }
    return total;
}

#endif
