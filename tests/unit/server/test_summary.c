/* The table of --summary and the lines of --check, to the letter. */
#include "server/summary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"
#include "server/log.h"
#include "server/model_registry.h"
#include "tests/support/model_builder.h"
#include "tests/support/scratch_file.h"

static struct rnn_model *load(struct model_builder *builder)
{
    struct rnn_model_options options = {.isa = RNN_ISA_AUTO};
    struct rnn_model *model = NULL;
    struct rnn_error err;

    model_builder_finish(builder);
    if (rnn_model_load(builder->bytes, builder->size, &options, &model, &err))
        fail_msg("%s", err.message);
    model_builder_release(builder);
    return model;
}

/* What summary_write() says; free() it. */
static char *summary_of(const char *name, const struct rnn_model_info *info)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    assert_non_null(out);
    summary_write(out, name, info);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void assert_says(const char *text, const char *words)
{
    if (!strstr(text, words))
        fail_msg("\"%s\" is not in\n%s", words, text);
}

/* The lines of a table as ASCII, in place. */
static void make_plain(char *text)
{
    static const char lines[] = "━─┃│", plain[] = "=-||";
    char *to = text;

    for (const char *from = text; *from; from++, to++) {
        size_t kind = 0;

        *to = *from;
        if ((unsigned char)*from != 0xe2)
            continue;
        while (kind < 4 && memcmp(lines + 3 * kind, from, 3) != 0)
            kind++;
        *to = kind < 4 ? plain[kind] : '+';
        from += 2;
    }
    *to = '\0';
}

static void table_is_that_of_keras_with_streaming_beside_it(void **state)
{
    struct model_builder builder;
    struct rnn_model *model;
    char *text;

    (void)state;
    model_builder_init(&builder, 10, 3);
    builder.source_format = "keras";
    model_builder_add(
        &builder, &(struct model_layer){
                      .class_name = "SimpleRNN", .units = 5, .name = "rnn"});
    model_builder_add(
        &builder, &(struct model_layer){.class_name = "Dense", .units = 2});
    model = load(&builder);
    text = summary_of("seed", rnn_model_info(model));
    make_plain(text);
    assert_string_equal(
        text,
        "Model: \"seed\" (keras, Keras 3.15.1)\n"
        "+=================+==============+=========+=========+=======+\n"
        "| Layer (type)    | Output Shape | Param # | Streams | State |\n"
        "+=================+==============+=========+=========+=======+\n"
        "| rnn (SimpleRNN) | (None, 5)    |      45 | yes     |  20 B |\n"
        "+-----------------+--------------+---------+---------+-------+\n"
        "| dense (Dense)   | (None, 2)    |      12 | yes     |     - |\n"
        "+-----------------+--------------+---------+---------+-------+\n"
        " Total params: 57 (228.00 B)\n"
        " Trainable params: 57 (228.00 B)\n"
        " Non-trainable params: 0 (0.00 B)\n"
        " Input \"input_layer\": (None, 10, 3)\n"
        " Output \"dense\": (None, 2)\n"
        " Sessions: carry and window; state 20 B\n");
    free(text);
    rnn_model_free(model);
}

static void free_timesteps_and_large_numbers_are_shown_as_by_keras(
    void **state)
{
    struct model_builder builder;
    struct rnn_model *model;
    char *text;

    (void)state;
    model_builder_init(&builder, 0, 100);
    model_builder_add(&builder,
                      &(struct model_layer){.class_name = "LSTM",
                                            .units = 200,
                                            .return_sequences = true});
    model = load(&builder);
    text = summary_of("big", rnn_model_info(model));
    assert_says(text, "(None, None, 200)");
    assert_says(text, " 240,800 ");
    assert_says(text, "Total params: 240,800 (940.62 KB)");
    assert_says(text, "1600 B");
    free(text);
    rnn_model_free(model);
}

static void frozen_layers_are_counted_apart(void **state)
{
    struct rnn_model_info info = {.keras_version = "",
                                  .format = "h5",
                                  .parameters = 57,
                                  .trainable_parameters = 45,
                                  .streams = true};
    char *text = summary_of("m", &info);

    (void)state;
    assert_says(text, " Total params: 57 (228.00 B)\n"
                      " Trainable params: 45 (180.00 B)\n"
                      " Non-trainable params: 12 (48.00 B)\n");
    free(text);
}

/* A model's facts, made by hand: what no model of today has. */
static void model_that_cannot_stream_says_why(void **state)
{
    const struct rnn_layer_info layers[] = {
        {.name = "öl", .class_name = "Bidirectional", .rank = 1},
        {.name = "x", .class_name = "Dense", .rank = 2, .depth = 1}};
    struct rnn_io input = {.name = "in", .rank = 2, .has_time = true};
    struct rnn_io output = {.name = "out"};
    struct rnn_model_info info = {
        .keras_version = "",
        .format = "safetensors",
        .inputs = &input,
        .input_count = 1,
        .outputs = &output,
        .output_count = 1,
        .layers = layers,
        .layer_count = 2,
        .cannot_stream_because = "öl reads the sequence backwards",
    };
    char *text = summary_of("m", &info);

    (void)state;
    assert_says(text, "Model: \"m\" (safetensors)\n");
    make_plain(text);
    assert_says(text, "| öl (Bidirectional) | (None, None)       |       0 |");
    assert_says(text, "|   x (Dense)        | (None, None, None) |       0 |");
    assert_says(text, " Output \"out\": (None,)\n");
    assert_says(text,
                "Sessions: window only; öl reads the sequence backwards\n");
    free(text);
    input.has_time = false;
    text = summary_of("m", &info);
    assert_says(text, "Sessions: none; öl reads the sequence backwards\n");
    free(text);
}

static void check_has_a_line_for_each_model(void **state)
{
    struct model_builder builder;
    char path[SCRATCH_PATH_BYTES], first[256], *text = NULL;
    char *argv[] = {"rnnd", first, path, NULL}, *environment[] = {NULL};
    struct model_registry *models = NULL;
    struct log log = {LOG_ERROR, false};
    struct config config;
    size_t length;
    FILE *out;

    (void)state;
    scratch_file("", 0, path);
    model_builder_init(&builder, 4, 3);
    builder.source_format = "h5";
    model_builder_add(&builder,
                      &(struct model_layer){.class_name = "GRU", .units = 5});
    model_builder_write(&builder, path);
    model_builder_release(&builder);
    snprintf(first, sizeof(first), "one=%s", path);
    assert_int_equal(config_load(3, argv, environment, &config, NULL), RNN_OK);
    assert_int_equal(model_registry_create(&config, &log, &models, NULL),
                     RNN_OK);
    out = open_memstream(&text, &length);
    summary_write_check(out, models);
    summary_write_all(out, models);
    fclose(out);
    assert_says(text, "would serve \"one\" (default) from /tmp/");
    assert_says(text, ": h5 of Keras 3.15.1, ");
    assert_says(text, " parameters, sessions carry and window, 20 bytes of "
                      "state each\nwould serve \"");
    assert_says(text, "\n\nModel: \"");
    free(text);
    model_registry_free(models);
    config_release(&config);
    scratch_file_remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_that_of_keras_with_streaming_beside_it),
        cmocka_unit_test(
            free_timesteps_and_large_numbers_are_shown_as_by_keras),
        cmocka_unit_test(frozen_layers_are_counted_apart),
        cmocka_unit_test(model_that_cannot_stream_says_why),
        cmocka_unit_test(check_has_a_line_for_each_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
