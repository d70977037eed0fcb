/* import.h: a .keras or .h5 file becomes safetensors.
 *
 * The order is the one that finds damage: what is it, the architecture, then
 * every weight that it asks for and no other, and only then a byte is
 * written.  Shapes are checked against the architecture by whoever loads the
 * result (core/format), which trusts none of this.
 *
 * Threads  One; libhdf5 keeps state of its own.
 */
#ifndef CORE_IMPORT_IMPORT_H
#define CORE_IMPORT_IMPORT_H

#include <stddef.h>

#include "core/import/safetensors_out.h"
#include "core/status.h"

struct import_notes {
    /* One sentence that is no failure: weights that were rounded, ... */
    void (*note)(void *arg, const char *sentence);
    void *arg;
};

/* Read the `size` bytes of a model file and write it to `sink`.  hdf5_start()
 * must have been called.
 *
 * BAD_MODEL    damaged, or weights that are missing or left over
 * UNSUPPORTED  not a Keras model, or one that uses what is not known here
 * NOT_FINITE   a weight is NaN or infinite
 * LIMIT, NO_MEMORY, IO
 */
RNN_CHECKED enum rnn_status import_model(const void *bytes, size_t size,
                                         const struct byte_sink *sink,
                                         const struct import_notes *notes,
                                         struct rnn_error *err);

#endif
