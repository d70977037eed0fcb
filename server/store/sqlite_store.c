/* sqlite_store.c: the thread that does the jobs.
 *
 * It takes all jobs that wait: first it reads, which needs no transaction,
 * then it writes all rows in one.  While that goes to the disk the next ones
 * gather: under load one fsync serves every call that waited for it (group
 * commit).  The write-ahead log is written back when the calls have been
 * told.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/clock.h"
#include "server/store/sqlite_file.h"
#include "server/store/store.h"

/* The log is written back from so many pages (of 4 KiB) on: rarely enough
 * that a page of the index has been written several times by then. */
#define CHECKPOINT_PAGES 4000

#define PURGE_MS   1000 /* between two */
#define PURGE_MOST ((size_t)1000)
/* SQLite takes up to 10^9 bytes in one value. */
#define MOST_ROW_BYTES ((size_t)900000000)

struct sqlite_store {
    struct store store; /* first: the owner's view of us */
    struct store_settings settings;
    struct sqlite_file *file;
    uint64_t purge_at_ms; /* not before; the thread's own */

    pthread_t thread;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t wakes;
    struct store_job *first, *last;
    uint64_t gather_at_ms; /* 0: nothing is stirred */
    bool must_tidy, is_ending;
};

static struct sqlite_store *of(struct store *store)
{
    return (struct sqlite_store *)store;
}

/* ---- any thread --------------------------------------------------------- */

static void submit(struct store *store, struct store_job *job)
{
    struct sqlite_store *sqlite = of(store);

    job->next = NULL;
    job->why = "";
    pthread_mutex_lock(&sqlite->lock);
    if (sqlite->last)
        sqlite->last->next = job;
    else
        sqlite->first = job;
    sqlite->last = job;
    pthread_cond_signal(&sqlite->wakes);
    pthread_mutex_unlock(&sqlite->lock);
}

/* Gather in `wait_ms`, unless that is to be done already. */
static void gather_in(struct sqlite_store *sqlite, uint64_t wait_ms)
{
    pthread_mutex_lock(&sqlite->lock);
    if (!sqlite->gather_at_ms) {
        sqlite->gather_at_ms = clock_monotonic_ms() + wait_ms;
        pthread_cond_signal(&sqlite->wakes);
    }
    pthread_mutex_unlock(&sqlite->lock);
}

static void stir(struct store *store)
{
    gather_in(of(store), of(store)->settings.flush_interval_ms);
}

static void tidy(struct store *store)
{
    struct sqlite_store *sqlite = of(store);

    pthread_mutex_lock(&sqlite->lock);
    sqlite->must_tidy = true;
    pthread_cond_signal(&sqlite->wakes);
    pthread_mutex_unlock(&sqlite->lock);
}

/* ---- the thread --------------------------------------------------------- */

static void finish(struct store_job *job, enum store_result result,
                   const char *why)
{
    job->result = result;
    job->why = why;
    job->done(job);
}

static void read_row(struct sqlite_store *sqlite, struct store_job *job)
{
    enum store_result result = sqlite_file_get(sqlite->file, &job->row);

    finish(job, result, sqlite_file_why(sqlite->file));
    sqlite_file_let_go(sqlite->file);
}

/* All rows of the list, or none.  Ends the jobs; false: failed. */
static bool write_rows(struct sqlite_store *sqlite, struct store_job *jobs)
{
    bool ok = sqlite_file_begin(sqlite->file);
    struct store_job *job;

    for (job = jobs; ok && job; job = job->next) {
        ok = sqlite_file_put(sqlite->file, &job->row);
        if (!ok)
            sqlite_file_rollback(sqlite->file);
    }
    if (ok)
        ok = sqlite_file_commit(sqlite->file);
    while (jobs) {
        job = jobs;
        jobs = job->next;
        finish(job, ok ? STORE_OK : STORE_FAILED,
               sqlite_file_why(sqlite->file));
    }
    return ok;
}

/* Write a part of what the owner has kept back. */
enum gathered { GATHERED_ALL, GATHERED_SOME, GATHERED_FAILED };

static enum gathered gather(struct sqlite_store *sqlite)
{
    const struct store_owner *owner = &sqlite->settings.owner;
    struct store_job *jobs = owner->gather(owner->arg);

    if (!jobs)
        return GATHERED_ALL;
    return write_rows(sqlite, jobs) ? GATHERED_SOME : GATHERED_FAILED;
}

/* All of it; false: some is left. */
static bool gather_all(struct sqlite_store *sqlite)
{
    enum gathered result;

    while ((result = gather(sqlite)) == GATHERED_SOME)
        sqlite_file_checkpoint(sqlite->file, CHECKPOINT_PAGES);
    return result == GATHERED_ALL;
}

static void list_rows(struct sqlite_store *sqlite, struct store_job *job)
{
    bool ok = gather_all(sqlite) && sqlite_file_list(sqlite->file, job);

    finish(job, ok ? STORE_OK : STORE_FAILED, sqlite_file_why(sqlite->file));
}

/* A list of jobs under way: reads and lists are done, writes are put
 * together. */
static void do_jobs(struct sqlite_store *sqlite, struct store_job *jobs)
{
    struct store_job *writes = NULL, **end = &writes;

    while (jobs) {
        struct store_job *job = jobs;

        jobs = job->next;
        job->next = NULL;
        switch (job->task) {
        case STORE_READ:
            read_row(sqlite, job);
            break;
        case STORE_LIST:
            list_rows(sqlite, job);
            break;
        case STORE_WRITE:
            *end = job;
            end = &job->next;
            break;
        case STORE_TOUCH: /* of a store that is shared */
            finish(job, STORE_OK, "");
            break;
        }
    }
    if (writes)
        write_rows(sqlite, writes);
}

static void purge(struct sqlite_store *sqlite)
{
    uint64_t now_ms = clock_monotonic_ms();

    if (now_ms < sqlite->purge_at_ms)
        return;
    sqlite->purge_at_ms = now_ms + PURGE_MS;
    sqlite_file_count(sqlite->file);
    /* What fails is tried again in a second: nobody waits for it. */
    sqlite_file_purge(
        sqlite->file,
        (uint64_t)((int64_t)now_ms + sqlite->settings.wall_ahead_ms),
        sqlite->settings.tombstones, PURGE_MOST);
}

/* Sleep until there is something to do; the lock is held. */
static void wait_for_work(struct sqlite_store *sqlite)
{
    while (!sqlite->first && !sqlite->must_tidy && !sqlite->is_ending) {
        uint64_t due_ms = sqlite->gather_at_ms;
        uint64_t now_ms = clock_monotonic_ms();
        struct timespec until;

        if (!due_ms) {
            pthread_cond_wait(&sqlite->wakes, &sqlite->lock);
            continue;
        }
        if (due_ms <= now_ms)
            return;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += (time_t)((due_ms - now_ms) / 1000);
        until.tv_nsec += (long)((due_ms - now_ms) % 1000) * 1000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
        pthread_cond_timedwait(&sqlite->wakes, &sqlite->lock, &until);
    }
}

/* Calls that wait come between two parts. */
static void gather_a_part(struct sqlite_store *sqlite)
{
    switch (gather(sqlite)) {
    case GATHERED_ALL:
        break;
    case GATHERED_SOME:
        gather_in(sqlite, 0);
        break;
    case GATHERED_FAILED:
        stir(&sqlite->store);
        break;
    }
}

/* One round: what is due is done.  false: it was the last one. */
static bool work(struct sqlite_store *sqlite)
{
    bool must_gather, must_tidy, is_ending;
    struct store_job *jobs;

    pthread_mutex_lock(&sqlite->lock);
    wait_for_work(sqlite);
    jobs = sqlite->first;
    sqlite->first = sqlite->last = NULL;
    must_tidy = sqlite->must_tidy;
    sqlite->must_tidy = false;
    is_ending = sqlite->is_ending && !jobs;
    must_gather =
        sqlite->gather_at_ms && sqlite->gather_at_ms <= clock_monotonic_ms();
    if (must_gather)
        sqlite->gather_at_ms = 0;
    pthread_mutex_unlock(&sqlite->lock);

    do_jobs(sqlite, jobs);
    if (is_ending)
        gather_all(sqlite);
    else if (must_gather)
        gather_a_part(sqlite);
    if (must_tidy)
        purge(sqlite);
    atomic_store(&sqlite->store.rows, sqlite_file_rows(sqlite->file));
    sqlite_file_checkpoint(sqlite->file, CHECKPOINT_PAGES);
    return !is_ending;
}

static void *thread_main(void *arg)
{
    struct sqlite_store *sqlite = arg;

    while (work(sqlite))
        continue;
    return NULL;
}

/* ---- beginning and end -------------------------------------------------- */

static void release(struct sqlite_store *sqlite)
{
    sqlite_file_close(sqlite->file);
    pthread_cond_destroy(&sqlite->wakes);
    pthread_mutex_destroy(&sqlite->lock);
    free(sqlite);
}

static void close_store(struct store *store)
{
    struct sqlite_store *sqlite = of(store);

    pthread_mutex_lock(&sqlite->lock);
    sqlite->is_ending = true;
    pthread_cond_signal(&sqlite->wakes);
    pthread_mutex_unlock(&sqlite->lock);
    pthread_join(sqlite->thread, NULL);
    release(sqlite);
}

static const struct store_ops ops = {
    .submit = submit, .stir = stir, .tidy = tidy, .close = close_store};

enum rnn_status store_sqlite_create(const struct store_settings *settings,
                                    struct store **store,
                                    struct rnn_error *err)
{
    struct sqlite_store *sqlite = calloc(1, sizeof(*sqlite));
    pthread_condattr_t attributes;
    enum rnn_status status;
    int error;

    if (!sqlite)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory for the store");
    sqlite->store = (struct store){
        .ops = &ops, .name = "sqlite", .most_row_bytes = MOST_ROW_BYTES};
    sqlite->settings = *settings;
    pthread_mutex_init(&sqlite->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&sqlite->wakes, &attributes);
    pthread_condattr_destroy(&attributes);
    status = sqlite_file_open(settings->folder, settings->survives_power,
                              &sqlite->file, err);
    if (status) {
        release(sqlite);
        return status;
    }
    sqlite->store.was_empty = sqlite_file_is_empty(sqlite->file);
    error = pthread_create(&sqlite->thread, NULL, thread_main, sqlite);
    if (error) {
        release(sqlite);
        return rnn_fail(err, RNN_IO, "cannot start the store's thread: %s",
                        strerror(error));
    }
    *store = &sqlite->store;
    return RNN_OK;
}
