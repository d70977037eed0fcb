#include "server/json/json_writer.h"

#include <string.h>

#include "core/model.h"
#include "server/json/json_float.h"
#include "server/json/json_text.h"

#define FIRST_CAPACITY ((size_t)256)
#define MAX_RANK       (RNN_MAX_RANK + 2) /* batch and time before the rest */

void json_writer_init(struct json_writer *writer, struct arena *arena)
{
    *writer = (struct json_writer){.arena = arena};
}

static bool grow(struct json_writer *writer, size_t more)
{
    size_t capacity = writer->capacity ? writer->capacity : FIRST_CAPACITY;
    char *text;

    if (writer->failed)
        return false;
    writer->failed = true;
    if (more > SIZE_MAX / 2 - writer->length)
        return false;
    while (capacity - writer->length < more)
        capacity *= 2;
    text = arena_alloc(writer->arena, capacity, 1, 1);
    if (!text)
        return false;
    if (writer->length)
        memcpy(text, writer->text, writer->length);
    writer->text = text;
    writer->capacity = capacity;
    writer->failed = false;
    return true;
}

/* Room for `more` bytes; false: everything is to be dropped. */
static inline bool reserve(struct json_writer *writer, size_t more)
{
    if (!writer->failed && writer->capacity - writer->length >= more)
        return true;
    return grow(writer, more);
}

static void append(struct json_writer *writer, const char *text, size_t length)
{
    if (!reserve(writer, length))
        return;
    memcpy(writer->text + writer->length, text, length);
    writer->length += length;
}

void json_write_raw(struct json_writer *writer, const char *text)
{
    append(writer, text, strlen(text));
}

/* Write a byte that the string must not hold as it is. */
static void append_escape(struct json_writer *writer, const char *text)
{
    static const char hex[] = "0123456789abcdef";
    static const char values[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
    unsigned char byte = (unsigned char)*text;
    const char *value;
    char escape[] = "\\u0000";

    if (byte >= 0x80) { /* not UTF-8 */
        append(writer, "\\ufffd", 6);
        return;
    }
    value = strchr(values, byte);
    if (value) {
        escape[1] = names[value - values];
        append(writer, escape, 2);
        return;
    }
    escape[4] = hex[byte >> 4];
    escape[5] = hex[byte & 15];
    append(writer, escape, 6);
}

/* Bytes at `text` that may be written as they are. */
static size_t plain_length(const char *text)
{
    const char *at = text;

    for (;;) {
        unsigned char byte = (unsigned char)*at;
        size_t length;

        if (byte < 0x20 || byte == '"' || byte == '\\')
            break;
        length = utf8_length(at);
        if (!length)
            break;
        at += length;
    }
    return (size_t)(at - text);
}

void json_write_string(struct json_writer *writer, const char *text)
{
    if (!text) {
        append(writer, "null", 4);
        return;
    }
    append(writer, "\"", 1);
    for (;;) {
        size_t length = plain_length(text);

        append(writer, text, length);
        text += length;
        if (!*text)
            break;
        append_escape(writer, text++);
    }
    append(writer, "\"", 1);
}

void json_write_uint(struct json_writer *writer, uint64_t number)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    append(writer, digits + at, sizeof(digits) - at);
}

void json_write_bool(struct json_writer *writer, bool value)
{
    json_write_raw(writer, value ? "true" : "false");
}

void json_write_key(struct json_writer *writer, const char *key)
{
    if (writer->length) {
        char last = writer->text[writer->length - 1];

        if (last != '{' && last != '[' && last != ',')
            append(writer, ",", 1);
    }
    json_write_string(writer, key);
    append(writer, ":", 1);
}

/* ---- tensors -------------------------------------------------------------*/

/* Numbers with commas between them.  `is_wide` is a constant to each caller.
 */
static inline __attribute__((always_inline)) void append_numbers(
    struct json_writer *writer, const void *data, size_t count, bool is_wide)
{
    const double *doubles = data;
    const float *floats = data;
    size_t i;

    for (i = 0; i < count; i++) {
        char *at;

        if (!reserve(writer, JSON_NUMBER_ROOM + 1))
            return;
        at = writer->text + writer->length;
        *at = ',';
        at += i > 0;
        at += is_wide ? json_double_text(doubles[i], at)
                      : json_float_text(floats[i], at);
        writer->length = (size_t)(at - writer->text);
    }
}

static void append_row(struct json_writer *writer, const void *data,
                       size_t count, bool is_wide)
{
    if (is_wide)
        append_numbers(writer, data, count, true);
    else
        append_numbers(writer, data, count, false);
}

static void append_brackets(struct json_writer *writer, char bracket,
                            size_t count)
{
    char brackets[MAX_RANK];

    memset(brackets, bracket, sizeof(brackets));
    append(writer, brackets, count);
}

/* Between two rows as many brackets close and open as axes turn over: count
 * rows as an odometer does. */
static void write_tensor(struct json_writer *writer, const void *data,
                         size_t rank, const size_t *shape, bool is_wide)
{
    size_t bytes = is_wide ? sizeof(double) : sizeof(float);
    size_t index[MAX_RANK] = {0};
    size_t length, axis;
    const char *at = data;

    if (!rank) {
        append_row(writer, data, 1, is_wide);
        return;
    }
    /* Nothing stands inside an axis of length 0. */
    for (axis = 0; axis < rank; axis++)
        if (!shape[axis])
            rank = axis + 1;
    length = shape[rank - 1];
    append_brackets(writer, '[', rank);
    for (;;) {
        append_row(writer, at, length, is_wide);
        at += length * bytes;
        for (axis = rank - 1; axis > 0; axis--) {
            if (++index[axis - 1] < shape[axis - 1])
                break;
            index[axis - 1] = 0;
        }
        append_brackets(writer, ']', rank - axis);
        if (!axis || writer->failed)
            break;
        append(writer, ",", 1);
        append_brackets(writer, '[', rank - axis);
    }
}

void json_write_tensor(struct json_writer *writer, const float *data,
                       size_t rank, const size_t *shape)
{
    write_tensor(writer, data, rank, shape, false);
}

void json_write_tensor64(struct json_writer *writer, const double *data,
                         size_t rank, const size_t *shape)
{
    write_tensor(writer, data, rank, shape, true);
}

size_t json_format_float(float number, char text[JSON_FLOAT_SIZE])
{
    char room[JSON_NUMBER_ROOM];
    size_t length = json_float_text(number, room);

    memcpy(text, room, length);
    return length;
}
