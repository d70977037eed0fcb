/* import_result.h: import_model() in this process, its result kept and
 * compared with the network of keras_writer.h.
 *
 * Ownership  The caller holds the struct; the assert functions free its
 *            bytes.
 */
#ifndef TESTS_SUPPORT_IMPORT_RESULT_H
#define TESTS_SUPPORT_IMPORT_RESULT_H

#include <hdf5.h>
#include <stddef.h>

#include "core/status.h"
#include "tests/support/keras_writer.h"
#include "tests/support/scratch_file.h"

struct import_result {
    unsigned char *bytes; /* safetensors */
    size_t size;
    char notes[256]; /* a line for each */
    struct rnn_error err;
    enum rnn_status status;
};

/* Import these bytes, and at most `max_bytes` of result. */
struct import_result import_result_of(const void *bytes, size_t size,
                                      size_t max_bytes);

/* Import the file and take it away. */
struct import_result import_path(const char *path);

/* The sample as a .keras file of this layout; parts.weights_path is set. */
struct import_result import_layout(const struct keras_layout *layout,
                                   struct keras_parts parts);

/* The sample as an .h5 of Keras 2, with out/bias one number of `type`. */
struct import_result import_with_bias(hid_t type, float number);

/* The sample as an .h5 of Keras 2, changed by `spoil`. */
struct import_result import_spoilt(void (*spoil)(hid_t file));

/* A new file's path. */
void new_path(char path[SCRATCH_PATH_BYTES]);

/* Where the numbers of tensor `name` begin. */
const float *numbers_of(const struct import_result *result, const char *name);

/* The five weights are there, exactly, and the daemon's reader takes them. */
void assert_is_sample(struct import_result *result);

/* It failed with this status, and its one sentence holds these words. */
void assert_refused(struct import_result *result, enum rnn_status status,
                    const char *words);

#endif
