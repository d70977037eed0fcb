/* session_look.c: what a session in a shared store is, without borrowing it:
 * a look waits for no call that is under way.
 */
#include <stdlib.h>
#include <string.h>

#include "server/clock.h"
#include "server/session_internal.h"
#include "server/store/record.h"
#include "server/store/store.h"

struct session_look_job {
    struct store_job io;
    struct session_look *look;
    struct session_store *store;
    char id[SESSION_ID_SIZE];
    enum session_result result; /* WAIT until it is done; under changes.lock */
    struct problem problem;
};

static enum session_result refuse_missing(struct session_look_job *job)
{
    struct session_place at = session_place_of(job->store, job->id);

    session_missing(job->store, at.hash, job->id, clock_monotonic_ms(),
                    &job->problem);
    return SESSION_REFUSED;
}

static enum session_result result_of(struct session_look_job *job)
{
    struct session_store *store = job->store;
    struct store_row *row = &job->io.row;
    uint64_t now_ms = clock_monotonic_ms();
    struct record record;
    const char *fault = job->io.why;

    switch (job->io.result) {
    case STORE_OK:
        fault = record_decode(row->head, row->head_length, NULL, 0, &record);
        break;
    case STORE_ABSENT:
        return refuse_missing(job);
    case STORE_DAMAGED:
        break;
    case STORE_FAILED:
    case STORE_SAME:      /* there was no copy to be the same as */
    case STORE_OVERTAKEN: /* of writes */
    case STORE_UNKNOWN:
        problem_set(&job->problem, PROBLEM_STORE_UNREACHABLE,
                    "the session \"%s\" cannot be read from the store: %s",
                    job->id, job->io.why);
        return SESSION_REFUSED;
    }
    if (fault) {
        session_refuse_damaged(store, job->id, fault, &job->problem);
        return SESSION_REFUSED;
    }
    if (!session_record_lives(store, row, &record)) {
        session_record_bury(store, &record, job->id);
        return refuse_missing(job);
    }
    if (!session_record_info(store, &record, &job->look->info)) {
        session_refuse_other_model(&record, job->id, &job->problem);
        return SESSION_REFUSED;
    }
    job->look->info.used_ms =
        now_ms > row->share.age_ms ? now_ms - row->share.age_ms : 0;
    return SESSION_OK;
}

static void on_read(struct store_job *io)
{
    struct session_look_job *job = (struct session_look_job *)io;
    struct session_store *store = job->store;
    enum session_result result;

    session_behind_says(store, io->result == STORE_FAILED ? io->why : NULL);
    session_graves_forget(store, job->id, io);
    result = result_of(job);
    /* Whoever looks waits until we have let go of the look. */
    pthread_mutex_lock(&store->changes.lock);
    job->result = result;
    job->look->wake(job->look->arg);
    pthread_mutex_unlock(&store->changes.lock);
}

static enum session_result ask(struct session_look *look,
                               struct problem *problem)
{
    struct store *behind = look->store->behind;
    struct session_look_job *job = calloc(1, sizeof(*job));

    if (!job) {
        problem_set(problem, PROBLEM_OVERLOADED,
                    "out of memory to look at the session \"%s\"", look->id);
        return SESSION_REFUSED;
    }
    job->look = look;
    job->store = look->store;
    job->result = SESSION_WAIT;
    memcpy(job->id, look->id, strlen(look->id) + 1);
    job->io = (struct store_job){
        .task = STORE_READ, .row = {.id = job->id}, .done = on_read};
    look->job = job;
    behind->ops->submit(behind, &job->io);
    return SESSION_WAIT;
}

enum session_result session_store_look(struct session_look *look,
                                       struct problem *problem)
{
    struct session_store *store = look->store;
    struct session_look_job *job = look->job;
    enum session_result result;

    if (!job)
        return ask(look, problem);
    pthread_mutex_lock(&store->changes.lock);
    result = job->result;
    pthread_mutex_unlock(&store->changes.lock);
    if (result == SESSION_WAIT)
        return SESSION_WAIT;
    if (result == SESSION_REFUSED)
        *problem = job->problem;
    look->job = NULL;
    free(job);
    return result;
}
