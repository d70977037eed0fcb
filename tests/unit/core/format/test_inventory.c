/* Which weights an architecture asks for, and its text without the run. */
#include "core/format/inventory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/fail_malloc.h"
#include "tests/support/keras_writer.h"

static enum rnn_status read_text(const char *text,
                                 struct rnn_inventory *inventory,
                                 struct rnn_error *err)
{
    return rnn_inventory_init(text, strlen(text), inventory, err);
}

/* One Sequential model around these layers, as a list and as an object. */
static enum rnn_status read_layers(const char *layers, bool as_list,
                                   struct rnn_inventory *inventory,
                                   struct rnn_error *err)
{
    char text[1024];

    snprintf(text, sizeof(text),
             as_list ? "{\"class_name\":\"Sequential\",\"config\":[%s]}"
                     : "{\"class_name\":\"Sequential\",\"config\":{\"layers\":"
                       "[%s]}}",
             layers);
    return read_text(text, inventory, err);
}

static void assert_layers_refused(const char *layers, enum rnn_status status,
                                  const char *words)
{
    struct rnn_inventory inventory = {0};
    struct rnn_error err;

    assert_int_equal(read_layers(layers, false, &inventory, &err), status);
    if (!strstr(err.message, words))
        fail_msg("\"%s\" does not say \"%s\"", err.message, words);
    assert_null(inventory.layers);
}

static void layers_with_weights_are_listed_in_order(void **state)
{
    struct rnn_inventory inventory = {0};

    (void)state;
    assert_int_equal(read_text(keras_sample_config, &inventory, NULL), RNN_OK);
    assert_int_equal(inventory.layer_count, 2);
    assert_string_equal(inventory.layers[0].name, "rnn");
    assert_string_equal(inventory.layers[0].class_name, "SimpleRNN");
    assert_string_equal(inventory.layers[0].snake_name, "simple_rnn");
    assert_string_equal(inventory.layers[0].inside, "cell");
    assert_int_equal(inventory.layers[0].weight_count, 3);
    assert_string_equal(inventory.layers[0].weights[0], "kernel");
    assert_string_equal(inventory.layers[0].weights[1], "recurrent_kernel");
    assert_string_equal(inventory.layers[0].weights[2], "bias");
    assert_string_equal(inventory.layers[1].name, "out");
    assert_int_equal(inventory.layers[1].weight_count, 2);
    rnn_inventory_release(&inventory);
}

static void every_class_of_the_table_is_known(void **state)
{
    static const struct {
        const char *class_name;
        size_t weights, without_bias;
    } classes[] = {{"SimpleRNN", 3, 2}, {"LSTM", 3, 2},
                   {"GRU", 3, 2},       {"Dense", 2, 1},
                   {"Dropout", 0, 0},   {"Activation", 0, 0},
                   {"InputLayer", 0, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        for (int bias = 0; bias < 2; bias++) {
            struct rnn_inventory inventory = {0};
            char layer[160];
            size_t expected =
                bias ? classes[i].weights : classes[i].without_bias;

            snprintf(layer, sizeof(layer),
                     "{\"class_name\":\"%s\",\"config\":{\"name\":\"x\","
                     "\"use_bias\":%s}}",
                     classes[i].class_name, bias ? "true" : "false");
            assert_int_equal(read_layers(layer, i % 2, &inventory, NULL),
                             RNN_OK);
            assert_int_equal(inventory.layer_count, expected > 0);
            if (expected)
                assert_int_equal(inventory.layers[0].weight_count, expected);
            rnn_inventory_release(&inventory);
        }
    }
}

/* Weights that a field adds or takes away. */
static void weights_depend_on_the_fields_of_their_class(void **state)
{
    static const struct {
        const char *class_name, *fields;
        size_t count;
        const char *first, *last;
    } cases[] = {
        {"Embedding", "", 1, "embeddings", "embeddings"},
        {"BatchNormalization", "", 4, "gamma", "moving_variance"},
        {"BatchNormalization", ",\"scale\":false", 3, "beta",
         "moving_variance"},
        {"BatchNormalization", ",\"scale\":false,\"center\":false", 2,
         "moving_mean", "moving_variance"},
        {"LayerNormalization", "", 2, "gamma", "beta"},
        {"LayerNormalization", ",\"scale\":false", 1, "beta", "beta"},
        {"LayerNormalization", ",\"center\":false", 1, "gamma", "gamma"},
        {"LayerNormalization", ",\"rms_scaling\":false", 2, "gamma", "beta"},
        {"LayerNormalization", ",\"rms_scaling\":true", 1, "gamma", "gamma"},
        {"LayerNormalization", ",\"scale\":false,\"rms_scaling\":true", 1,
         "gamma", "gamma"},
        {"RMSNormalization", "", 1, "scale", "scale"},
        {"Normalization", ",\"mean\":null", 2, "mean", "variance"},
        {"Normalization", ",\"mean\":0.0", 0, NULL, NULL},
        {"Normalization", ",\"mean\":[1,2]", 0, NULL, NULL},
        {"UnitNormalization", "", 0, NULL, NULL},
        {"Rescaling", ",\"scale\":2", 0, NULL, NULL},
        {"PReLU", "", 1, "alpha", "alpha"},
        {"LeakyReLU", "", 0, NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rnn_inventory inventory = {0};
        char layer[160];

        snprintf(layer, sizeof(layer),
                 "{\"class_name\":\"%s\",\"config\":{\"name\":\"x\"%s}}",
                 cases[i].class_name, cases[i].fields);
        assert_int_equal(read_layers(layer, i % 2, &inventory, NULL), RNN_OK);
        assert_int_equal(inventory.layer_count, cases[i].count > 0);
        if (cases[i].count) {
            const struct rnn_layer_weights *made = &inventory.layers[0];

            assert_int_equal(made->weight_count, cases[i].count);
            assert_string_equal(made->weights[0], cases[i].first);
            assert_string_equal(made->weights[made->weight_count - 1],
                                cases[i].last);
        }
        rnn_inventory_release(&inventory);
    }
}

static void text_is_kept_without_what_depends_on_the_run(void **state)
{
    static const char text[] =
        "{\"class_name\": \"Sequential\", \"config\": {\"layers\": "
        "[{\"class_name\": \"Dense\", \"config\": {\"name\": \"d\\u00e9\", "
        "\"dtype\": {\"shared_object_id\": 140634301971536, \"a\": NaN}, "
        "\"x\": [Infinity, -Infinity, 0.1]}}]}, \"compile_config\": {\"l\": "
        "NaN}}";
    struct rnn_inventory inventory = {0};

    (void)state;
    assert_int_equal(read_text(text, &inventory, NULL), RNN_OK);
    assert_string_equal(
        inventory.architecture,
        "{\"class_name\":\"Sequential\",\"config\":{\"layers\":[{"
        "\"class_name\":\"Dense\",\"config\":{\"name\":\"d\xc3\xa9\","
        "\"dtype\":{\"a\":\"NaN\"},\"x\":[\"Infinity\",\"-Infinity\",0.1]}}]}"
        "}");
    rnn_inventory_release(&inventory);
}

static void layer_that_is_not_known_is_named(void **state)
{
    (void)state;
    assert_layers_refused(
        "{\"class_name\":\"Lambda\",\"config\":{\"name\":\"last\"}}",
        RNN_UNSUPPORTED,
        "layer \"last\" is a Lambda, which is not supported; "
        "docs/layers.md lists the layers that are");
}

static void layer_without_a_part_is_refused_by_its_number(void **state)
{
    (void)state;
    assert_layers_refused("{\"class_name\":\"Dense\"}", RNN_BAD_MODEL,
                          "layer 0 of the architecture");
    assert_layers_refused("{\"class_name\":\"Dense\",\"config\":{}}",
                          RNN_BAD_MODEL, "layer 0 of the architecture");
    assert_layers_refused("7", RNN_BAD_MODEL, "layer 0 of the architecture");
    assert_layers_refused(
        "{\"class_name\":\"Dense\",\"config\":{\"name\":\"\"}}", RNN_BAD_MODEL,
        "layer 0 of the architecture");
}

static void two_layers_of_one_name_are_refused(void **state)
{
    (void)state;
    assert_layers_refused(
        "{\"class_name\":\"Dense\",\"config\":{\"name\":\"a\"}},"
        "{\"class_name\":\"LSTM\",\"config\":{\"name\":\"b\"}},"
        "{\"class_name\":\"GRU\",\"config\":{\"name\":\"a\"}}",
        RNN_BAD_MODEL, "two layers are called \"a\"");
}

static void version_is_read_from_the_metadata(void **state)
{
    struct arena arena;
    const char *version = NULL;
    struct rnn_error err;

    (void)state;
    arena_init(&arena, 0);
    assert_int_equal(rnn_metadata_version(keras_sample_metadata,
                                          strlen(keras_sample_metadata),
                                          &arena, &version, NULL),
                     RNN_OK);
    assert_string_equal(version, "3.15.1");
    assert_int_equal(rnn_metadata_version("{}", 2, &arena, &version, &err),
                     RNN_BAD_MODEL);
    assert_string_equal(err.message, "metadata.json says no keras_version");
    assert_int_equal(rnn_metadata_version("{", 1, &arena, &version, &err),
                     RNN_BAD_MODEL);
    arena_release(&arena);
}

/* The arena may try again with less, and then it goes well. */
static void running_out_of_memory_is_said_and_leaks_nothing(void **state)
{
    size_t failures = 0;
    bool ran_dry = true;

    (void)state;
    for (size_t n = 1; ran_dry; n++) {
        struct rnn_inventory inventory = {0};
        enum rnn_status status;

        fail_malloc_start(n);
        status = read_text(keras_sample_config, &inventory, NULL);
        rnn_inventory_release(&inventory);
        fail_malloc_stop();
        ran_dry = fail_malloc_happened();
        assert_int_equal(fail_malloc_live(), 0);
        failures += status == RNN_NO_MEMORY;
        assert_true(status == RNN_OK || (ran_dry && status == RNN_NO_MEMORY));
    }
    assert_true(failures > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_with_weights_are_listed_in_order),
        cmocka_unit_test(every_class_of_the_table_is_known),
        cmocka_unit_test(weights_depend_on_the_fields_of_their_class),
        cmocka_unit_test(text_is_kept_without_what_depends_on_the_run),
        cmocka_unit_test(layer_that_is_not_known_is_named),
        cmocka_unit_test(layer_without_a_part_is_refused_by_its_number),
        cmocka_unit_test(two_layers_of_one_name_are_refused),
        cmocka_unit_test(version_is_read_from_the_metadata),
        cmocka_unit_test(running_out_of_memory_is_said_and_leaks_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
