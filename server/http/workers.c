#include "server/http/workers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/team.h"
#include "server/app.h"
#include "server/clock.h"
#include "server/http/loop.h"

struct workers {
    struct rnn_team team; /* first, so that a pointer to it is one to this */
    pthread_mutex_t mutex;
    pthread_cond_t has_work, part_is_done;
    struct rnn_team_part *parts; /* offered and not begun */
    size_t idle;                 /* threads that wait for work */
    struct exchange **queue;     /* a ring */
    size_t capacity, first, length;
    bool is_ending;
    pthread_t *threads;
    size_t count; /* of those that run */
    size_t all;   /* as many as there are to be */
};

/* ---- parts of others' calls --------------------------------------------- */

static size_t count_idle(struct rnn_team *team)
{
    struct workers *workers = (struct workers *)team;
    size_t idle;

    pthread_mutex_lock(&workers->mutex);
    idle = workers->idle;
    pthread_mutex_unlock(&workers->mutex);
    return idle;
}

static void offer(struct rnn_team *team, struct rnn_team_part *part)
{
    struct workers *workers = (struct workers *)team;

    pthread_mutex_lock(&workers->mutex);
    part->is_taken = part->is_done = false;
    part->next = workers->parts;
    workers->parts = part;
    pthread_cond_signal(&workers->has_work);
    pthread_mutex_unlock(&workers->mutex);
}

static bool take_back(struct rnn_team *team, struct rnn_team_part *part)
{
    struct workers *workers = (struct workers *)team;
    struct rnn_team_part **link = &workers->parts;
    bool is_free;

    pthread_mutex_lock(&workers->mutex);
    is_free = !part->is_taken;
    if (is_free) {
        while (*link != part)
            link = &(*link)->next;
        *link = part->next;
    }
    while (!is_free && !part->is_done)
        pthread_cond_wait(&workers->part_is_done, &workers->mutex);
    pthread_mutex_unlock(&workers->mutex);
    return is_free;
}

struct rnn_team *workers_team(struct workers *workers)
{
    return &workers->team;
}

/* Make one of the parts; the mutex is held before and after. */
static void make_part(struct workers *workers)
{
    struct rnn_team_part *part = workers->parts;

    workers->parts = part->next;
    part->is_taken = true;
    pthread_mutex_unlock(&workers->mutex);
    part->run(part->arg);
    pthread_mutex_lock(&workers->mutex);
    part->is_done = true;
    pthread_cond_broadcast(&workers->part_is_done);
}

/* ---- requests ----------------------------------------------------------- */

/* Until there is a job, or the end; parts are made meanwhile. */
static void await_job(struct workers *workers)
{
    while (!workers->length && !workers->is_ending)
        if (workers->parts) {
            make_part(workers);
        } else {
            workers->idle++;
            pthread_cond_wait(&workers->has_work, &workers->mutex);
            workers->idle--;
        }
}

/* The next job; NULL: there is none, once the end has come or where `waits`
 * is false.  `*share` is how many of those that wait are this worker's. */
static struct exchange *take(struct workers *workers, bool waits,
                             size_t *share)
{
    struct exchange *exchange = NULL;

    pthread_mutex_lock(&workers->mutex);
    if (waits)
        await_job(workers);
    *share = (workers->length + workers->all - 1) / workers->all;
    if (workers->length) {
        exchange = workers->queue[workers->first];
        workers->first = (workers->first + 1) % workers->capacity;
        workers->length--;
    }
    pthread_mutex_unlock(&workers->mutex);
    return exchange;
}

static void start(struct exchange *exchange, struct gather *gather)
{
    /* What has waited here too long is dropped unstarted. */
    if (exchange->result == ROUTE_OFFLOAD &&
        clock_monotonic_ms() >= exchange->request.deadline_ms) {
        problem_set(&exchange->problem, PROBLEM_COMPUTE_TIMEOUT,
                    "the request waited for a worker until its time "
                    "was up");
        exchange->result = ROUTE_PROBLEM;
    } else {
        exchange_call(exchange, true, gather);
    }
}

static void finish(struct exchange *exchange)
{
    exchange->is_done = true;
    loop_post(exchange);
}

/* Start `exchange`; as long as what is started leaves a job to be made with
 * others, start further ones, up to `share`.  Returns those, in `gathered`. */
static size_t start_some(struct workers *workers, struct exchange *exchange,
                         size_t share, struct gather *gather,
                         struct exchange *gathered[])
{
    size_t count = 0, unused;

    if (share > GATHER_MOST)
        share = GATHER_MOST;
    while (exchange) {
        start(exchange, share > 1 ? gather : NULL);
        if (exchange->result != ROUTE_GATHER) {
            finish(exchange);
            break;
        }
        gathered[count++] = exchange;
        exchange = count < share ? take(workers, false, &unused) : NULL;
    }
    return count;
}

static void *worker_main(void *arg)
{
    struct workers *workers = arg;
    struct exchange *gathered[GATHER_MOST], *exchange;
    struct gather gather = {NULL, 0};
    size_t share, count;

    while ((exchange = take(workers, true, &share))) {
        count = start_some(workers, exchange, share, &gather, gathered);
        if (count)
            gather_run(&gather, gathered[0]->loop->app->metrics);
        for (size_t i = 0; i < count; i++) {
            exchange_call(gathered[i], true, NULL);
            finish(gathered[i]);
        }
    }
    return NULL;
}

enum rnn_status workers_create(size_t count, struct workers **out,
                               struct rnn_error *err)
{
    struct workers *workers = calloc(1, sizeof(*workers));
    int error = 0;

    if (!workers)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    pthread_mutex_init(&workers->mutex, NULL);
    pthread_cond_init(&workers->has_work, NULL);
    pthread_cond_init(&workers->part_is_done, NULL);
    workers->team = (struct rnn_team){count_idle, offer, take_back};
    workers->all = count;
    workers->capacity = count * WORKER_QUEUE;
    workers->queue = calloc(workers->capacity, sizeof(struct exchange *));
    workers->threads = calloc(count, sizeof(*workers->threads));
    if (!workers->queue || !workers->threads) {
        workers_free(workers);
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    }
    while (workers->count < count && !error) {
        error = pthread_create(&workers->threads[workers->count], NULL,
                               worker_main, workers);
        if (!error)
            workers->count++;
    }
    if (error) {
        workers_free(workers);
        return rnn_fail(err, RNN_IO, "cannot start a worker thread: %s",
                        strerror(error));
    }
    *out = workers;
    return RNN_OK;
}

void workers_free(struct workers *workers)
{
    if (!workers)
        return;
    pthread_mutex_lock(&workers->mutex);
    workers->is_ending = true;
    pthread_cond_broadcast(&workers->has_work);
    pthread_mutex_unlock(&workers->mutex);
    for (size_t i = 0; i < workers->count; i++)
        pthread_join(workers->threads[i], NULL);
    pthread_cond_destroy(&workers->has_work);
    pthread_cond_destroy(&workers->part_is_done);
    pthread_mutex_destroy(&workers->mutex);
    free(workers->threads);
    free(workers->queue);
    free(workers);
}

bool workers_submit(struct workers *workers, struct exchange *exchange)
{
    bool has_room;

    pthread_mutex_lock(&workers->mutex);
    has_room = workers->length < workers->capacity;
    if (has_room) {
        size_t last = (workers->first + workers->length) % workers->capacity;

        workers->queue[last] = exchange;
        workers->length++;
        pthread_cond_signal(&workers->has_work);
    }
    pthread_mutex_unlock(&workers->mutex);
    return has_room;
}
