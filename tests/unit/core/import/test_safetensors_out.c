/* The bytes of the native format. */
#include "core/import/safetensors_out.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/import/hdf5_file.h"
#include "core/import/hdf5_image.h"

struct out {
    unsigned char bytes[4096];
    size_t size;
    size_t writes_left; /* then the sink refuses */
};

static bool keep(void *arg, const void *bytes, size_t size)
{
    struct out *out = arg;

    if (out->writes_left-- == 0 || size > sizeof(out->bytes) - out->size)
        return false;
    memcpy(out->bytes + out->size, bytes, size);
    out->size += size;
    return true;
}

struct large_out {
    unsigned char *bytes; /* NULL: they are only counted */
    size_t size, capacity;
};

static bool keep_large(void *arg, const void *bytes, size_t size)
{
    struct large_out *out = arg;

    if (size > out->capacity - out->size)
        return false;
    if (out->bytes)
        memcpy(out->bytes + out->size, bytes, size);
    out->size += size;
    return true;
}

static const struct model_metadata metadata = {"{\"a\":\"b\\u0001\"}",
                                               "3.15.1\t\x01", "keras"};

/* Two weights in a file of HDF5 that lives in memory only. */
struct bench {
    hid_t file;
    struct weight weights[2];
    struct weight_list list;
};

static void add_weight(struct bench *bench, size_t index, const char *name,
                       size_t rank, const hsize_t *shape)
{
    static const float numbers[6] = {1, -2, 0.5f, 4, 1e-30f, -0.0f};
    struct weight *weight = &bench->weights[index];
    hid_t space = H5Screate_simple((int)rank, shape, NULL);

    *weight =
        (struct weight){.name = name, .rank = rank, .count = 1, .bits = 32};
    for (size_t axis = 0; axis < rank; axis++) {
        weight->shape[axis] = (size_t)shape[axis];
        weight->count *= (size_t)shape[axis];
    }
    weight->dataset = H5Dcreate2(bench->file, name, H5T_IEEE_F32LE, space,
                                 H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(weight->dataset >= 0);
    H5Dwrite(weight->dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT,
             numbers);
    H5Sclose(space);
}

static void bench_init(struct bench *bench)
{
    const hsize_t matrix[2] = {3, 2}, vector[1] = {2};
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);

    assert_int_equal(hdf5_start(NULL), RNN_OK);
    H5Pset_fapl_core(access, 4096, 0);
    bench->file = H5Fcreate("memory", H5F_ACC_TRUNC, H5P_DEFAULT, access);
    H5Pclose(access);
    assert_true(bench->file >= 0);
    add_weight(bench, 0, "kernel", 2, matrix);
    add_weight(bench, 1, "bias", 1, vector);
    bench->list = (struct weight_list){bench->weights, 2, 2, NULL};
}

static void bench_release(struct bench *bench)
{
    H5Dclose(bench->weights[0].dataset);
    H5Dclose(bench->weights[1].dataset);
    H5Fclose(bench->file);
}

static void file_has_length_header_and_numbers(void **state)
{
    static const char header[] =
        "{\"__metadata__\":{\"keras_config\":\"{\\\"a\\\":\\\"b\\\\u0001\\\"}"
        "\",\"keras_version\":\"3.15.1\\u0009\\u0001\",\"source_format\":"
        "\"keras\"},\"kernel\":{\"dtype\":\"F32\",\"shape\":[3,2],"
        "\"data_offsets\":[0,24]},\"bias\":{\"dtype\":\"F32\",\"shape\":[2],"
        "\"data_offsets\":[24,32]}}";
    static const unsigned char one[] = {0, 0, 0x80, 0x3f};
    struct out out = {.writes_left = 10};
    struct byte_sink sink = {keep, &out, 4096, false};
    struct bench bench;
    size_t length;

    (void)state;
    bench_init(&bench);
    assert_int_equal(safetensors_write(&metadata, &bench.list, &sink, NULL),
                     RNN_OK);
    length = out.bytes[0] | (size_t)out.bytes[1] << 8;
    assert_memory_equal(out.bytes + 2, "\0\0\0\0\0\0", 6);
    assert_int_equal((8 + length) % 64, 0);
    assert_int_equal(out.size, 8 + length + 32);
    assert_memory_equal(out.bytes + 8, header, sizeof(header) - 1);
    for (size_t i = sizeof(header) - 1; i < length; i++)
        assert_int_equal(out.bytes[8 + i], ' ');
    assert_memory_equal(out.bytes + 8 + length, one, 4);
    assert_memory_equal(out.bytes + 8 + length + 24, one, 4);
    bench_release(&bench);
}

static void sink_that_refuses_is_said_to(void **state)
{
    struct bench bench;

    (void)state;
    bench_init(&bench);
    for (size_t writes = 0; writes < 3; writes++) {
        struct out out = {.writes_left = writes};
        struct byte_sink sink = {keep, &out, 4096, false};
        struct rnn_error err;

        assert_int_equal(
            safetensors_write(&metadata, &bench.list, &sink, &err), RNN_IO);
        assert_string_equal(err.message, "the model cannot be written out");
    }
    bench_release(&bench);
}

static void nothing_is_written_of_what_is_too_much(void **state)
{
    struct out out = {.writes_left = 10};
    struct byte_sink sink = {keep, &out, 4096, false};
    struct bench bench;

    (void)state;
    bench_init(&bench);
    assert_int_equal(safetensors_write(&metadata, &bench.list, &sink, NULL),
                     RNN_OK);
    sink.max_bytes = out.size - 1;
    out = (struct out){.writes_left = 10};
    assert_int_equal(safetensors_write(&metadata, &bench.list, &sink, NULL),
                     RNN_LIMIT);
    assert_int_equal(out.size, 0);
    sink.max_bytes++;
    assert_int_equal(safetensors_write(&metadata, &bench.list, &sink, NULL),
                     RNN_OK);
    bench_release(&bench);
}

static void sizes_that_overflow_are_refused(void **state)
{
    struct out out = {.writes_left = 10};
    struct byte_sink sink = {keep, &out, SIZE_MAX, false};
    struct bench bench;

    (void)state;
    bench_init(&bench);
    bench.weights[0].count = SIZE_MAX / 4;
    assert_int_equal(safetensors_write(&metadata, &bench.list, &sink, NULL),
                     RNN_LIMIT);
    assert_int_equal(out.size, 0);
    bench_release(&bench);
}

/* ---- weights that are left where they lie -------------------------------*/

#define LARGE ((size_t)64 << 10) /* bytes, the least that is left */

/* Two weights "in" an image: one large, one a number too short for that. */
struct lying {
    unsigned char *bytes;
    struct hdf5_image image;
    struct weight weights[2];
    struct weight_list list;
};

static void lying_init(struct lying *lying)
{
    const size_t count = LARGE / sizeof(float);

    lying->image.size = 3 * LARGE;
    lying->bytes = calloc(lying->image.size, 1);
    lying->image.bytes = lying->bytes;
    lying->weights[0] = (struct weight){.name = "kernel",
                                        .rank = 1,
                                        .shape = {count},
                                        .count = count,
                                        .bits = 32};
    lying->weights[1] = (struct weight){.name = "bias",
                                        .rank = 1,
                                        .shape = {count - 1},
                                        .count = count - 1,
                                        .bits = 32};
    lying->weights[0].in_place = (const void *)(lying->bytes + 24);
    lying->weights[1].in_place = (const void *)(lying->bytes + 24 + LARGE);
    lying->list = (struct weight_list){lying->weights, 2, 2, &lying->image};
}

static size_t write_lying(const struct lying *lying, bool has_origin,
                          char header[512])
{
    static unsigned char bytes[4 * LARGE];
    struct large_out out = {bytes, 0, sizeof(bytes)};
    struct byte_sink sink = {keep_large, &out, sizeof(bytes), has_origin};
    size_t length;

    assert_int_equal(safetensors_write(&metadata, &lying->list, &sink, NULL),
                     RNN_OK);
    length = bytes[0] | (size_t)bytes[1] << 8;
    assert_true(length < 512);
    memcpy(header, bytes + 8, length);
    header[length] = '\0';
    return out.size - 8 - length;
}

static void large_weights_are_left_for_who_has_the_origin(void **state)
{
    struct lying lying;
    char header[512];

    (void)state;
    lying_init(&lying);
    assert_int_equal(write_lying(&lying, true, header), LARGE - 4);
    assert_non_null(strstr(header, "\"kernel\":{\"dtype\":\"F32\",\"shape\":"
                                   "[16384],\"origin_offsets\":[24,65560]}"));
    assert_non_null(strstr(header, "\"bias\":{\"dtype\":\"F32\",\"shape\":"
                                   "[16383],\"data_offsets\":[0,65532]}"));
    assert_int_equal(write_lying(&lying, false, header), 2 * LARGE - 4);
    assert_null(strstr(header, "origin_offsets"));
    free(lying.bytes);
}

/* Whether they are finite is for the reader to say, who takes them. */
static void numbers_that_are_left_are_not_looked_at(void **state)
{
    struct large_out out = {NULL, 0, 0};
    struct byte_sink sink = {keep_large, &out, SIZE_MAX, false};
    struct lying lying;
    char header[512];
    struct rnn_error err;

    (void)state;
    lying_init(&lying);
    memset(lying.bytes + 24 + 4, 0xff, 4);
    assert_int_equal(write_lying(&lying, true, header), LARGE - 4);
    out.capacity = SIZE_MAX;
    assert_int_equal(safetensors_write(&metadata, &lying.list, &sink, &err),
                     RNN_NOT_FINITE);
    assert_non_null(strstr(err.message, "kernel holds NaN (number 2 of"));
    free(lying.bytes);
}

/* As hard links in a crafted file would have it. */
static void weights_that_share_more_than_the_file_are_written(void **state)
{
    struct lying lying;
    char header[512];

    (void)state;
    lying_init(&lying);
    lying.weights[1] = lying.weights[0];
    lying.weights[1].name = "again";
    assert_int_equal(write_lying(&lying, true, header), 0);
    lying.image.size = 2 * LARGE - 4;
    assert_int_equal(write_lying(&lying, true, header), 2 * LARGE);
    assert_null(strstr(header, "origin_offsets"));
    free(lying.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_has_length_header_and_numbers),
        cmocka_unit_test(sink_that_refuses_is_said_to),
        cmocka_unit_test(nothing_is_written_of_what_is_too_much),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(large_weights_are_left_for_who_has_the_origin),
        cmocka_unit_test(numbers_that_are_left_are_not_looked_at),
        cmocka_unit_test(weights_that_share_more_than_the_file_are_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
