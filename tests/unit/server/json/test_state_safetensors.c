#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/json/state_safetensors.h"

#define FINGERPRINT                                                           \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define METADATA                                                              \
    "\"__metadata__\":{\"model\":\"m\",\"fingerprint\":\"" FINGERPRINT        \
    "\",\"mode\":\"window\",\"window\":\"3\",\"step\":\"7\",\"note\":\"x\"}"

static struct arena arena;
static struct problem problem;
static struct state_body body;

/* A file of `header` and `length` bytes of data, in memory that is exactly
 * as large, so that a sanitizer sees every read beyond. */
static bool read_file(const char *header, const void *data, size_t length)
{
    size_t header_length = strlen(header);
    unsigned char *file = malloc(8 + header_length + length);
    bool is_read;

    assert_non_null(file);
    for (size_t b = 0; b < 8; b++)
        file[b] = (unsigned char)((uint64_t)header_length >> (8 * b));
    memcpy(file + 8, header, header_length);
    if (length)
        memcpy(file + 8 + header_length, data, length);
    arena_release(&arena);
    is_read = state_safetensors_read(file, 8 + header_length + length, 100,
                                     &arena, &body, &problem);
    free(file);
    return is_read;
}

static void refuse(const char *header, const void *data, size_t length,
                   enum problem_type type)
{
    if (read_file(header, data, length))
        fail_msg("%s: not refused", header);
    if (problem.type != type)
        fail_msg("%s: %s: %s", header, problem_type_name(problem.type),
                 problem.detail);
}

static void tensors_of_all_types_are_read(void **state)
{
    unsigned char data[28];
    const float f32[] = {1.5f, -2.0f, 1e-45f};
    const double f64 = 0.1;
    const int64_t i64 = INT64_C(1) << 53;

    (void)state;
    memcpy(data, f32, 12);
    memcpy(data + 12, &f64, 8);
    memcpy(data + 20, &i64, 8);
    if (!read_file("{" METADATA ",\"a\":{\"dtype\":\"F32\",\"shape\":[1,3],"
                   "\"data_offsets\":[0,12]},\"b\":{\"dtype\":\"F64\","
                   "\"shape\":[],\"data_offsets\":[12,20]},\"c\":{"
                   "\"data_offsets\":[20,28],\"dtype\":\"I64\",\"shape\":"
                   "[1]}} ",
                   data, sizeof(data)))
        fail_msg("%s", problem.detail);
    assert_string_equal(body.model, "m");
    assert_string_equal(body.fingerprint, FINGERPRINT);
    assert_int_equal(body.mode, SESSION_WINDOW);
    assert_int_equal(body.window, 3);
    assert_int_equal(body.step, 7);
    assert_int_equal(body.array_count, 3);
    assert_string_equal(body.arrays[0].name, "a");
    assert_int_equal(body.arrays[0].rank, 2);
    assert_int_equal(body.arrays[0].shape[1], 3);
    assert_int_equal(body.arrays[0].count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(body.arrays[0].data[i] == (double)f32[i]);
    assert_int_equal(body.arrays[1].rank, 0);
    assert_true(body.arrays[1].data[0] == f64);
    assert_true(body.arrays[2].data[0] == 9007199254740992.0);
}

#define TENSOR(fields) "{" METADATA ",\"a\":{" fields "}}"

static void what_does_not_fit_is_refused(void **state)
{
    const float fine[] = {0, 1};
    const uint32_t bad[] = {0x7fc00000u, 0};
    const int64_t negative = -1;

    (void)state;
    refuse(TENSOR("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]"),
           bad, 8, PROBLEM_NOT_FINITE);
    refuse(TENSOR("\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]"),
           &negative, 8, PROBLEM_NUMBER_OUT_OF_RANGE);
    refuse(TENSOR("\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]"),
           fine, 4, PROBLEM_BAD_FIELD);
    refuse(TENSOR("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,12]"),
           fine, 8, PROBLEM_SHAPE_MISMATCH);
    refuse(TENSOR("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]"),
           fine, 8, PROBLEM_SHAPE_MISMATCH);
    refuse(TENSOR("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]"),
           fine, 8, PROBLEM_BAD_FIELD);
    refuse(TENSOR("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]"),
           fine, 8, PROBLEM_SHAPE_MISMATCH);
    refuse(TENSOR("\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],"
                  "\"data_offsets\":[0,0]"),
           fine, 0, PROBLEM_TOO_LARGE);
    refuse(TENSOR("\"dtype\":\"F32\",\"shape\":[101],\"data_offsets\":"
                  "[0,404]"),
           fine, 8, PROBLEM_TOO_LARGE);
    refuse(TENSOR("\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1],"
                  "\"data_offsets\":[0,4]"),
           fine, 4, PROBLEM_BAD_FIELD);
    refuse(TENSOR("\"dtype\":\"F32\",\"shape\":[1]"), fine, 4,
           PROBLEM_BAD_FIELD);
    refuse(TENSOR("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],"
                  "\"more\":1"),
           fine, 4, PROBLEM_UNKNOWN_FIELD);
    refuse(TENSOR("\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],"
                  "\"data_offsets\":[0,4]"),
           fine, 4, PROBLEM_DUPLICATE_FIELD);
}

static void the_header_must_be_whole(void **state)
{
    (void)state;
    refuse("{}", "", 0, PROBLEM_BAD_FIELD);
    refuse("[]", "", 0, PROBLEM_BAD_FIELD);
    refuse("", "", 0, PROBLEM_MALFORMED_JSON);
    refuse("{" METADATA "," METADATA "}", "", 0, PROBLEM_DUPLICATE_FIELD);
    refuse("{\"__metadata__\":{\"step\":\"7\",\"mode\":\"carry\"}}", "", 0,
           PROBLEM_BAD_FIELD);
    refuse("{\"__metadata__\":{\"step\":7}}", "", 0, PROBLEM_BAD_FIELD);
    refuse("{\"__metadata__\":{\"fingerprint\":\"" FINGERPRINT
           "\",\"mode\":\"carry\",\"window\":\"3\",\"step\":\"7\"}}",
           "", 0, PROBLEM_BAD_FIELD);
    refuse("{\"__metadata__\":{\"fingerprint\":\"" FINGERPRINT
           "\",\"mode\":\"window\",\"step\":\"7\"}}",
           "", 0, PROBLEM_BAD_FIELD);
    refuse("{\"__metadata__\":{\"fingerprint\":\"" FINGERPRINT
           "\",\"mode\":\"carry\",\"step\":\"99999999999999999999999\"}}",
           "", 0, PROBLEM_BAD_FIELD);
    refuse("{\"__metadata__\":{\"fingerprint\":\"AB\"}}", "", 0,
           PROBLEM_BAD_FIELD);
    assert_true(read_file("{" METADATA "}", "", 0));
    assert_int_equal(body.array_count, 0);
}

static void a_length_beyond_the_file_is_refused(void **state)
{
    unsigned char file[16] = {9, 0, 0, 0, 0, 0, 0, 0, '{', '}'};

    (void)state;
    for (size_t length = 0; length <= sizeof(file); length++)
        assert_false(state_safetensors_read(file, length, 100, &arena, &body,
                                            &problem));
    memset(file, 0xff, 8);
    assert_false(state_safetensors_read(file, sizeof(file), 100, &arena, &body,
                                        &problem));
    assert_int_equal(problem.type, PROBLEM_MALFORMED_JSON);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_of_all_types_are_read),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(the_header_must_be_whole),
        cmocka_unit_test(a_length_beyond_the_file_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
