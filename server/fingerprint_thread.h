/* fingerprint_thread.h: a model's fingerprint, made while the model is loaded.
 *
 * Half of the time that a large file takes to load is SHA-256, which needs
 * nothing of the rest.
 *
 * Ownership  The bytes and those of the origin stay the caller's, until
 *            fingerprint_thread_end().
 * Threads    One for each call of fingerprint_thread_begin(), without signals.
 */
#ifndef SERVER_FINGERPRINT_THREAD_H
#define SERVER_FINGERPRINT_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/model.h"

struct fingerprint_thread {
    const void *bytes;
    size_t size;
    struct rnn_model_options origin; /* nothing else of the load's */
    pthread_t thread;
    bool runs;
    enum rnn_status status;
    struct rnn_error reason;
    unsigned char digest[RNN_DIGEST_BYTES];
};

/* Begin, unless the bytes are few, and tell `options` who has the result.
 * Without a thread the load makes it itself. */
void fingerprint_thread_begin(struct fingerprint_thread *job,
                              const void *bytes, size_t size,
                              struct rnn_model_options *options);

/* Wait for it, whatever became of the load. */
void fingerprint_thread_end(struct fingerprint_thread *job);

#endif
