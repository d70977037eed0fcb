#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/format/weights.h"
#include "tests/support/model_builder.h"

struct conversion {
    const char *dtype;
    unsigned char bytes[8];
    size_t size;
    float value;
};

static const struct conversion conversions[] = {
    {"F32", {0, 0, 0x20, 0x40}, 4, 2.5f},
    {"F64", {0, 0, 0, 0, 0, 0, 4, 0x40}, 8, 2.5f},
    {"F16", {0x00, 0x41}, 2, 2.5f},
    {"F16", {0x00, 0xc1}, 2, -2.5f},
    {"F16", {0xff, 0x7b}, 2, 65504.0f},
    {"F16", {0x01, 0x00}, 2, 5.9604645e-8f},
    {"F16", {0xff, 0x03}, 2, 6.0975552e-5f},
    {"F16", {0x00, 0x04}, 2, 6.1035156e-5f},
    {"F16", {0x00, 0x00}, 2, 0.0f},
    {"BF16", {0x20, 0x40}, 2, 2.5f},
    {"BF16", {0x20, 0xc0}, 2, -2.5f},
};

/* Take tensor "l/w" of shape [1] from a file of this dtype and data. */
static enum rnn_status take_one(const char *dtype, const void *data,
                                size_t data_bytes, float *value,
                                struct rnn_error *err)
{
    struct rnn_shape shape = {.rank = 1, .dim = {1}};
    struct safetensors file;
    struct weights weights;
    struct arena arena;
    const float *numbers;
    unsigned char *bytes;
    char header[200];
    enum rnn_status status;
    size_t size;

    snprintf(header, sizeof(header),
             "{\"l/w\": {\"dtype\": \"%s\", \"shape\": [1], \"data_offsets\": "
             "[0, %zu]}}",
             dtype, data_bytes);
    bytes = model_file(header, data, data_bytes, &size);
    arena_init(&arena, 0);
    assert_int_equal(safetensors_open(bytes, size, NULL, &arena, &file, err),
                     RNN_OK);
    assert_int_equal(weights_init(&weights, &file, &arena, err), RNN_OK);
    status = weights_take(&weights, "l", "w", &shape, &numbers, err);
    if (!status)
        *value = numbers[0];
    weights_release(&weights);
    safetensors_release(&file);
    arena_release(&arena);
    free(bytes);
    return status;
}

static void other_floating_point_types_become_float32(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(conversions) / sizeof(conversions[0]); i++) {
        const struct conversion *c = &conversions[i];
        struct rnn_error err = {0};
        float value = -1;

        assert_int_equal(take_one(c->dtype, c->bytes, c->size, &value, &err),
                         RNN_OK);
        assert_memory_equal(&value, &c->value, sizeof(value));
    }
}

static void weights_of_other_types_are_refused_by_name(void **state)
{
    static const char *const dtypes[] = {"I32", "U32"};
    static const unsigned char data[4] = {0};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct rnn_error err = {0};
        float value;

        assert_int_equal(take_one(dtypes[i], data, 4, &value, &err),
                         RNN_UNSUPPORTED);
        assert_non_null(strstr(err.message, "l/w"));
        assert_non_null(strstr(err.message, dtypes[i]));
    }
}

static void numbers_that_are_not_finite_as_float32_are_refused(void **state)
{
    static const struct conversion bad[] = {
        {"F16", {0x00, 0x7c}, 2, 0},
        {"F16", {0x01, 0x7c}, 2, 0},
        {"BF16", {0x80, 0xff}, 2, 0},
        {"F64", {0, 0, 0, 0, 0, 0, 0, 0x7f}, 8, 0}, /* 5.5e303 */
    };

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct rnn_error err = {0};
        float value;

        assert_int_equal(
            take_one(bad[i].dtype, bad[i].bytes, bad[i].size, &value, &err),
            RNN_NOT_FINITE);
        assert_non_null(strstr(err.message, "l/w\": element [0]"));
    }
}

/* Two tensors, taken under wrong names, twice, or not at all. */
static void each_weight_is_taken_once_and_by_its_shape(void **state)
{
    const char *header =
        "{\"l/w\": {\"dtype\": \"F32\", \"shape\": [1, 2], "
        "\"data_offsets\": [0, 8]}, \"l/v\": {\"dtype\": \"F32\", "
        "\"shape\": [0], \"data_offsets\": [8, 8]}}";
    const struct rnn_shape right = {.rank = 2, .dim = {1, 2}};
    const struct rnn_shape wrong = {.rank = 2, .dim = {2, 1}};
    const struct rnn_shape none = {.rank = 1, .dim = {0}};
    static const float data[2] = {1, 2};
    struct safetensors file;
    struct weights weights;
    struct arena arena;
    struct rnn_error err;
    const float *numbers;
    unsigned char *bytes;
    size_t size;

    (void)state;
    bytes = model_file(header, data, sizeof(data), &size);
    arena_init(&arena, 0);
    assert_int_equal(safetensors_open(bytes, size, NULL, &arena, &file, &err),
                     RNN_OK);
    assert_int_equal(weights_init(&weights, &file, &arena, &err), RNN_OK);
    assert_true(weights_have(&weights, "l", "w"));
    assert_false(weights_have(&weights, "l", "u"));
    assert_int_equal(weights_take(&weights, "l", "u", &right, &numbers, &err),
                     RNN_BAD_MODEL);
    assert_non_null(strstr(err.message, "no tensor \"l/u\""));
    assert_int_equal(weights_take(&weights, "l", "w", &wrong, &numbers, &err),
                     RNN_BAD_MODEL);
    assert_non_null(strstr(err.message, "has shape [1, 2], the layer takes "
                                        "[2, 1]"));
    assert_int_equal(weights_take(&weights, "l", "w", &right, &numbers, &err),
                     RNN_OK);
    assert_true(numbers[0] == 1 && numbers[1] == 2);
    assert_int_equal(weights_take(&weights, "l", "w", &right, &numbers, &err),
                     RNN_BAD_MODEL);
    assert_non_null(strstr(err.message, "two layers"));
    assert_int_equal(weights_finish(&weights, &err), RNN_BAD_MODEL);
    assert_non_null(strstr(err.message, "\"l/v\" [0] belongs to no layer"));
    assert_int_equal(weights_take(&weights, "l", "v", &none, &numbers, &err),
                     RNN_OK);
    assert_int_equal(weights_finish(&weights, &err), RNN_OK);
    weights_release(&weights);
    safetensors_release(&file);
    arena_release(&arena);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_floating_point_types_become_float32),
        cmocka_unit_test(weights_of_other_types_are_refused_by_name),
        cmocka_unit_test(numbers_that_are_not_finite_as_float32_are_refused),
        cmocka_unit_test(each_weight_is_taken_once_and_by_its_shape),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
