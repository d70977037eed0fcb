/* limits.h: what one core can do at best, measured, so that a bench can print
 * ratios instead of nanoseconds.
 *
 * Every figure is the best of many short runs: a limit is what happens when
 * nobody disturbs.
 */
#ifndef TESTS_BENCH_LIMITS_H
#define TESTS_BENCH_LIMITS_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "core/isa.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

static inline double now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Processor time: what is longer than a turn of the scheduler is timed so. */
static inline double cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Cycles in a nanosecond: an addition waits for the one before.  (Of a
 * register: some cores make additions of constants disappear.) */
static inline double clock_ghz(void)
{
    double best = 0.0;

    for (int run = 0; run < 200; run++) {
        const size_t count = 20000;
        double start = now_ns();
        size_t sum = (size_t)run, step = 3;

        __asm__ volatile("" : "+r"(step));
        for (size_t i = 0; i < count; i++) {
            sum += step;
            __asm__ volatile("" : "+r"(sum));
            sum += step;
            __asm__ volatile("" : "+r"(sum));
            sum += step;
            __asm__ volatile("" : "+r"(sum));
            sum += step;
            __asm__ volatile("" : "+r"(sum));
        }
        double ghz = 4.0 * (double)count / (now_ns() - start);

        best = ghz > best ? ghz : best;
    }
    return best;
}

#if defined(__x86_64__)

/* Twelve multiply-adds that do not wait for each other. */
#define TWELVE(OP)                                                            \
    OP(a) OP(b) OP(c) OP(d) OP(e) OP(f) OP(g) OP(h) OP(i) OP(j) OP(k) OP(l)

__attribute__((target("avx512f"))) static inline void fma_avx512(size_t count)
{
    const __m512 x = _mm512_set1_ps(1.0f);

#define DECL(s) __m512 s = x;
#define FMA(s)  __asm__ volatile("vfmadd231ps %1, %1, %0" : "+v"(s) : "v"(x));
    TWELVE(DECL)
    for (size_t n = 0; n < count; n++) {
        TWELVE(FMA)
    }
#undef DECL
}

__attribute__((target("avx2,fma"))) static inline void fma_avx2(size_t count)
{
    const __m256 x = _mm256_set1_ps(1.0f);

#define DECL(s) __m256 s = x;
    TWELVE(DECL)
    for (size_t n = 0; n < count; n++) {
        TWELVE(FMA)
    }
#undef DECL
#undef FMA
}

__attribute__((target("avx512f"))) static inline void read_avx512(
    const char *p, size_t bytes)
{
    for (size_t i = 0; i + 512 <= bytes; i += 512)
        for (int j = 0; j < 8; j++) {
            __m512 v = _mm512_load_ps((const float *)(p + i) + 16 * j);

            __asm__ volatile("" ::"v"(v));
        }
}

__attribute__((target("avx2"))) static inline void read_avx2(const char *p,
                                                             size_t bytes)
{
    for (size_t i = 0; i + 512 <= bytes; i += 512)
        for (int j = 0; j < 16; j++) {
            __m256 v = _mm256_load_ps((const float *)(p + i) + 8 * j);

            __asm__ volatile("" ::"x"(v));
        }
}

#endif

/* Loads and multiply-adds of `isa`; false where this is not measured. */
static inline bool run_fma(enum rnn_isa isa, size_t count, double *flops)
{
#if defined(__x86_64__)
    if (isa == RNN_ISA_AVX512)
        fma_avx512(count);
    else if (isa == RNN_ISA_AVX2)
        fma_avx2(count);
    else
        return false;
    *flops = (double)count * 12.0 * 2.0 * (isa == RNN_ISA_AVX512 ? 16.0 : 8.0);
    return true;
#else
    (void)isa;
    (void)count;
    (void)flops;
    return false;
#endif
}

static inline void run_read(enum rnn_isa isa, const char *p, size_t bytes)
{
#if defined(__x86_64__)
    if (isa == RNN_ISA_AVX512)
        read_avx512(p, bytes);
    else
        read_avx2(p, bytes);
#else
    (void)isa;
    (void)p;
    (void)bytes;
#endif
}

/* Multiply-adds for each nanosecond, twice; 0 where not measured. */
static inline double fma_peak(enum rnn_isa isa)
{
    double best = 0.0;

    for (int run = 0; run < 200; run++) {
        double start = now_ns(), flops;

        if (!run_fma(isa, 2000, &flops))
            return 0.0;
        double rate = flops / (now_ns() - start);

        best = rate > best ? rate : best;
    }
    return best;
}

/* How a core is when its reads are timed. */
enum core_state {
    CORE_RESTED,
    CORE_BUSY, /* it multiplied and added right before, as in any cell: some
                  cores lower their clock for vectors of 512 bits */
};

/* Multiply-adds, twelve at a time, that take longer than what is timed. */
#define BUSY_TURNS 30000

/* Bytes for each nanosecond, read over and over from `bytes` at p. */
static inline double read_rate(enum rnn_isa isa, enum core_state state,
                               const char *p, size_t bytes)
{
    const size_t turns = bytes < 200000 ? 400000 / (bytes + 1) + 1 : 2;
    double best = 0.0, flops, start;

    for (int run = 0; run < 60; run++) {
        if (state == CORE_BUSY)
            run_fma(isa, BUSY_TURNS, &flops);
        start = now_ns();
        for (size_t i = 0; i < turns; i++)
            run_read(isa, p, bytes);
        double rate = (double)(bytes / 512 * 512 * turns) / (now_ns() - start);

        best = rate > best ? rate : best;
    }
    return best;
}

#endif
