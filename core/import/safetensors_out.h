/* safetensors_out.h: the native model format, written front to back.
 *
 * 8 bytes of header length, little-endian; a JSON header; then the numbers of
 * each tensor, float32, little-endian, in the order of the list.
 *
 * For who has the origin, a large weight that lies there as float32 is not
 * written: its entry has "origin_offsets" (core/format/safetensors.h), and
 * whether its numbers are finite is for the reader to see.
 */
#ifndef CORE_IMPORT_SAFETENSORS_OUT_H
#define CORE_IMPORT_SAFETENSORS_OUT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/import/weight.h"

/* Where bytes go.  `write` takes all of them or returns false. */
struct byte_sink {
    bool (*write)(void *arg, const void *bytes, size_t size);
    void *arg;
    size_t max_bytes; /* of everything written; more is refused at once */
    bool has_origin;  /* who reads it has the file, too, that is imported */
};

struct model_metadata {
    const char *keras_config; /* architecture, JSON */
    const char *keras_version;
    const char *source_format; /* "keras", "h5" */
};

/* LIMIT: more than max_bytes.  IO: the sink refused.  NO_MEMORY, and what
 * weight_read() returns. */
RNN_CHECKED enum rnn_status safetensors_write(
    const struct model_metadata *metadata, const struct weight_list *list,
    const struct byte_sink *sink, struct rnn_error *err);

#endif
