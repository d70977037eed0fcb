/* redis_store.c: the thread that does the jobs.
 *
 * What waits is sent in one go, and answered in the order in which it was
 * sent.  When the connection breaks, what was sent and not answered is sent
 * again: the script sees that it has been done (docs/redis.md).
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <hiredis/hiredis.h>

#include "server/clock.h"
#include "server/store/redis_jobs.h"
#include "server/store/redis_link.h"
#include "server/store/redis_list.h"
#include "server/store/store.h"

/* Redis takes no longer value than 512 MB. */
#define MOST_ROW_BYTES ((size_t)500000000)
/* Bytes that wait to be written: above, further jobs wait as jobs. */
#define OUT_MOST ((size_t)4 << 20)

struct redis_store {
    struct store store; /* first: the owner's view of us */
    struct store_owner owner;
    uint64_t remember_ms;
    pthread_t thread;
    int wakes; /* an eventfd */

    /* The thread's own. */
    struct redis_link link;
    struct redis_jobs waiting, sent;
    struct store_job script; /* stands in `sent` for loading the script */
    bool needs_script, is_loading; /* it, once at a time */
    bool was_up, has_complained;
    char why[512]; /* room for a job's */

    pthread_mutex_t lock; /* of all below */
    struct redis_jobs arrived;
    bool is_ending;
};

static struct redis_store *of(struct store *store)
{
    return (struct redis_store *)store;
}

/* ---- any thread --------------------------------------------------------- */

static void wake(struct redis_store *redis)
{
    uint64_t one = 1;

    /* It can only fail when the thread has been woken 2^64 - 1 times. */
    if (write(redis->wakes, &one, sizeof(one)) < 0)
        return;
}

/* Before whoever waits leaves at store_timeout, so that he hears why. */
static uint64_t due_of(const struct redis_store *redis)
{
    uint64_t timeout_ms = redis->link.timeout_ms;

    return clock_monotonic_ms() + timeout_ms - timeout_ms / 8;
}

static void submit(struct store *store, struct store_job *job)
{
    struct redis_store *redis = of(store);
    bool was_empty;

    job->why = "";
    job->due_ms = due_of(redis);
    job->is_again = false;
    job->is_in_time = false;
    job->part = NULL;
    pthread_mutex_lock(&redis->lock);
    was_empty = !redis->arrived.first;
    redis_jobs_add(&redis->arrived, job);
    pthread_mutex_unlock(&redis->lock);
    if (was_empty)
        wake(redis);
}

/* Nothing is kept back, and Redis forgets by itself. */
static void stir(struct store *store)
{
    (void)store;
}

/* ---- the end of a job --------------------------------------------------- */

static void finish(struct store_job *job)
{
    redis_list_end(job);
    job->done(job);
}

/* Without an answer. */
static void give_up(struct redis_store *redis, struct store_job *job,
                    const char *why)
{
    job->result = job->task == STORE_WRITE && job->is_again ? STORE_UNKNOWN
                                                            : STORE_FAILED;
    snprintf(redis->why, sizeof(redis->why), "%s", why);
    job->why = redis->why;
    finish(job);
}

/* ---- sending ------------------------------------------------------------ */

static bool put_job(struct redis_store *redis, struct store_job *job)
{
    struct redis_link *link = &redis->link;
    struct redis_call call = {.out = &link->out,
                              .hash = link->hash,
                              .server_ahead = link->server_ahead,
                              .remember_ms = redis->remember_ms};

    return job->task == STORE_LIST ? redis_list_ask(&call, job)
                                   : redis_request_job(&call, job);
}

static void mark_sent(struct redis_store *redis, struct store_job *job,
                      uint64_t now_ms)
{
    job->sent_ms = now_ms;
    redis_jobs_add(&redis->sent, job);
}

static void send_waiting(struct redis_store *redis, uint64_t now_ms)
{
    struct redis_link *link = &redis->link;

    if (link->stage != LINK_UP || !redis->waiting.first)
        return;
    if (redis->needs_script && redis_link_load(link)) {
        redis->needs_script = false;
        redis->is_loading = true;
        mark_sent(redis, &redis->script, now_ms);
    }
    while (redis->waiting.first && link->out.length < OUT_MOST) {
        struct store_job *job = redis_jobs_take(&redis->waiting);

        if (put_job(redis, job))
            mark_sent(redis, job, now_ms);
        else
            give_up(redis, job, "out of memory for a command to Redis");
    }
    redis_link_flush(link, now_ms);
}

/* ---- answers ------------------------------------------------------------ */

static bool is_error(const redisReply *reply, const char *code)
{
    return reply->type == REDIS_REPLY_ERROR &&
           !strncmp(reply->str, code, strlen(code));
}

/* To be done again, before all others. */
static void send_again(struct redis_store *redis, struct store_job *job)
{
    struct redis_jobs one = {.first = NULL};

    redis_jobs_add(&one, job);
    redis_jobs_put_before(&redis->waiting, &one);
}

static void take_part(struct redis_store *redis, struct store_job *job,
                      redisReply *reply)
{
    if (redis_list_take(job, reply, redis->why, sizeof(redis->why))) {
        job->due_ms = due_of(redis);
        redis_jobs_add(&redis->waiting, job);
    } else {
        finish(job);
    }
}

/* Of a primary that is none any more: find the new one. */
static bool is_demoted(const redisReply *reply)
{
    return is_error(reply, "READONLY") || is_error(reply, "MASTERDOWN") ||
           is_error(reply, "UNBLOCKED");
}

/* Late by Redis' clock, but not by ours: the answers that told us its clock
 * had been held up, and this one has put that right.  What was sent once, and
 * is known to have changed nothing, can be sent with another time. */
static bool can_be_in_time(const struct store_job *job,
                           const redisReply *reply)
{
    return job->task == STORE_WRITE && !job->is_again && !job->is_in_time &&
           redis_request_is_late(reply) && clock_monotonic_ms() < job->due_ms;
}

static void take_result(struct redis_store *redis, struct store_job *job,
                        const redisReply *reply)
{
    void *joined = NULL;
    uint64_t server_ms;

    if (redis_request_clock(reply, &server_ms))
        redis_link_clock(&redis->link, server_ms);
    if (can_be_in_time(job, reply)) {
        job->is_in_time = true;
        send_again(redis, job);
        return;
    }
    redis_request_answer(job, reply, &joined, redis->why, sizeof(redis->why));
    finish(job);
    free(joined);
}

static void take_answer(struct redis_store *redis, redisReply *reply)
{
    struct store_job *job = redis_jobs_take(&redis->sent);
    bool is_lost = is_demoted(reply);

    if (job == &redis->script) {
        redis->is_loading = false;
    } else if (job && is_error(reply, "NOSCRIPT")) {
        /* The script may be on its way already, sent after this job. */
        redis->needs_script = !redis->is_loading;
        send_again(redis, job);
    } else if (job && job->task == STORE_LIST) {
        take_part(redis, job, reply);
        reply = NULL;
    } else if (job) {
        take_result(redis, job, reply);
    }
    if (is_lost)
        redis_link_break(&redis->link, "Redis is not the primary any more",
                         clock_monotonic_ms());
    if (reply)
        freeReplyObject(reply);
}

static void take_answers(struct redis_store *redis, uint64_t now_ms)
{
    redisReply *reply;

    while ((reply = redis_link_reply(&redis->link, now_ms)))
        take_answer(redis, reply);
}

/* ---- when it breaks ----------------------------------------------------- */

/* What was sent and not answered is sent again, as long as somebody waits
 * for it: what else it did is not known. */
static void requeue(struct redis_store *redis, uint64_t now_ms)
{
    struct redis_jobs again = {.first = NULL};
    struct store_job *job;

    while ((job = redis_jobs_take(&redis->sent))) {
        if (job == &redis->script) {
            redis->is_loading = false;
            continue;
        }
        job->is_again = true;
        if (job->task == STORE_TOUCH || job->task == STORE_LIST ||
            now_ms >= job->due_ms)
            give_up(redis, job, redis->link.why);
        else
            redis_jobs_add(&again, job);
    }
    redis_jobs_put_before(&redis->waiting, &again);
}

/* Tell the owner when the link has come or gone. */
static void notice(struct redis_store *redis, uint64_t now_ms)
{
    bool is_up = redis->link.stage == LINK_UP;

    if (redis->link.stage == LINK_DOWN)
        requeue(redis, now_ms);
    if (is_up != redis->was_up ||
        (redis->link.stage == LINK_DOWN && !redis->has_complained)) {
        redis->has_complained = !is_up;
        redis->owner.says(redis->owner.arg, is_up ? NULL : redis->link.why);
    }
    redis->was_up = is_up;
    redis->needs_script = redis->needs_script && is_up;
}

/* Jobs that nobody waits for any more; and all, once Redis has been out of
 * reach for so long that it would be a wonder if it came back now. */
static void expire(struct redis_store *redis, uint64_t now_ms, bool is_ending)
{
    const struct redis_link *link = &redis->link;
    bool is_hopeless =
        link->stage != LINK_UP &&
        (is_ending ||
         (link->down_ms && now_ms - link->down_ms >= link->timeout_ms));

    if (link->stage == LINK_UP && redis->sent.first) {
        uint64_t since_ms = redis->sent.first->sent_ms;

        if (since_ms < link->heard_ms)
            since_ms = link->heard_ms;
        if (now_ms - since_ms >= link->timeout_ms) {
            redis_link_break(&redis->link,
                             "Redis did not answer within store_timeout",
                             now_ms);
            requeue(redis, now_ms);
        }
    }
    while (redis->waiting.first &&
           (is_hopeless || now_ms >= redis->waiting.first->due_ms))
        give_up(redis, redis_jobs_take(&redis->waiting), link->why);
}

/* ---- the thread --------------------------------------------------------- */

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static int sleep_ms(const struct redis_store *redis, uint64_t now_ms)
{
    const struct redis_link *link = &redis->link;
    uint64_t due_ms = redis_link_due(link);

    if (redis->waiting.first)
        due_ms = sooner(due_ms, redis->waiting.first->due_ms);
    if (redis->sent.first && link->stage == LINK_UP)
        due_ms = sooner(due_ms, (redis->sent.first->sent_ms > link->heard_ms
                                     ? redis->sent.first->sent_ms
                                     : link->heard_ms) +
                                    link->timeout_ms);
    if (due_ms == UINT64_MAX)
        return -1;
    if (due_ms <= now_ms)
        return 0;
    return due_ms - now_ms < 60000 ? (int)(due_ms - now_ms) : 60000;
}

static void wait_for_work(struct redis_store *redis, uint64_t now_ms)
{
    struct redis_link *link = &redis->link;
    struct pollfd fds[2] = {
        {.fd = redis->wakes, .events = POLLIN},
        {.fd = link->wire.fd, .events = redis_link_events(link)}};
    uint64_t count;

    if (!fds[1].events)
        fds[1].fd = -1;
    if (poll(fds, 2, sleep_ms(redis, now_ms)) < 0)
        return;
    if (fds[0].revents && read(redis->wakes, &count, sizeof(count)) < 0)
        return;
    if (!fds[1].revents)
        return;
    now_ms = clock_monotonic_ms();
    redis_link_go_on(link, now_ms);
    take_answers(redis, now_ms);
}

/* What has arrived waits from now on.  true: the store is to end. */
static bool take_arrived(struct redis_store *redis)
{
    struct redis_jobs arrived;
    bool is_ending;

    pthread_mutex_lock(&redis->lock);
    arrived = redis->arrived;
    redis->arrived = (struct redis_jobs){.first = NULL};
    is_ending = redis->is_ending;
    pthread_mutex_unlock(&redis->lock);
    redis_jobs_put_before(&arrived, &redis->waiting);
    redis->waiting = arrived;
    return is_ending;
}

static void *thread_main(void *arg)
{
    struct redis_store *redis = arg;

    for (;;) {
        bool is_ending = take_arrived(redis);
        uint64_t now_ms = clock_monotonic_ms();

        redis_link_tick(&redis->link, now_ms);
        notice(redis, now_ms);
        expire(redis, now_ms, is_ending);
        send_waiting(redis, now_ms);
        notice(redis, now_ms);
        if (is_ending && !redis->waiting.first && !redis->sent.first)
            return NULL;
        wait_for_work(redis, now_ms);
        notice(redis, clock_monotonic_ms());
    }
}

/* ---- beginning and end -------------------------------------------------- */

static void release(struct redis_store *redis)
{
    redis_link_release(&redis->link);
    if (redis->wakes >= 0)
        close(redis->wakes);
    pthread_mutex_destroy(&redis->lock);
    free(redis);
}

static void close_store(struct store *store)
{
    struct redis_store *redis = of(store);

    pthread_mutex_lock(&redis->lock);
    redis->is_ending = true;
    pthread_mutex_unlock(&redis->lock);
    wake(redis);
    pthread_join(redis->thread, NULL);
    release(redis);
}

static const struct store_ops ops = {
    .submit = submit, .stir = stir, .tidy = stir, .close = close_store};

enum rnn_status store_redis_create(const struct store_settings *settings,
                                   struct store **store, struct rnn_error *err)
{
    struct redis_store *redis = calloc(1, sizeof(*redis));
    enum rnn_status status;
    int error;

    if (!redis)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory for the store");
    redis->store = (struct store){.ops = &ops,
                                  .name = "redis",
                                  .is_shared = true,
                                  .most_row_bytes = MOST_ROW_BYTES};
    redis->owner = settings->owner;
    redis->remember_ms = settings->remember_ms;
    redis->script.task = STORE_READ;
    redis->wakes = -1;
    pthread_mutex_init(&redis->lock, NULL);
    status = redis_link_init(&redis->link, settings, err);
    if (!status) {
        redis->wakes = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        error = redis->wakes < 0
                    ? errno
                    : pthread_create(&redis->thread, NULL, thread_main, redis);
        if (error)
            status =
                rnn_fail(err, RNN_IO, "cannot start the store's thread: %s",
                         strerror(error));
    }
    if (status) {
        release(redis);
        return status;
    }
    *store = &redis->store;
    return RNN_OK;
}
