#include "core/layers/attend.h"

#include <string.h>

#include "core/layers/mask.h"

/* Queries that are worked on together, and keys of a block of tanh(). */
#define QUERIES ((size_t)32)
#define KEYS    ((size_t)32)
/* What Keras takes from a score that is hidden: beside any that is seen its
 * weight is zero. */
#define FAR 1e9f

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

static struct f32_product make_product(const struct attend *attend,
                                       size_t inputs, size_t units,
                                       const float *kernel, const float *zeros)
{
    size_t lanes = attend->ukernels->lanes;
    struct f32_product product = {.inputs = inputs,
                                  .units = units,
                                  .gates = 1,
                                  .chains = rnn_sum_chains(inputs, units),
                                  .lanes = lanes,
                                  .panels = (units + lanes - 1) / lanes,
                                  .kernel = kernel,
                                  .bias = zeros};

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
        make_product(attend, keys, attend->value_width, at->values, at->zeros);
    pack_values(&at->by_value, &job->values, at->values);
    if (attend->additive)
        return true;
    at->by_key =
        make_product(attend, attend->width, keys, at->keys, at->zeros);
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

/* ---- weights -------------------------------------------------------------*/

/* Keys first .. end - 1 are near enough to query t. */
struct reach {
    size_t first, end;
};

static struct reach find_reach(const struct attend *attend, size_t t,
                               size_t keys)
{
    size_t window = attend->window;
    struct reach reach = {window && t >= window ? t - window + 1 : 0, keys};

    if (attend->causal && reach.end > t + 1)
        reach.end = t + 1;
    if (window && reach.end > t && reach.end - t > window)
        reach.end = t + window;
    if (reach.first > reach.end)
        reach.first = reach.end;
    return reach;
}

static bool is_masked(const struct attend_job *job)
{
    return job->query_mask.data || job->value_mask.data ||
           job->key_mask.data || job->pair_mask.data;
}

/* Does no mask hide key u from query t? */
static bool counts(const struct attend_job *job, size_t t, size_t u)
{
    const struct view *pairs = &job->pair_mask;

    return mask_counts(job->query_mask, t) &&
           mask_counts(job->value_mask, u) && mask_counts(job->key_mask, u) &&
           (!pairs->data || pairs->data[t * pairs->stride + u] != 0);
}

static void softmax(const struct attend *attend, size_t count, float *scores)
{
    static const struct rnn_activation activation = {.kind = RNN_ACT_SOFTMAX};

    if (count)
        attend->ukernels->activate_rows(&activation, 1, count, scores, count);
}

/* What is hidden weighs nothing: the scores that are seen move together, and
 * back.  Returns how many there were. */
static size_t weigh_some(const struct attend *attend,
                         const struct attend_job *job, size_t t,
                         const struct reach *reach, float *scores)
{
    size_t seen = 0, left;

    for (size_t u = reach->first; u < reach->end; u++)
        if (counts(job, t, u))
            scores[seen++] = scores[u];
    softmax(attend, seen, scores);
    left = seen;
    for (size_t u = reach->end; seen && u > reach->first; u--)
        scores[u - 1] = counts(job, t, u - 1) ? scores[--left] : 0;
    return seen;
}

/* A query that sees nothing. */
static void weigh_blind(const struct attend *attend, size_t keys,
                        float *scores)
{
    for (size_t u = 0; u < keys; u++)
        scores[u] = attend->blind == ATTEND_LESS ? scores[u] - FAR : 0;
    if (attend->blind != ATTEND_NOTHING)
        softmax(attend, keys, scores);
}

static void weigh(const struct attend *attend, const struct attend_job *job,
                  size_t t, float *scores)
{
    size_t keys = job->keys.count;
    struct reach reach = find_reach(attend, t, keys);
    bool blind = reach.first == reach.end;

    if (!blind && is_masked(job))
        blind = !weigh_some(attend, job, t, &reach, scores);
    else if (!blind)
        softmax(attend, reach.end - reach.first, scores + reach.first);
    if (blind) {
        weigh_blind(attend, keys, scores);
    } else {
        memset(scores, 0, reach.first * sizeof(*scores));
        memset(scores + reach.end, 0, (keys - reach.end) * sizeof(*scores));
    }
    if (job->scores)
        memcpy(job->scores + t * job->scores_stride, scores,
               keys * sizeof(*scores));
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
        struct view p = {at.scores, at.score_stride};
        struct view y = {at.y, at.y_stride};

        if (!score(attend, job, t, count, run, &at) ||
            !run_may_go_on(run, run_work(job->keys.count, 2 * count)))
            return false;
        for (size_t i = 0; i < count; i++)
            weigh(attend, job, t + i, p.data + i * p.stride);
        if (!run_product(run, attend->ukernels, &at.by_value, count, p, y))
            return false;
        for (size_t i = 0; i < count; i++)
            memcpy(job->y + (t + i) * job->y_stride, y.data + i * y.stride,
                   attend->value_width * sizeof(*y.data));
    }
    return true;
}
