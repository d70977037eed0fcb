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

struct model_file_options {
    enum rnn_isa isa;
    const char *importer;     /* program; NULL: rnn-import beside ours */
    size_t import_memory;     /* bytes of address space */
    uint64_t import_timeout_ms;
};

/* Load the model at `path`.  The sentence of a failure names the path and
 * what was found there.  Takes no longer than the import timeout. */
RNN_CHECKED enum rnn_status
model_file_load(const char *path, const struct model_file_options *options,
                struct rnn_model **model, struct rnn_error *err);

#endif
