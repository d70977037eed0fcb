#include "server/fingerprint_thread.h"

#include <signal.h>
#include <string.h>

/* Below it a thread costs more than it saves. */
#define WORTH_IT ((size_t)1 << 20)

static void *thread_main(void *arg)
{
    struct fingerprint_thread *job = arg;

    job->status = rnn_model_fingerprint(job->bytes, job->size, &job->origin,
                                        job->digest, &job->reason);
    return NULL;
}

static enum rnn_status have(void *arg, unsigned char digest[RNN_DIGEST_BYTES],
                            struct rnn_error *err)
{
    struct fingerprint_thread *job = arg;

    fingerprint_thread_end(job);
    if (job->status)
        return rnn_fail(err, job->status, "%s", job->reason.message);
    memcpy(digest, job->digest, RNN_DIGEST_BYTES);
    return RNN_OK;
}

void fingerprint_thread_begin(struct fingerprint_thread *job,
                              const void *bytes, size_t size,
                              struct rnn_model_options *options)
{
    sigset_t all, before;

    *job = (struct fingerprint_thread){
        .bytes = bytes,
        .size = size,
        .origin = {.origin = options->origin,
                   .origin_size = options->origin_size},
    };
    if (size < WORTH_IT && options->origin_size < WORTH_IT)
        return;
    sigfillset(&all);
    sigdelset(&all, SIGBUS); /* comes of what this thread reads */
    pthread_sigmask(SIG_BLOCK, &all, &before);
    job->runs = !pthread_create(&job->thread, NULL, thread_main, job);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!job->runs)
        return;
    options->fingerprint = have;
    options->arg = job;
}

void fingerprint_thread_end(struct fingerprint_thread *job)
{
    if (job->runs)
        pthread_join(job->thread, NULL);
    job->runs = false;
}
