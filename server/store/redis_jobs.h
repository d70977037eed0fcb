/* redis_jobs.h: jobs in a row; for redis_store.c. */
#ifndef SERVER_STORE_REDIS_JOBS_H
#define SERVER_STORE_REDIS_JOBS_H

#include "server/store/store.h"

struct redis_jobs {
    struct store_job *first, *last;
};

static inline void redis_jobs_add(struct redis_jobs *jobs,
                                  struct store_job *job)
{
    job->next = NULL;
    if (jobs->last)
        jobs->last->next = job;
    else
        jobs->first = job;
    jobs->last = job;
}

static inline struct store_job *redis_jobs_take(struct redis_jobs *jobs)
{
    struct store_job *job = jobs->first;

    if (!job)
        return NULL;
    jobs->first = job->next;
    if (!jobs->first)
        jobs->last = NULL;
    job->next = NULL;
    return job;
}

/* `front` before those that are there; it is empty afterwards. */
static inline void redis_jobs_put_before(struct redis_jobs *jobs,
                                         struct redis_jobs *front)
{
    if (!front->first)
        return;
    front->last->next = jobs->first;
    if (!jobs->first)
        jobs->last = front->last;
    jobs->first = front->first;
    *front = (struct redis_jobs){.first = NULL};
}

#endif
