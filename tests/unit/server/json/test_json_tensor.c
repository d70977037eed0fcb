#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/json/json_tensor.h"
#include "tests/support/padded_text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* One reading of an array (or a number) that the whole text is. */
struct reading {
    struct padded_text text;
    struct arena arena;
    struct problem problem;
    struct json_scan scan;
    struct json_tensors tensors;
    struct json_array array;
    bool ok;
};

static void start(struct reading *reading, const char *text)
{
    memset(reading, 0, sizeof(*reading));
    reading->text = padded_text(text);
    arena_init(&reading->arena, 0);
    json_scan_init(&reading->scan, reading->text.bytes, reading->text.length,
                   &reading->arena, &reading->problem);
    reading->tensors.scan = &reading->scan;
    reading->tensors.max_elements = 100;
}

static void release(struct reading *reading)
{
    arena_release(&reading->arena);
    padded_text_free(&reading->text);
}

static void the_shape_is_that_of_the_brackets(void **state)
{
    static const float expected[] = {1, 2, 3, 4, 5, 6};
    struct reading reading;

    (void)state;
    start(&reading, " [ [ [1,2 ] ,\n[3, 4] , [ 5,6]]\t] x");
    assert_true(json_tensors_read(&reading.tensors, 0, NULL, &reading.array));
    assert_int_equal(reading.array.rank, 3);
    assert_int_equal(reading.array.shape[0], 1);
    assert_int_equal(reading.array.shape[1], 3);
    assert_int_equal(reading.array.shape[2], 2);
    assert_int_equal(reading.array.count, 6);
    assert_memory_equal(reading.array.data, expected, sizeof(expected));
    assert_string_equal(reading.scan.at, " x");
    assert_int_equal(reading.scan.depth, 0);
    assert_int_equal(reading.tensors.elements, 6);
    release(&reading);
}

static void numbers_are_read_in_float64_when_asked(void **state)
{
    struct reading reading;
    const double *data;

    (void)state;
    start(&reading, "[[0.1,1e300],[9007199254740993,-0.0]]");
    reading.tensors.is_wide = true;
    assert_true(json_tensors_read(&reading.tensors, 0, NULL, &reading.array));
    data = reading.array.data;
    assert_true(data[0] == 0.1 && data[1] == 1e300);
    assert_true(data[2] == 9007199254740992.0 && data[3] == 0);
    release(&reading);
    start(&reading, "[1, 1e309]");
    reading.tensors.is_wide = true;
    assert_false(json_tensors_read(&reading.tensors, 0, NULL, &reading.array));
    assert_int_equal(reading.problem.type, PROBLEM_NUMBER_OUT_OF_RANGE);
    assert_string_equal(reading.problem.pointer, "/1");
    release(&reading);
}

static void an_empty_array_is_taken_only_when_asked(void **state)
{
    static const char *const texts[] = {"[]", " [ ] ", "[[]]", "[[],[]]"};
    struct reading reading;
    size_t i;

    (void)state;
    for (i = 0; i < COUNT(texts); i++) {
        start(&reading, texts[i]);
        assert_false(
            json_tensors_read(&reading.tensors, 0, NULL, &reading.array));
        assert_int_equal(reading.problem.type, PROBLEM_SHAPE_MISMATCH);
        release(&reading);
        start(&reading, texts[i]);
        reading.tensors.may_be_empty = true;
        assert_int_equal(
            json_tensors_read(&reading.tensors, 0, NULL, &reading.array),
            i < 2);
        if (i < 2) {
            assert_int_equal(reading.array.rank, 1);
            assert_int_equal(reading.array.shape[0], 0);
            assert_int_equal(reading.array.count, 0);
        }
        release(&reading);
    }
}

static void a_number_alone_has_no_axes(void **state)
{
    struct reading reading;

    (void)state;
    start(&reading, "-2.5,");
    assert_true(json_tensors_read_number(&reading.tensors, &reading.array));
    assert_int_equal(reading.array.rank, 0);
    assert_int_equal(reading.array.count, 1);
    assert_true(*(float *)reading.array.data == -2.5f);
    assert_string_equal(reading.scan.at, ",");
    release(&reading);
    start(&reading, "1e39");
    assert_false(json_tensors_read_number(&reading.tensors, &reading.array));
    assert_int_equal(reading.problem.type, PROBLEM_NUMBER_OUT_OF_RANGE);
    release(&reading);
    start(&reading, "-");
    assert_false(json_tensors_read_number(&reading.tensors, &reading.array));
    assert_int_equal(reading.problem.type, PROBLEM_MALFORMED_JSON);
    assert_int_equal(reading.problem.offset, 1);
    release(&reading);
    start(&reading, "1");
    reading.tensors.max_elements = 0;
    assert_false(json_tensors_read_number(&reading.tensors, &reading.array));
    assert_int_equal(reading.problem.type, PROBLEM_TOO_LARGE);
    release(&reading);
}

/* Many small tensors: each keeps its numbers, none moves, all are aligned. */
static void tensors_share_blocks_without_touching_each_other(void **state)
{
    enum { TENSORS = 500 };
    static char text[TENSORS * 16];
    struct json_array arrays[TENSORS];
    struct reading reading;
    char *at = text;
    size_t i, j;

    (void)state;
    for (i = 0; i < TENSORS; i++) {
        *at++ = '[';
        for (j = 0; j <= i % 5; j++)
            at += sprintf(at, j ? ",%zu" : "%zu", i % 100);
        *at++ = ']';
    }
    start(&reading, text);
    reading.tensors.max_elements = 100000;
    for (i = 0; i < TENSORS; i++)
        assert_true(json_tensors_read(&reading.tensors, 0, NULL, &arrays[i]));
    for (i = 0; i < TENSORS; i++) {
        const float *data = arrays[i].data;

        assert_int_equal((uintptr_t)data % 64, 0);
        assert_int_equal(arrays[i].count, i % 5 + 1);
        for (j = 0; j < arrays[i].count; j++)
            assert_true(data[j] == (float)(i % 100));
    }
    /* 64 bytes each, in blocks that double. */
    assert_true(reading.arena.total < TENSORS * 64 * 4);
    release(&reading);
}

static void rows_are_counted_against_their_limit(void **state)
{
    struct reading reading;

    (void)state;
    start(&reading, "[[1],[2],[3]]");
    assert_true(
        json_tensors_read(&reading.tensors, 3, "max_rows", &reading.array));
    release(&reading);
    start(&reading, "[[1],[2],[3]]");
    assert_false(
        json_tensors_read(&reading.tensors, 2, "max_rows", &reading.array));
    assert_int_equal(reading.problem.type, PROBLEM_TOO_LARGE);
    assert_string_equal(reading.problem.detail,
                        "the body has 3 timesteps or more, max_rows is 2");
    release(&reading);
    start(&reading, "[1,2,3]");
    assert_false(
        json_tensors_read(&reading.tensors, 2, "max_rows", &reading.array));
    release(&reading);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shape_is_that_of_the_brackets),
        cmocka_unit_test(numbers_are_read_in_float64_when_asked),
        cmocka_unit_test(an_empty_array_is_taken_only_when_asked),
        cmocka_unit_test(a_number_alone_has_no_axes),
        cmocka_unit_test(tensors_share_blocks_without_touching_each_other),
        cmocka_unit_test(rows_are_counted_against_their_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
