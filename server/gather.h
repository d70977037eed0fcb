/* gather.h: calls of the engine that are at hand at the same moment, made as
 * one, and a large one made as several where threads are idle.
 *
 * A model's weights are read once for several sequences, so that a sequence
 * of many takes about half the time of one alone; and its bits are the same
 * (ARCHITECTURE.md, "Invariants").  A request that is not the only one leaves
 * its call here (ROUTE_GATHER) and goes on when gather_run() has made it.
 * For the same reason the sequences of a batch may be made on several threads
 * (core/team.h).
 *
 * Ownership  A job and what it points to are its request's, which stays where
 *            it is until gather_run() has returned.
 * Threads    A gather belongs to one loop or one worker.
 */
#ifndef SERVER_GATHER_H
#define SERVER_GATHER_H

#include "core/arena.h"
#include "core/infer.h"
#include "core/team.h"
#include "server/metrics.h"
#include "server/model_registry.h"

/* More at once gain nothing, and the first waits for the last. */
#define GATHER_MOST 8

struct gather_job {
    const struct served_model *model;
    const struct rnn_sequence *sequences;
    size_t count;
    bool every_step;
    uint64_t deadline_ms;
    bool (*keep_going)(void *arg);
    void *arg;
    struct arena *arena;         /* for scratch */
    struct rnn_team *team;       /* NULL: on this thread alone */
    struct metrics_tally *tally; /* of this thread, or NULL */
    struct gather_job *next;

    /* Set by gather_run(). */
    enum rnn_status status; /* of rnn_infer(), or NO_MEMORY */
    struct rnn_error err;   /* unless that is OK */
};

struct gather {
    struct gather_job *jobs;
    size_t count;
};

void gather_add(struct gather *gather, struct gather_job *job);

/* Make all calls, those of one model together, and be empty again. */
void gather_run(struct gather *gather, struct metrics *metrics);

/* Make one. */
void gather_run_job(struct gather_job *job, struct metrics *metrics);

#endif
