/* .keras files with one thing wrong: each is refused by name. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/import_result.h"

static void archive_with_groups_missing_is_refused(void **state)
{
    struct keras_layout layout = {.dense = "lstm"};
    struct import_result result =
        import_layout(&layout, (struct keras_parts){0});

    (void)state;
    assert_refused(&result, RNN_BAD_MODEL,
                   "the weights of layer \"out\" (Dense) are missing");
    layout = (struct keras_layout){.container = "strange"};
    result = import_layout(&layout, (struct keras_parts){0});
    assert_refused(&result, RNN_BAD_MODEL, "so no weights");
}

static struct import_result import_more(const char *more)
{
    char path[SCRATCH_PATH_BYTES], weights[SCRATCH_PATH_BYTES];
    hsize_t one = 1;
    float number = 1;
    hid_t file;

    new_path(path);
    new_path(weights);
    keras_write_weights(weights, &(struct keras_layout){.names = true});
    file = keras_reopen(weights);
    keras_put_numbers(file, more, H5T_IEEE_F32LE, 1, &one, &number);
    H5Fclose(file);
    keras_write_zip(path, &(struct keras_parts){.weights_path = weights});
    unlink(weights);
    return import_path(path);
}

static void archive_with_weights_left_over_is_refused(void **state)
{
    struct import_result result = import_more("layers/dense_1/vars/0");

    (void)state;
    assert_refused(&result, RNN_BAD_MODEL,
                   "holds layers/dense_1/vars/0, which belongs to no layer");
    result = import_more("layers/dense/vars/2");
    assert_refused(&result, RNN_BAD_MODEL, "holds layers/dense/vars/2");
    result = import_more("vars/0");
    assert_refused(&result, RNN_UNSUPPORTED, "weights of its own (vars/0)");
}

static void optimizer_and_metrics_are_not_looked_at(void **state)
{
    struct import_result result = import_more("optimizer/vars/0");

    (void)state;
    assert_is_sample(&result);
    result = import_more("metrics/mean/vars/0");
    assert_is_sample(&result);
}

static void group_that_says_another_layer_is_refused(void **state)
{
    char path[SCRATCH_PATH_BYTES], weights[SCRATCH_PATH_BYTES];
    struct import_result result;
    hid_t file, group;

    (void)state;
    new_path(path);
    new_path(weights);
    keras_write_weights(weights, &(struct keras_layout){.names = true});
    file = keras_reopen(weights);
    group = H5Oopen(file, "layers/dense/vars", H5P_DEFAULT);
    keras_put_text(group, "name", "elsewhere");
    H5Oclose(group);
    H5Fclose(file);
    keras_write_zip(path, &(struct keras_parts){.weights_path = weights});
    unlink(weights);
    result = import_path(path);
    assert_refused(&result, RNN_BAD_MODEL, "belong to \"elsewhere\"");
}

static void archive_without_a_part_is_refused(void **state)
{
    struct keras_layout layout = {.names = true};
    char path[SCRATCH_PATH_BYTES];
    struct import_result result =
        import_layout(&layout, (struct keras_parts){.metadata = ""});

    (void)state;
    assert_refused(&result, RNN_BAD_MODEL, "the zip has no metadata.json");
    result = import_layout(&layout, (struct keras_parts){.config = ""});
    assert_refused(&result, RNN_UNSUPPORTED, "weights only");
    new_path(path);
    keras_write_zip(path, &(struct keras_parts){0});
    result = import_path(path);
    assert_refused(&result, RNN_BAD_MODEL, "the zip has no model.weights.h5");
}

static void architectures_of_other_kinds_are_refused(void **state)
{
    static const struct {
        const char *config, *words;
        enum rnn_status status;
    } cases[] = {
        {"{\"class_name\":\"MyModel\",\"config\":{}}", "a MyModel",
         RNN_UNSUPPORTED},
        {"{\"class_name\":\"Sequential\",\"config\":{\"name\":\"m\"}}",
         "lists no layers", RNN_UNSUPPORTED},
        {"{\"class_name\":\"Sequential\",\"config\":{\"layers\":[]}}",
         "has no layers", RNN_BAD_MODEL},
        {"[]", "no class_name", RNN_BAD_MODEL},
        {"", "zip without config.json", RNN_UNSUPPORTED},
        {"{\"class_name\":\"Sequential\",\"config\":[{\"class_name\":"
         "\"Lambda\",\"config\":{\"name\":\"l\"}}]}",
         "layer \"l\" is a Lambda", RNN_UNSUPPORTED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char path[SCRATCH_PATH_BYTES];
        struct import_result result;

        new_path(path);
        keras_write_zip(path,
                        &(struct keras_parts){.config = cases[i].config});
        result = import_path(path);
        assert_refused(&result, cases[i].status, cases[i].words);
    }
}

static void zip_bomb_is_refused_by_its_ratio(void **state)
{
    const size_t size = (size_t)70 << 20;
    char path[SCRATCH_PATH_BYTES], zeros[SCRATCH_PATH_BYTES];
    struct import_result result;

    (void)state;
    new_path(path);
    new_path(zeros);
    assert_int_equal(truncate(zeros, (off_t)size), 0);
    keras_write_zip(
        path, &(struct keras_parts){.weights_path = zeros, .deflate = true});
    unlink(zeros);
    result = import_path(path);
    assert_refused(&result, RNN_BAD_MODEL, "as a zip bomb does");
}

static void flipped_bit_in_an_archive_fails_its_checksum(void **state)
{
    char path[SCRATCH_PATH_BYTES];
    size_t size;
    unsigned char *bytes, *number;
    struct import_result result;

    (void)state;
    new_path(path);
    keras_write_sample(path);
    bytes = keras_read_file(path, &size);
    unlink(path);
    number = memmem(bytes, size, keras_sample_weights[3].numbers, 8);
    assert_non_null(number);
    *number ^= 1;
    result = import_result_of(bytes, size, size);
    assert_refused(&result, RNN_BAD_MODEL,
                   "model.weights.h5 in the zip is damaged");
    free(bytes);
}

static void result_over_the_limit_is_refused(void **state)
{
    char path[SCRATCH_PATH_BYTES];
    size_t size;
    unsigned char *bytes;
    struct import_result result;

    (void)state;
    new_path(path);
    keras_write_h5(path, 3);
    bytes = keras_read_file(path, &size);
    unlink(path);
    result = import_result_of(bytes, size, 512);
    assert_refused(&result, RNN_LIMIT, "import_memory");
    assert_int_equal(result.size, 0);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(archive_with_groups_missing_is_refused),
        cmocka_unit_test(archive_with_weights_left_over_is_refused),
        cmocka_unit_test(optimizer_and_metrics_are_not_looked_at),
        cmocka_unit_test(group_that_says_another_layer_is_refused),
        cmocka_unit_test(archive_without_a_part_is_refused),
        cmocka_unit_test(architectures_of_other_kinds_are_refused),
        cmocka_unit_test(zip_bomb_is_refused_by_its_ratio),
        cmocka_unit_test(flipped_bit_in_an_archive_fails_its_checksum),
        cmocka_unit_test(result_over_the_limit_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
