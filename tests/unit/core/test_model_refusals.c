#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/model.h"
#include "tests/support/model_run.h"

static void build(struct model_builder *b, enum model_spelling spelling)
{
    model_builder_init(b, 12, 3);
    b->spelling = spelling;
    b->keras_version = spelling == MODEL_KERAS_3 ? "3.15.1" : "2.2.4";
    model_builder_add(b, &(struct model_layer){.class_name = "LSTM",
                                               .units = 5,
                                               .return_sequences = true});
    model_builder_add(b, &(struct model_layer){.class_name = "Dropout"});
    model_builder_add(b, &(struct model_layer){.class_name = "GRU",
                                               .units = 4,
                                               .reset_after = true});
    model_builder_add(b, &(struct model_layer){.class_name = "Dense",
                                               .units = 2,
                                               .activation = "softmax"});
}

/* ---- what is refused
 * ------------------------------------------------------------*/

struct refusal {
    const char *from,
        *to; /* in the architecture of build(), the first place */
    enum rnn_status status;
    const char *says[3]; /* all of it stands in the sentence */
};

static const struct refusal refusals[] = {
    {"\"units\": 5",
     "\"units\": 6",
     RNN_BAD_MODEL,
     {"lstm/kernel", "[3, 20]", "[3, 24]"}},
    {"\"units\": 5",
     "\"units\": 0",
     RNN_BAD_MODEL,
     {"\"lstm\"", "units", "is 0"}},
    {"\"units\": 5",
     "\"units\": 2.5",
     RNN_BAD_MODEL,
     {"\"lstm\"", "units", "2.5"}},
    {"\"units\": 5",
     "\"units\": \"5\"",
     RNN_BAD_MODEL,
     {"\"lstm\"", "units", "\"5\""}},
    {"\"units\": 5, ", "", RNN_BAD_MODEL, {"\"lstm\"", "units", "absent"}},
    {"\"units\": 5",
     "\"units\": 9007199254740992",
     RNN_BAD_MODEL,
     {"lstm/kernel", "[3, 20]", NULL}},
    {"\"units\": 5",
     "\"units\": 1e300",
     RNN_BAD_MODEL,
     {"\"lstm\"", "units", NULL}},
    {"\"units\": 5",
     "\"units\": 5, \"lora_rank\": 4",
     RNN_UNSUPPORTED,
     {"\"lstm\" (LSTM)", "lora_rank is 4", "does not understand"}},
    {"\"units\": 2",
     "\"units\": 2, \"quantization_config\": {\"a\": 1}",
     RNN_UNSUPPORTED,
     {"\"dense\" (Dense)", "quantization_config", "{\"a\":1}"}},
    {"\"unit_forget_bias\": true",
     "\"mask_value\": -1.0",
     RNN_UNSUPPORTED,
     {"\"lstm\"", "mask_value is -1", NULL}},
    {"\"activation\": \"softmax\"",
     "\"activation\": \"my_activation\"",
     RNN_UNSUPPORTED,
     {"\"dense\"", "activation is \"my_activation\"", "does not know"}},
    {"\"activation\": \"softmax\"",
     "\"activation\": {\"class_name\": \"function\", \"config\": \"mine\"}",
     RNN_UNSUPPORTED,
     {"\"dense\"", "activation", "custom"}},
    {"\"activation\": \"softmax\"",
     "\"activation\": 3",
     RNN_UNSUPPORTED,
     {"\"dense\"", "activation is 3", NULL}},
    {"\"class_name\": \"Dropout\"",
     "\"class_name\": \"Lambda\"",
     RNN_UNSUPPORTED,
     {"\"dropout\"", "Lambda", "Python"}},
    {"\"class_name\": \"Dropout\"",
     "\"class_name\": \"ConvLSTM2D\"",
     RNN_UNSUPPORTED,
     {"\"dropout\"", "\"ConvLSTM2D\"", "docs/layers.md"}},
    {"\"class_name\": \"Dropout\"",
     "\"class_name\": \"dropout\"",
     RNN_UNSUPPORTED,
     {"\"dropout\"", "does not support", NULL}},
    {"\"class_name\": \"Dropout\", ",
     "",
     RNN_BAD_MODEL,
     {"\"dropout\"", "class_name", NULL}},
    {"\"registered_name\": null, \"class_name\": \"Dropout\"",
     "\"registered_name\": \"My>Dropout\", \"class_name\": \"Dropout\"",
     RNN_UNSUPPORTED,
     {"\"dropout\"", "custom", "My>Dropout"}},
    {"\"module\": \"keras.layers\", \"registered_name\": null, "
     "\"class_name\": \"Dropout\"",
     "\"module\": \"mine\", \"class_name\": \"Dropout\"",
     RNN_UNSUPPORTED,
     {"\"dropout\"", "custom", NULL}},
    {"\"module\": \"keras.layers\", \"registered_name\": null, "
     "\"class_name\": \"Dropout\"",
     "\"module\": \"keras.src.ops.numpy\", \"class_name\": \"Dropout\"",
     RNN_UNSUPPORTED,
     {"\"dropout\"", "operator", "keras.src.ops.numpy"}},
    {"{\"name\": \"dropout\"",
     "{\"name\": \"lstm\"",
     RNN_BAD_MODEL,
     {"two layers", "\"lstm\"", NULL}},
    {"{\"name\": \"dropout\"",
     "{\"name\": \"\"",
     RNN_BAD_MODEL,
     {"no name", NULL, NULL}},
    {"{\"name\": \"dropout\"",
     "{\"name\": \"a\\nb\"",
     RNN_BAD_MODEL,
     {"control character", NULL, NULL}},
    {"{\"name\": \"gru\"",
     "{\"name\": \"gru_9\"",
     RNN_BAD_MODEL,
     {"gru_9/kernel", "[5, 12]", NULL}},
    {"[null, 12, 3]",
     "[null, 12, 4]",
     RNN_BAD_MODEL,
     {"lstm/kernel", "[3, 20]", "[4, 20]"}},
    {"[null, 12, 3]",
     "[null, 12]",
     RNN_BAD_MODEL,
     {"\"lstm\" (LSTM)", "[timesteps, features]", "[12] without time"}},
    {"[null, 12, 3]",
     "[null, 12, 3, 1]",
     RNN_BAD_MODEL,
     {"\"lstm\" (LSTM)", "[12, 3, 1]", NULL}},
    {"[null, 12, 3]",
     "[null, 12, null]",
     RNN_UNSUPPORTED,
     {"input_layer", "[12, ?]", "time"}},
    {"[null, 12, 3]",
     "[null, 12, 0]",
     RNN_BAD_MODEL,
     {"input_layer", "[null,12,0]", NULL}},
    {"[null, 12, 3]",
     "[null, -1, 3]",
     RNN_BAD_MODEL,
     {"input_layer", "[null,-1,3]", NULL}},
    {"[null, 12, 3]",
     "[null]",
     RNN_UNSUPPORTED,
     {"input_layer", "no axis", NULL}},
    {"[null, 12, 3]", "[]", RNN_BAD_MODEL, {"input_layer", "[]", NULL}},
    {"[null, 12, 3]", "7", RNN_BAD_MODEL, {"input_layer", "7", NULL}},
    {"[null, 12, 3]",
     "[null, 12, 9007199254740992, 9007199254740992]",
     RNN_UNSUPPORTED,
     {"input_layer", "too large", NULL}},
    {"[null, 12, 3]",
     "[null, 12, 9007199254740992]",
     RNN_UNSUPPORTED,
     {"input_layer", "too large", NULL}},
    {"[null, 12, 3]",
     "[null, 1, 1, 1, 1, 1, 1]",
     RNN_BAD_MODEL,
     {"input_layer", "list of 2 to 6", NULL}},
    {"\"batch_shape\": [null, 12, 3], ",
     "",
     RNN_BAD_MODEL,
     {"shape of the input", NULL, NULL}},
    {"\"sparse\": false",
     "\"sparse\": true",
     RNN_UNSUPPORTED,
     {"input_layer", "sparse is true", NULL}},
    {"\"sparse\": false",
     "\"new\": 1",
     RNN_UNSUPPORTED,
     {"input_layer", "new is 1", NULL}},
    {"\"dtype\": \"float32\", \"sparse\"",
     "\"dtype\": \"string\", \"sparse\"",
     RNN_UNSUPPORTED,
     {"input_layer", "dtype is \"string\"", NULL}},
    {"{\"name\": \"sequential\"",
     "{\"name\": \"sequential\", \"new\": 1",
     RNN_UNSUPPORTED,
     {"\"sequential\" (Sequential)", "new is 1", NULL}},
    {"{\"name\": \"sequential\"",
     "{\"name\": \"sequential\", \"dtype\": \"mixed_float16\"",
     RNN_UNSUPPORTED,
     {"mixed_float16", "float32", NULL}},
    {"\"class_name\": \"Sequential\"",
     "\"class_name\": \"Functional\"",
     RNN_BAD_MODEL,
     {"\"lstm\"", "never called", NULL}},
    {"\"class_name\": \"Sequential\"",
     "\"class_name\": \"Net\"",
     RNN_UNSUPPORTED,
     {"\"Net\"", "Sequential and Functional", NULL}},
    {"\"class_name\": \"Sequential\"",
     "\"registered_name\": \"my>Net\", \"class_name\": \"Sequential\"",
     RNN_UNSUPPORTED,
     {"my>Net", "custom", NULL}},
    {"\"class_name\": \"Sequential\"",
     "\"class\": \"Sequential\"",
     RNN_BAD_MODEL,
     {"class_name", NULL, NULL}},
    {"\"unit_forget_bias\": true",
     "\"unit_forget_bias\": true, \"unit_forget_bias\": false",
     RNN_BAD_MODEL,
     {"unit_forget_bias", "twice", NULL}},
    {"\"unit_forget_bias\": true",
     "\"unit_forget_bias\": tru",
     RNN_BAD_MODEL,
     {"keras_config", "no JSON", "byte"}},
    {"\"reset_after\": true",
     "\"reset_after\": false",
     RNN_BAD_MODEL,
     {"gru/bias", "[2, 12]", "[12]"}},
    {"\"reset_after\": true",
     "\"reset_after\": 1",
     RNN_BAD_MODEL,
     {"\"gru\" (GRU)", "reset_after is 1", "true or false"}},
};

static void assert_refused(struct model_builder *b, enum rnn_status status,
                           const char *const says[3], const char *what)
{
    struct rnn_model *model = NULL;
    struct rnn_error err = {0};
    enum rnn_status got;

    model_builder_finish(b);
    got = rnn_model_load(b->bytes, b->size, NULL, &model, &err);
    if (got != status)
        fail_msg("%s: %s (%s), not %s", what, rnn_status_name(got),
                 err.message, rnn_status_name(status));
    assert_int_equal(err.status, status);
    assert_null(model);
    for (size_t i = 0; i < 3 && says[i]; i++)
        if (!strstr(err.message, says[i]))
            fail_msg("%s: \"%s\" lacks \"%s\"", what, err.message, says[i]);
}

static void what_is_not_understood_is_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        const struct refusal *refusal = &refusals[i];
        struct model_builder b;

        build(&b, MODEL_KERAS_3);
        model_builder_replace(&b, refusal->from, refusal->to);
        assert_refused(&b, refusal->status, refusal->says, refusal->to);
        model_builder_release(&b);
    }
}

static void what_a_recurrent_layer_cannot_be_is_refused_by_name(void **state)
{
    static const struct {
        const char *field, *says[3];
    } cases[] = {
        {"return_state", {"\"lstm\"", "3 outputs", "Sequential"}},
        {"time_major",
         {"\"lstm\" (LSTM)", "time_major is true", "time_major=False"}},
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct model_builder b;
        char from[60], to[60];

        build(&b, MODEL_KERAS_2);
        snprintf(from, sizeof(from), "\"%s\": false", cases[i].field);
        snprintf(to, sizeof(to), "\"%s\": true", cases[i].field);
        model_builder_replace(&b, from, to);
        assert_refused(&b, RNN_UNSUPPORTED, cases[i].says, to);
        model_builder_release(&b);
    }
}

static void mixed_and_quantised_policies_are_refused_by_name(void **state)
{
    static const char *const policies[] = {
        "\"mixed_float16\"",
        "\"mixed_bfloat16\"",
        "\"int8_from_float32\"",
        "{\"class_name\": \"DTypePolicy\", \"config\": {\"name\": "
        "\"mixed_bfloat16\"}}",
        "{\"class_name\": \"Policy\", \"config\": {\"name\": "
        "\"mixed_float16\"}}",
        "{\"class_name\": \"QuantizedDTypePolicy\", \"config\": {\"mode\": "
        "\"int8\", \"source_name\": \"float32\"}}",
        "{\"class_name\": \"DTypePolicy\", \"config\": {}}",
        "7",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
        const char *says[3] = {"\"lstm\" (LSTM)", "dtype is", "only float32"};
        struct model_builder b;
        char more[200];

        model_builder_init(&b, 0, 3);
        b.spelling = MODEL_KERAS_2_OLD;
        b.keras_version = "2.15.0";
        model_builder_add(
            &b, &(struct model_layer){.class_name = "LSTM", .units = 2});
        snprintf(more, sizeof(more), "\"dtype\": %s", policies[i]);
        model_builder_replace(&b, "\"dtype\": \"float32\"", more);
        assert_refused(&b, RNN_UNSUPPORTED, says, more);
        model_builder_release(&b);
    }
}

static void policies_of_one_dtype_are_served(void **state)
{
    static const char *const policies[] = {
        "\"float64\"",
        "\"float16\"",
        "\"bfloat16\"",
        "{\"class_name\": \"Policy\", \"config\": {\"name\":\"float64\"}}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
        struct model_builder b;
        struct rnn_model *model;
        char more[200];

        build(&b, MODEL_KERAS_3);
        snprintf(more, sizeof(more), "\"dtype\": %s", policies[i]);
        model_builder_replace(&b, "\"dtype\": \"float32\"", more);
        model = model_load(&b, RNN_ISA_AUTO);
        assert_int_equal(rnn_model_info(model)->layer_count, 4);
        rnn_model_free(model);
        model_builder_release(&b);
    }
}

static void versions_that_cannot_be_served_are_refused(void **state)
{
    const char *old[3] = {"Keras 1.2.2", "Keras 2", NULL};
    const char *none[3] = {"keras_version", "\"new\"", NULL};
    const char *unknown[3] = {"recurrent_activation", "hard_sigmoid",
                              "keras_version"};
    struct model_builder b;

    (void)state;
    build(&b, MODEL_KERAS_3);
    b.keras_version = "1.2.2";
    assert_refused(&b, RNN_UNSUPPORTED, old, "1.2.2");
    b.keras_version = "new";
    assert_refused(&b, RNN_BAD_MODEL, none, "new");
    b.keras_version = NULL;
    model_builder_replace(&b, "\"recurrent_activation\": \"sigmoid\"",
                          "\"recurrent_activation\": \"hard_sigmoid\"");
    assert_refused(&b, RNN_UNSUPPORTED, unknown, "none");
    model_builder_release(&b);
}

static void a_file_without_a_version_is_fine_where_it_does_not_matter(
    void **state)
{
    struct model_builder b;
    struct rnn_model *model;

    (void)state;
    build(&b, MODEL_KERAS_3);
    b.keras_version = NULL;
    model = model_load(&b, RNN_ISA_AUTO);
    assert_string_equal(rnn_model_info(model)->keras_version, "");
    rnn_model_free(model);
    model_builder_release(&b);
}

static void a_weight_left_over_is_refused_by_name(void **state)
{
    const char *says[3] = {"lstm/peephole", "[2, 3]", "no layer"};
    struct model_builder b;

    (void)state;
    build(&b, MODEL_KERAS_3);
    model_builder_add_tensor(&b, "lstm/peephole", 2, (size_t[]){2, 3}, 1);
    assert_refused(&b, RNN_BAD_MODEL, says, "left over");
    model_builder_release(&b);
}

static void a_weight_that_is_missing_is_refused_by_name(void **state)
{
    const char *says[3] = {"gru/recurrent_kernel", "[4, 12]", NULL};
    struct model_builder b;

    (void)state;
    build(&b, MODEL_KERAS_3);
    strcpy(model_builder_tensor(&b, "gru/recurrent_kernel")->name, "other");
    assert_refused(&b, RNN_BAD_MODEL, says, "missing");
    model_builder_release(&b);
}

static void a_bias_that_should_not_be_there_is_refused(void **state)
{
    const char *says[3] = {"lstm/bias", "[20]", "no layer"};
    struct model_builder b;

    (void)state;
    build(&b, MODEL_KERAS_3);
    model_builder_replace(&b, "\"use_bias\": true", "\"use_bias\": false");
    assert_refused(&b, RNN_BAD_MODEL, says, "bias");
    model_builder_release(&b);
}

static void a_number_that_is_not_finite_is_named_by_its_place(void **state)
{
    const char *nan_says[3] = {"lstm/kernel", "[1, 3]", "NaN"};
    const char *inf_says[3] = {"dense/bias", "[1]", "infinite"};
    struct model_builder b;

    (void)state;
    build(&b, MODEL_KERAS_3);
    model_builder_tensor(&b, "dense/bias")->data[1] = -1.0f / 0.0f;
    assert_refused(&b, RNN_NOT_FINITE, inf_says, "infinity");
    model_builder_tensor(&b, "lstm/kernel")->data[1 * 20 + 3] = 0.0f / 0.0f;
    assert_refused(&b, RNN_NOT_FINITE, nan_says, "NaN");
    model_builder_release(&b);
}

static void weights_without_an_architecture_are_refused(void **state)
{
    const char *header =
        "{\"w\": {\"dtype\": \"F32\", \"shape\": [1], \"data_offsets\": "
        "[0, 4]}}";
    float data = 1;
    size_t size;
    unsigned char *bytes = model_file(header, &data, sizeof(data), &size);
    struct rnn_model *model = NULL;
    struct rnn_error err;

    (void)state;
    assert_int_equal(rnn_model_load(bytes, size, NULL, &model, &err),
                     RNN_BAD_MODEL);
    assert_non_null(strstr(err.message, "keras_config"));
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_understood_is_refused_by_name),
        cmocka_unit_test(what_a_recurrent_layer_cannot_be_is_refused_by_name),
        cmocka_unit_test(policies_of_one_dtype_are_served),
        cmocka_unit_test(mixed_and_quantised_policies_are_refused_by_name),
        cmocka_unit_test(versions_that_cannot_be_served_are_refused),
        cmocka_unit_test(
            a_file_without_a_version_is_fine_where_it_does_not_matter),
        cmocka_unit_test(a_weight_left_over_is_refused_by_name),
        cmocka_unit_test(a_weight_that_is_missing_is_refused_by_name),
        cmocka_unit_test(a_bias_that_should_not_be_there_is_refused),
        cmocka_unit_test(a_number_that_is_not_finite_is_named_by_its_place),
        cmocka_unit_test(weights_without_an_architecture_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
