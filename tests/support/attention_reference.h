/* attention_reference.h: attention in float64, in plain loops, for tests.
 *
 * Rows are doubles without gaps.  Memory is the caller's.
 */
#ifndef TESTS_SUPPORT_ATTENTION_REFERENCE_H
#define TESTS_SUPPORT_ATTENTION_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>

struct attention_reference {
    size_t queries, keys, width, value_width;
    const double *q, *k, *v;
    /* s = scale * (q . k), or with `sum` [width]
     * s = outer * sum of sum_d tanh(scale * (q_d + k_d)) */
    double scale, outer;
    const double *sum;
    bool causal;
    size_t window;
    const float *pairs; /* [queries, keys]; 0 hides; NULL: nothing */
    /* a query that sees nothing: all alike, or nothing */
    bool blind_sees_nothing;
};

/* y [queries, value_width] and p [queries, keys]; either may be NULL. */
void attention_reference(const struct attention_reference *how, double *y,
                         double *p);

/* [rows, units] = x [rows, inputs] . kernel [inputs, units] + bias [units],
 * which may be NULL; free() it. */
double *reference_project(const double *x, size_t rows, size_t inputs,
                          const float *kernel, const float *bias,
                          size_t units);

/* The same numbers as doubles; free() them. */
double *reference_wide(const float *x, size_t count);

#endif
