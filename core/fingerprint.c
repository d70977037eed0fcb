#include "core/fingerprint.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "core/model.h"

static struct rnn_digest_part text_part(const struct safetensors *file,
                                        const char *key)
{
    const char *text = safetensors_metadata(file, key);

    text = text ? text : "";
    return (struct rnn_digest_part){text, strlen(text)};
}

enum rnn_status fingerprint_take(const struct safetensors *file,
                                 struct arena *arena,
                                 unsigned char fingerprint[RNN_DIGEST_BYTES],
                                 struct rnn_error *err)
{
    uint64_t numerics = RNN_NUMERICS;
    size_t count = 0;
    struct rnn_digest_part *parts = arena_alloc(
        arena, 3 + 4 * file->count, sizeof(*parts), alignof(max_align_t));

    if (!parts)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory for the model");
    parts[count++] = (struct rnn_digest_part){&numerics, sizeof(numerics)};
    parts[count++] = text_part(file, "keras_config");
    parts[count++] = text_part(file, "keras_version");
    for (size_t i = 0; i < file->count; i++) {
        const struct safetensors_tensor *tensor = &file->tensors[i];
        const char *dtype = safetensors_dtype_name(tensor->dtype);

        parts[count++] =
            (struct rnn_digest_part){tensor->name, strlen(tensor->name)};
        parts[count++] = (struct rnn_digest_part){dtype, strlen(dtype)};
        parts[count++] = (struct rnn_digest_part){
            tensor->shape.dim, tensor->shape.rank * sizeof(size_t)};
        parts[count++] = (struct rnn_digest_part){tensor->data, tensor->bytes};
    }
    rnn_digest(parts, count, fingerprint);
    return RNN_OK;
}

struct safetensors_origin rnn_model_origin(
    const struct rnn_model_options *options)
{
    struct safetensors_origin origin = {0};

    if (options) {
        origin.bytes = options->origin;
        origin.size = options->origin_size;
    }
    return origin;
}

enum rnn_status rnn_model_fingerprint(
    const void *bytes, size_t size, const struct rnn_model_options *options,
    unsigned char fingerprint[RNN_DIGEST_BYTES], struct rnn_error *err)
{
    struct safetensors file = {0};
    struct arena arena = {0};
    const struct safetensors_origin origin = rnn_model_origin(options);
    enum rnn_status status =
        safetensors_open(bytes, size, &origin, &arena, &file, err);

    if (!status)
        status = fingerprint_take(&file, &arena, fingerprint, err);
    safetensors_release(&file);
    arena_release(&arena);
    return status;
}
