/* What each key of an attention weighs for a query, from its score. */
#include <string.h>

#include "core/layers/attend.h"
#include "core/layers/mask.h"

/* What Keras takes from a score that is hidden: beside any that is seen its
 * weight is zero. */
#define FAR 1e9f

struct attend_reach attend_reach(const struct attend *attend,
                                 const struct attend_job *job, size_t query)
{
    size_t window = attend->window, t = query + job->past;
    struct attend_reach reach = {window && t >= window ? t - window + 1 : 0,
                                 job->keys.count};

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
                         const struct attend_reach *reach, float *scores)
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

void attend_weigh_keys(const struct attend *attend,
                       const struct attend_job *job, size_t t, float *scores)
{
    size_t keys = job->keys.count;
    struct attend_reach reach = attend_reach(attend, job, t);
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
