/* import_child.h: rnn-import as a child process, from its start to its end.
 *
 * The child gets two descriptors and a pipe for what it has to say, an
 * environment without secrets, and a deadline.  What comes back is not
 * trusted: the memory file is sealed here, so that nobody can change it
 * under the reader, and its text is printed without control characters.
 *
 * Threads  One at a time: SIGCHLD has its usual meaning while a child runs.
 */
#ifndef SERVER_IMPORT_CHILD_H
#define SERVER_IMPORT_CHILD_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

struct log;

struct import_job {
    const char *importer; /* program; NULL: rnn-import beside ours */
    const char *path;     /* of the model, for the sentences */
    size_t memory_bytes;
    uint64_t timeout_ms;
    const struct log *log; /* gets the notes; NULL: dropped */
};

/* Let the importer read `model_fd` from its beginning.  `*made_fd` is a
 * sealed memory file of safetensors; the caller closes it.
 *
 * NOT_FOUND  there is no importer
 * CANCELLED  it took longer than the timeout, and was ended
 * BAD_MODEL  it refused the file, in its own words, or broke on it
 * IO         it could not be started */
RNN_CHECKED enum rnn_status import_child_run(const struct import_job *job,
                                             int model_fd, int *made_fd,
                                             struct rnn_error *err);

#endif
