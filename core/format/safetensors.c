#include "core/format/safetensors.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/format/json.h"

#define LENGTH_BYTES 8

static const struct {
    const char *name;
    size_t bytes;
} dtypes[] = {
#define XX(name, bytes) {#name, bytes},
    SAFETENSORS_DTYPE_MAP(XX)
#undef XX
};

/* What the tensors' entries are checked against. */
struct data {
    const unsigned char *bytes;
    size_t size;
    struct safetensors_origin origin;
};

const char *safetensors_dtype_name(enum safetensors_dtype dtype)
{
    return dtypes[dtype].name;
}

static enum rnn_status read_dtype(const struct rnn_json *entry,
                                  struct safetensors_tensor *tensor,
                                  struct rnn_error *err)
{
    const char *text = rnn_json_text(rnn_json_member(entry, "dtype"));

    if (!text)
        return rnn_fail(err, RNN_BAD_MODEL, "tensor \"%.100s\" has no dtype",
                        tensor->name);
    for (size_t i = 0; i < sizeof(dtypes) / sizeof(dtypes[0]); i++) {
        if (strcmp(text, dtypes[i].name))
            continue;
        tensor->dtype = (enum safetensors_dtype)i;
        return RNN_OK;
    }
    return rnn_fail(err, RNN_UNSUPPORTED,
                    "tensor \"%.100s\" has the dtype \"%.40s\", which this "
                    "version does not know",
                    tensor->name, text);
}

static enum rnn_status read_shape(const struct rnn_json *entry,
                                  struct safetensors_tensor *tensor,
                                  struct rnn_error *err)
{
    const struct rnn_json *array = rnn_json_member(entry, "shape");
    struct rnn_shape *shape = &tensor->shape;

    if (!rnn_json_is_array(array))
        return rnn_fail(err, RNN_BAD_MODEL, "tensor \"%.100s\" has no shape",
                        tensor->name);
    if (rnn_json_count(array) > RNN_MAX_RANK)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "tensor \"%.100s\" has %zu axes, at most %d are "
                        "supported",
                        tensor->name, rnn_json_count(array), RNN_MAX_RANK);
    for (const struct rnn_json *dim = rnn_json_first(array); dim;
         dim = rnn_json_next(dim))
        if (!rnn_json_size(dim, &shape->dim[shape->rank++]))
            return rnn_fail(err, RNN_BAD_MODEL,
                            "tensor \"%.100s\": shape[%zu] is no size",
                            tensor->name, shape->rank - 1);
    if (!rnn_shape_count(shape, 0, &tensor->count) ||
        !rnn_product(tensor->count, dtypes[tensor->dtype].bytes,
                     &tensor->bytes))
        return rnn_fail(err, RNN_BAD_MODEL,
                        "tensor \"%.100s\": the shape is larger than any "
                        "file can be",
                        tensor->name);
    return RNN_OK;
}

static enum rnn_status read_offsets(const struct rnn_json *entry,
                                    const struct data *data,
                                    struct safetensors_tensor *tensor,
                                    struct rnn_error *err)
{
    const bool in_origin =
        data->origin.bytes && rnn_json_member(entry, "origin_offsets");
    const char *name = in_origin ? "origin_offsets" : "data_offsets";
    const size_t size = in_origin ? data->origin.size : data->size;
    const struct rnn_json *array = rnn_json_member(entry, name);
    const struct rnn_json *first = rnn_json_first(array);
    size_t begin, end;

    if (!rnn_json_is_array(array) || rnn_json_count(array) != 2 ||
        !rnn_json_size(first, &begin) ||
        !rnn_json_size(rnn_json_next(first), &end))
        return rnn_fail(err, RNN_BAD_MODEL,
                        "tensor \"%.100s\": %s are not two sizes",
                        tensor->name, name);
    if (begin > end || end > size)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "tensor \"%.100s\": %s [%zu, %zu] do not "
                        "lie in the file's %zu bytes%s; is it cut off?",
                        tensor->name, name, begin, end, size,
                        in_origin ? "" : " of data");
    if (end - begin != tensor->bytes)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "tensor \"%.100s\": %s span %zu bytes, the "
                        "shape and dtype take %zu",
                        tensor->name, name, end - begin, tensor->bytes);
    tensor->begin = begin;
    tensor->is_in_origin = in_origin;
    tensor->data = (in_origin ? data->origin.bytes : data->bytes) + begin;
    return RNN_OK;
}

static enum rnn_status read_tensor(const struct rnn_json *entry,
                                   const struct data *data,
                                   struct safetensors_tensor *tensor,
                                   struct rnn_error *err)
{
    enum rnn_status status;

    *tensor = (struct safetensors_tensor){.name = rnn_json_key(entry)};
    for (const char *c = tensor->name; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return rnn_fail(err, RNN_BAD_MODEL,
                            "the name of a tensor holds a control character");
    if (!rnn_json_is_object(entry) || rnn_json_count(entry) != 3)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "tensor \"%.100s\": its entry is not exactly dtype, "
                        "shape and data_offsets",
                        tensor->name);
    status = read_dtype(entry, tensor, err);
    if (!status)
        status = read_shape(entry, tensor, err);
    if (!status)
        status = read_offsets(entry, data, tensor, err);
    return status;
}

static enum rnn_status check_metadata(const struct rnn_json *metadata,
                                      struct rnn_error *err)
{
    if (!rnn_json_is_object(metadata))
        return rnn_fail(err, RNN_BAD_MODEL, "__metadata__ is no object");
    for (const struct rnn_json *entry = rnn_json_first(metadata); entry;
         entry = rnn_json_next(entry))
        if (!rnn_json_text(entry))
            return rnn_fail(err, RNN_BAD_MODEL,
                            "__metadata__: \"%.100s\" is no text",
                            rnn_json_key(entry));
    return RNN_OK;
}

static int compare_places(const void *a, const void *b)
{
    const struct safetensors_tensor *x = a, *y = b;

    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

static int compare_names(const void *a, const void *b)
{
    const struct safetensors_tensor *x = a, *y = b;

    return strcmp(x->name, y->name);
}

/* A small file must not become a large model by naming its bytes again and
 * again. */
static enum rnn_status check_origin(const struct safetensors *file,
                                    size_t size, struct rnn_error *err)
{
    for (size_t i = 0; i < file->count; i++) {
        const struct safetensors_tensor *tensor = &file->tensors[i];

        if (!tensor->is_in_origin)
            continue;
        if (tensor->bytes > size)
            return rnn_fail(err, RNN_BAD_MODEL,
                            "the tensors have more bytes, at \"%.100s\", "
                            "than the file in which they lie",
                            tensor->name);
        size -= tensor->bytes;
    }
    return RNN_OK;
}

/* Do the tensors cover `size` bytes exactly once? */
static enum rnn_status check_cover(struct safetensors *file, size_t size,
                                   struct rnn_error *err)
{
    size_t at = 0;

    qsort(file->tensors, file->count, sizeof(file->tensors[0]),
          compare_places);
    for (size_t i = 0; i < file->count; i++) {
        const struct safetensors_tensor *tensor = &file->tensors[i];

        if (tensor->is_in_origin)
            continue;
        if (tensor->begin != at)
            return rnn_fail(err, RNN_BAD_MODEL,
                            "tensor \"%.100s\" begins at byte %zu of the "
                            "data, the one before it ends at %zu",
                            tensor->name, tensor->begin, at);
        at += tensor->bytes;
    }
    if (at != size)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "the tensors end at byte %zu of the data, the file "
                        "at %zu",
                        at, size);
    qsort(file->tensors, file->count, sizeof(file->tensors[0]), compare_names);
    return RNN_OK;
}

static enum rnn_status read_header(const struct data *data,
                                   struct arena *arena,
                                   struct safetensors *file,
                                   struct rnn_error *err)
{
    enum rnn_status status;

    if (!rnn_json_is_object(file->header))
        return rnn_fail(err, RNN_BAD_MODEL, "the header is no JSON object");
    file->tensors =
        arena_alloc(arena, rnn_json_count(file->header) + 1,
                    sizeof(file->tensors[0]), alignof(max_align_t));
    if (!file->tensors)
        return rnn_fail(err, RNN_NO_MEMORY,
                        "out of memory while reading the header");
    for (const struct rnn_json *entry = rnn_json_first(file->header); entry;
         entry = rnn_json_next(entry)) {
        if (!strcmp(rnn_json_key(entry), "__metadata__"))
            status = check_metadata(entry, err);
        else
            status =
                read_tensor(entry, data, &file->tensors[file->count++], err);
        if (status)
            return status;
    }
    status = check_origin(file, data->origin.size, err);
    return status ? status : check_cover(file, data->size, err);
}

enum rnn_status safetensors_open(const void *bytes, size_t size,
                                 const struct safetensors_origin *origin,
                                 struct arena *arena, struct safetensors *file,
                                 struct rnn_error *err)
{
    const unsigned char *start = bytes;
    struct safetensors opened = {0};
    struct data data = {.size = 0};
    uint64_t length = 0;
    enum rnn_status status;

    if (size < LENGTH_BYTES)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "the file has %zu bytes: too short for safetensors",
                        size);
    for (unsigned i = 0; i < LENGTH_BYTES; i++)
        length |= (uint64_t)start[i] << (8 * i);
    if (length > SAFETENSORS_MAX_HEADER)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "the header would have %llu bytes, at most %zu are "
                        "read: is this a safetensors file?",
                        (unsigned long long)length, SAFETENSORS_MAX_HEADER);
    if (length > size - LENGTH_BYTES)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "the header has %llu bytes, the file only %zu: it is "
                        "cut off",
                        (unsigned long long)length, size - LENGTH_BYTES);
    status = rnn_json_parse((const char *)start + LENGTH_BYTES, (size_t)length,
                            "the header", &opened.header, err);
    if (status)
        return status;
    data.bytes = start + LENGTH_BYTES + length;
    data.size = size - LENGTH_BYTES - (size_t)length;
    if (origin)
        data.origin = *origin;
    status = read_header(&data, arena, &opened, err);
    if (status) {
        safetensors_release(&opened);
        return status;
    }
    *file = opened;
    return RNN_OK;
}

void safetensors_release(struct safetensors *file)
{
    rnn_json_free(file->header);
    *file = (struct safetensors){0};
}

const char *safetensors_metadata(const struct safetensors *file,
                                 const char *key)
{
    return rnn_json_text(
        rnn_json_member(rnn_json_member(file->header, "__metadata__"), key));
}

bool safetensors_find(const struct safetensors *file, const char *name,
                      size_t *index)
{
    struct safetensors_tensor key = {.name = name};
    const struct safetensors_tensor *found =
        bsearch(&key, file->tensors, file->count, sizeof(file->tensors[0]),
                compare_names);

    if (!found)
        return false;
    *index = (size_t)(found - file->tensors);
    return true;
}
