#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/model.h"
#include "tests/support/fail_malloc.h"
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

/* ---- what a model says about itself --------------------------------------*/

static void it_describes_inputs_outputs_and_layers(void **state)
{
    struct model_builder b;
    struct rnn_model *model;
    const struct rnn_model_info *info;

    (void)state;
    build(&b, MODEL_KERAS_3);
    b.source_format = "h5";
    model = model_load(&b, RNN_ISA_AUTO);
    info = rnn_model_info(model);
    assert_string_equal(info->keras_version, "3.15.1");
    assert_string_equal(info->format, "h5");
    assert_int_equal(info->input_count, 1);
    assert_string_equal(info->inputs[0].name, "input_layer");
    assert_int_equal(info->inputs[0].rank, 2);
    assert_int_equal(info->inputs[0].shape[0], 12);
    assert_int_equal(info->inputs[0].shape[1], 3);
    assert_true(info->inputs[0].has_time);
    assert_int_equal(info->inputs[0].features, 3);
    assert_int_equal(info->inputs[0].vocabulary, 0);
    assert_int_equal(info->output_count, 1);
    assert_string_equal(info->outputs[0].name, "dense");
    assert_int_equal(info->outputs[0].rank, 1);
    assert_int_equal(info->outputs[0].shape[0], 2);
    assert_false(info->outputs[0].has_time);
    assert_int_equal(info->layer_count, 4);
    assert_string_equal(info->layers[0].name, "lstm");
    assert_string_equal(info->layers[0].class_name, "LSTM");
    assert_int_equal(info->layers[0].rank, 2);
    assert_int_equal(info->layers[0].shape[0], 12);
    assert_int_equal(info->layers[0].shape[1], 5);
    assert_int_equal(info->layers[0].parameters, 4 * 5 * (3 + 5 + 1));
    assert_int_equal(info->layers[0].state_bytes, 2 * 5 * sizeof(float));
    assert_true(info->layers[0].streams);
    assert_string_equal(info->layers[1].class_name, "Dropout");
    assert_int_equal(info->layers[1].parameters, 0);
    assert_int_equal(info->layers[2].parameters, 3 * 4 * (5 + 4 + 2));
    assert_int_equal(info->layers[3].parameters, 2 * 4 + 2);
    assert_int_equal(info->parameters, 180 + 132 + 10);
    assert_int_equal(info->trainable_parameters, info->parameters);
    assert_true(info->streams);
    assert_null(info->cannot_stream_because);
    assert_true(info->isa != RNN_ISA_AUTO);
    rnn_model_free(model);
    model_builder_release(&b);
}

static void it_names_what_a_state_holds(void **state)
{
    struct model_builder b;
    struct rnn_model *model;
    const struct rnn_model_info *info;

    (void)state;
    build(&b, MODEL_KERAS_3);
    model = model_load(&b, RNN_ISA_AUTO);
    info = rnn_model_info(model);
    assert_int_equal(info->state_entry_count, 3);
    assert_string_equal(info->state_entries[0].name, "lstm/h");
    assert_string_equal(info->state_entries[1].name, "lstm/c");
    assert_string_equal(info->state_entries[2].name, "gru/h");
    assert_int_equal(info->state_entries[0].dtype, RNN_F32);
    assert_int_equal(info->state_entries[0].rank, 1);
    assert_int_equal(info->state_entries[0].shape[0], 5);
    assert_int_equal(info->state_entries[0].offset, 0);
    assert_int_equal(info->state_entries[1].offset, 20);
    assert_int_equal(info->state_entries[2].offset, 40);
    assert_int_equal(info->state_bytes, 56);
    rnn_model_free(model);
    model_builder_release(&b);
}

static void a_layer_that_is_frozen_counts_as_not_trainable(void **state)
{
    struct model_builder b;
    struct rnn_model *model;

    (void)state;
    model_builder_init(&b, 0, 3);
    model_builder_add(&b,
                      &(struct model_layer){.class_name = "LSTM", .units = 2});
    model_builder_replace(&b, "\"trainable\": true", "\"trainable\": false");
    model = model_load(&b, RNN_ISA_AUTO);
    assert_int_equal(rnn_model_info(model)->parameters, 48);
    assert_int_equal(rnn_model_info(model)->trainable_parameters, 0);
    rnn_model_free(model);
    model_builder_release(&b);
}

/* ---- every spelling ------------------------------------------------------*/

static void every_generation_of_keras_spells_the_same_model(void **state)
{
    float x[12 * 3], *first = NULL;
    uint64_t seed = 4;

    (void)state;
    for (size_t i = 0; i < 12 * 3; i++)
        x[i] = model_random_float(&seed, 1);
    for (int s = MODEL_KERAS_3; s <= MODEL_KERAS_2_LIST; s++) {
        struct model_builder b;
        struct rnn_model *model;
        float *y;

        build(&b, (enum model_spelling)s);
        model = model_load(&b, RNN_ISA_AUTO);
        assert_string_equal(rnn_model_info(model)->inputs[0].name,
                            s <= MODEL_KERAS_2 ? "input_layer" : "lstm_input");
        assert_int_equal(rnn_model_info(model)->inputs[0].shape[0], 12);
        assert_string_equal(rnn_model_info(model)->format, "safetensors");
        y = model_run_one(model, x, 12, false, NULL);
        if (first)
            assert_memory_equal(first, y, 2 * sizeof(float));
        else
            first = malloc(2 * sizeof(float));
        memcpy(first, y, 2 * sizeof(float));
        free(y);
        rnn_model_free(model);
        model_builder_release(&b);
    }
    free(first);
}

static void the_shape_may_stand_beside_the_layers(void **state)
{
    struct model_builder b;
    struct rnn_model *model;

    (void)state;
    model_builder_init(&b, 0, 3);
    b.spelling = MODEL_KERAS_2_OLD;
    model_builder_add(&b,
                      &(struct model_layer){.class_name = "LSTM", .units = 2});
    model_builder_replace(&b, "\"batch_input_shape\": [null, null, 3], ", "");
    model_builder_replace(&b, "\"layers\": ",
                          "\"build_input_shape\": [null, 7, 3], \"layers\": ");
    model = model_load(&b, RNN_ISA_AUTO);
    assert_int_equal(rnn_model_info(model)->inputs[0].shape[0], 7);
    rnn_model_free(model);
    model_builder_release(&b);
}

/* One SimpleRNN of one unit without weights but its bias. */
static float hard_sigmoid_of(const char *version, float bias)
{
    struct model_builder b;
    struct rnn_model *model;
    float x = 0, *y, result;

    model_builder_init(&b, 1, 1);
    b.keras_version = version;
    model_builder_add(&b, &(struct model_layer){.class_name = "SimpleRNN",
                                                .units = 1,
                                                .activation = "hard_sigmoid"});
    model_builder_tensor(&b, "simple_rnn/bias")->data[0] = bias;
    model = model_load(&b, RNN_ISA_AUTO);
    y = model_run_one(model, &x, 1, false, NULL);
    result = y[0];
    free(y);
    rnn_model_free(model);
    model_builder_release(&b);
    return result;
}

static void hard_sigmoid_is_that_of_the_version_that_saved_it(void **state)
{
    (void)state;
    assert_float_equal(hard_sigmoid_of("2.15.0", 1), 0.7, 1e-6);
    assert_float_equal(hard_sigmoid_of("3.0.5", 1), 1.0 / 6 + 0.5, 1e-6);
}

/* Fields that real files hold and that change nothing. */
static void inert_fields_are_accepted(void **state)
{
    static const char *const fields[] = {
        "\"stateful\": true",
        "\"unroll\": true",
        "\"implementation\": 1",
        "\"recurrent_dropout\": 0.5",
        "\"zero_output_for_mask\": true",
        "\"use_cudnn\": \"auto\"",
        "\"seed\": 123456789012345",
        "\"time_major\": false",
        "\"kernel_regularizer\": {\"class_name\": \"L2\", \"config\": {}}",
        "\"activity_regularizer\": {\"class_name\": \"L1\"}",
        "\"a_field_of_the_future\": null",
        "\"a_field_of_the_future\": false",
        "\"a_field_of_the_future\": 0",
        "\"a_field_of_the_future\": []",
        "\"a_field_of_the_future\": {}",
        "\"a_field_of_the_future\": \"\"",
        "\"kernel_initializer\": {\"config\": {\"a\": NaN, \"b\": -Infinity}}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        struct model_builder b;
        struct rnn_model *model;

        model_builder_init(&b, 0, 2);
        model_builder_add(&b, &(struct model_layer){.class_name = "LSTM",
                                                    .units = 3,
                                                    .bare = true,
                                                    .more = fields[i]});
        model = model_load(&b, RNN_ISA_AUTO);
        rnn_model_free(model);
        model_builder_release(&b);
    }
}

/* ---- the fingerprint -----------------------------------------------------*/

static void fingerprint_of(struct model_builder *b,
                           unsigned char digest[RNN_DIGEST_BYTES])
{
    struct rnn_model *model = model_load(b, RNN_ISA_AUTO);

    memcpy(digest, rnn_model_info(model)->fingerprint, RNN_DIGEST_BYTES);
    rnn_model_free(model);
}

static void the_fingerprint_does_not_see_the_order_of_tensors(void **state)
{
    unsigned char one[RNN_DIGEST_BYTES], other[RNN_DIGEST_BYTES];
    struct model_builder b;
    struct model_tensor swapped;

    (void)state;
    build(&b, MODEL_KERAS_3);
    fingerprint_of(&b, one);
    swapped = b.tensors[0];
    b.tensors[0] = b.tensors[4];
    b.tensors[4] = swapped;
    b.source_format = "keras";
    model_builder_finish(&b);
    fingerprint_of(&b, other);
    assert_memory_equal(one, other, RNN_DIGEST_BYTES);
    model_builder_release(&b);
}

static void the_fingerprint_sees_weights_architecture_and_version(void **state)
{
    unsigned char first[RNN_DIGEST_BYTES], other[RNN_DIGEST_BYTES];
    struct model_builder b;

    (void)state;
    build(&b, MODEL_KERAS_3);
    fingerprint_of(&b, first);
    b.tensors[2].data[1] += 0.5f;
    model_builder_finish(&b);
    fingerprint_of(&b, other);
    assert_memory_not_equal(first, other, RNN_DIGEST_BYTES);
    b.tensors[2].data[1] -= 0.5f;
    b.keras_version = "3.15.0";
    model_builder_finish(&b);
    fingerprint_of(&b, other);
    assert_memory_not_equal(first, other, RNN_DIGEST_BYTES);
    b.keras_version = "3.15.1";
    model_builder_replace(&b, "\"softmax\"", "\"sigmoid\"");
    model_builder_finish(&b);
    fingerprint_of(&b, other);
    assert_memory_not_equal(first, other, RNN_DIGEST_BYTES);
    model_builder_release(&b);
}

static void an_instruction_set_that_is_not_there_is_refused(void **state)
{
    static const enum rnn_isa isas[] = {RNN_ISA_AVX2, RNN_ISA_AVX512,
                                        RNN_ISA_NEON};
    struct model_builder b;
    struct rnn_model *model = NULL;
    struct rnn_error err;
    size_t refused = 0;

    (void)state;
    build(&b, MODEL_KERAS_3);
    model_builder_finish(&b);
    for (size_t i = 0; i < 3; i++) {
        struct rnn_model_options options = {.isa = isas[i]};

        if (rnn_isa_available(isas[i]))
            continue;
        assert_int_equal(
            rnn_model_load(b.bytes, b.size, &options, &model, &err),
            RNN_UNSUPPORTED);
        assert_non_null(strstr(err.message, rnn_isa_name(isas[i])));
        refused++;
    }
    assert_in_range(refused, 1, 3); /* no CPU has both AVX and NEON */
    model_builder_release(&b);
}

/* ---- damage --------------------------------------------------------------*/

static void a_file_cut_off_anywhere_is_refused(void **state)
{
    struct model_builder b;

    (void)state;
    build(&b, MODEL_KERAS_3);
    model_builder_finish(&b);
    for (size_t size = 0; size < b.size; size += 1 + size / 200) {
        unsigned char *cut = malloc(size + 1);
        struct rnn_model *model = NULL;

        memcpy(cut, b.bytes, size);
        assert_int_equal(rnn_model_load(cut, size, NULL, &model, NULL),
                         RNN_BAD_MODEL);
        assert_null(model);
        free(cut);
    }
    model_builder_release(&b);
}

/* A flipped bit may leave a model (in a name that nobody reads, or in a
 * weight), but never anything else than a model or a sentence. */
static void a_flipped_bit_is_a_model_or_a_sentence(void **state)
{
    struct model_builder b;
    size_t loaded = 0, refused = 0;

    (void)state;
    build(&b, MODEL_KERAS_3);
    model_builder_finish(&b);
    for (size_t at = 0; at < b.size * 8; at += 13) {
        struct rnn_model *model = NULL;
        struct rnn_error err = {0};

        b.bytes[at / 8] ^= (unsigned char)(1 << at % 8);
        if (rnn_model_load(b.bytes, b.size, NULL, &model, &err)) {
            assert_true(err.message[0]);
            refused++;
        } else {
            loaded++;
        }
        rnn_model_free(model);
        b.bytes[at / 8] ^= (unsigned char)(1 << at % 8);
    }
    assert_true(refused > 100);
    assert_true(loaded > 100);
    model_builder_release(&b);
}

static void weights_at_any_alignment_give_the_same_model(void **state)
{
    unsigned char one[RNN_DIGEST_BYTES];
    float x[12 * 3] = {0.5f, -1, 0.25f}, *first, *y;
    struct model_builder b;
    struct rnn_model *model;
    unsigned char *moved;

    (void)state;
    build(&b, MODEL_KERAS_3);
    model = model_load(&b, RNN_ISA_AUTO);
    memcpy(one, rnn_model_info(model)->fingerprint, sizeof(one));
    first = model_run_one(model, x, 12, false, NULL);
    rnn_model_free(model);
    moved = malloc(b.size + 8);
    for (size_t shift = 1; shift < 4; shift++) {
        memcpy(moved + shift, b.bytes, b.size);
        assert_int_equal(
            rnn_model_load(moved + shift, b.size, NULL, &model, NULL), RNN_OK);
        memset(moved, 0xff, b.size + 8); /* nothing points in there */
        y = model_run_one(model, x, 12, false, NULL);
        assert_memory_equal(first, y, 2 * sizeof(float));
        assert_memory_equal(one, rnn_model_info(model)->fingerprint,
                            sizeof(one));
        free(y);
        rnn_model_free(model);
    }
    free(first);
    free(moved);
    model_builder_release(&b);
}

/* ---- out of memory -------------------------------------------------------*/

static void out_of_memory_anywhere_is_a_status_and_no_leak(void **state)
{
    struct model_builder b;
    size_t allocations = 0;

    (void)state;
    build(&b, MODEL_KERAS_3);
    /* with bare constants, whose text is copied */
    model_builder_replace(&b, "\"seed\": null", "\"seed\": NaN");
    model_builder_finish(&b);
    for (size_t n = 1;; n++) {
        struct rnn_model *model = NULL;
        struct rnn_error err = {0};
        enum rnn_status status;

        fail_malloc_start_for_good(n);
        status = rnn_model_load(b.bytes, b.size, NULL, &model, &err);
        allocations = fail_malloc_stop();
        if (!fail_malloc_happened()) {
            assert_int_equal(status, RNN_OK);
            rnn_model_free(model);
            break;
        }
        if (status != RNN_NO_MEMORY)
            fail_msg("allocation %zu: %s (%s)", n, rnn_status_name(status),
                     err.message);
        assert_null(model);
        assert_int_equal(fail_malloc_live(), 0);
    }
    print_message("%zu allocations\n", allocations);
    assert_in_range(allocations, 100, 5000);
    model_builder_release(&b);
}

static void one_allocation_that_fails_is_a_status_or_does_not_matter(
    void **state)
{
    struct model_builder b;
    bool more = true;

    (void)state;
    build(&b, MODEL_KERAS_3);
    model_builder_finish(&b);
    for (size_t n = 1; more; n++) {
        struct rnn_model *model = NULL;
        enum rnn_status status;

        fail_malloc_start(n);
        status = rnn_model_load(b.bytes, b.size, NULL, &model, NULL);
        rnn_model_free(model);
        fail_malloc_stop();
        more = fail_malloc_happened();
        assert_true(status == RNN_OK || status == RNN_NO_MEMORY);
        assert_int_equal(fail_malloc_live(), 0);
    }
    model_builder_release(&b);
}

static void free_takes_null(void **state)
{
    (void)state;
    rnn_model_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_describes_inputs_outputs_and_layers),
        cmocka_unit_test(it_names_what_a_state_holds),
        cmocka_unit_test(a_layer_that_is_frozen_counts_as_not_trainable),
        cmocka_unit_test(every_generation_of_keras_spells_the_same_model),
        cmocka_unit_test(the_shape_may_stand_beside_the_layers),
        cmocka_unit_test(hard_sigmoid_is_that_of_the_version_that_saved_it),
        cmocka_unit_test(inert_fields_are_accepted),
        cmocka_unit_test(the_fingerprint_does_not_see_the_order_of_tensors),
        cmocka_unit_test(
            the_fingerprint_sees_weights_architecture_and_version),
        cmocka_unit_test(an_instruction_set_that_is_not_there_is_refused),
        cmocka_unit_test(a_file_cut_off_anywhere_is_refused),
        cmocka_unit_test(a_flipped_bit_is_a_model_or_a_sentence),
        cmocka_unit_test(weights_at_any_alignment_give_the_same_model),
        cmocka_unit_test(out_of_memory_anywhere_is_a_status_and_no_leak),
        cmocka_unit_test(
            one_allocation_that_fails_is_a_status_or_does_not_matter),
        cmocka_unit_test(free_takes_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
