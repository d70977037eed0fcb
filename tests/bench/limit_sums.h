/* limit_sums.h: how fast one core can take the sums of a recurrent kernel.
 *
 * bench_step's bound B reads a kernel once at the rate of mere reads.  Here is
 * what a multiply-add for each vector of weights takes, at the kernel's own
 * size: sums stay in registers and begin with z, h is spread from memory or
 * by shuffles, as any kernel has to that keeps the order of the sums; the
 * weights lie in the order in which they are read, every other step goes back.
 * No activations, and no sum waits for the step before.
 *
 * The best of several heights of a tile and of many short runs.  AVX-512.
 */
#ifndef TESTS_BENCH_LIMIT_SUMS_H
#define TESTS_BENCH_LIMIT_SUMS_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/bench/limits.h"

/* Timesteps of z that are made at once. */
#define SUMS_STEPS 24

/* Among the numbers of inputs: see SUMS_TILES. */
#define SUMS_SPREAD 2

struct sums {
    size_t vectors, inputs, chains; /* of the kernel */
    size_t lines;                   /* of tables that the ends read, of 64
                                       bytes */
    const float *w, *h, *tables;
    const float *z; /* [SUMS_STEPS][vectors * 16] */
    float *out;     /* [vectors * 16] */
};

#if defined(__x86_64__)

#define SUMS_INLINE                                                           \
    __attribute__((target("avx512f"), always_inline)) static inline

/* One input for each chain. */
SUMS_INLINE void sums_inputs(const float *w, const float *h, const int wide,
                             const int chains, __m512 *sum)
{
    for (int p = 0; p < chains; p++) {
        const __m512 x = _mm512_set1_ps(h[p]);

        for (int v = 0; v < wide; v++)
            sum[p * wide + v] = _mm512_fmadd_ps(
                x, _mm512_load_ps(w + 16 * (p * wide + v)), sum[p * wide + v]);
    }
}

/* Sixteen inputs of one chain, spread by shuffles in a short loop. */
SUMS_INLINE void sums_spread(const float *w, const float *h, const int wide,
                             __m512 *sum)
{
    const __m512 inputs = _mm512_load_ps(h);
    __m512i place = _mm512_setzero_si512();

#pragma GCC unroll 1
    for (int i = 0; i < 16; i++, w += 16 * wide) {
        const __m512 x = _mm512_permutexvar_ps(place, inputs);

        for (int v = 0; v < wide; v++)
            sum[v] = _mm512_fmadd_ps(x, _mm512_load_ps(w + 16 * v), sum[v]);
        place = _mm512_add_epi32(place, _mm512_set1_epi32(1));
    }
}

/* `wide` vectors of results, their chains side by side. */
SUMS_INLINE void sums_group(const struct sums *sums, const float *w,
                            const float *z, float *out, const int wide,
                            const int chains, const int known)
{
    const size_t inputs = known > SUMS_SPREAD ? (size_t)known : sums->inputs;
    const size_t next = (size_t)(16 * wide), step = (size_t)chains;
    __m512 sum[24];

    for (int i = 0; i < wide * chains; i++)
        sum[i] = i < wide ? _mm512_load_ps(z + 16 * i) : _mm512_setzero_ps();
    if (known == SUMS_SPREAD) {
        for (size_t k = 0; k < inputs; k += 16)
            sums_spread(w + k * next, sums->h + k, wide, sum);
    } else if (known) {
#pragma GCC unroll 32
        for (size_t k = 0; k < inputs; k += step)
            sums_inputs(w + k * next, sums->h + k, wide, chains, sum);
    } else {
#pragma GCC unroll 1
        for (size_t k = 0; k < inputs; k += step)
            sums_inputs(w + k * next, sums->h + k, wide, chains, sum);
    }
    for (int half = chains / 2; half > 0; half /= 2)
        for (int i = 0; i < half * wide; i++)
            sum[i] = _mm512_add_ps(sum[i], sum[i + half * wide]);
    for (int v = 0; v < wide; v++)
        _mm512_store_ps(out + 16 * v, sum[v]);
}

SUMS_INLINE void sums_step(const struct sums *sums, size_t t, const int wide,
                           const int chains, const int known)
{
    const size_t groups = sums->vectors / (size_t)wide;
    const size_t floats = sums->inputs * (size_t)wide * 16;
    const float *z = sums->z + t % SUMS_STEPS * sums->vectors * 16;

    for (size_t g = 0; g < groups; g++) {
        const size_t at = t % 2 ? groups - 1 - g : g;
        const size_t column = at * (size_t)wide * 16;

        sums_group(sums, sums->w + at * floats, z + column, sums->out + column,
                   wide, chains, known);
    }
    for (size_t i = 0; i < sums->lines; i++) {
        __m512 v = _mm512_load_ps(sums->tables + 16 * i);

        __asm__ volatile("" ::"v"(v));
    }
}

/* Tiles of (vectors, chains, inputs): few inputs are one straight line, which
 * has no end to be foreseen; 0: any number, 1: the same, 32 written out,
 * SUMS_SPREAD: the same, by sums_spread(). */
#define SUMS_TILES(XX)                                                        \
    XX(2, 4, 32)                                                              \
    XX(6, 2, 32)                                                              \
    XX(8, 1, 32)                                                              \
    XX(4, 2, 64)                                                              \
    XX(4, 1, 0)                                                               \
    XX(8, 1, 0)                                                               \
    XX(12, 1, 0)                                                              \
    XX(16, 1, 0)                                                              \
    XX(12, 1, 1)                                                              \
    XX(16, 1, 1)                                                              \
    XX(4, 1, 2)                                                               \
    XX(8, 1, 2)                                                               \
    XX(16, 1, 2)

#define SUMS_NAME(wide, chains, known) sums_run_##wide##_##chains##_##known
#define SUMS_RUN(wide, chains, known)                                         \
    __attribute__((target("avx512f"), noinline)) static void SUMS_NAME(       \
        wide, chains, known)(const struct sums *sums, size_t steps)           \
    {                                                                         \
        for (size_t t = 0; t < steps; t++)                                    \
            sums_step(sums, t, wide, chains, known);                          \
    }
SUMS_TILES(SUMS_RUN)
#undef SUMS_RUN

static const struct sums_tile {
    size_t wide, chains, known;
    void (*run)(const struct sums *sums, size_t steps);
} sums_tiles[] = {
#define SUMS_TILE(wide, chains, known)                                        \
    {wide, chains, known, SUMS_NAME(wide, chains, known)},
    SUMS_TILES(SUMS_TILE)
#undef SUMS_TILE
};

/* ns for the sums of a step; 0: not measured. */
static inline double sums_ns(enum rnn_isa isa, const struct sums *sums)
{
    const size_t bytes = sums->vectors * sums->inputs * 64;
    const size_t steps = bytes < 200000 ? 2 * (400000 / bytes) + 2 : 4;
    double best = 0.0;

    if (isa != RNN_ISA_AVX512)
        return 0.0;
    for (size_t i = 0; i < sizeof(sums_tiles) / sizeof(sums_tiles[0]); i++) {
        const struct sums_tile *tile = &sums_tiles[i];

        if (tile->chains != sums->chains || sums->vectors % tile->wide ||
            (tile->known > SUMS_SPREAD && tile->known != sums->inputs))
            continue;
        for (int run = 0; run < 60; run++) {
            double start = now_ns(), ns;

            tile->run(sums, steps);
            ns = (now_ns() - start) / (double)steps;
            best = best > 0.0 && best < ns ? best : ns;
        }
    }
    return best;
}

#else

static inline double sums_ns(enum rnn_isa isa, const struct sums *sums)
{
    (void)isa;
    (void)sums;
    return 0.0;
}

#endif

#endif
