/* Models as layers of models: where both layouts keep their weights. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/import_result.h"

#define NAMED(class, name, more)                                              \
    "{\"class_name\":\"" class "\",\"config\":{\"name\":\"" name "\"" more "}"
#define DENSE(name) NAMED("Dense", name, ",\"units\":1,\"use_bias\":false") "}"
#define MODEL(class, name, layers)                                            \
    NAMED(class, name, ",\"layers\":[" layers "]") "}"
#define INPUT NAMED("InputLayer", "x", ",\"batch_shape\":[null,null,1]") "}"

/* whole: m(d), p(no weights), s(d, m(d)), out */
/* clang-format off */
static const char config[] =
    MODEL("Sequential", "whole",
          MODEL("Functional", "m", INPUT "," DENSE("d")) ","
          MODEL("Sequential", "p",
                NAMED("Dropout", "drop", ",\"rate\":0.5") "}") ","
          MODEL("Sequential", "s",
                DENSE("d") "," MODEL("Model", "m", DENSE("d"))) ","
          DENSE("out"));
/* clang-format on */

struct weight {
    const char *name, *path;
    float number;
};

static void put(hid_t file, const char *path, float number)
{
    static const hsize_t shape[] = {1, 1};

    keras_put_numbers(file, path, H5T_IEEE_F32LE, 2, shape, &number);
}

static void assert_numbers(struct import_result *result,
                           const struct weight *weights, size_t count)
{
    if (result->status)
        fail_msg("%s", result->err.message);
    for (size_t i = 0; i < count; i++)
        assert_true(*numbers_of(result, weights[i].name) == weights[i].number);
    free(result->bytes);
}

static struct import_result import_weights(const char *architecture,
                                           const struct weight *weights,
                                           size_t count, const char *more)
{
    char path[SCRATCH_PATH_BYTES], inside[SCRATCH_PATH_BYTES];
    hid_t file;

    new_path(path);
    new_path(inside);
    file = H5Fcreate(inside, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    for (size_t i = 0; i < count; i++)
        put(file, weights[i].path, weights[i].number);
    if (more)
        put(file, more, 1);
    H5Fclose(file);
    keras_write_zip(path, &(struct keras_parts){.config = architecture,
                                                .weights_path = inside});
    unlink(inside);
    return import_path(path);
}

static void a_folder_in_a_folder_is_numbered_by_itself(void **state)
{
    static const struct weight keras_3[] = {
        {"m/d/kernel", "layers/functional/layers/dense/vars/0", 1},
        {"s/m/d/kernel",
         "layers/sequential/layers/functional/layers/dense/vars/0", 2},
        {"s/d/kernel", "layers/sequential/layers/dense/vars/0", 3},
        {"out/kernel", "layers/dense/vars/0", 4},
    };
    static const struct weight keras_2[] = {
        {"m/d/kernel",
         "_layer_checkpoint_dependencies/functional/"
         "_layer_checkpoint_dependencies/dense/vars/0",
         1},
        {"s/m/d/kernel",
         "_layer_checkpoint_dependencies/sequential_2/"
         "_layer_checkpoint_dependencies/functional/"
         "_layer_checkpoint_dependencies/dense/vars/0",
         2},
        {"s/d/kernel",
         "_layer_checkpoint_dependencies/sequential_2/"
         "_layer_checkpoint_dependencies/dense/vars/0",
         3},
        {"out/kernel", "_layer_checkpoint_dependencies/dense_2/vars/0", 4},
    };
    struct import_result result = import_weights(config, keras_3, 4, NULL);

    (void)state;
    assert_numbers(&result, keras_3, 4);
    result = import_weights(config, keras_2, 4, NULL);
    assert_numbers(&result, keras_2, 4);
    result = import_weights(config, keras_3, 3, NULL);
    assert_refused(&result, RNN_BAD_MODEL, "layer \"out\" (Dense) are missin");
    result = import_weights(config, keras_3 + 1, 3, NULL);
    assert_refused(&result, RNN_BAD_MODEL, "layer \"m\" (Functional) are mis");
    result = import_weights(config, keras_3, 4, "layers/functional/vars/0");
    assert_refused(&result, RNN_BAD_MODEL, "functional/vars/0, which belongs");
    result = import_weights(config, keras_3, 4,
                            "layers/functional/layers/dense_1/vars/0");
    assert_refused(&result, RNN_BAD_MODEL, "dense_1/vars/0, which belongs");
}

static struct import_result import_h5(const char *const *s, size_t count)
{
    static const char *const layers[] = {"m", "p", "s", "out"};
    static const char *const m[] = {"kernel"}, *const out[] = {"kernel"};
    char path[SCRATCH_PATH_BYTES];
    hid_t file, weights, group;

    new_path(path);
    file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    keras_put_text(file, "model_config", config);
    keras_put_text(file, "keras_version", "2.15.0");
    put(file, "model_weights/m/kernel", 1);
    put(file, "model_weights/out/kernel", 4);
    for (size_t i = 0; i < count; i++) {
        char name[128];

        snprintf(name, sizeof(name), "model_weights/s/%s", s[i]);
        put(file, name, 2 + (float)i);
    }
    weights = H5Oopen(file, "model_weights", H5P_DEFAULT);
    keras_put_texts(weights, "layer_names", 4, layers, true);
    group = H5Oopen(weights, "m", H5P_DEFAULT);
    keras_put_texts(group, "weight_names", 1, m, true);
    H5Oclose(group);
    group = H5Oopen(weights, "out", H5P_DEFAULT);
    keras_put_texts(group, "weight_names", 1, out, true);
    H5Oclose(group);
    group = H5Oopen(weights, "s", H5P_DEFAULT);
    keras_put_texts(group, "weight_names", count, s, true);
    H5Oclose(group);
    H5Oclose(weights);
    H5Fclose(file);
    return import_path(path);
}

/* Names say the model, or they do not, or not even the layer; ":0" is there
 * or not. */
static void names_of_a_group_are_matched_by_their_end(void **state)
{
    static const char *const names[][2] = {
        {"d/kernel:0", "m/d/kernel:0"},
        {"s/d/kernel", "s/m/d/kernel"},
        {"d/kernel:0", "s/m/d/kernel"},
    };
    static const char *const same[] = {"d/kernel:0", "e/d/kernel:0"};
    static const char *const other[] = {"d/kernel:0", "m/e/kernel:0"};
    static const char *const more[] = {"d/kernel:0", "m/d/kernel:0",
                                       "e/kernel:0"};
    static const struct weight weights[] = {{"m/d/kernel", NULL, 1},
                                            {"s/d/kernel", NULL, 2},
                                            {"s/m/d/kernel", NULL, 3},
                                            {"out/kernel", NULL, 4}};
    struct import_result result;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        result = import_h5(names[i], 2);
        assert_numbers(&result, weights, 4);
    }
    result = import_h5(same, 2);
    assert_refused(&result, RNN_BAD_MODEL, "two weights called kernel");
    result = import_h5(other, 2);
    assert_refused(&result, RNN_BAD_MODEL, "weight s/m/d/kernel (Dense) is");
    result = import_h5(more, 3);
    assert_refused(&result, RNN_BAD_MODEL, "\"s\" (Sequential) has no weight");
}

/* b: SimpleRNN there, LSTM back; t: a Dense for each timestep. */
/* clang-format off */
static const char wrapped[] =
    MODEL("Sequential", "whole",
          NAMED("Bidirectional", "b",
                ",\"layer\":" NAMED("SimpleRNN", "r",
                                    ",\"units\":1,\"use_bias\":false") "}"
                ",\"backward_layer\":" NAMED("SimpleRNN", "q",
                                    ",\"units\":1,\"use_bias\":false") "}")
          "},"
          NAMED("Bidirectional", "c",
                ",\"layer\":" NAMED("SimpleRNN", "r",
                                    ",\"units\":1,\"use_bias\":false") "}")
          "},"
          NAMED("TimeDistributed", "t", ",\"layer\":" DENSE("d")) "}");
/* clang-format on */

static const struct weight sides[] = {
    {"b/forward_layer/kernel",
     "layers/bidirectional/forward_layer/cell/vars/0", 1},
    {"b/forward_layer/recurrent_kernel",
     "layers/bidirectional/forward_layer/cell/vars/1", 2},
    {"b/backward_layer/kernel",
     "layers/bidirectional/backward_layer/cell/vars/0", 3},
    {"b/backward_layer/recurrent_kernel",
     "layers/bidirectional/backward_layer/cell/vars/1", 4},
    {"c/forward_layer/kernel",
     "layers/bidirectional_1/forward_layer/cell/vars/0", 5},
    {"c/forward_layer/recurrent_kernel",
     "layers/bidirectional_1/forward_layer/cell/vars/1", 6},
    {"c/backward_layer/kernel",
     "layers/bidirectional_1/backward_layer/cell/vars/0", 7},
    {"c/backward_layer/recurrent_kernel",
     "layers/bidirectional_1/backward_layer/cell/vars/1", 8},
    {"t/layer/kernel", "layers/time_distributed/layer/vars/0", 9},
};

static void wrappers_have_a_folder_for_each_part(void **state)
{
    struct import_result result = import_weights(wrapped, sides, 9, NULL);

    (void)state;
    assert_numbers(&result, sides, 9);
    result = import_weights(wrapped, sides, 8, NULL);
    assert_refused(&result, RNN_BAD_MODEL, "\"t/layer\" (TimeDistributed)");
    result = import_weights(wrapped, sides + 1, 8, NULL);
    assert_refused(&result, RNN_BAD_MODEL, "b/forward_layer/kernel");
    result = import_weights(wrapped, sides, 9,
                            "layers/bidirectional/backward_layer/cell/vars/2");
    assert_refused(&result, RNN_BAD_MODEL, "cell/vars/2, which belongs");
}

static void put_group(hid_t file, const char *layer, const char *const *names,
                      size_t count, float first)
{
    char path[128];
    hid_t group;

    for (size_t i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "model_weights/%s/%s", layer, names[i]);
        put(file, path, first + (float)i);
    }
    snprintf(path, sizeof(path), "model_weights/%s", layer);
    group = H5Oopen(file, path, H5P_DEFAULT);
    keras_put_texts(group, "weight_names", count, names, true);
    H5Oclose(group);
}

/* The side stands in the name; a backward_layer of its own has its own. */
static void sides_are_told_apart_by_name(void **state)
{
    static const char *const layers[] = {"b", "c", "t"};
    static const char *const b[] = {
        "b/forward_r/cell/kernel:0", "b/forward_r/cell/recurrent_kernel:0",
        "b/q/cell/kernel:0", "b/q/cell/recurrent_kernel:0"};
    static const char *const c[] = {
        "forward_r/kernel", "forward_r/recurrent_kernel", "backward_r/kernel",
        "backward_r/recurrent_kernel"};
    static const char *const t[] = {"t/kernel:0"};
    char path[SCRATCH_PATH_BYTES];
    struct import_result result;
    hid_t file, weights;

    (void)state;
    new_path(path);
    file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    keras_put_text(file, "model_config", wrapped);
    keras_put_text(file, "keras_version", "2.15.0");
    put_group(file, "b", b, 4, 1);
    put_group(file, "c", c, 4, 5);
    put_group(file, "t", t, 1, 9);
    weights = H5Oopen(file, "model_weights", H5P_DEFAULT);
    keras_put_texts(weights, "layer_names", 3, layers, true);
    H5Oclose(weights);
    H5Fclose(file);
    result = import_path(path);
    assert_numbers(&result, sides, 9);
}

/* Normalization keeps a count behind its weights, inside a model too. */
static void what_nobody_needs_is_left_there(void **state)
{
    /* clang-format off */
    static const char counted[] =
        MODEL("Sequential", "whole",
              NAMED("Normalization", "n", "") "},"
              MODEL("Functional", "m", INPUT ","
                    NAMED("Normalization", "n", "") "}"));
    /* clang-format on */
    static const struct weight weights[] = {
        {"n/mean", "layers/normalization/vars/0", 1},
        {"n/variance", "layers/normalization/vars/1", 2},
        {"m/n/mean", "layers/functional/layers/normalization/vars/0", 3},
        {"m/n/variance", "layers/functional/layers/normalization/vars/1", 4},
        {"-", "layers/normalization/vars/2", 5},
        {"-", "layers/functional/layers/normalization/vars/2", 6},
    };
    static const char *const layers[] = {"n", "m"};
    static const char *const n[] = {"mean:0", "variance:0", "count:0"};
    static const char *const m[] = {"n/mean:0", "n/variance:0", "n/count:0"};
    static const char *const q[] = {"n/mean:0", "n/variance:0", "q/count:0"};
    struct import_result result = import_weights(counted, weights, 6, NULL);

    (void)state;
    assert_numbers(&result, weights, 4);
    result = import_weights(counted, weights, 6,
                            "layers/functional/layers/normalization/vars/3");
    assert_refused(&result, RNN_BAD_MODEL, "vars/3, which belongs");
    for (size_t strange = 0; strange < 2; strange++) {
        char path[SCRATCH_PATH_BYTES];
        hid_t file, group;

        new_path(path);
        file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
        keras_put_text(file, "model_config", counted);
        keras_put_text(file, "keras_version", "2.15.0");
        put_group(file, "n", n, 3, 1);
        put_group(file, "m", strange ? q : m, 3, 3);
        group = H5Oopen(file, "model_weights", H5P_DEFAULT);
        keras_put_texts(group, "layer_names", 2, layers, true);
        H5Oclose(group);
        H5Fclose(file);
        result = import_path(path);
        if (strange)
            assert_refused(&result, RNN_BAD_MODEL, "q/count:0");
        else
            assert_numbers(&result, weights, 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_in_a_folder_is_numbered_by_itself),
        cmocka_unit_test(names_of_a_group_are_matched_by_their_end),
        cmocka_unit_test(wrappers_have_a_folder_for_each_part),
        cmocka_unit_test(sides_are_told_apart_by_name),
        cmocka_unit_test(what_nobody_needs_is_left_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
