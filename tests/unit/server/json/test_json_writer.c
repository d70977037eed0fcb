#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/json/json_writer.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void check_text(const struct json_writer *writer, const char *expected)
{
    assert_false(writer->failed);
    assert_int_equal(writer->length, strlen(expected));
    assert_memory_equal(writer->text, expected, writer->length);
}

static void a_document_is_written_piece_by_piece(void **state)
{
    struct json_writer writer;
    struct arena arena;

    (void)state;
    arena_init(&arena, 0);
    json_writer_init(&writer, &arena);
    json_write_raw(&writer, "{");
    json_write_key(&writer, "a");
    json_write_uint(&writer, 0);
    json_write_key(&writer, "b\"");
    json_write_uint(&writer, UINT64_MAX);
    json_write_key(&writer, "c");
    json_write_bool(&writer, true);
    json_write_key(&writer, "d");
    json_write_string(&writer, NULL);
    json_write_key(&writer, "e");
    json_write_raw(&writer, "[{");
    json_write_key(&writer, "f");
    json_write_bool(&writer, false);
    json_write_raw(&writer, "},{");
    json_write_key(&writer, "g");
    json_write_string(&writer, "");
    json_write_raw(&writer, "}]}");
    check_text(&writer, "{\"a\":0,\"b\\\"\":18446744073709551615,\"c\":true,"
                        "\"d\":null,\"e\":[{\"f\":false},{\"g\":\"\"}]}");
    arena_release(&arena);
}

static void strings_are_escaped_and_always_utf8(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"plain", "\"plain\""},
        {"a\"b\\c/d", "\"a\\\"b\\\\c/d\""},
        {"\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\""},
        {"\x01\x1f\x7f", "\"\\u0001\\u001f\x7f\""},
        {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
         "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"cut \xe2\x82", "\"cut \\ufffd\\ufffd\""},
        {"\xff!\xed\xa0\x80", "\"\\ufffd!\\ufffd\\ufffd\\ufffd\""},
    };
    size_t i;

    (void)state;
    for (i = 0; i < COUNT(cases); i++) {
        struct json_writer writer;
        struct arena arena;

        arena_init(&arena, 0);
        json_writer_init(&writer, &arena);
        json_write_string(&writer, cases[i].text);
        check_text(&writer, cases[i].expected);
        arena_release(&arena);
    }
}

static void check_tensor(size_t rank, const size_t *shape,
                         const char *expected)
{
    static const float data[] = {1, 2, 3, 4, 5, 6, 7, 8};
    static const double wide[] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct json_writer writer;
    struct arena arena;

    arena_init(&arena, 0);
    json_writer_init(&writer, &arena);
    json_write_tensor(&writer, data, rank, shape);
    check_text(&writer, expected);
    json_writer_init(&writer, &arena);
    json_write_tensor64(&writer, wide, rank, shape);
    check_text(&writer, expected);
    arena_release(&arena);
}

static void tensors_are_nested_row_by_row(void **state)
{
    (void)state;
    check_tensor(0, NULL, "1.0");
    check_tensor(1, (size_t[]){1}, "[1.0]");
    check_tensor(1, (size_t[]){3}, "[1.0,2.0,3.0]");
    check_tensor(2, (size_t[]){2, 3}, "[[1.0,2.0,3.0],[4.0,5.0,6.0]]");
    check_tensor(2, (size_t[]){3, 1}, "[[1.0],[2.0],[3.0]]");
    check_tensor(3, (size_t[]){2, 2, 2},
                 "[[[1.0,2.0],[3.0,4.0]],[[5.0,6.0],[7.0,8.0]]]");
    check_tensor(3, (size_t[]){1, 2, 1}, "[[[1.0],[2.0]]]");
    check_tensor(8, (size_t[]){1, 1, 1, 2, 1, 1, 1, 1},
                 "[[[[[[[[1.0]]]],[[[[2.0]]]]]]]]");
    check_tensor(1, (size_t[]){0}, "[]");
    check_tensor(2, (size_t[]){0, 3}, "[]");
    check_tensor(2, (size_t[]){2, 0}, "[[],[]]");
    check_tensor(3, (size_t[]){2, 0, 3}, "[[],[]]");
}

/* A long text grows many times and stays whole. */
static void a_long_text_grows(void **state)
{
    enum { COUNT_NUMBERS = 20000 };
    size_t count = COUNT_NUMBERS, i;
    float *data = malloc(count * sizeof(*data));
    struct json_writer writer;
    struct arena arena;
    const char *at;
    char *end;

    (void)state;
    assert_non_null(data);
    for (i = 0; i < count; i++)
        data[i] = (float)i / 7;
    arena_init(&arena, 0);
    json_writer_init(&writer, &arena);
    json_write_tensor(&writer, data, 1, &count);
    json_write_raw(&writer, "x");
    assert_false(writer.failed);
    at = writer.text;
    for (i = 0; i < count; i++) {
        assert_int_equal(*at, i ? ',' : '[');
        assert_true(strtof(at + 1, &end) == data[i]);
        at = end;
    }
    assert_memory_equal(at, "]x", 2);
    free(data);
    arena_release(&arena);
}

static void write_all(struct json_writer *writer)
{
    static const float data[200];
    static const double wide[20];
    int i;

    for (i = 0; i < 30; i++) {
        json_write_key(writer, "key");
        json_write_string(writer, "text \xff\n");
        json_write_uint(writer, UINT64_MAX);
        json_write_bool(writer, false);
        json_write_tensor(writer, data, 2, (size_t[]){20, 10});
        json_write_tensor64(writer, wide, 2, (size_t[]){10, 2});
    }
}

static void an_arena_that_is_out_drops_the_rest(void **state)
{
    struct json_writer writer;
    struct arena arena;
    size_t most;
    bool failed = true;

    (void)state;
    for (most = 1; failed && most < 1000000; most += 1 + most / 7) {
        arena_init(&arena, most);
        json_writer_init(&writer, &arena);
        write_all(&writer);
        failed = writer.failed;
        arena_release(&arena);
    }
    assert_false(failed);
    assert_true(most > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_is_written_piece_by_piece),
        cmocka_unit_test(strings_are_escaped_and_always_utf8),
        cmocka_unit_test(tensors_are_nested_row_by_row),
        cmocka_unit_test(a_long_text_grows),
        cmocka_unit_test(an_arena_that_is_out_drops_the_rest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
