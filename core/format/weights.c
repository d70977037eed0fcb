#include "core/format/weights.h"

#include <assert.h>
#include <math.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define LARGEST_NAME 1024
#define KEPT_BYTES   ((size_t)1 << 20) /* from one layer to the next */

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "tensors are used as they lie in the file: little-endian");

enum rnn_status weights_init(struct weights *weights,
                             const struct safetensors *file,
                             struct arena *arena, struct rnn_error *err)
{
    bool *taken = arena_zalloc(arena, file->count + 1, sizeof(*taken), 1);

    if (!taken)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory for %zu tensors",
                        file->count);
    weights->file = file;
    weights->taken = taken;
    arena_init(&weights->conversions, 0);
    return RNN_OK;
}

void weights_release(struct weights *weights)
{
    arena_release(&weights->conversions);
}

void weights_recycle(struct weights *weights)
{
    arena_reset(&weights->conversions, KEPT_BYTES);
}

static bool find(const struct weights *weights, const char *path,
                 const char *weight, size_t *index)
{
    char name[LARGEST_NAME];
    int length = snprintf(name, sizeof(name), "%s/%s", path, weight);

    return length > 0 && (size_t)length < sizeof(name) &&
           safetensors_find(weights->file, name, index);
}

bool weights_have(const struct weights *weights, const char *path,
                  const char *weight)
{
    size_t index;

    return find(weights, path, weight, &index);
}

bool weights_have_shape(const struct weights *weights, const char *path,
                        const char *weight, const struct rnn_shape *shape)
{
    size_t index;

    return find(weights, path, weight, &index) &&
           rnn_shape_equal(&weights->file->tensors[index].shape, shape);
}

static float from_half(uint16_t half)
{
    int exponent = half >> 10 & 31;
    int fraction = half & 1023;
    float value;

    if (exponent == 31)
        value = fraction ? NAN : INFINITY;
    else if (exponent)
        value = ldexpf((float)(fraction + 1024), exponent - 25);
    else
        value = ldexpf((float)fraction, -24);
    return half & 0x8000 ? -value : value;
}

static void convert(const struct safetensors_tensor *tensor, float *numbers)
{
    for (size_t i = 0; i < tensor->count; i++) {
        uint32_t wide;
        uint16_t half;
        double value;

        if (tensor->dtype == SAFETENSORS_F64) {
            memcpy(&value, tensor->data + 8 * i, sizeof(value));
            numbers[i] = (float)value;
            continue;
        }
        memcpy(&half, tensor->data + 2 * i, sizeof(half));
        wide = (uint32_t)half << 16;
        if (tensor->dtype == SAFETENSORS_BF16)
            memcpy(&numbers[i], &wide, sizeof(wide));
        else
            numbers[i] = from_half(half);
    }
}

/* The tensor as float32, in place if it lies well. */
static enum rnn_status as_floats(struct weights *weights,
                                 const struct safetensors_tensor *tensor,
                                 const float **numbers, struct rnn_error *err)
{
    float *copy;

    if (tensor->dtype != SAFETENSORS_F32 && tensor->dtype != SAFETENSORS_F64 &&
        tensor->dtype != SAFETENSORS_F16 && tensor->dtype != SAFETENSORS_BF16)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "tensor \"%.200s\" has the dtype %s; weights are F32, "
                        "F64, F16 or BF16",
                        tensor->name, safetensors_dtype_name(tensor->dtype));
    if (tensor->dtype == SAFETENSORS_F32 &&
        (uintptr_t)tensor->data % alignof(float) == 0) {
        *numbers = (const float *)(const void *)tensor->data;
        return RNN_OK;
    }
    copy = arena_alloc(&weights->conversions, tensor->count + 1, sizeof(*copy),
                       64);
    if (!copy)
        return rnn_fail(err, RNN_NO_MEMORY,
                        "out of memory for tensor \"%.200s\", %zu numbers",
                        tensor->name, tensor->count);
    if (tensor->dtype == SAFETENSORS_F32)
        memcpy(copy, tensor->data, tensor->bytes);
    else
        convert(tensor, copy);
    *numbers = copy;
    return RNN_OK;
}

static enum rnn_status refuse_not_finite(
    const struct safetensors_tensor *tensor, const float *numbers,
    struct rnn_error *err)
{
    char text[RNN_SHAPE_TEXT];
    size_t at = 0, rest;
    struct rnn_shape place = {.rank = tensor->shape.rank};

    while (isfinite(numbers[at]))
        at++;
    rest = at;
    for (size_t i = place.rank; i-- > 0;) {
        place.dim[i] = rest % tensor->shape.dim[i];
        rest /= tensor->shape.dim[i];
    }
    return rnn_fail(err, RNN_NOT_FINITE, "tensor \"%.200s\": element %s is %s",
                    tensor->name, rnn_sizes_print(&place, text),
                    isnan(numbers[at]) ? "NaN" : "infinite");
}

enum rnn_status weights_take(struct weights *weights, const char *path,
                             const char *weight, const struct rnn_shape *shape,
                             const float **numbers, struct rnn_error *err)
{
    char has[RNN_SHAPE_TEXT], takes[RNN_SHAPE_TEXT];
    const struct safetensors_tensor *tensor;
    const float *found = NULL;
    enum rnn_status status;
    size_t index;

    rnn_sizes_print(shape, takes);
    if (!find(weights, path, weight, &index))
        return rnn_fail(err, RNN_BAD_MODEL,
                        "layer \"%.200s\": the file has no tensor "
                        "\"%.200s/%s\"; it should have shape %s",
                        path, path, weight, takes);
    tensor = &weights->file->tensors[index];
    if (weights->taken[index])
        return rnn_fail(err, RNN_BAD_MODEL,
                        "tensor \"%.200s\" belongs to two layers",
                        tensor->name);
    if (!rnn_shape_equal(&tensor->shape, shape))
        return rnn_fail(err, RNN_BAD_MODEL,
                        "tensor \"%.200s\" has shape %s, the layer takes %s",
                        tensor->name, rnn_sizes_print(&tensor->shape, has),
                        takes);
    status = as_floats(weights, tensor, &found, err);
    if (status)
        return status;
    if (!rnn_all_finite(found, tensor->count))
        return refuse_not_finite(tensor, found, err);
    weights->taken[index] = true;
    *numbers = found;
    return RNN_OK;
}

enum rnn_status weights_finish(const struct weights *weights,
                               struct rnn_error *err)
{
    char has[RNN_SHAPE_TEXT];

    for (size_t i = 0; i < weights->file->count; i++)
        if (!weights->taken[i])
            return rnn_fail(
                err, RNN_BAD_MODEL,
                "tensor \"%.200s\" %s belongs to no layer of the model",
                weights->file->tensors[i].name,
                rnn_sizes_print(&weights->file->tensors[i].shape, has));
    return RNN_OK;
}
