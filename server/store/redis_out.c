#include "server/store/redis_out.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BYTES ((size_t)4096)
#define KEPT_BYTES  ((size_t)1 << 20) /* a larger buffer is given back */

void redis_out_release(struct redis_out *out)
{
    free(out->bytes);
    *out = (struct redis_out){.bytes = NULL};
}

void redis_out_clear(struct redis_out *out)
{
    if (out->capacity > KEPT_BYTES)
        redis_out_release(out);
    out->from = out->length = 0;
}

/* Room for `more` bytes behind what is there. */
static bool grow(struct redis_out *out, size_t more)
{
    size_t capacity = out->capacity ? out->capacity : FIRST_BYTES;
    char *bytes;

    if (out->has_failed)
        return false;
    if (more <= out->capacity - out->length)
        return true;
    while (capacity - out->length < more && capacity <= SIZE_MAX / 2)
        capacity *= 2;
    bytes =
        capacity - out->length < more ? NULL : realloc(out->bytes, capacity);
    if (!bytes) {
        out->has_failed = true;
        return false;
    }
    out->bytes = bytes;
    out->capacity = capacity;
    return true;
}

static void put(struct redis_out *out, const void *bytes, size_t length)
{
    if (!length || !grow(out, length))
        return;
    memcpy(out->bytes + out->length, bytes, length);
    out->length += length;
}

static void put_count(struct redis_out *out, char kind, size_t count)
{
    char text[32];
    int length = snprintf(text, sizeof(text), "%c%zu\r\n", kind, count);

    put(out, text, (size_t)length);
}

void redis_out_begin(struct redis_out *out, size_t arguments)
{
    out->begun = out->length;
    out->has_failed = false;
    put_count(out, '*', arguments);
}

void redis_out_bytes(struct redis_out *out, const void *bytes, size_t length)
{
    put_count(out, '$', length);
    put(out, bytes, length);
    put(out, "\r\n", 2);
}

void redis_out_text(struct redis_out *out, const char *text)
{
    redis_out_bytes(out, text, strlen(text));
}

void redis_out_number(struct redis_out *out, uint64_t number)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRIu64, number);
    redis_out_text(out, text);
}

void redis_out_tag(struct redis_out *out, uint64_t tag)
{
    char text[24] = "";

    if (tag)
        snprintf(text, sizeof(text), "%016" PRIx64, tag);
    redis_out_text(out, text);
}

void redis_out_grave(struct redis_out *out, uint64_t tag)
{
    char text[24];

    snprintf(text, sizeof(text), "dead:%016" PRIx64, tag);
    redis_out_text(out, text);
}

bool redis_out_end(struct redis_out *out)
{
    if (out->has_failed)
        out->length = out->begun;
    return !out->has_failed;
}

void redis_out_written(struct redis_out *out, size_t count)
{
    out->from += count;
    if (out->from == out->length)
        redis_out_clear(out);
}
