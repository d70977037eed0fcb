/* fingerprint.h: a digest of all that decides a model's numbers.
 *
 * Of RNN_NUMERICS, the architecture's text, keras_version and all tensors by
 * name, which come sorted, so that the order in the file's header does not
 * matter.
 */
#ifndef CORE_FINGERPRINT_H
#define CORE_FINGERPRINT_H

#include "core/arena.h"
#include "core/digest.h"
#include "core/format/safetensors.h"
#include "core/status.h"

struct rnn_model_options;

/* The options' file of origin; NULL: none. */
struct safetensors_origin rnn_model_origin(
    const struct rnn_model_options *options);

/* NO_MEMORY is all that can go wrong. */
RNN_CHECKED enum rnn_status fingerprint_take(
    const struct safetensors *file, struct arena *arena,
    unsigned char fingerprint[RNN_DIGEST_BYTES], struct rnn_error *err);

#endif
