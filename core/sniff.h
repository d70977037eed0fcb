/* sniff.h: what a file is, by its bytes and never by its name.
 *
 * People hand over what they have: HDF5 called .keras, a Git LFS pointer, a
 * pickle.  What cannot be a model here is refused with one sentence that says
 * what it looks like and what to do about it.
 *
 * Threads  Nothing here is shared; no memory is allocated.
 */
#ifndef CORE_SNIFF_H
#define CORE_SNIFF_H

#include <stddef.h>

#include "core/status.h"

enum rnn_file_kind {
    RNN_FILE_SAFETENSORS, /* the native format */
    RNN_FILE_KERAS,       /* a zip with config.json */
    RNN_FILE_HDF5,        /* .h5 of Keras, or what else uses HDF5 */
};

/* Set `*kind` from the whole file.  Only the container is looked at, so the
 * kind says who has to read it, not that it is sound.
 *
 * UNSUPPORTED  something else, named in the sentence
 * BAD_MODEL    a zip that is cut short
 */
RNN_CHECKED enum rnn_status rnn_sniff(const void *bytes, size_t size,
                                      enum rnn_file_kind *kind,
                                      struct rnn_error *err);

#endif
