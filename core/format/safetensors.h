/* safetensors.h: the bytes of a safetensors file as a checked view.
 *
 * The file is a length (64 bits, little-endian), that many bytes of JSON,
 * {"<tensor>": {"dtype", "shape", "data_offsets"}, "__metadata__": {...}},
 * and the tensors' bytes.  Nothing in it is trusted: a view exists only if
 * names are unique, sizes follow from the shapes, and the tensors cover the
 * data from its first byte to its last without holes or overlap.
 *
 * What rnn-import makes for rnnd leaves large weights where they are: such a
 * tensor has "origin_offsets", its place in the file that was imported, and
 * no bytes among the data.  Only who brings that file can open it.
 *
 * Ownership  safetensors_open() fills a struct that the caller holds;
 *            safetensors_release() takes it back.
 * Borrowing  Data points into the caller's bytes, at any alignment, or into
 *            those of the origin; names and
 *            metadata live until the release.
 */
#ifndef CORE_FORMAT_SAFETENSORS_H
#define CORE_FORMAT_SAFETENSORS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"
#include "core/status.h"
#include "core/tensor.h"

/* Larger headers are refused; a thousand layers take about 1 MiB. */
#define SAFETENSORS_MAX_HEADER ((size_t)16 << 20)

struct rnn_json;

/* name in the file, bytes of one element */
#define SAFETENSORS_DTYPE_MAP(XX)                                             \
    XX(F32, 4)                                                                \
    XX(F64, 8)                                                                \
    XX(F16, 2)                                                                \
    XX(BF16, 2)                                                               \
    XX(I64, 8)                                                                \
    XX(I32, 4)                                                                \
    XX(I16, 2)                                                                \
    XX(I8, 1)                                                                 \
    XX(U64, 8)                                                                \
    XX(U32, 4)                                                                \
    XX(U16, 2)                                                                \
    XX(U8, 1)                                                                 \
    XX(BOOL, 1)                                                               \
    XX(F8_E4M3, 1)                                                            \
    XX(F8_E5M2, 1)

enum safetensors_dtype {
#define XX(name, bytes) SAFETENSORS_##name,
    SAFETENSORS_DTYPE_MAP(XX)
#undef XX
};

struct safetensors_tensor {
    const char *name;
    enum safetensors_dtype dtype;
    struct rnn_shape shape;
    size_t count; /* elements */
    size_t begin; /* bytes from the start of the data, or of the origin */
    size_t bytes;
    bool is_in_origin;
    const unsigned char *data;
};

/* The file that was imported; all zero: there is none. */
struct safetensors_origin {
    const unsigned char *bytes;
    size_t size;
};

struct safetensors {
    struct rnn_json *header;
    struct safetensors_tensor *tensors; /* sorted by name; in the arena */
    size_t count;
};

/* `origin` may be NULL; then, and if it is all zero, no tensor may lie there.
 * All that do take no more bytes together than it has.
 *
 * BAD_MODEL   no safetensors, damaged, or cut off
 * UNSUPPORTED a dtype that is not in the table above
 * NO_MEMORY   the header or the arena does not fit
 */
RNN_CHECKED enum rnn_status safetensors_open(
    const void *bytes, size_t size, const struct safetensors_origin *origin,
    struct arena *arena, struct safetensors *file, struct rnn_error *err);
void safetensors_release(struct safetensors *file);

/* The text under `key` in __metadata__; NULL when there is none. */
const char *safetensors_metadata(const struct safetensors *file,
                                 const char *key);

/* Index of the tensor called `name` in `*index`; false when there is none. */
bool safetensors_find(const struct safetensors *file, const char *name,
                      size_t *index);

const char *safetensors_dtype_name(enum safetensors_dtype dtype);

#endif
