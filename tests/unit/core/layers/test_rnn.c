/* RNN over cells, against the layers that the cells are part of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/graph_builder.h"
#include "tests/support/graph_check.h"
#include "tests/support/model_refusal.h"
#include "tests/support/model_run.h"

#define T 7
#define D 3
#define U 5

static const struct cell {
    const char *class_name;
    size_t gates, states;
    const char *fields;
} cells[] = {
    {"SimpleRNN", 1, 1, "\"units\": 5"},
    {"LSTM", 4, 2, "\"units\": 5"},
    {"GRU", 3, 1, "\"units\": 5"},
    {"LSTM", 4, 2,
     "\"units\": 5, \"activation\": \"relu\", \"recurrent_activation\": "
     "\"hard_sigmoid\""},
};

#define CELLS (sizeof(cells) / sizeof(cells[0]))

/* What Keras writes for cell `c`, with more layers of brackets around. */
static const char *cell_text(size_t c)
{
    static char text[2][300];
    static size_t turn;

    turn = 1 - turn;
    snprintf(text[turn], sizeof(text[turn]),
             "{\"class_name\": \"%sCell\", \"config\": {\"name\": \"c%zu\", "
             "%s, \"dropout\": 0.25}}",
             cells[c].class_name, c, cells[c].fields);
    return text[turn];
}

static float *some_x(void)
{
    uint64_t seed = 30;

    return model_random_floats(&seed, T * D, 1);
}

static void begin(struct model_builder *b)
{
    graph_begin(b, "3.15.1");
    graph_input(b, "x", "null, 3");
}

/* All outputs of two models over x. */
static void assert_equal_models(struct model_builder *a,
                                struct model_builder *b, size_t outputs,
                                const size_t *floats)
{
    float *x = some_x();

    for (size_t i = 0; i < outputs; i++) {
        float *one = graph_run(a, x, T, i), *other = graph_run(b, x, T, i);

        assert_memory_equal(one, other, floats[i] * sizeof(float));
        free(one);
        free(other);
    }
    free(x);
}

static void a_cell_over_time_is_its_layer(void **state)
{
    static const char *const ways[] = {
        "", ", \"return_sequences\": true",
        ", \"return_sequences\": true, \"go_backwards\": true",
        ", \"stateful\": true, \"unroll\": true"};

    (void)state;
    for (size_t c = 0; c < CELLS; c++)
        for (size_t w = 0; w < 4; w++) {
            struct model_builder layer, rnn;
            size_t floats[] = {(w == 1 || w == 2 ? T : 1) * U, U, U};
            char text[600];
            const char *outputs =
                cells[c].states > 1 ? "r,0,0 r,0,1 r,0,2" : "r,0,0 r,0,1";

            begin(&layer);
            snprintf(text, sizeof(text), "%s, \"return_state\": true%s",
                     cells[c].fields, ways[w]);
            graph_layer(&layer, cells[c].class_name, "r", text, "x,0,0");
            graph_end(&layer, "x,0,0", outputs, NULL);
            layer.seed = 9;
            graph_recurrent(&layer, "r", cells[c].gates, D, U);
            begin(&rnn);
            snprintf(text, sizeof(text),
                     "\"cell\": %s, \"return_state\": true%s", cell_text(c),
                     ways[w]);
            graph_layer(&rnn, "RNN", "r", text, "x,0,0");
            graph_end(&rnn, "x,0,0", outputs, NULL);
            rnn.seed = 9;
            graph_recurrent(&rnn, "r/cell", cells[c].gates, D, U);
            assert_equal_models(&layer, &rnn, 1 + cells[c].states, floats);
            model_builder_release(&layer);
            model_builder_release(&rnn);
        }
}

/* Two cells, in a StackedRNNCells, and the same two as layers. */
static void build_stack(struct model_builder *b, size_t first, size_t second,
                        const char *way, const char *states)
{
    char text[1200];

    snprintf(text, sizeof(text),
             "\"return_state\": true%s, \"cell\": {\"class_name\": "
             "\"StackedRNNCells\", \"config\": {\"name\": \"s\", "
             "\"trainable\": true, \"dtype\": \"float32\", \"cells\": [%s, "
             "%s]}}",
             way, cell_text(first), cell_text(second));
    graph_layer(b, "RNN", "r", text, states);
    b->seed = 40;
    graph_recurrent(b, "r/cell_0", cells[first].gates, D, U);
    graph_recurrent(b, "r/cell_1", cells[second].gates, U, U);
}

static void build_layers(struct model_builder *b, size_t first, size_t second,
                         bool sequences, bool backwards)
{
    char text[600];

    snprintf(text, sizeof(text),
             "%s, \"return_state\": true, \"return_sequences\": true, "
             "\"go_backwards\": %s",
             cells[first].fields, backwards ? "true" : "false");
    graph_layer(b, cells[first].class_name, "a", text, "x,0,0");
    snprintf(text, sizeof(text),
             "%s, \"return_state\": true, \"return_sequences\": %s",
             cells[second].fields, sequences ? "true" : "false");
    graph_layer(b, cells[second].class_name, "b", text, "a,0,0");
    b->seed = 40;
    graph_recurrent(b, "a", cells[first].gates, D, U);
    graph_recurrent(b, "b", cells[second].gates, U, U);
}

/* The outputs of both, states in the order of the cells. */
static void name_outputs(size_t first, size_t second, bool stacked, char *text,
                         size_t size)
{
    size_t length =
        (size_t)snprintf(text, size, "%s,0,0", stacked ? "r" : "b");

    for (size_t i = 1; i <= cells[first].states; i++)
        length += (size_t)snprintf(text + length, size - length, " %s,0,%zu",
                                   stacked ? "r" : "a", i);
    for (size_t i = 1; i <= cells[second].states; i++)
        length += (size_t)snprintf(text + length, size - length, " %s,0,%zu",
                                   stacked ? "r" : "b",
                                   stacked ? cells[first].states + i : i);
}

static void stacked_cells_are_layers_one_after_the_other(void **state)
{
    static const char *const ways[] = {
        "", ", \"return_sequences\": true",
        ", \"return_sequences\": true, \"go_backwards\": true"};
    static const size_t pairs[][2] = {{1, 2}, {0, 1}, {1, 1}, {2, 0}};

    (void)state;
    for (size_t p = 0; p < 4; p++)
        for (size_t w = 0; w < 3; w++) {
            struct model_builder layers, stack;
            size_t floats[] = {(w ? T : 1) * U, U, U, U, U};
            char outputs[120];

            begin(&layers);
            build_layers(&layers, pairs[p][0], pairs[p][1], w > 0, w > 1);
            name_outputs(pairs[p][0], pairs[p][1], false, outputs,
                         sizeof(outputs));
            graph_end(&layers, "x,0,0", outputs, NULL);
            begin(&stack);
            build_stack(&stack, pairs[p][0], pairs[p][1], ways[w], "x,0,0");
            name_outputs(pairs[p][0], pairs[p][1], true, outputs,
                         sizeof(outputs));
            graph_end(&stack, "x,0,0", outputs, NULL);
            assert_equal_models(&layers, &stack,
                                1 + cells[pairs[p][0]].states +
                                    cells[pairs[p][1]].states,
                                floats);
            graph_check_bits(&stack, 0);
            model_builder_release(&layers);
            model_builder_release(&stack);
        }
}

/* States are given to the cells in their order: those of a first call, given
 * to a second, and the layers with the same. */
static void given_states_go_to_their_cells(void **state)
{
    struct model_builder layers, stack;
    static const size_t floats[] = {U, U, U, U};

    (void)state;
    begin(&layers);
    build_layers(&layers, 1, 2, false, false);
    graph_layer(&layers, "LSTM", "a2",
                "\"units\": 5, \"return_sequences\": true, \"return_state\": "
                "true",
                "x,0,0 a,0,1 a,0,2");
    graph_layer(&layers, "GRU", "b2", "\"units\": 5, \"return_state\": true",
                "a2,0,0 b,0,1");
    layers.seed = 40;
    graph_recurrent(&layers, "a2", 4, D, U);
    graph_recurrent(&layers, "b2", 3, U, U);
    graph_end(&layers, "x,0,0", "b2,0,0 a2,0,1 a2,0,2 b2,0,1", NULL);
    begin(&stack);
    build_stack(&stack, 1, 2, "", "x,0,0 | x,0,0 r,0,1 r,0,2 r,0,3");
    graph_end(&stack, "x,0,0", "r,1,0 r,1,1 r,1,2 r,1,3", NULL);
    assert_equal_models(&layers, &stack, 4, floats);
    graph_check_bits(&stack, 0);
    model_builder_release(&layers);
    model_builder_release(&stack);
}

static void bidirectional_wraps_an_rnn(void **state)
{
    struct model_builder layer, rnn;
    static const size_t floats[] = {2 * T * U};
    char text[600];

    (void)state;
    begin(&layer);
    graph_layer(&layer, "Bidirectional", "r",
                "\"layer\": {\"class_name\": \"LSTM\", \"config\": {\"name\": "
                "\"i\", \"units\": 5, \"return_sequences\": true}}",
                "x,0,0");
    graph_end(&layer, "x,0,0", "r,0,0", NULL);
    graph_recurrent(&layer, "r/forward_layer", 4, D, U);
    graph_recurrent(&layer, "r/backward_layer", 4, D, U);
    begin(&rnn);
    snprintf(text, sizeof(text),
             "\"layer\": {\"class_name\": \"RNN\", \"config\": {\"name\": "
             "\"i\", \"return_sequences\": true, \"cell\": %s}}",
             cell_text(1));
    graph_layer(&rnn, "Bidirectional", "r", text, "x,0,0");
    graph_end(&rnn, "x,0,0", "r,0,0", NULL);
    graph_recurrent(&rnn, "r/forward_layer/cell", 4, D, U);
    graph_recurrent(&rnn, "r/backward_layer/cell", 4, D, U);
    assert_equal_models(&layer, &rnn, 1, floats);
    model_builder_release(&layer);
    model_builder_release(&rnn);
}

/* The list of layers shows the RNN, with all that its cells have. */
static void the_line_of_an_rnn_counts_its_cells(void **state)
{
    struct model_builder b;
    struct rnn_model *model;
    const struct rnn_model_info *info;

    (void)state;
    begin(&b);
    build_stack(&b, 1, 2, "", "x,0,0");
    graph_end(&b, "x,0,0", "r,0,0", NULL);
    model = model_load(&b, RNN_ISA_AUTO);
    info = rnn_model_info(model);
    assert_true(info->streams);
    assert_int_equal(info->layer_count, 1);
    assert_string_equal(info->layers[0].class_name, "RNN");
    assert_int_equal(info->layers[0].parameters,
                     4 * U * (D + U + 1) + 3 * U * (U + U + 1));
    assert_int_equal(info->layers[0].state_bytes, 3 * U * sizeof(float));
    assert_string_equal(info->state_entries[0].name, "r/cell_0/h");
    assert_string_equal(info->state_entries[2].name, "r/cell_1/h");
    rnn_model_free(model);
    model_builder_replace(&b, "\"return_state\": true",
                          "\"go_backwards\": true");
    model_builder_finish(&b);
    model = model_load(&b, RNN_ISA_AUTO);
    info = rnn_model_info(model);
    assert_string_equal(info->cannot_stream_because,
                        "the layer \"r\" (RNN) needs the whole sequence");
    assert_false(info->layers[0].streams);
    rnn_model_free(model);
    model_builder_release(&b);
}

#define STACK(cells)                                                          \
    "\"cell\": {\"class_name\": \"StackedRNNCells\", \"config\": "            \
    "{\"name\": \"s\", " cells "}}"
#define GRU_CELL                                                              \
    "{\"class_name\": \"GRUCell\", \"config\": {\"name\": \"g\", \"units\": " \
    "5}}"

static void what_cannot_be_run_is_named(void **state)
{
    static const struct {
        const char *class_name, *fields, *call, *says;
    } cases[] = {
        {"RNN", "", "x,0,0", "cell is absent"},
        {"RNN",
         "\"cell\": {\"class_name\": \"Dense\", \"config\": {\"name\": "
         "\"d\", \"units\": 2}}",
         "x,0,0", "runs a Dense"},
        {"RNN",
         "\"cell\": {\"class_name\": \"Mine\", \"registered_name\": "
         "\"a>Mine\", \"config\": {}}",
         "x,0,0", "custom class \"a>Mine\""},
        {"RNN", STACK("\"cells\": []"), "x,0,0", "a list of cells"},
        {"RNN", STACK("\"cells\": [" GRU_CELL "], \"more\": 1"), "x,0,0",
         "more is 1"},
        {"RNN",
         STACK("\"cells\": [{\"class_name\": \"StackedRNNCells\", "
               "\"config\": {}}]"),
         "x,0,0", "cells is absent"},
        {"RNN",
         STACK("\"cells\": [{\"class_name\": \"StackedRNNCells\", "
               "\"config\": {\"cells\": [" GRU_CELL
               "], \"reverse_state_order\": true}}]") ", "
                                                      "\"return_state\": true",
         "x,0,0", "reverse_state_order"},
        {"RNN",
         STACK("\"reverse_state_order\": true, \"cells\": [" GRU_CELL
               "]") ", \"return_state\": true",
         "x,0,0", "reverse_state_order"},
        {"RNN", "\"cell\": " GRU_CELL, "x,0,0 x,0,0 x,0,0",
         "is called on 3 tensors"},
        {"RNN", "\"time_major\": true, \"cell\": " GRU_CELL, "x,0,0",
         "time_major is true"},
        {"GRUCell", "\"units\": 5", "x,0,0", "inside an RNN layer only"},
        {"Bidirectional", "\"layer\": " GRU_CELL, "x,0,0",
         "inside an RNN layer only"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct model_builder b;

        begin(&b);
        graph_layer(&b, cases[i].class_name, "r", cases[i].fields,
                    cases[i].call);
        graph_end(&b, "x,0,0", "r,0,0", NULL);
        graph_recurrent(&b, "r/cell_0", 3, D, U);
        model_assert_refused(&b, cases[i].says);
    }
}

#define CELL(class)                                                           \
    "{\"class_name\": \"" class "Cell\", \"config\": {\"name\": \"c\", "      \
                                "\"units\": 5}}"
#define INNER(cells)                                                          \
    "{\"class_name\": \"StackedRNNCells\", \"config\": {\"name\": \"i\", "    \
    "\"cells\": [" cells "]}}"

/* An LSTM, a GRU and a SimpleRNN. */
static void build_three(struct model_builder *b, const char *stack)
{
    static const size_t gates[] = {4, 3, 1};

    begin(b);
    graph_layer(b, "RNN", "r", stack, "x,0,0");
    b->seed = 40;
    for (size_t c = 0; c < 3; c++) {
        char path[20];

        snprintf(path, sizeof(path), "r/cell_%zu", c);
        graph_recurrent(b, path, gates[c], c ? U : D, U);
    }
    graph_end(b, "x,0,0", "r,0,0 r,0,1 r,0,2 r,0,3 r,0,4", NULL);
}

static void a_stack_in_a_stack_stands_for_its_cells(void **state)
{
    static const char state_too[] = ", \"return_state\": true";
    static const char *const stacks[] = {
        STACK("\"cells\": [" CELL("LSTM") ", " CELL("GRU") ", " CELL(
            "SimpleRNN") "]"),
        STACK("\"cells\": [" INNER(CELL("LSTM") ", " CELL("GRU")) ", " CELL(
            "SimpleRNN") "]"),
        STACK("\"cells\": [" CELL("LSTM") ", " INNER(
            CELL("GRU") ", " CELL("SimpleRNN")) "]"),
        STACK("\"cells\": [" INNER(
            INNER(CELL("LSTM")) ", " CELL("GRU") ", " CELL("SimpleRNN")) "]")};
    static const size_t floats[] = {U, U, U, U, U};
    struct model_builder flat, nested;
    char text[1200];

    (void)state;
    for (size_t i = 1; i < sizeof(stacks) / sizeof(stacks[0]); i++) {
        snprintf(text, sizeof(text), "%s%s", stacks[0], state_too);
        build_three(&flat, text);
        snprintf(text, sizeof(text), "%s%s", stacks[i], state_too);
        build_three(&nested, text);
        assert_equal_models(&flat, &nested, 5, floats);
        graph_check_bits(&nested, 0);
        model_builder_release(&flat);
        model_builder_release(&nested);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cell_over_time_is_its_layer),
        cmocka_unit_test(stacked_cells_are_layers_one_after_the_other),
        cmocka_unit_test(given_states_go_to_their_cells),
        cmocka_unit_test(bidirectional_wraps_an_rnn),
        cmocka_unit_test(the_line_of_an_rnn_counts_its_cells),
        cmocka_unit_test(a_stack_in_a_stack_stands_for_its_cells),
        cmocka_unit_test(what_cannot_be_run_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
