#include "core/import/safetensors_out.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/import/hdf5_image.h"

/* Numbers begin at a multiple of this, so that a mapped file can be used as
 * it lies; the header is filled up with blanks. */
#define DATA_ALIGN 64

/* Smaller weights are not worth a second place to look. */
#define LEAST_LEFT ((size_t)64 << 10)

/* Numbers that are looked at and written in one go. */
#define PIECE ((size_t)1 << 16)

/* A text that grows; `failed` is looked at once, at the end. */
struct text {
    char *at;
    size_t length, capacity;
    bool failed;
};

static void put(struct text *text, const char *bytes, size_t count)
{
    if (text->failed)
        return;
    if (text->capacity - text->length < count) {
        size_t capacity = 2 * (text->capacity + count);
        char *grown = realloc(text->at, capacity);

        text->failed = !grown;
        if (!grown)
            return;
        text->at = grown;
        text->capacity = capacity;
    }
    memcpy(text->at + text->length, bytes, count);
    text->length += count;
}

static void put_format(struct text *text, const char *format, ...)
    RNN_PRINTF(2, 3);

static void put_format(struct text *text, const char *format, ...)
{
    char piece[96];
    va_list args;

    va_start(args, format);
    vsnprintf(piece, sizeof(piece), format, args);
    va_end(args);
    put(text, piece, strlen(piece));
}

static void put_string(struct text *text, const char *string)
{
    put(text, "\"", 1);
    for (const char *c = string; *c; c++) {
        if (*c == '"' || *c == '\\')
            put(text, "\\", 1);
        if ((unsigned char)*c < 0x20)
            put_format(text, "\\u%04x", (unsigned)(unsigned char)*c);
        else
            put(text, c, 1);
    }
    put(text, "\"", 1);
}

static void put_pair(struct text *text, const char *key, const char *value)
{
    put_string(text, key);
    put(text, ":", 1);
    put_string(text, value);
}

static bool is_little_endian(void)
{
    const uint16_t probe = 1;

    return *(const unsigned char *)&probe == 1;
}

static bool may_be_left(const struct weight *weight)
{
    return weight->in_place && is_little_endian() &&
           weight->count >= LEAST_LEFT / sizeof(float);
}

/* Are weights left in the file?  Not if they have more bytes than it, as
 * those of a crafted file may, which share them: the reader refuses that. */
static bool leaves_weights(const struct byte_sink *sink,
                           const struct weight_list *list)
{
    size_t room = list->image ? list->image->size / sizeof(float) : 0;

    for (size_t i = 0; i < list->count; i++) {
        if (!may_be_left(&list->items[i]))
            continue;
        if (list->items[i].count > room)
            return false;
        room -= list->items[i].count;
    }
    return sink->has_origin;
}

static size_t offset_in(const struct hdf5_image *image, const float *numbers)
{
    return (size_t)((const unsigned char *)numbers -
                    (const unsigned char *)image->bytes);
}

/* `begin` is where the numbers lie. */
static void put_tensor(struct text *text, const struct weight *weight,
                       const char *where, size_t begin)
{
    put(text, ",", 1);
    put_string(text, weight->name);
    put_format(text, ":{\"dtype\":\"F32\",\"shape\":[");
    for (size_t axis = 0; axis < weight->rank; axis++)
        put_format(text, "%s%zu", axis ? "," : "", weight->shape[axis]);
    put_format(text, "],\"%s\":[%zu,%zu]}", where, begin,
               begin + weight->count * sizeof(float));
}

/* The header with its length in front; what follows it has `*data_bytes`. */
static enum rnn_status make_header(const struct model_metadata *metadata,
                                   const struct weight_list *list, bool leaves,
                                   struct text *text, size_t *data_bytes,
                                   struct rnn_error *err)
{
    size_t offset = 0, header;

    put(text, "\0\0\0\0\0\0\0\0", 8);
    put_format(text, "{\"__metadata__\":{");
    put_pair(text, "keras_config", metadata->keras_config);
    put(text, ",", 1);
    put_pair(text, "keras_version", metadata->keras_version);
    put(text, ",", 1);
    put_pair(text, "source_format", metadata->source_format);
    put(text, "}", 1);
    for (size_t i = 0; i < list->count; i++) {
        const struct weight *weight = &list->items[i];

        if (leaves && may_be_left(weight)) {
            put_tensor(text, weight, "origin_offsets",
                       offset_in(list->image, weight->in_place));
            continue;
        }
        if (weight->count > (SIZE_MAX / 2 - offset) / sizeof(float))
            return rnn_fail(err, RNN_LIMIT, "the weights have no end");
        put_tensor(text, weight, "data_offsets", offset);
        offset += weight->count * sizeof(float);
    }
    put(text, "}", 1);
    while (!text->failed && text->length % DATA_ALIGN)
        put(text, " ", 1);
    if (text->failed)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    header = text->length - 8;
    for (int i = 0; i < 8; i++)
        text->at[i] = (char)((uint64_t)header >> 8 * i & 0xff);
    *data_bytes = offset;
    return RNN_OK;
}

/* Intel and ARM as Debian builds them are little-endian; this keeps the file
 * so on a machine that is not. */
static void to_little_endian(float *numbers, size_t count)
{
    if (is_little_endian())
        return;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;

        memcpy(&bits, &numbers[i], sizeof(bits));
        bits = __builtin_bswap32(bits);
        memcpy(&numbers[i], &bits, sizeof(bits));
    }
}

static enum rnn_status refuse_write(struct rnn_error *err)
{
    return rnn_fail(err, RNN_IO, "the model cannot be written out");
}

/* From the file as it lies there, in pieces that stay in the cache from the
 * look at them to the writing. */
static enum rnn_status write_in_place(const struct weight *weight,
                                      const struct byte_sink *sink,
                                      struct rnn_error *err)
{
    for (size_t at = 0, piece; at < weight->count; at += piece) {
        const float *numbers = weight->in_place + at;
        enum rnn_status status;

        piece = weight->count - at < PIECE ? weight->count - at : PIECE;
        status = weight_check_finite(weight, numbers, at, piece, err);
        if (status)
            return status;
        if (!sink->write(sink->arg, numbers, piece * sizeof(*numbers)))
            return refuse_write(err);
    }
    return RNN_OK;
}

static enum rnn_status write_weight(const struct weight *weight,
                                    const struct byte_sink *sink,
                                    struct rnn_error *err)
{
    size_t bytes = weight->count * sizeof(float);
    enum rnn_status status;
    float *numbers;

    if (weight->in_place && is_little_endian())
        return write_in_place(weight, sink, err);
    numbers = malloc(bytes);
    if (!numbers)
        return rnn_fail(err, RNN_NO_MEMORY,
                        "weight %.160s needs %zu bytes, more memory than the "
                        "importer may use (import_memory)",
                        weight->name, bytes);
    status = weight_read(weight, numbers, err);
    if (!status) {
        to_little_endian(numbers, weight->count);
        if (!sink->write(sink->arg, numbers, bytes))
            status = refuse_write(err);
    }
    free(numbers);
    return status;
}

enum rnn_status safetensors_write(const struct model_metadata *metadata,
                                  const struct weight_list *list,
                                  const struct byte_sink *sink,
                                  struct rnn_error *err)
{
    struct text header = {0};
    size_t data_bytes = 0;
    const bool leaves = leaves_weights(sink, list);
    enum rnn_status status =
        make_header(metadata, list, leaves, &header, &data_bytes, err);

    if (!status && (header.length > sink->max_bytes ||
                    data_bytes > sink->max_bytes - header.length))
        status = rnn_fail(err, RNN_LIMIT,
                          "its weights have %zu bytes, more than the %zu "
                          "that the importer may use (import_memory)",
                          data_bytes, sink->max_bytes);
    if (!status && !sink->write(sink->arg, header.at, header.length))
        status = refuse_write(err);
    for (size_t i = 0; i < list->count && !status; i++)
        if (!leaves || !may_be_left(&list->items[i]))
            status = write_weight(&list->items[i], sink, err);
    free(header.at);
    return status;
}
