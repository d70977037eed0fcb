/* .h5 files with one thing wrong: each is refused by name. */
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

static void without_dataset(hid_t file)
{
    keras_remove_link(file, "model_weights/out/out/bias:0");
}

static void without_layer(hid_t file)
{
    keras_remove_link(file, "model_weights/out");
}

static void without_weights(hid_t file)
{
    keras_remove_link(file, "model_weights");
}

static void without_config(hid_t file)
{
    H5Adelete(file, "model_config");
}

static void weights_at_the_root(hid_t file)
{
    static const char *const layers[] = {"rnn"};

    without_config(file);
    keras_put_texts(file, "layer_names", 1, layers, true);
}

static void names_lack_one(hid_t file)
{
    static const char *const names[] = {"out/kernel:0"};
    hid_t group = H5Oopen(file, "model_weights/out", H5P_DEFAULT);

    keras_put_texts(group, "weight_names", 1, names, true);
    H5Oclose(group);
}

static void names_are_none(hid_t file)
{
    hid_t group = H5Oopen(file, "model_weights/out", H5P_DEFAULT);

    keras_put_texts(group, "weight_names", 0, NULL, false);
    H5Oclose(group);
}

static void names_have_one_more(hid_t file)
{
    static const char *const names[] = {"out/kernel:0", "out/bias:0",
                                        "out/gamma:0"};
    hid_t group = H5Oopen(file, "model_weights/out", H5P_DEFAULT);

    keras_put_texts(group, "weight_names", 3, names, true);
    H5Oclose(group);
}

static void names_repeat_one(hid_t file)
{
    static const char *const names[] = {"out/kernel:0", "out/bias:0",
                                        "other/bias:0"};
    hid_t group = H5Oopen(file, "model_weights/out", H5P_DEFAULT);

    keras_put_texts(group, "weight_names", 3, names, true);
    H5Oclose(group);
}

static void names_are_numbers(hid_t file)
{
    hid_t group = H5Oopen(file, "model_weights/out", H5P_DEFAULT);
    hsize_t two = 2;
    hid_t space = H5Screate_simple(1, &two, NULL), attribute;

    H5Adelete(group, "weight_names");
    attribute = H5Acreate2(group, "weight_names", H5T_STD_I32LE, space,
                           H5P_DEFAULT, H5P_DEFAULT);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Oclose(group);
}

static void one_layer_more(hid_t file)
{
    static const char *const layers[] = {"rnn", "out", "stray"};
    static const char *const names[] = {"stray/kernel:0"};
    hid_t group = H5Oopen(file, "model_weights", H5P_DEFAULT);

    keras_put_texts(group, "layer_names", 3, layers, true);
    H5Oclose(group);
    group = H5Gcreate2(file, "model_weights/stray", H5P_DEFAULT, H5P_DEFAULT,
                       H5P_DEFAULT);
    keras_put_texts(group, "weight_names", 1, names, true);
    H5Gclose(group);
}

static void weights_of_the_model_itself(hid_t file)
{
    static const char *const names[] = {"scale:0"};
    hid_t group =
        H5Oopen(file, "model_weights/top_level_model_weights", H5P_DEFAULT);

    keras_put_texts(group, "weight_names", 1, names, true);
    H5Oclose(group);
}

static void soft_link(hid_t file)
{
    without_dataset(file);
    H5Lcreate_soft("/model_weights/out/out/kernel:0", file,
                   "model_weights/out/out/bias:0", H5P_DEFAULT, H5P_DEFAULT);
}

static void external_link(hid_t file)
{
    keras_remove_link(file, "model_weights/out/out");
    H5Lcreate_external("/etc/passwd", "/out", file, "model_weights/out/out",
                       H5P_DEFAULT, H5P_DEFAULT);
}

static void put_odd_bias(hid_t file, hid_t create, hsize_t length)
{
    hid_t space = H5Screate_simple(1, &length, NULL), set;

    without_dataset(file);
    set = H5Dcreate2(file, "model_weights/out/out/bias:0", H5T_IEEE_F32LE,
                     space, H5P_DEFAULT, create, H5P_DEFAULT);
    assert_true(set >= 0);
    H5Dclose(set);
    H5Sclose(space);
    H5Pclose(create);
}

static void external_storage(hid_t file)
{
    hid_t create = H5Pcreate(H5P_DATASET_CREATE);

    H5Pset_external(create, "/etc/passwd", 0, 4);
    put_odd_bias(file, create, 1);
}

static void virtual_dataset(hid_t file)
{
    hid_t create = H5Pcreate(H5P_DATASET_CREATE);
    hsize_t one = 1;
    hid_t space = H5Screate_simple(1, &one, NULL);

    H5Pset_virtual(create, space, "/etc/passwd", "/x", space);
    H5Sclose(space);
    put_odd_bias(file, create, 1);
}

static void never_written(hid_t file)
{
    put_odd_bias(file, H5Pcreate(H5P_DATASET_CREATE), 1);
}

/* One chunk of a huge array is written: few bytes that claim to be many. */
static void bomb_of_chunks(hid_t file)
{
    hid_t create = H5Pcreate(H5P_DATASET_CREATE);
    hsize_t chunk = 64, at = 0, length = (hsize_t)1 << 32;
    hid_t set, space, memory;
    float zeros[64] = {0};

    H5Pset_chunk(create, 1, &chunk);
    put_odd_bias(file, create, length);
    set = H5Dopen2(file, "model_weights/out/out/bias:0", H5P_DEFAULT);
    space = H5Dget_space(set);
    memory = H5Screate_simple(1, &chunk, NULL);
    H5Sselect_hyperslab(space, H5S_SELECT_SET, &at, NULL, &chunk, NULL);
    H5Dwrite(set, H5T_NATIVE_FLOAT, memory, space, H5P_DEFAULT, zeros);
    H5Sclose(memory);
    H5Sclose(space);
    H5Dclose(set);
}

static void group_for_a_dataset(hid_t file)
{
    without_dataset(file);
    H5Gclose(H5Gcreate2(file, "model_weights/out/out/bias:0", H5P_DEFAULT,
                        H5P_DEFAULT, H5P_DEFAULT));
}

static void keras_1(hid_t file)
{
    keras_put_text(file, "keras_version", "1.2.2");
}

static void no_version(hid_t file)
{
    H5Adelete(file, "keras_version");
    keras_remove_attribute(file, "model_weights", "keras_version");
}

static void broken_config(hid_t file)
{
    keras_put_text(file, "model_config", "{\"class_name\": \"Sequential\"");
}

static const struct spoilt {
    void (*spoil)(hid_t file);
    enum rnn_status status;
    const char *words;
} spoilt_files[] = {
    {without_dataset, RNN_BAD_MODEL, "weight out/bias (Dense) is missing"},
    {without_layer, RNN_BAD_MODEL,
     "the weights of layer \"out\" (Dense) are missing"},
    {without_weights, RNN_BAD_MODEL, "no model_weights"},
    {without_config, RNN_UNSUPPORTED, "HDF5 file without model_config"},
    {weights_at_the_root, RNN_UNSUPPORTED, "weights only"},
    {names_lack_one, RNN_BAD_MODEL, "weight out/bias (Dense) is missing"},
    {names_are_none, RNN_BAD_MODEL, "weight out/kernel (Dense) is missing"},
    {names_have_one_more, RNN_BAD_MODEL,
     "layer \"out\" (Dense) has no weight for \"out/gamma:0\""},
    {names_repeat_one, RNN_BAD_MODEL, "two weights called bias"},
    {names_are_numbers, RNN_BAD_MODEL, "weight_names is not made of strings"},
    {one_layer_more, RNN_BAD_MODEL, "weights of \"stray\""},
    {weights_of_the_model_itself, RNN_BAD_MODEL,
     "weights of \"top_level_model_weights\""},
    {soft_link, RNN_UNSUPPORTED, "is a link to another place"},
    {external_link, RNN_UNSUPPORTED, "is a link to another place"},
    {external_storage, RNN_UNSUPPORTED, "out/bias lies in another file"},
    {virtual_dataset, RNN_UNSUPPORTED, "out/bias lies in another file"},
    {never_written, RNN_BAD_MODEL, "out/bias has a shape but no numbers"},
    {bomb_of_chunks, RNN_BAD_MODEL, "more than 1000 times"},
    {group_for_a_dataset, RNN_BAD_MODEL, "out/bias is not an array"},
    {keras_1, RNN_UNSUPPORTED, "written by Keras 1.2.2"},
    {no_version, RNN_UNSUPPORTED, "does not say its version"},
    {broken_config, RNN_BAD_MODEL, "the architecture is no JSON"},
};

static void spoilt_h5_is_refused_by_name(void **state)
{
    size_t count = sizeof(spoilt_files) / sizeof(spoilt_files[0]);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        struct import_result result = import_spoilt(spoilt_files[i].spoil);

        assert_refused(&result, spoilt_files[i].status, spoilt_files[i].words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spoilt_h5_is_refused_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
