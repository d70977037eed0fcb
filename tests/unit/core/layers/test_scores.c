/* Scores as wide as there are timesteps: the bits are those of the same layers
 * where the number of timesteps is known, and they go nowhere else. */
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

#define T    9
#define D    4
#define AXES "\"axes\": [2, 2], \"normalize\": "
#define ENDS "\"axes\": [2, 1], \"normalize\": false"
#define TURN "\"axes\": [0, 2, 1]"
#define ALL                                                                   \
    "{\"class_name\": \"__slice__\", \"config\": {\"start\": null, "          \
    "\"stop\": null, \"step\": null}}"

/* x, and q and k that are made of it. */
static void begin(struct model_builder *b, const char *shape)
{
    graph_begin(b, "3.15.1");
    graph_input(b, "x", shape);
    b->seed = 31;
    graph_dense(b, "q", D, 3);
    graph_dense(b, "k", D, 3);
    graph_layer(b, "Dense", "q", "\"units\": 3", "x,0,0");
    graph_layer(b, "Dense", "k", "\"units\": 3", "x,0,0");
}

static void by_layers(struct model_builder *b)
{
    graph_layer(b, "Dot", "s", AXES "false", "q,0,0 k,0,0");
    graph_layer(b, "Activation", "a", "\"activation\": \"softmax\"", "s,0,0");
    graph_layer(b, "Dropout", "d", "\"rate\": 0.5", "a,0,0");
    graph_layer(b, "Dot", "y", ENDS, "d,0,0 x,0,0");
}

static void by_cosines(struct model_builder *b)
{
    graph_layer(b, "Dot", "s", AXES "true", "q,0,0 q,0,0");
    graph_layer(b, "Softmax", "a", "\"axis\": -1", "s,0,0");
    graph_layer(b, "Dot", "y", "\"axes\": [2, 1]", "a,0,0 x,0,0");
}

static void by_operators(struct model_builder *b)
{
    graph_operator(b, "Transpose", "t", TURN, "$k");
    graph_operator(b, "Matmul", "s", "", "$q, $t");
    graph_operator(b, "TrueDivide", "c", "", "$s, 1.75");
    graph_operator(b, "Multiply", "m", "", "3, $c");
    graph_operator(b, "Subtract", "n", "", "$m, 0.5");
    graph_operator(b, "Add", "p", "", "0.25, $n");
    graph_operator(b, "Softmax", "a", "\"axis\": 2", "$p");
    graph_operator(b, "Matmul", "y", "", "$a, $x");
}

static void by_letters(struct model_builder *b)
{
    graph_operator(b, "Einsum", "s", "\"subscripts\": \"bsd,btd->bts\"",
                   "$k, $q");
    graph_operator(b, "Einsum", "y", "\"subscripts\": \"bsf,bts->btf\"",
                   "$x, $s");
}

/* [features, T] by [T, features]: nothing is left of T. */
static void by_features(struct model_builder *b)
{
    graph_layer(b, "Permute", "t", "\"dims\": [2, 1]", "k,0,0");
    graph_operator(b, "Matmul", "f", "", "$t, $x");
    graph_layer(b, "Flatten", "y", "", "f,0,0");
}

/* A number of each timestep, for either axis; other scores; an activation. */
static void by_masks(struct model_builder *b)
{
    graph_layer(b, "Dense", "c", "\"units\": 1", "x,0,0");
    graph_dense(b, "c", D, 1);
    graph_layer(b, "Permute", "l", "\"dims\": [2, 1]", "c,0,0");
    graph_layer(b, "Dot", "s", AXES "false", "q,0,0 k,0,0");
    graph_layer(b, "Dot", "z", AXES "false", "k,0,0 k,0,0");
    graph_layer(b, "Activation", "e", "\"activation\": \"tanh\"", "z,0,0");
    graph_layer(b, "Average", "m", "", "s,0,0 e,0,0 l,0,0");
    graph_layer(b, "Add", "p", "", "m,0,0 c,0,0");
    graph_layer(b, "Softmax", "a", "\"axis\": -1", "p,0,0");
    graph_layer(b, "Dot", "y", ENDS, "a,0,0 x,0,0");
}

/* A line of numbers without features, and what a column and a line make. */
static void by_lines(struct model_builder *b)
{
    graph_operator(b, "GetItem", "n", "", "$x, [" ALL ", " ALL ", 1]");
    graph_operator(b, "ExpandDims", "l", "\"axis\": 1", "$n");
    graph_operator(b, "Subtract", "m", "", "1, $l");
    graph_operator(b, "ExpandDims", "c", "\"axis\": 2", "$n");
    graph_operator(b, "Greater", "o", "", "$c, $l");
    graph_layer(b, "Dot", "s", AXES "false", "q,0,0 k,0,0");
    graph_operator(b, "Multiply", "w", "", "$m, $s");
    graph_operator(b, "Where", "h", "", "$o, $w, -1.5");
    graph_operator(b, "Sigmoid", "a", "", "$h");
    graph_operator(b, "Matmul", "y", "", "$a, $x");
}

static void (*const ways[])(struct model_builder *b) = {
    by_layers,   by_cosines, by_operators, by_letters,
    by_features, by_masks,   by_lines};

static void known_and_open_numbers_give_the_same_bits(void **state)
{
    uint64_t seed = 5;
    float *x = model_random_floats(&seed, T * D, 1.5);

    (void)state;
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        size_t count = ways[i] == by_features ? 3 * D : T * D;
        struct model_builder known, open;
        struct rnn_model *model;
        float *should, *is;

        begin(&known, "9, 4");
        ways[i](&known);
        graph_end(&known, "x,0,0", "y,0,0", NULL);
        begin(&open, "null, 4");
        ways[i](&open);
        graph_end(&open, "x,0,0", "y,0,0", NULL);
        should = graph_run(&known, x, T, 0);
        is = graph_run(&open, x, T, 0);
        assert_memory_equal(is, should, count * sizeof(float));
        model = model_load(&open, RNN_ISA_AUTO);
        assert_false(rnn_model_info(model)->streams);
        rnn_model_free(model);
        graph_check_bits(&open, 0);
        model_builder_release(&known);
        model_builder_release(&open);
        free(should);
        free(is);
    }
    free(x);
}

static const struct {
    const char *class_name, *fields, *arguments;
} lefts[] = {
    {"Softmax", "\"axis\": -1", "$s"}, {"Multiply", "", "$s, $s"},
    {"Maximum", "", "$s, 0"},          {"Matmul", "", "$x, $t"},
    {"Transpose", TURN, "$x"},
};

/* ... and as outputs of the model. */
static void they_leave_with_the_same_bits(void **state)
{
    uint64_t seed = 5;
    float *x = model_random_floats(&seed, T * D, 1.5);

    (void)state;
    for (size_t i = 0; i < sizeof(lefts) / sizeof(lefts[0]); i++) {
        struct model_builder builders[2];
        size_t count = i == 4 ? D * T : T * T;
        float *y[2];

        for (size_t k = 0; k < 2; k++) {
            struct model_builder *b = &builders[k];

            begin(b, k ? "null, 4" : "9, 4");
            graph_layer(b, "Dense", "j", "\"units\": 4", "k,0,0");
            graph_dense(b, "j", 3, 4);
            graph_operator(b, "Transpose", "t", TURN, i == 3 ? "$j" : "$k");
            if (i != 3)
                graph_operator(b, "Matmul", "s", "", "$q, $t");
            graph_operator(b, lefts[i].class_name, "y", lefts[i].fields,
                           lefts[i].arguments);
            graph_end(b, "x,0,0", "y,0,0 q,0,0", NULL);
            y[k] = graph_run(b, x, T, 0);
        }
        assert_memory_equal(y[0], y[1], count * sizeof(float));
        graph_check_bits(&builders[1], 0);
        for (size_t k = 0; k < 2; k++) {
            model_builder_release(&builders[k]);
            free(y[k]);
        }
    }
    free(x);
}

/* Rows of scores in scores would take more and more. */
static void too_much_is_refused(void **state)
{
    struct model_builder b;
    char names[2][4] = {"s", "s"}, arguments[12];

    (void)state;
    begin(&b, "null, 4");
    graph_operator(&b, "Transpose", "t", TURN, "$k");
    graph_operator(&b, "Matmul", "s", "", "$q, $t");
    for (int i = 0; i < 7; i++) {
        snprintf(arguments, sizeof(arguments), "$%s", names[0]);
        snprintf(names[1], sizeof(names[1]), "e%d", i);
        graph_operator(&b, "Sin", names[1], "", arguments);
        snprintf(arguments, sizeof(arguments), "$%s, $%s", names[0], names[1]);
        snprintf(names[0], sizeof(names[0]), "d%d", i);
        graph_operator(&b, "Add", names[0], "", arguments);
    }
    graph_end(&b, "x,0,0", "d6,0,0", NULL);
    assert_int_equal(model_assert_refused(&b, "too much is done"),
                     RNN_UNSUPPORTED);
}

/* The memory grows with T, not with its square. */
static void no_buffer_holds_them(void **state)
{
    struct model_builder b;
    struct rnn_model *model;
    size_t few, many;

    (void)state;
    begin(&b, "null, 4");
    by_layers(&b);
    graph_end(&b, "x,0,0", "y,0,0", NULL);
    model = model_load(&b, RNN_ISA_AUTO);
    few = rnn_scratch_size(model, 1, 10000, false);
    many = rnn_scratch_size(model, 1, 20000, false);
    assert_true(many < 2 * few + 4096);
    rnn_model_free(model);
    model_builder_release(&b);
}

/* What follows $s, the scores of q and k, or $t, k turned. */
static const struct {
    const char *class_name, *fields, *arguments, *says;
} refusals[] = {
    {"Softmax", "\"axis\": 1", "$s", "softmax along the last axis"},
    {"Add", "", "$s, $x", "what stands beside scores"},
    {"Add", "", "$s, $t", "number by number"},
    {"Multiply", "", "$s, [1, 2]", "a constant of more than one number"},
    {"Sum", "\"axis\": 2", "$s", "number by number"},
    {"Matmul", "", "$s, $s", "can only weigh"},
    {"Matmul", "", "$s, $t", "can only weigh"},
    {"Einsum", "\"subscripts\": \"bts,btf->bsf\"", "$s, $x", "can only weigh"},
    {"Transpose", TURN, "$s", "number by number"},
    {"Softmax", "\"axis\": -1", "$t", "number by number"},
};

static void they_go_nowhere_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct model_builder b;

        begin(&b, "null, 4");
        graph_operator(&b, "Transpose", "t", TURN, "$k");
        graph_operator(&b, "Matmul", "s", "", "$q, $t");
        graph_operator(&b, refusals[i].class_name, "y", refusals[i].fields,
                       refusals[i].arguments);
        graph_end(&b, "x,0,0", "y,0,0", NULL);
        assert_int_equal(model_assert_refused(&b, refusals[i].says),
                         RNN_UNSUPPORTED);
    }
}

static void other_layers_refuse_them(void **state)
{
    static const struct {
        const char *class_name, *fields, *says;
    } layers[] = {
        {"Dense", "\"units\": 2", "(Dense) is called on what is as wide"},
        {"LSTM", "\"units\": 2", "(LSTM) is called on what is as wide"},
        {"Softmax", "\"axis\": 1", "softmax along"},
        {"Flatten", "", "(Flatten) is called on what is as wide"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++) {
        struct model_builder b;

        begin(&b, "null, 4");
        graph_layer(&b, "Dot", "s", AXES "false", "q,0,0 k,0,0");
        graph_layer(&b, layers[i].class_name, "y", layers[i].fields, "s,0,0");
        graph_end(&b, "x,0,0", "y,0,0", NULL);
        model_assert_refused(&b, layers[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_and_open_numbers_give_the_same_bits),
        cmocka_unit_test(they_leave_with_the_same_bits),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(no_buffer_holds_them),
        cmocka_unit_test(they_go_nowhere_else),
        cmocka_unit_test(other_layers_refuse_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
