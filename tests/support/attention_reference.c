#include "tests/support/attention_reference.h"

#include <math.h>
#include <stdlib.h>

static double score(const struct attention_reference *how, size_t t, size_t u)
{
    double sum = 0;

    for (size_t d = 0; d < how->width; d++) {
        double q = how->q[t * how->width + d], k = how->k[u * how->width + d];

        sum += how->sum ? how->sum[d] * tanh(how->scale * (q + k)) : q * k;
    }
    return sum * (how->sum ? how->outer : how->scale);
}

static bool sees(const struct attention_reference *how, size_t t, size_t u)
{
    size_t apart = t > u ? t - u : u - t;

    return (!how->causal || u <= t) && (!how->window || apart < how->window) &&
           (!how->pairs || how->pairs[t * how->keys + u] != 0);
}

/* The weights of one query. */
static void weigh(const struct attention_reference *how, size_t t, double *p)
{
    double most = -INFINITY, sum = 0;
    bool blind = true;

    for (size_t u = 0; u < how->keys; u++) {
        bool seen = sees(how, t, u);

        p[u] = seen ? score(how, t, u) : -INFINITY;
        blind = blind && !seen;
        most = fmax(most, p[u]);
    }
    for (size_t u = 0; u < how->keys; u++) {
        p[u] = blind ? !how->blind_sees_nothing : exp(p[u] - most);
        sum += p[u];
    }
    for (size_t u = 0; u < how->keys && sum > 0; u++)
        p[u] /= sum;
}

void attention_reference(const struct attention_reference *how, double *y,
                         double *p)
{
    double *row = malloc(how->keys * sizeof(*row));

    if (!row)
        abort();
    for (size_t t = 0; t < how->queries; t++) {
        weigh(how, t, row);
        for (size_t u = 0; p && u < how->keys; u++)
            p[t * how->keys + u] = row[u];
        for (size_t d = 0; y && d < how->value_width; d++) {
            double *sum = &y[t * how->value_width + d];

            *sum = 0;
            for (size_t u = 0; u < how->keys; u++)
                *sum += row[u] * how->v[u * how->value_width + d];
        }
    }
    free(row);
}

double *reference_project(const double *x, size_t rows, size_t inputs,
                          const float *kernel, const float *bias, size_t units)
{
    double *y = malloc(rows * units * sizeof(*y));

    if (!y)
        abort();
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < units; j++) {
            double sum = bias ? bias[j] : 0;

            for (size_t i = 0; i < inputs; i++)
                sum += x[r * inputs + i] * kernel[i * units + j];
            y[r * units + j] = sum;
        }
    return y;
}

double *reference_wide(const float *x, size_t count)
{
    double *wide = malloc(count * sizeof(*wide));

    if (!wide)
        abort();
    for (size_t i = 0; i < count; i++)
        wide[i] = x[i];
    return wide;
}
