/* What import_model() makes of the files of every generation of Keras. */
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

static void keras_3_archive_is_read(void **state)
{
    char path[SCRATCH_PATH_BYTES];
    struct import_result result;

    (void)state;
    new_path(path);
    keras_write_sample(path);
    result = import_path(path);
    assert_is_sample(&result);
    assert_string_equal(result.notes, "");
}

static void archive_of_keras_2_13_with_gaps_is_read(void **state)
{
    struct keras_layout layout = {.container =
                                      "_layer_checkpoint_dependencies",
                                  .rnn = "simple_rnn_2",
                                  .dense = "dense_4"};
    struct keras_parts parts = {.metadata = "{\"keras_version\":\"2.13.1\"}"};
    struct import_result result = import_layout(&layout, parts);

    (void)state;
    assert_is_sample(&result);
}

static void archive_without_name_attributes_is_read(void **state)
{
    struct import_result result =
        import_layout(&(struct keras_layout){0}, (struct keras_parts){0});

    (void)state;
    assert_is_sample(&result);
}

static void deflated_archive_is_read(void **state)
{
    struct import_result result =
        import_layout(&(struct keras_layout){.names = true},
                      (struct keras_parts){.deflate = true});

    (void)state;
    assert_is_sample(&result);
}

static void h5_of_keras_3_is_read(void **state)
{
    char path[SCRATCH_PATH_BYTES];
    struct import_result result;

    (void)state;
    new_path(path);
    keras_write_h5(path, 3);
    result = import_path(path);
    assert_is_sample(&result);
}

static void h5_of_keras_2_is_read(void **state)
{
    char path[SCRATCH_PATH_BYTES];
    struct import_result result;

    (void)state;
    new_path(path);
    keras_write_h5(path, 2);
    result = import_path(path);
    assert_is_sample(&result);
}

static void h5_behind_a_user_block_is_read(void **state)
{
    char path[SCRATCH_PATH_BYTES];
    hid_t create = H5Pcreate(H5P_FILE_CREATE), file, from;
    char source[SCRATCH_PATH_BYTES];
    struct import_result result;

    (void)state;
    new_path(path);
    new_path(source);
    keras_write_h5(source, 3);
    H5Pset_userblock(create, 1024);
    file = H5Fcreate(path, H5F_ACC_TRUNC, create, H5P_DEFAULT);
    from = keras_reopen(source);
    assert_true(H5Ocopy(from, "model_weights", file, "model_weights",
                        H5P_DEFAULT, H5P_DEFAULT) >= 0);
    keras_put_text(file, "model_config", keras_sample_config);
    keras_put_text(file, "keras_version", "3.15.1");
    H5Fclose(from);
    H5Fclose(file);
    H5Pclose(create);
    unlink(source);
    result = import_path(path);
    assert_is_sample(&result);
}

static void split_lists_of_names_are_joined(void **state)
{
    static const char *const first[] = {"rnn"}, *const second[] = {"out"};
    static const char *const bias[] = {"model/out/bias"};
    static const char *const kernel[] = {"model/out/kernel"};
    char path[SCRATCH_PATH_BYTES];
    struct import_result result;
    hid_t file, group;

    (void)state;
    new_path(path);
    keras_write_h5(path, 3);
    file = keras_reopen(path);
    keras_remove_attribute(file, "model_weights", "layer_names");
    group = H5Oopen(file, "model_weights", H5P_DEFAULT);
    keras_put_texts(group, "layer_names0", 1, first, false);
    keras_put_texts(group, "layer_names1", 1, second, false);
    H5Oclose(group);
    keras_remove_attribute(file, "model_weights/out", "weight_names");
    group = H5Oopen(file, "model_weights/out", H5P_DEFAULT);
    keras_put_texts(group, "weight_names0", 1, bias, true);
    keras_put_texts(group, "weight_names1", 1, kernel, false);
    H5Oclose(group);
    H5Fclose(file);
    result = import_path(path);
    assert_is_sample(&result);
}

/* Names with "/" were possible in Keras 2; HDF5 makes groups of them. */
static void h5_layer_whose_name_has_a_slash_is_read(void **state)
{
    static const char *const layers[] = {"block/rnn", "out"};
    char path[SCRATCH_PATH_BYTES], *config = strdup(keras_sample_config);
    char *name = strstr(config, "\"rnn\"");
    char *longer = malloc(strlen(config) + 16);
    struct import_result result;
    hid_t file, group;

    (void)state;
    sprintf(longer, "%.*s\"block/rnn\"%s", (int)(name - config), config,
            name + 5);
    new_path(path);
    keras_write_h5(path, 2);
    file = keras_reopen(path);
    keras_put_text(file, "model_config", longer);
    H5Gclose(H5Gcreate2(file, "model_weights/block", H5P_DEFAULT, H5P_DEFAULT,
                        H5P_DEFAULT));
    H5Lmove(file, "model_weights/rnn", file, "model_weights/block/rnn",
            H5P_DEFAULT, H5P_DEFAULT);
    group = H5Oopen(file, "model_weights", H5P_DEFAULT);
    keras_put_texts(group, "layer_names", 2, layers, true);
    H5Oclose(group);
    H5Fclose(file);
    result = import_path(path);
    assert_int_equal(result.status, RNN_OK);
    assert_memory_equal(numbers_of(&result, "block/rnn/kernel"),
                        keras_sample_weights[0].numbers, 4 * sizeof(float));
    free(result.bytes);
    free(config);
    free(longer);
}

static void architecture_is_kept_without_what_depends_on_the_run(void **state)
{
    char path[SCRATCH_PATH_BYTES];
    struct import_result result;

    (void)state;
    new_path(path);
    keras_write_sample(path);
    result = import_path(path);
    assert_int_equal(result.status, RNN_OK);
    assert_null(memmem(result.bytes, result.size, "shared_object_id", 16));
    assert_null(memmem(result.bytes, result.size, "compile_config", 14));
    assert_non_null(
        memmem(result.bytes, result.size, "\"keras_version\":\"3.15.1\"", 24));
    assert_non_null(
        memmem(result.bytes, result.size, "\"source_format\":\"keras\"", 23));
    free(result.bytes);
}

static void other_floats_are_converted_and_noted(void **state)
{
    hid_t half = H5Tcopy(H5T_IEEE_F32LE);
    struct import_result result = import_with_bias(H5T_IEEE_F64BE, 0.625f);

    (void)state;
    assert_is_sample(&result);
    assert_string_equal(result.notes, "1 of 5 weights are float64 and are "
                                      "rounded to float32\n");
    H5Tset_fields(half, 15, 10, 5, 0, 10);
    H5Tset_size(half, 2);
    H5Tset_ebias(half, 15);
    result = import_with_bias(half, 0.625f);
    H5Tclose(half);
    assert_is_sample(&result);
    assert_string_equal(result.notes, "1 of 5 weights are float16 and are "
                                      "widened to float32\n");
}

static void bfloat16_is_widened(void **state)
{
    static const unsigned char halves[] = {0x20, 0x3f}; /* 0.625 */
    char path[SCRATCH_PATH_BYTES];
    hid_t file, type = H5Tcreate(H5T_OPAQUE, 2), space, set;
    struct import_result result;
    hsize_t one = 1;

    (void)state;
    new_path(path);
    keras_write_h5(path, 2);
    file = keras_reopen(path);
    keras_remove_link(file, "model_weights/out/out/bias:0");
    space = H5Screate_simple(1, &one, NULL);
    set = H5Dcreate2(file, "model_weights/out/out/bias:0", type, space,
                     H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, halves);
    H5Dclose(set);
    H5Sclose(space);
    H5Tclose(type);
    H5Fclose(file);
    result = import_path(path);
    assert_is_sample(&result);
    assert_string_equal(result.notes, "1 of 5 weights are bfloat16 and are "
                                      "widened to float32\n");
}

/* libhdf5 tries the name it is given even for an image in memory; whatever
 * lies in the working directory must not matter. */
static void files_that_lie_around_are_not_read(void **state)
{
    char folder[] = "/tmp/rnnd-test-XXXXXX", path[SCRATCH_PATH_BYTES];
    char *before = getcwd(NULL, 0);
    struct import_result result;
    FILE *file;

    (void)state;
    new_path(path);
    keras_write_h5(path, 3);
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    file = fopen("model", "w");
    fputs("no HDF5", file);
    fclose(file);
    result = import_path(path);
    unlink("model");
    assert_int_equal(chdir(before), 0);
    rmdir(folder);
    free(before);
    assert_is_sample(&result);
}

static void weight_that_is_not_finite_is_named(void **state)
{
    struct import_result result = import_with_bias(H5T_IEEE_F32LE, NAN);

    (void)state;
    assert_refused(&result, RNN_NOT_FINITE, "weight out/bias holds NaN");
    result = import_with_bias(H5T_IEEE_F32LE, -INFINITY);
    assert_refused(&result, RNN_NOT_FINITE, "out/bias holds an infinite");
}

static void weight_of_integers_is_refused(void **state)
{
    struct import_result result = import_with_bias(H5T_STD_I8LE, 1);

    (void)state;
    assert_refused(&result, RNN_UNSUPPORTED, "out/bias is not made of floats");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keras_3_archive_is_read),
        cmocka_unit_test(archive_of_keras_2_13_with_gaps_is_read),
        cmocka_unit_test(archive_without_name_attributes_is_read),
        cmocka_unit_test(deflated_archive_is_read),
        cmocka_unit_test(h5_of_keras_3_is_read),
        cmocka_unit_test(h5_of_keras_2_is_read),
        cmocka_unit_test(h5_behind_a_user_block_is_read),
        cmocka_unit_test(split_lists_of_names_are_joined),
        cmocka_unit_test(h5_layer_whose_name_has_a_slash_is_read),
        cmocka_unit_test(architecture_is_kept_without_what_depends_on_the_run),
        cmocka_unit_test(other_floats_are_converted_and_noted),
        cmocka_unit_test(bfloat16_is_widened),
        cmocka_unit_test(files_that_lie_around_are_not_read),
        cmocka_unit_test(weight_that_is_not_finite_is_named),
        cmocka_unit_test(weight_of_integers_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
