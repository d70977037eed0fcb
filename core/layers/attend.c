#include "core/layers/attend.h"

#include <string.h>

/* Queries that are worked on together, and keys of a block of tanh(). */
#define QUERIES ((size_t)32)
#define KEYS    ((size_t)32)

/* Where everything lies in the scratch. */
struct places {
    float *keys;   /* packed; additive: a block of tanh() */
    float *values; /* packed */
    float *scores; /* [QUERIES] rows */
    float *y;      /* [QUERIES] rows; additive: sums of a block, too */
    float *zeros;  /* a bias */
    size_t score_stride, y_stride;
    struct f32_product by_key, by_value;
};

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t key_floats(const struct attend *attend, size_t keys)
{
    return attend->additive ? plan_stride(KEYS * attend->width)
                            : plan_sum(0, plan_stride(keys), attend->width);
}

static size_t y_floats(const struct attend *attend)
{
    return larger(QUERIES * plan_stride(attend->value_width),
                  KEYS * PLAN_FLOATS);
}

static size_t zero_floats(const struct attend *attend, size_t keys)
{
    return larger(plan_stride(keys), plan_stride(attend->value_width));
}

size_t attend_scratch(const struct attend *attend, size_t keys)
{
    size_t floats = key_floats(attend, keys);

    floats = plan_sum(floats, keys, plan_stride(attend->value_width));
    floats = plan_sum(floats, QUERIES, plan_stride(keys));
    floats = plan_sum(floats, 1, y_floats(attend));
    return plan_sum(floats, 1, zero_floats(attend, keys));
}

bool attend_weigh(const struct rnn_ukernels *ukernels, size_t width,
                  const float *w, struct arena *arena, struct f32_product *sum)
{
    float *ones = NULL;

    if (!w)
        w = ones = arena_alloc(arena, width, sizeof(*ones), sizeof(*ones));
    for (size_t i = 0; ones && i < width; i++)
        ones[i] = 1;
    return w &&
           rnn_product_pack(ukernels, width, 1, 1, 0, 1, w, NULL, arena, sum);
}

/* ---- keys and values as kernels ------------------------------------------*/

/* `columns` settle the chains. */
static struct f32_product make_product(const struct attend *attend,
                                       size_t inputs, size_t units,
                                       size_t columns)
{
    size_t lanes = attend->ukernels->lanes;
    struct f32_product product = {.inputs = inputs,
                                  .units = units,
                                  .gates = 1,
                                  .chains = rnn_sum_chains(inputs, columns),
                                  .lanes = lanes,
                                  .panels = (units + lanes - 1) / lanes};

    if (product.chains > 4)
        product.chains = 4;
    product.stride = product.panels * lanes;
    return product;
}

/* The rows are the columns of the kernel. */
static void pack_keys(const struct f32_product *product,
                      const struct attend_rows *keys, float *kernel)
{
    size_t lanes = product->lanes, panel = product->inputs * lanes;

    if (product->units < product->stride)
        memset(kernel + (product->panels - 1) * panel, 0,
               panel * sizeof(*kernel));
    for (size_t u = 0; u < product->units; u++) {
        const float *key = keys->data + u * keys->stride;
        float *column = kernel + u / lanes * panel + u % lanes;

        for (size_t d = 0; d < product->inputs; d++)
            column[d * lanes] = key[d];
    }
}

/* The rows are the rows of the kernel. */
static void pack_values(const struct f32_product *product,
                        const struct attend_rows *values, float *kernel)
{
    size_t lanes = product->lanes, panel = product->inputs * lanes;

    for (size_t p = 0; p < product->panels; p++) {
        size_t left = product->units - p * lanes;
        size_t count = left < lanes ? left : lanes;

        for (size_t u = 0; u < product->inputs; u++) {
            float *row = kernel + p * panel + u * lanes;

            memcpy(row, values->data + u * values->stride + p * lanes,
                   count * sizeof(*row));
            memset(row + count, 0, (lanes - count) * sizeof(*row));
        }
    }
}

static bool prepare(const struct attend *attend, const struct attend_job *job,
                    struct run *run, float *scratch, struct places *at)
{
    size_t keys = job->keys.count;
    size_t zeros = zero_floats(attend, keys);

    at->keys = scratch;
    at->values = at->keys + key_floats(attend, keys);
    at->scores = at->values + keys * plan_stride(attend->value_width);
    at->score_stride = plan_stride(keys);
    at->y = at->scores + QUERIES * at->score_stride;
    at->y_stride = plan_stride(attend->value_width);
    at->zeros = at->y + y_floats(attend);
    if (!run_may_go_on(run,
                       run_work(keys, attend->width + attend->value_width)))
        return false;
    memset(at->zeros, 0, zeros * sizeof(*at->zeros));
    at->by_value =
        make_product(attend, keys, attend->value_width, attend->value_width);
    at->by_value.kernel = at->values;
    at->by_value.bias = at->zeros;
    pack_values(&at->by_value, &job->values, at->values);
    if (attend->additive)
        return true;
    at->by_key = make_product(attend, attend->width, keys,
                              attend->slices ? attend->window : keys);
    at->by_key.kernel = at->keys;
    at->by_key.bias = at->zeros;
    pack_keys(&at->by_key, &job->keys, at->keys);
    return true;
}

/* ---- scores --------------------------------------------------------------*/

static void multiply(float *x, size_t count, float by)
{
    for (size_t i = 0; by != 1 && i < count; i++)
        x[i] *= by;
}

static bool score_dots(const struct attend *attend,
                       const struct attend_job *job, size_t first,
                       size_t count, struct run *run, const struct places *at)
{
    struct view q = {(float *)job->queries.data +
                         first * job->queries.stride, /* only read */
                     job->queries.stride};
    struct view s = {at->scores, at->score_stride};

    if (!run_product(run, attend->ukernels, &at->by_key, count, q, s))
        return false;
    for (size_t i = 0; i < count; i++)
        multiply(s.data + i * s.stride, job->keys.count, attend->scale);
    return true;
}

/* inner * (q + k), one key after the other without gaps. */
static void add_keys(const struct attend *attend, const float *query,
                     const struct attend_rows *keys, size_t first,
                     size_t count, float *sums)
{
    for (size_t u = 0; u < count; u++) {
        const float *key = keys->data + (first + u) * keys->stride;

        for (size_t d = 0; d < attend->width; d++)
            sums[u * attend->width + d] = query[d] + key[d];
    }
    multiply(sums, count * attend->width, attend->inner);
}

static bool score_sums(const struct attend *attend,
                       const struct attend_job *job, size_t query,
                       struct run *run, const struct places *at, float *scores)
{
    static const struct rnn_activation tanh = {.kind = RNN_ACT_TANH};
    const float *q = job->queries.data + query * job->queries.stride;
    size_t keys = job->keys.count;
    struct view x = {at->keys, attend->width};
    struct view y = {at->y, plan_stride(attend->sum.stride)};

    for (size_t u = 0; u < keys; u += KEYS) {
        size_t count = keys - u < KEYS ? keys - u : KEYS;

        if (!run_may_go_on(run, 4 * count * attend->width))
            return false;
        add_keys(attend, q, &job->keys, u, count, x.data);
        attend->ukernels->activate(&tanh, count * attend->width, x.data);
        if (!run_product(run, attend->ukernels, &attend->sum, count, x, y))
            return false;
        for (size_t i = 0; i < count; i++)
            scores[u + i] = y.data[i * y.stride];
    }
    multiply(scores, keys, attend->outer);
    return true;
}

static bool score(const struct attend *attend, const struct attend_job *job,
                  size_t first, size_t count, struct run *run,
                  const struct places *at)
{
    if (!attend->additive)
        return score_dots(attend, job, first, count, run, at);
    for (size_t i = 0; i < count; i++)
        if (!score_sums(attend, job, first + i, run, at,
                        at->scores + i * at->score_stride))
            return false;
    return true;
}

/* ---- means ---------------------------------------------------------------*/

/* Over the keys of the window alone, which are some rows of each panel. */
static void mean_slice(const struct attend *attend, const struct places *at,
                       const float *scores, const struct attend_reach *reach,
                       float *y)
{
    size_t lanes = at->by_value.lanes, keys = at->by_value.inputs;
    struct f32_product part = make_product(attend, reach->end - reach->first,
                                           lanes, attend->value_width);

    part.bias = at->zeros;
    for (size_t p = 0; p < at->by_value.panels; p++) {
        part.kernel = at->values + (p * keys + reach->first) * lanes;
        attend->ukernels->product(&part, 1, scores + reach->first, 0,
                                  y + p * lanes, lanes);
    }
}

static bool mean_slices(const struct attend *attend,
                        const struct attend_job *job, size_t first,
                        size_t count, struct run *run, const struct places *at)
{
    uint64_t floats = attend->window * plan_stride(attend->value_width);

    for (size_t i = 0; i < count; i++) {
        struct attend_reach reach = attend_reach(attend, job, first + i);

        if (!run_may_go_on(run, run_work(floats, 1)))
            return false;
        mean_slice(attend, at, at->scores + i * at->score_stride, &reach,
                   at->y + i * at->y_stride);
    }
    return true;
}

static bool mean(const struct attend *attend, const struct attend_job *job,
                 size_t first, size_t count, struct run *run,
                 const struct places *at)
{
    struct view p = {at->scores, at->score_stride};
    struct view y = {at->y, at->y_stride};

    if (attend->slices)
        return mean_slices(attend, job, first, count, run, at);
    return run_product(run, attend->ukernels, &at->by_value, count, p, y);
}

bool attend(const struct attend *attend, const struct attend_job *job,
            struct run *run, float *scratch)
{
    struct places at = {0};
    size_t queries = job->queries.count;

    if (!prepare(attend, job, run, scratch, &at))
        return false;
    for (size_t t = 0; t < queries; t += QUERIES) {
        size_t count = queries - t < QUERIES ? queries - t : QUERIES;

        if (!score(attend, job, t, count, run, &at) ||
            !run_may_go_on(run, run_work(job->keys.count, 2 * count)))
            return false;
        for (size_t i = 0; i < count; i++)
            attend_weigh_keys(attend, job, t + i,
                              at.scores + i * at.score_stride);
        if (!mean(attend, job, t, count, run, &at))
            return false;
        for (size_t i = 0; i < count; i++)
            memcpy(job->y + (t + i) * job->y_stride, at.y + i * at.y_stride,
                   attend->value_width * sizeof(*at.y));
    }
    return true;
}
