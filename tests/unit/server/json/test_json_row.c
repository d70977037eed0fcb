#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/json/json_row.h"
#include "tests/support/padded_text.h"

static enum json_row_end read_row(json_row_reader *reader, const char *text,
                                  struct json_row *row, size_t *offset)
{
    static float out[16];
    struct padded_text padded = padded_text(text);
    enum json_row_end end;

    *row = (struct json_row){.at = padded.bytes, .out = out, .room = 3};
    end = reader(row);
    *offset = (size_t)(row->at - padded.bytes);
    padded_text_free(&padded);
    return end;
}

static void a_row_ends_with_its_reason_and_place(void **state)
{
    static const struct {
        const char *text;
        enum json_row_end end;
        size_t count, offset;
    } cases[] = {
        {"1]", JSON_ROW_CLOSED, 1, 2},
        {"1,2,3],", JSON_ROW_CLOSED, 3, 6},
        {"1 ,\n\t2\r ] ", JSON_ROW_CLOSED, 2, 9},
        {"]", JSON_ROW_OTHER, 0, 0},
        {"1,]", JSON_ROW_OTHER, 1, 2},
        {"1,,2]", JSON_ROW_OTHER, 1, 2},
        {"1, [2]]", JSON_ROW_OTHER, 1, 3},
        {"1,null]", JSON_ROW_OTHER, 1, 2},
        {"1,", JSON_ROW_OTHER, 1, 2},
        {"1", JSON_ROW_COMMA, 1, 1},
        {"1 2]", JSON_ROW_COMMA, 1, 2},
        {"1}", JSON_ROW_COMMA, 1, 1},
        {"0x10]", JSON_ROW_COMMA, 1, 1},
        {"1,01]", JSON_ROW_FAULT, 1, 3},
        {"1,-]", JSON_ROW_FAULT, 1, 3},
        {"1,1e39]", JSON_ROW_RANGE, 1, 2},
        {"1,2,3,4]", JSON_ROW_FULL, 3, 6},
        {"1,2,3]", JSON_ROW_CLOSED, 3, 6},
        {"-.5]", JSON_ROW_FAULT, 0, 1},
        {"0.]", JSON_ROW_FAULT, 0, 2},
        {"-0.25]", JSON_ROW_CLOSED, 1, 6},
        {"12345678901234.5]", JSON_ROW_CLOSED, 1, 17},
        {"123456789012345.5]", JSON_ROW_CLOSED, 1, 18},
        {"1234567890123456.5]", JSON_ROW_CLOSED, 1, 19},
        {"1234567890123456]", JSON_ROW_CLOSED, 1, 17},
        {"1234567890.12345e]", JSON_ROW_FAULT, 0, 17},
        {"1234567890.12345e3]", JSON_ROW_CLOSED, 1, 19},
        {"1234567890.12345.5]", JSON_ROW_COMMA, 1, 16},
    };
    json_row_reader *readers[] = {json_row_floats, json_row_floats_best()};
    struct json_row row;
    size_t i, r, offset;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (r = 0; r < 2; r++) {
            enum json_row_end end =
                read_row(readers[r], cases[i].text, &row, &offset);

            if (end != cases[i].end || row.count != cases[i].count ||
                offset != cases[i].offset)
                fail_msg("%s: end %d, count %zu, offset %zu", cases[i].text,
                         (int)end, row.count, offset);
        }
}

static void doubles_keep_what_floats_lose(void **state)
{
    struct padded_text text = padded_text("0.1, -16777217 , 1e300]");
    double out[3];
    struct json_row row = {.at = text.bytes, .out = out, .room = 3};

    (void)state;
    assert_int_equal(json_row_doubles(&row), JSON_ROW_CLOSED);
    assert_int_equal(row.count, 3);
    assert_true(out[0] == 0.1 && out[1] == -16777217 && out[2] == 1e300);
    padded_text_free(&text);
}

/* Up to the row that is not as long, or may not be read any more. */
static void rows_are_read_in_one_go(void **state)
{
    json_row_reader *readers[] = {json_row_floats, json_row_floats_best()};
    struct padded_text text =
        padded_text("1, 2], [3,4],[5, 6],  [7, 8], [9]]");

    (void)state;
    for (size_t r = 0; r < 2; r++) {
        float out[8] = {0};
        struct json_row row = {
            .at = text.bytes, .out = out, .room = 8, .more = 9};

        assert_int_equal(readers[r](&row), JSON_ROW_CLOSED);
        assert_int_equal(row.rows, 2); /* two spaces are not as usual */
        assert_int_equal(row.length, 2);
        assert_int_equal(row.more, 7);
        assert_int_equal(row.count, 2);
        assert_int_equal(row.room, 4);
        assert_ptr_equal(row.out, out + 4);
        for (size_t i = 0; i < 6; i++)
            assert_true(out[i] == (float)(i + 1));
        row = (struct json_row){
            .at = text.bytes, .out = out, .room = 8, .more = 1};
        assert_int_equal(readers[r](&row), JSON_ROW_CLOSED);
        assert_int_equal(row.rows, 1);
        row = (struct json_row){
            .at = text.bytes, .out = out, .room = 8, .length = 3, .more = 1};
        assert_int_equal(readers[r](&row), JSON_ROW_CLOSED);
        assert_int_equal(row.rows, 0);
    }
    padded_text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_ends_with_its_reason_and_place),
        cmocka_unit_test(rows_are_read_in_one_go),
        cmocka_unit_test(doubles_keep_what_floats_lose),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
