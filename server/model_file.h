/* model_file.h: from a file of any format to a loaded model.
 *
 * The content decides what a file is, never its name.  safetensors are mapped
 * and read here.  Foreign formats (.keras, .h5) are read by rnn-import, in a
 * process of its own with limits and a sandbox: it gets the open file and a
 * memory file to write safetensors into, which is sealed, mapped and checked
 * like any other.
 */
#ifndef SERVER_MODEL_FILE_H
#define SERVER_MODEL_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "core/model.h"
#include "core/status.h"

struct log;

struct model_file_options {
    enum rnn_isa isa;
    const char *importer; /* program; NULL: rnn-import beside ours */
    size_t import_memory; /* bytes of address space */
    uint64_t import_timeout_ms;
    const struct log *log; /* gets the importer's notes; NULL: dropped */
};

/* Load the model at `path`.  The sentence of a failure begins with the path
 * and says what was found there.  An import takes no longer than its timeout;
 * the model's bytes are gone when this returns.  A file that was written to
 * meanwhile is refused (IO). */
RNN_CHECKED enum rnn_status model_file_load(
    const char *path, const struct model_file_options *options,
    struct rnn_model **model, struct rnn_error *err);

#endif
