/* Layers with several parts, in any depth: wrappers of wrappers and of
 * models, and attention, whose projections no configuration lists. */
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
    "{\"class_name\":\"" class "\",\"config\":{\"name\":\"" name "\"" more "}}"
#define DENSE(name) NAMED("Dense", name, ",\"units\":1,\"use_bias\":false")
#define RNN(name)   NAMED("SimpleRNN", name, ",\"units\":1,\"use_bias\":false")
#define MODEL(name, layers)                                                   \
    NAMED("Sequential", name, ",\"layers\":[" layers "]")
#define EACH(name, inner) NAMED("TimeDistributed", name, ",\"layer\":" inner)

struct weight {
    const char *name, *keras, *keras_2, *keras_3;
};

static void put(hid_t file, const char *path, float number)
{
    static const hsize_t shape[] = {1, 1};

    keras_put_numbers(file, path, H5T_IEEE_F32LE, 2, shape, &number);
}

static void check_numbers(struct import_result result,
                          const struct weight *weights, size_t count)
{
    if (result.status)
        fail_msg("%s", result.err.message);
    for (size_t i = 0; i < count; i++)
        assert_true(*numbers_of(&result, weights[i].name) == (float)i);
    free(result.bytes);
}

/* `private` is what stands before the folder of a projection. */
static void check_keras(const char *config, const struct weight *weights,
                        size_t count, const char *private)
{
    char path[SCRATCH_PATH_BYTES], inside[SCRATCH_PATH_BYTES], place[200];
    hid_t file;

    new_path(path);
    new_path(inside);
    file = H5Fcreate(inside, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    for (size_t i = 0; i < count; i++) {
        const char *star = strchr(weights[i].keras, '*');

        snprintf(place, sizeof(place), "%s", weights[i].keras);
        if (star)
            snprintf(place, sizeof(place), "%.*s%s%s",
                     (int)(star - weights[i].keras), weights[i].keras, private,
                     star + 1);
        put(file, place, (float)i);
    }
    H5Fclose(file);
    keras_write_zip(
        path, &(struct keras_parts){.config = config, .weights_path = inside});
    unlink(inside);
    check_numbers(import_path(path), weights, count);
}

static void check_h5(const char *config, const struct weight *weights,
                     size_t count, bool keras_3)
{
    static const char *const layers[] = {"t"};
    const char *names[16];
    char path[SCRATCH_PATH_BYTES], place[200];
    hid_t file, group;

    new_path(path);
    file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    keras_put_text(file, "model_config", config);
    keras_put_text(file, "keras_version", keras_3 ? "3.15.1" : "2.15.0");
    for (size_t i = 0; i < count; i++) {
        names[i] = keras_3 ? weights[i].keras_3 : weights[i].keras_2;
        snprintf(place, sizeof(place), "model_weights/t/%s", names[i]);
        put(file, place, (float)i);
    }
    group = H5Oopen(file, "model_weights/t", H5P_DEFAULT);
    keras_put_texts(group, "weight_names", count, names, true);
    H5Oclose(group);
    group = H5Oopen(file, "model_weights", H5P_DEFAULT);
    keras_put_texts(group, "layer_names", 1, layers, true);
    H5Oclose(group);
    H5Fclose(file);
    check_numbers(import_path(path), weights, count);
}

static void check_all(const char *config, const struct weight *weights,
                      size_t count)
{
    check_keras(config, weights, count, "");
    check_keras(config, weights, count, "_");
    check_h5(config, weights, count, false);
    check_h5(config, weights, count, true);
}

static void wrappers_hold_wrappers(void **state)
{
    static const char config[] =
        MODEL("whole", EACH("t", EACH("u", NAMED("Bidirectional", "b",
                                                 ",\"layer\":" RNN("r")))));
    static const struct weight weights[] = {
        {"t/layer/layer/forward_layer/kernel",
         "layers/time_distributed/layer/layer/forward_layer/cell/vars/0",
         "t/forward_r/simple_rnn_cell/kernel:0",
         "t/u/b/forward_r/simple_rnn_cell/kernel"},
        {"t/layer/layer/forward_layer/recurrent_kernel",
         "layers/time_distributed/layer/layer/forward_layer/cell/vars/1",
         "t/forward_r/simple_rnn_cell/recurrent_kernel:0",
         "t/u/b/forward_r/simple_rnn_cell/recurrent_kernel"},
        {"t/layer/layer/backward_layer/kernel",
         "layers/time_distributed/layer/layer/backward_layer/cell/vars/0",
         "t/backward_r/simple_rnn_cell/kernel:0",
         "t/u/b/backward_r/simple_rnn_cell/kernel"},
        {"t/layer/layer/backward_layer/recurrent_kernel",
         "layers/time_distributed/layer/layer/backward_layer/cell/vars/1",
         "t/backward_r/simple_rnn_cell/recurrent_kernel:0",
         "t/u/b/backward_r/simple_rnn_cell/recurrent_kernel"},
    };

    (void)state;
    check_all(config, weights, 4);
}

static void wrappers_hold_models(void **state)
{
    static const char config[] = MODEL(
        "whole",
        EACH("t", EACH("u", MODEL("m", DENSE("d") "," DENSE("e") "," EACH(
                                           "v", RNN("r"))))));
    static const struct weight weights[] = {
        {"t/layer/layer/d/kernel",
         "layers/time_distributed/layer/layer/layers/dense/vars/0",
         "d/kernel:0", "m/d/kernel"},
        {"t/layer/layer/e/kernel",
         "layers/time_distributed/layer/layer/layers/dense_1/vars/0",
         "e/kernel:0", "m/e/kernel"},
        {"t/layer/layer/v/layer/kernel",
         "layers/time_distributed/layer/layer/layers/time_distributed/layer/"
         "cell/vars/0",
         "v/simple_rnn_cell/kernel:0", "m/v/r/simple_rnn_cell/kernel"},
        {"t/layer/layer/v/layer/recurrent_kernel",
         "layers/time_distributed/layer/layer/layers/time_distributed/layer/"
         "cell/vars/1",
         "v/simple_rnn_cell/recurrent_kernel:0",
         "m/v/r/simple_rnn_cell/recurrent_kernel"},
    };

    (void)state;
    check_all(config, weights, 4);
}

#define PROJECTION(part, folder)                                              \
    {"t/" part "/kernel", "layers/multi_head_attention/*" folder "/vars/0",   \
     "t/" part "/kernel:0", "t/" part "/kernel"},                             \
    {                                                                         \
        "t/" part "/bias", "layers/multi_head_attention/*" folder "/vars/1",  \
            "t/" part "/bias:0", "t/" part "/bias"                            \
    }

static void projections_are_told_apart(void **state)
{
    static const char config[] =
        MODEL("whole", NAMED("MultiHeadAttention", "t",
                             ",\"num_heads\":1,\"use_gate\":true"));
    static const struct weight weights[] = {
        PROJECTION("query", "query_dense"),
        PROJECTION("value", "value_dense"),
        PROJECTION("attention_output", "output_dense"),
        PROJECTION("key", "key_dense"),
        PROJECTION("gate", "gate_dense"),
    };
    static const char plain[] =
        MODEL("whole", NAMED("MultiHeadAttention", "t",
                             ",\"num_heads\":1,\"use_gate\":false"));

    (void)state;
    check_all(config, weights, 10);
    check_all(plain, weights, 8);
}

/* A layer may be called like one of its projections. */
static void a_name_is_no_projection(void **state)
{
    static const char config[] =
        MODEL("whole", MODEL("t", NAMED("GroupQueryAttention", "key",
                                        ",\"use_bias\":false")));
    static const struct weight weights[] = {
        {"t/key/query/kernel",
         "layers/sequential/layers/grouped_query_attention/*query_dense/"
         "vars/0",
         "key/query/kernel:0", "t/key/query/kernel"},
        {"t/key/key/kernel",
         "layers/sequential/layers/grouped_query_attention/*key_dense/vars/0",
         "key/key/kernel:0", "t/key/key/kernel"},
        {"t/key/value/kernel",
         "layers/sequential/layers/grouped_query_attention/*value_dense/"
         "vars/0",
         "key/value/kernel:0", "t/key/value/kernel"},
        {"t/key/attention_output/kernel",
         "layers/sequential/layers/grouped_query_attention/*output_dense/"
         "vars/0",
         "key/attention_output/kernel:0", "t/key/attention_output/kernel"},
    };

    (void)state;
    check_all(config, weights, 4);
}

#define STACK(name)                                                           \
    NAMED("RNN", name,                                                        \
          ",\"cell\":" NAMED(                                                 \
              "StackedRNNCells", "s",                                         \
              ",\"cells\":[" NAMED("SimpleRNNCell", "c",                      \
                                   ",\"units\":1,\"use_bias\":false") "]"))

/* Keras 3.0 wrote no more than a weight's own name into an .h5, where the name
 * of a cell stands otherwise. */
static void a_stack_of_one_cell_may_leave_its_name_out(void **state)
{
    static const struct weight alone[] = {
        {"t/cell_0/kernel", NULL, "kernel", "t/c/kernel"},
        {"t/cell_0/recurrent_kernel", NULL, "recurrent_kernel",
         "t/c/recurrent_kernel"},
    };
    static const struct weight wrapped[] = {
        {"t/layer/cell_0/kernel", NULL, "kernel", "t/r/c/kernel"},
        {"t/layer/cell_0/recurrent_kernel", NULL, "recurrent_kernel",
         "t/r/c/recurrent_kernel"},
    };
    static const struct weight inner[] = {
        {"t/r/cell_0/kernel", NULL, "kernel", "r/c/kernel"},
        {"t/r/cell_0/recurrent_kernel", NULL, "recurrent_kernel",
         "r/c/recurrent_kernel"},
    };

    (void)state;
    for (int keras_3 = 0; keras_3 < 2; keras_3++) {
        check_h5(MODEL("m", STACK("t")), alone, 2, keras_3);
        check_h5(MODEL("m", EACH("t", STACK("r"))), wrapped, 2, keras_3);
        check_h5(MODEL("m", MODEL("t", STACK("r"))), inner, 2, keras_3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrappers_hold_wrappers),
        cmocka_unit_test(wrappers_hold_models),
        cmocka_unit_test(projections_are_told_apart),
        cmocka_unit_test(a_name_is_no_projection),
        cmocka_unit_test(a_stack_of_one_cell_may_leave_its_name_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
