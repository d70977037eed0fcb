#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/predict_reading.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- what is taken
 * --------------------------------------------------------*/

static void a_sequence_becomes_one_tensor(void **state)
{
    static const float data[] = {0.1f, 0.2f, 0.3f, -4e-10f, 5, 6};
    struct predict_reading reading;

    (void)state;
    must_read(&reading, "{\"sequence\": [[0.1, 0.2, 0.3], [-4e-10, 5, 6.0]]}");
    assert_int_equal(reading.body.form, PREDICT_SEQUENCE);
    assert_int_equal(reading.body.sample_count, 1);
    assert_int_equal(reading.body.samples[0].tensor_count, 1);
    assert_null(reading.body.samples[0].tensors[0].name);
    must_be_tensor(reading.body.samples[0].tensors, 2, (size_t[]){2, 3}, data);
    assert_false(reading.body.every_step);
    assert_null(reading.body.session);
    assert_null(reading.body.model);
    assert_int_equal(reading.body.start, SESSION_START_NO);
    assert_int_equal(reading.body.wish.mode, SESSION_MODE_UNSET);
    assert_false(reading.body.wish.has_window);
    assert_false(reading.body.wish.has_ttl);
    assert_false(reading.body.end);
    assert_false(reading.body.has_step);
    assert_true(reading.body.commit);
    predict_reading_release(&reading);
}

static void a_sequence_may_have_one_to_seven_axes(void **state)
{
    static const size_t ones[7] = {1, 1, 1, 1, 1, 1, 1};
    static const float data[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    struct predict_reading reading;
    size_t rank;

    (void)state;
    must_read(&reading, "{\"sequence\":[1,2,3]}");
    must_be_tensor(reading.body.samples[0].tensors, 1, (size_t[]){3}, data);
    predict_reading_release(&reading);
    must_read(&reading, "{\"sequence\":[[[1,2],[3,4],[5,6]],"
                        "[[7,8],[9,10],[11,12]]]}");
    must_be_tensor(reading.body.samples[0].tensors, 3, (size_t[]){2, 3, 2},
                   data);
    predict_reading_release(&reading);
    for (rank = 1; rank <= 7; rank++) {
        char text[64];

        snprintf(text, sizeof(text), "{\"sequence\":%.*s1%.*s}", (int)rank,
                 "[[[[[[[", (int)rank, "]]]]]]]");
        must_read(&reading, text);
        must_be_tensor(reading.body.samples[0].tensors, rank, ones, data);
        predict_reading_release(&reading);
    }
}

static void sequences_may_differ_in_length(void **state)
{
    static const float data[] = {1, 2, 3, 4, 5, 6};
    struct predict_reading reading;

    (void)state;
    must_read(&reading, "{\"sequences\":[[[1,2]],[[1,2],[3,4],[5,6]],[[1,2]]],"
                        "\"every_step\":true}");
    assert_int_equal(reading.body.form, PREDICT_SEQUENCES);
    assert_true(reading.body.every_step);
    assert_int_equal(reading.body.sample_count, 3);
    must_be_tensor(reading.body.samples[0].tensors, 2, (size_t[]){1, 2}, data);
    must_be_tensor(reading.body.samples[1].tensors, 2, (size_t[]){3, 2}, data);
    must_be_tensor(reading.body.samples[2].tensors, 2, (size_t[]){1, 2}, data);
    predict_reading_release(&reading);
}

static void inputs_are_named_tensors(void **state)
{
    static const float data[] = {1, 2};
    struct predict_reading reading;
    const struct json_sample *sample;

    (void)state;
    must_read(&reading, "{\"inputs\":{\"a\":[[1],[2]],\"\\u0062/c\":[1,2],"
                        "\"\":[1]}}");
    assert_int_equal(reading.body.form, PREDICT_INPUTS);
    assert_int_equal(reading.body.sample_count, 1);
    sample = reading.body.samples;
    assert_int_equal(sample->tensor_count, 3);
    assert_string_equal(sample->tensors[0].name, "a");
    must_be_tensor(&sample->tensors[0], 2, (size_t[]){2, 1}, data);
    assert_string_equal(sample->tensors[1].name, "b/c");
    must_be_tensor(&sample->tensors[1], 1, (size_t[]){2}, data);
    assert_string_equal(sample->tensors[2].name, "");
    must_be_tensor(&sample->tensors[2], 1, (size_t[]){1}, data);
    predict_reading_release(&reading);
    must_read(&reading, "{\"inputs\":{}}");
    assert_int_equal(reading.body.samples[0].tensor_count, 0);
    predict_reading_release(&reading);
}

static void a_list_of_inputs_may_name_them_in_any_order(void **state)
{
    static const char *const names[][3] = {{"a", "b", NULL},
                                           {"a", "b", NULL},
                                           {"b", "a", NULL},
                                           {"a", "c", "b"},
                                           {"a", NULL, NULL}};
    struct predict_reading reading;
    size_t i, j;

    (void)state;
    must_read(&reading, "{\"inputs\":[{\"a\":[1],\"b\":[2]},"
                        "{\"a\":[1],\"b\":[2]},{\"b\":[1],\"a\":[2]},"
                        "{\"a\":[1],\"c\":[2],\"b\":[3]},{\"a\":[1]}]}");
    assert_int_equal(reading.body.form, PREDICT_INPUTS_LIST);
    assert_int_equal(reading.body.sample_count, COUNT(names));
    for (i = 0; i < COUNT(names); i++) {
        const struct json_sample *sample = &reading.body.samples[i];

        for (j = 0; j < 3 && names[i][j]; j++) {
            float data = (float)(j + 1);

            assert_string_equal(sample->tensors[j].name, names[i][j]);
            must_be_tensor(&sample->tensors[j], 1, (size_t[]){1}, &data);
        }
        assert_int_equal(sample->tensor_count, j);
    }
    predict_reading_release(&reading);
}

static void every_field_is_read(void **state)
{
    struct predict_reading reading;

    (void)state;
    must_read(&reading,
              " { \"model\" : \"m\\u00e4\" , \"session\":\"a.B-9_~\","
              "\"start\":true,\"mode\":\"window\",\"window\":7.0,"
              "\"ttl\":\"1min\",\"end\":true,\"step\":0,\"commit\":true,"
              "\"every_step\":false,\"sequence\":[1] } ");
    assert_string_equal(reading.body.model, "m\xc3\xa4");
    assert_string_equal(reading.body.session, "a.B-9_~");
    assert_int_equal(reading.body.start, SESSION_START_TRUE);
    assert_int_equal(reading.body.wish.mode, SESSION_WINDOW);
    assert_true(reading.body.wish.has_window);
    assert_int_equal(reading.body.wish.window, 7);
    assert_true(reading.body.wish.has_ttl);
    assert_int_equal(reading.body.wish.ttl_ms, 60000);
    assert_true(reading.body.end);
    assert_true(reading.body.has_step);
    assert_int_equal(reading.body.step, 0);
    predict_reading_release(&reading);
    must_read(&reading,
              "{\"sequence\":[1],\"session\":\"s\",\"step\":12e1,"
              "\"start\":\"restart\",\"mode\":\"carry\",\"ttl\":\"0\"}");
    assert_int_equal(reading.body.start, SESSION_RESTART);
    assert_int_equal(reading.body.wish.mode, SESSION_CARRY);
    assert_true(reading.body.wish.has_ttl);
    assert_int_equal(reading.body.wish.ttl_ms, 0);
    assert_int_equal(reading.body.step, 120);
    predict_reading_release(&reading);
    must_read(&reading, "{\"sequence\":[1],\"session\":\"s\","
                        "\"commit\":false}");
    assert_false(reading.body.commit);
    predict_reading_release(&reading);
}

static void null_is_the_same_as_left_out(void **state)
{
    struct predict_reading reading;

    (void)state;
    must_read(&reading,
              "{\"sequences\":null,\"inputs\":null,\"every_step\":null,"
              "\"session\":null,\"start\":null,\"end\":null,\"step\":null,"
              "\"commit\":null,\"model\":null,\"mode\":null,\"window\":null,"
              "\"ttl\":null,\"sequence\":[1]}");
    assert_true(reading.body.commit);
    assert_false(reading.body.has_step);
    assert_int_equal(reading.body.form, PREDICT_SEQUENCE);
    predict_reading_release(&reading);
    must_refuse(padded_text("{\"sequence\":null}"), PROBLEM_BAD_FIELD, "", 0);
}

static void key_names_are_compared_after_unescaping(void **state)
{
    struct predict_reading reading;

    (void)state;
    must_read(&reading, "{\"\\u0073equence\":[1]}");
    predict_reading_release(&reading);
    must_refuse(padded_text("{\"sequence\":[1],\"\\u0073equence\":[1]}"),
                PROBLEM_DUPLICATE_FIELD, "/sequence", 0);
    must_refuse(padded_text("{\"inputs\":{\"a\":[1],\"\\u0061\":[1]}}"),
                PROBLEM_DUPLICATE_FIELD, "/inputs/a", 0);
}

/* ---- rules between fields
 * -------------------------------------------------*/

static void fields_that_do_not_go_together_are_refused(void **state)
{
    static const struct {
        const char *text, *pointer;
    } cases[] = {
        {"{}", ""},
        {"[]", ""},
        {"[{\"sequence\":[1]}]", ""},
        {"1", ""},
        {"null", ""},
        {"\"sequence\"", ""},
        {"{\"model\":\"m\"}", ""},
        {"{\"sequence\":[1],\"sequences\":[[1]]}", "/sequences"},
        {"{\"inputs\":{},\"sequence\":[1]}", "/sequence"},
        {"{\"sequence\":[1],\"start\":true}", "/start"},
        {"{\"sequence\":[1],\"end\":true}", "/end"},
        {"{\"sequence\":[1],\"end\":false}", "/end"},
        {"{\"sequence\":[1],\"step\":0}", "/step"},
        {"{\"sequence\":[1],\"commit\":true}", "/commit"},
        {"{\"sequence\":[1],\"mode\":\"carry\"}", "/mode"},
        {"{\"sequence\":[1],\"window\":1}", "/window"},
        {"{\"sequence\":[1],\"ttl\":\"0\"}", "/ttl"},
        {"{\"sequences\":[[1]],\"session\":\"s\"}", "/sequences"},
        {"{\"inputs\":[{}],\"session\":\"s\"}", "/inputs"},
        {"{\"sequence\":[1],\"session\":\"s\",\"mode\":\"carry\"}", "/mode"},
        {"{\"sequence\":[1],\"session\":\"s\",\"window\":1}", "/window"},
        {"{\"sequence\":[1],\"session\":\"s\",\"ttl\":\"1s\"}", "/ttl"},
        {"{\"sequence\":[1],\"session\":\"s\",\"start\":false,"
         "\"ttl\":\"1s\"}",
         "/ttl"},
        {"{\"sequence\":[1],\"session\":\"s\",\"commit\":false,"
         "\"end\":true}",
         "/commit"},
        {"{\"sequence\":[1],\"session\":\"s\",\"commit\":false,"
         "\"start\":true}",
         "/commit"},
        {"{\"sequence\":[1],\"session\":\"s\",\"start\":true,\"window\":3}",
         "/window"},
        {"{\"sequence\":[1],\"session\":\"s\",\"start\":true,"
         "\"mode\":\"carry\",\"window\":3}",
         "/window"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < COUNT(cases); i++)
        must_refuse(padded_text(cases[i].text), PROBLEM_BAD_FIELD,
                    cases[i].pointer, 0);
}

static void a_field_of_the_wrong_kind_is_refused(void **state)
{
    static const struct {
        const char *text, *pointer;
    } cases[] = {
        {"\"sequence\":5", "/sequence"},
        {"\"sequence\":\"[1]\"", "/sequence"},
        {"\"sequence\":{}", "/sequence"},
        {"\"sequence\":true", "/sequence"},
        {"\"sequences\":{}", "/sequences"},
        {"\"sequences\":1", "/sequences"},
        {"\"inputs\":1", "/inputs"},
        {"\"inputs\":[[1]]", "/inputs/0"},
        {"\"inputs\":[{},1]", "/inputs/1"},
        {"\"inputs\":[null]", "/inputs/0"},
        {"\"inputs\":{\"a\":1}", "/inputs/a"},
        {"\"inputs\":{\"a\":null}", "/inputs/a"},
        {"\"every_step\":1", "/every_step"},
        {"\"every_step\":\"true\"", "/every_step"},
        {"\"session\":1", "/session"},
        {"\"session\":[\"s\"]", "/session"},
        {"\"start\":\"true\"", "/start"},
        {"\"start\":1", "/start"},
        {"\"end\":0", "/end"},
        {"\"step\":\"1\"", "/step"},
        {"\"step\":-1", "/step"},
        {"\"step\":1.5", "/step"},
        {"\"step\":1e30", "/step"},
        {"\"step\":true", "/step"},
        {"\"commit\":\"false\"", "/commit"},
        {"\"model\":1", "/model"},
        {"\"mode\":\"Carry\"", "/mode"},
        {"\"mode\":1", "/mode"},
        {"\"window\":0", "/window"},
        {"\"window\":-1", "/window"},
        {"\"window\":1.5", "/window"},
        {"\"window\":\"3\"", "/window"},
        {"\"ttl\":30", "/ttl"},
        {"\"ttl\":\"30\"", "/ttl"},
        {"\"ttl\":\"-1s\"", "/ttl"},
        {"\"ttl\":\"\"", "/ttl"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < COUNT(cases); i++)
        must_refuse(padded_splice("{%}", cases[i].text), PROBLEM_BAD_FIELD,
                    cases[i].pointer, 0);
}

/* ---- memory
 * ---------------------------------------------------------------*/

/* The arena may hold 0, 1, 2, ... bytes: until it is enough the answer is
 * overloaded, and the body is left alone. */
static void an_arena_that_is_out_is_overloaded_at_every_point(void **state)
{
    static const char *const texts[] = {
        "{\"sequence\":[[1,2],[3,4]],\"session\":\"s\",\"model\":\"m\"}",
        "{\"sequences\":[[[1,2]],[[3,4]],[[5,6]]]}",
        ("{\"inputs\":[{\"a\":[1],\"\\u0062\":[2]},{\"b\":[1],\"a\":[2]},"
         "{\"a\":[1],\"c\":[3]}]}"),
    };
    size_t i, most;

    (void)state;
    for (i = 0; i < COUNT(texts); i++) {
        struct padded_text text = padded_text(texts[i]);
        bool ok = false;

        for (most = 1; !ok && most < 20000; most += 1) {
            struct predict_body body, before;
            struct problem problem;
            struct arena arena;

            memset(&body, 0x5a, sizeof(body));
            memcpy(&before, &body, sizeof(body));
            arena_init(&arena, most);
            ok = predict_body_read(text.bytes, text.length,
                                   &predict_reading_limits, &arena, &body,
                                   &problem);
            if (!ok) {
                assert_int_equal(problem.type, PROBLEM_OVERLOADED);
                assert_memory_equal(&body, &before, sizeof(body));
            }
            arena_release(&arena);
        }
        assert_true(ok);
        assert_true(most > 10);
        padded_text_free(&text);
    }
}

static void every_beginning_of_a_body_is_malformed(void **state)
{
    static const char *const texts[] = {
        "{\"sequence\": [[0.5, -2e3], [3, 4]], \"session\": \"s\", \"step\": "
        "10, \"start\": \"restart\", \"commit\": true, \"model\": null}",
        "{\"inputs\": [{\"a\": [[1]], \"b\": [2]}, {\"b\": [3, 4]}]}"};
    size_t i, length;

    (void)state;
    for (i = 0; i < COUNT(texts); i++)
        for (length = 0; length < strlen(texts[i]); length++)
            must_refuse(padded_bytes(texts[i], length), PROBLEM_MALFORMED_JSON,
                        "", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sequence_becomes_one_tensor),
        cmocka_unit_test(a_sequence_may_have_one_to_seven_axes),
        cmocka_unit_test(sequences_may_differ_in_length),
        cmocka_unit_test(inputs_are_named_tensors),
        cmocka_unit_test(a_list_of_inputs_may_name_them_in_any_order),
        cmocka_unit_test(every_field_is_read),
        cmocka_unit_test(null_is_the_same_as_left_out),
        cmocka_unit_test(key_names_are_compared_after_unescaping),
        cmocka_unit_test(fields_that_do_not_go_together_are_refused),
        cmocka_unit_test(a_field_of_the_wrong_kind_is_refused),
        cmocka_unit_test(an_arena_that_is_out_is_overloaded_at_every_point),
        cmocka_unit_test(every_beginning_of_a_body_is_malformed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
