/* mapping.h: the bytes of a file, mapped for reading.
 *
 * What can be said of a path before a byte is looked at (a folder, a pipe, an
 * empty file) is said here, for the daemon and the importer alike.
 *
 * Ownership  The caller holds the struct; rnn_mapping_release() unmaps.
 * Threads    Nothing here is shared.
 */
#ifndef CORE_MAPPING_H
#define CORE_MAPPING_H

#include <stddef.h>

#include "core/status.h"

struct rnn_mapping {
    const unsigned char *bytes;
    size_t size; /* bytes; 0 after release */
};

/* Open `path` for reading, close-on-exec.  NOT_FOUND or IO, with the system's
 * reason. */
RNN_CHECKED enum rnn_status rnn_file_open(const char *path, int *fd,
                                          struct rnn_error *err);

/* Map the whole file behind `fd`, which stays open and is the caller's.
 *
 * UNSUPPORTED  a folder (a SavedModel is called one), a pipe or a device
 * BAD_MODEL    an empty file
 * IO           the system refused
 */
RNN_CHECKED enum rnn_status rnn_mapping_init(int fd,
                                             struct rnn_mapping *mapping,
                                             struct rnn_error *err);

/* A mapping that is all zero is fine. */
void rnn_mapping_release(struct rnn_mapping *mapping);

#endif
