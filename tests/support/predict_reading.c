#include "tests/support/predict_reading.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

const struct predict_limits predict_reading_limits = {
    .max_elements = 1000, .max_timesteps = 100, .max_batch = 10};

void predict_reading_read(struct predict_reading *reading,
                          struct padded_text text)
{
    memset(reading, 0, sizeof(*reading));
    reading->text = text;
    arena_init(&reading->arena, 0);
    reading->ok =
        predict_body_read(text.bytes, text.length, &predict_reading_limits,
                          &reading->arena, &reading->body, &reading->problem);
}

void predict_reading_release(struct predict_reading *reading)
{
    arena_release(&reading->arena);
    padded_text_free(&reading->text);
}

void must_read(struct predict_reading *reading, const char *text)
{
    predict_reading_read(reading, padded_text(text));
    if (!reading->ok)
        fail_msg("%s: %s", text, reading->problem.detail);
}

/* `pointer` NULL: an offset instead. */
void must_refuse(struct padded_text text, enum problem_type type,
                 const char *pointer, size_t offset)
{
    struct predict_reading reading;

    predict_reading_read(&reading, text);
    if (reading.ok)
        fail_msg("%.100s is taken", text.bytes);
    if (reading.problem.type != type)
        fail_msg("%.100s: %s: %s", text.bytes,
                 problem_type_name(reading.problem.type),
                 reading.problem.detail);
    if (pointer && strcmp(reading.problem.pointer, pointer) != 0)
        fail_msg("%.100s: pointer %s", text.bytes, reading.problem.pointer);
    if (!pointer &&
        (!reading.problem.has_offset || reading.problem.offset != offset))
        fail_msg("%.100s: offset %zu: %s", text.bytes, reading.problem.offset,
                 reading.problem.detail);
    predict_reading_release(&reading);
}

void must_be_tensor(const struct json_tensor *tensor, size_t rank,
                    const size_t *shape, const float *data)
{
    size_t count = 1, i;

    assert_int_equal(tensor->rank, rank);
    for (i = 0; i < rank; i++) {
        assert_int_equal(tensor->shape[i], shape[i]);
        count *= shape[i];
    }
    assert_int_equal(tensor->count, count);
    assert_int_equal((uintptr_t)tensor->data % 64, 0);
    assert_memory_equal(tensor->data, data, count * sizeof(float));
}

struct padded_text padded_numbers(const char *before, const char *number,
                                  size_t count, const char *after)
{
    size_t size = strlen(before) + strlen(after) + 1;
    char *text, *at;
    struct padded_text padded;
    size_t i;

    text = malloc(size + count * (strlen(number) + 1));
    assert_non_null(text);
    at = text + sprintf(text, "%s", before);
    for (i = 0; i < count; i++)
        at += sprintf(at, i ? ",%s" : "%s", number);
    sprintf(at, "%s", after);
    padded = padded_text(text);
    free(text);
    return padded;
}
