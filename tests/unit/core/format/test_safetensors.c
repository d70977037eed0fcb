#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/format/safetensors.h"
#include "tests/support/model_builder.h"

#define ENTRY(dtype, shape, from, to)                                         \
    "{\"dtype\": \"" dtype "\", \"shape\": " shape                            \
    ", \"data_offsets\": [" #from ", " #to "]}"

/* Open `header` over `data_bytes` of data, which are 0, 1, 2, ... */
static enum rnn_status open_file(const char *header, size_t data_bytes,
                                 struct arena *arena, struct safetensors *file,
                                 unsigned char **bytes, struct rnn_error *err)
{
    unsigned char *data = calloc(data_bytes + 1, 1);
    enum rnn_status status;
    size_t size;

    for (size_t i = 0; i < data_bytes; i++)
        data[i] = (unsigned char)i;
    *bytes = model_file(header, data, data_bytes, &size);
    free(data);
    arena_init(arena, 0);
    status = safetensors_open(*bytes, size, NULL, arena, file, err);
    return status;
}

/* ---- what is read --------------------------------------------------------*/

static void tensors_are_sorted_by_name_and_point_into_the_bytes(void **state)
{
    const char *header = "{\"b\": " ENTRY(
        "F32", "[2, 1]", 0,
        8) ", \"__metadata__\": "
           "{\"k\": \"v\"}, \"a\": " ENTRY(
               "F32", "[]", 12,
               16) ", \"c\": " ENTRY("U8", "[2, 0]", 8,
                                     8) ", \"d\": " ENTRY("I32", "[1]", 8,
                                                          12) "}";
    struct safetensors file;
    struct arena arena;
    unsigned char *bytes;
    size_t index = 9;

    (void)state;
    assert_int_equal(open_file(header, 16, &arena, &file, &bytes, NULL),
                     RNN_OK);
    assert_int_equal(file.count, 4);
    assert_string_equal(file.tensors[0].name, "a");
    assert_int_equal(file.tensors[0].shape.rank, 0);
    assert_int_equal(file.tensors[0].count, 1);
    assert_int_equal(file.tensors[0].data[0], 12);
    assert_string_equal(file.tensors[1].name, "b");
    assert_int_equal(file.tensors[1].shape.dim[0], 2);
    assert_int_equal(file.tensors[1].bytes, 8);
    assert_int_equal(file.tensors[1].data[0], 0);
    assert_int_equal(file.tensors[2].count, 0);
    assert_int_equal(file.tensors[3].dtype, SAFETENSORS_I32);
    assert_true(safetensors_find(&file, "d", &index));
    assert_int_equal(index, 3);
    assert_false(safetensors_find(&file, "e", &index));
    assert_string_equal(safetensors_metadata(&file, "k"), "v");
    assert_null(safetensors_metadata(&file, "other"));
    safetensors_release(&file);
    arena_release(&arena);
    free(bytes);
}

static void no_tensors_and_no_metadata_are_fine(void **state)
{
    struct safetensors file;
    struct arena arena;
    unsigned char *bytes;
    size_t index;

    (void)state;
    assert_int_equal(open_file("{}", 0, &arena, &file, &bytes, NULL), RNN_OK);
    assert_int_equal(file.count, 0);
    assert_null(safetensors_metadata(&file, "keras_config"));
    assert_false(safetensors_find(&file, "a", &index));
    safetensors_release(&file);
    arena_release(&arena);
    free(bytes);
}

/* ---- what is refused -----------------------------------------------------*/

struct damage {
    const char *header;
    size_t data_bytes;
    enum rnn_status status;
    const char *says;
};

static const struct damage damages[] = {
    {"[]", 0, RNN_BAD_MODEL, "no JSON object"},
    {"{", 0, RNN_BAD_MODEL, "no JSON"},
    {"{} x", 0, RNN_BAD_MODEL, "something follows"},
    {"{}", 1, RNN_BAD_MODEL, "end at byte 0 of the data, the file at 1"},
    {"{\"a\": 1}", 0, RNN_BAD_MODEL, "\"a\""},
    {"{\"a\": {}}", 0, RNN_BAD_MODEL, "\"a\""},
    {"{\"a\": {\"dtype\": \"F32\", \"shape\": [1], \"offsets\": [0, 4]}}", 4,
     RNN_BAD_MODEL, "data_offsets are not two sizes"},
    {"{\"a\": {\"dtype\": \"F32\", \"shape\": [1], \"data_offsets\": [0, 4], "
     "\"more\": 1}}",
     4, RNN_BAD_MODEL, "not exactly"},
    {"{\"a\": {\"dtype\": 1, \"shape\": [1], \"data_offsets\": [0, 4]}}", 4,
     RNN_BAD_MODEL, "no dtype"},
    {"{\"a\": " ENTRY("F31", "[1]", 0, 4) "}", 4, RNN_UNSUPPORTED, "\"F31\""},
    {"{\"a\": " ENTRY("F32", "1", 0, 4) "}", 4, RNN_BAD_MODEL, "no shape"},
    {"{\"a\": " ENTRY("F32", "[-1]", 0, 4) "}", 4, RNN_BAD_MODEL, "shape[0]"},
    {"{\"a\": " ENTRY("F32", "[1, 1.5]", 0, 4) "}", 4, RNN_BAD_MODEL,
     "shape[1]"},
    {"{\"a\": " ENTRY("F32", "[\"1\"]", 0, 4) "}", 4, RNN_BAD_MODEL,
     "shape[0]"},
    {"{\"a\": " ENTRY("F32", "[null]", 0, 4) "}", 4, RNN_BAD_MODEL,
     "shape[0]"},
    {"{\"a\": " ENTRY("F32", "[1,1,1,1,1,1,1]", 0, 4) "}", 4, RNN_UNSUPPORTED,
     "7 axes"},
    {"{\"a\": " ENTRY("F32", "[4294967296, 4294967296]", 0, 4) "}", 4,
     RNN_BAD_MODEL, "larger than any file"},
    {"{\"a\": " ENTRY("F32", "[9007199254740992, 2048]", 0, 4) "}", 4,
     RNN_BAD_MODEL, "larger than any file"},
    {"{\"a\": " ENTRY("F32", "[2]", 0, 4) "}", 4, RNN_BAD_MODEL,
     "span 4 bytes, the shape and dtype take 8"},
    {"{\"a\": " ENTRY("F64", "[1]", 0, 4) "}", 4, RNN_BAD_MODEL,
     "span 4 bytes, the shape and dtype take 8"},
    {"{\"a\": " ENTRY("F32", "[1]", 4, 0) "}", 4, RNN_BAD_MODEL, "[4, 0]"},
    {"{\"a\": " ENTRY("F32", "[1]", 0, 4) "}", 3, RNN_BAD_MODEL,
     "3 bytes of data"},
    {"{\"a\": " ENTRY("F32", "[1]", 9007199254740988, 9007199254740992) "}", 4,
     RNN_BAD_MODEL, "do not lie"},
    {"{\"a\": " ENTRY("F32", "[1]", -4, 0) "}", 4, RNN_BAD_MODEL,
     "not two sizes"},
    {"{\"a\": {\"dtype\": \"F32\", \"shape\": [1], \"data_offsets\": [0, 4, "
     "8]}}",
     4, RNN_BAD_MODEL, "not two sizes"},
    {"{\"a\": " ENTRY("F32", "[1]", 4, 8) "}", 8, RNN_BAD_MODEL,
     "begins at byte 4 of the data, the one before it ends at 0"},
    {"{\"a\": " ENTRY("F32", "[1]", 0, 4) ", \"b\": " ENTRY("F32", "[1]", 8,
                                                            12) "}",
     12, RNN_BAD_MODEL, "\"b\" begins at byte 8"},
    {"{\"a\": " ENTRY("F32", "[2]", 0, 8) ", \"b\": " ENTRY("F32", "[1]", 4,
                                                            8) "}",
     8, RNN_BAD_MODEL, "\"b\" begins at byte 4"},
    {"{\"a\": " ENTRY("F32", "[1]", 0, 4) ", \"b\": " ENTRY("F32", "[1]", 0,
                                                            4) "}",
     4, RNN_BAD_MODEL, "ends at 4"},
    {"{\"a\": " ENTRY("F32", "[1]", 0, 4) ", \"a\": " ENTRY("F32", "[1]", 4,
                                                            8) "}",
     8, RNN_BAD_MODEL, "\"a\" stands twice"},
    {"{\"a\\u0001\": " ENTRY("F32", "[1]", 0, 4) "}", 4, RNN_BAD_MODEL,
     "control character"},
    {"{\"__metadata__\": 1}", 0, RNN_BAD_MODEL, "__metadata__"},
    {"{\"__metadata__\": {\"a\": 1}}", 0, RNN_BAD_MODEL, "\"a\" is no text"},
    {"{\"__metadata__\": {\"a\": \"1\", \"a\": \"2\"}}", 0, RNN_BAD_MODEL,
     "twice"},
};

static void damage_is_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        const struct damage *damage = &damages[i];
        struct safetensors file;
        struct arena arena;
        struct rnn_error err = {0};
        unsigned char *bytes;
        enum rnn_status status = open_file(damage->header, damage->data_bytes,
                                           &arena, &file, &bytes, &err);

        if (status != damage->status || !strstr(err.message, damage->says))
            fail_msg("%s: %s (%s)", damage->header, rnn_status_name(status),
                     err.message);
        arena_release(&arena);
        free(bytes);
    }
}

static void a_length_that_cannot_be_is_refused(void **state)
{
    static const unsigned char lengths[][9] = {
        {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, '{'},
        {0xf8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, '{'},
        {2, 0, 0, 0, 0, 0, 0, 0, '{'},
        {0, 0, 0, 0, 0, 0, 0, 0, '{'},
        {1, 0, 0, 1, 0, 0, 0, 0, '{'},
    };
    struct arena arena;
    struct safetensors file;

    (void)state;
    arena_init(&arena, 0);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(
            safetensors_open(lengths[i], 9, NULL, &arena, &file, NULL),
            RNN_BAD_MODEL);
    for (size_t size = 0; size < 9; size++)
        assert_int_equal(
            safetensors_open(lengths[2], size, NULL, &arena, &file, NULL),
            RNN_BAD_MODEL);
    arena_release(&arena);
}

/* ---- tensors in the file of origin ---------------------------------------*/

#define ORIGIN(from, to)                                                      \
    "{\"dtype\": \"F32\", \"shape\": [2], \"origin_offsets\": [" #from        \
    ", " #to "]}"

static const unsigned char origin_bytes[16] = {9, 8, 7, 6, 5, 4};

/* `header` over four bytes of data, and sixteen of origin. */
static enum rnn_status open_both(const char *header, struct arena *arena,
                                 struct safetensors *file,
                                 unsigned char **bytes, struct rnn_error *err)
{
    const struct safetensors_origin origin = {origin_bytes, 16};
    const unsigned char data[4] = {1, 2, 3, 4};
    size_t size;

    *bytes = model_file(header, data, sizeof(data), &size);
    arena_init(arena, 0);
    return safetensors_open(*bytes, size, &origin, arena, file, err);
}

static void tensors_may_lie_in_the_origin(void **state)
{
    const char *header = "{\"b\": " ORIGIN(4, 12) ", \"c\": " ENTRY(
        "F32", "[1]", 0, 4) ", \"a\": " ORIGIN(8, 16) "}";
    struct safetensors file;
    struct arena arena;
    unsigned char *bytes;

    (void)state;
    assert_int_equal(open_both(header, &arena, &file, &bytes, NULL), RNN_OK);
    assert_int_equal(file.count, 3);
    assert_true(file.tensors[0].is_in_origin);
    assert_ptr_equal(file.tensors[0].data, origin_bytes + 8);
    assert_ptr_equal(file.tensors[1].data, origin_bytes + 4);
    assert_int_equal(file.tensors[1].bytes, 8);
    assert_false(file.tensors[2].is_in_origin);
    assert_int_equal(file.tensors[2].data[0], 1);
    safetensors_release(&file);
    arena_release(&arena);
    free(bytes);
}

static const struct damage origin_damages[] = {
    {"{\"a\": " ORIGIN(12, 20) "}", 0, RNN_BAD_MODEL,
     "origin_offsets [12, 20] do not lie in the file's 16 bytes;"},
    {"{\"a\": " ORIGIN(9007199254740984, 9007199254740992) "}", 0,
     RNN_BAD_MODEL, "do not lie"},
    {"{\"a\": " ORIGIN(12, 4) "}", 0, RNN_BAD_MODEL, "[12, 4]"},
    {"{\"a\": " ORIGIN(-4, 4) "}", 0, RNN_BAD_MODEL, "not two sizes"},
    {"{\"a\": " ORIGIN(0, 12) "}", 0, RNN_BAD_MODEL,
     "origin_offsets span 12 bytes, the shape and dtype take 8"},
    {"{\"a\": {\"dtype\": \"F32\", \"shape\": [1], \"data_offsets\": [0, 4], "
     "\"origin_offsets\": [0, 4]}}",
     0, RNN_BAD_MODEL, "not exactly"},
    {"{\"a\": " ORIGIN(0, 8) ", \"b\": " ORIGIN(8, 16) "}", 0, RNN_BAD_MODEL,
     "end at byte 0 of the data, the file at 4"},
    {"{\"a\": " ORIGIN(0, 8) ", \"b\": " ORIGIN(0, 8) ", \"c\": " ORIGIN(
         0, 8) ", \"d\": " ENTRY("F32", "[1]", 0, 4) "}",
     0, RNN_BAD_MODEL, "more bytes, at \"c\", than the file"},
};

static void what_the_origin_lacks_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(origin_damages) / sizeof(origin_damages[0]);
         i++) {
        const struct damage *damage = &origin_damages[i];
        struct safetensors file;
        struct arena arena;
        struct rnn_error err = {0};
        unsigned char *bytes;
        enum rnn_status status =
            open_both(damage->header, &arena, &file, &bytes, &err);

        if (status != damage->status || !strstr(err.message, damage->says))
            fail_msg("%s: %s (%s)", damage->header, rnn_status_name(status),
                     err.message);
        arena_release(&arena);
        free(bytes);
    }
}

/* A file that says so by itself is no native model. */
static void without_an_origin_no_tensor_lies_there(void **state)
{
    struct safetensors file;
    struct arena arena;
    struct rnn_error err = {0};
    unsigned char *bytes;

    (void)state;
    assert_int_equal(
        open_file("{\"a\": " ORIGIN(0, 8) "}", 8, &arena, &file, &bytes, &err),
        RNN_BAD_MODEL);
    assert_non_null(strstr(err.message, "data_offsets are not two sizes"));
    arena_release(&arena);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_are_sorted_by_name_and_point_into_the_bytes),
        cmocka_unit_test(no_tensors_and_no_metadata_are_fine),
        cmocka_unit_test(damage_is_refused_by_name),
        cmocka_unit_test(a_length_that_cannot_be_is_refused),
        cmocka_unit_test(tensors_may_lie_in_the_origin),
        cmocka_unit_test(what_the_origin_lacks_is_refused),
        cmocka_unit_test(without_an_origin_no_tensor_lies_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
