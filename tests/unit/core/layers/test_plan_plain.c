/* One number of a sequence, without an axis but the batch: what is made of it,
 * and who does not take it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/graph_builder.h"
#include "tests/support/graph_check.h"
#include "tests/support/model_refusal.h"
#include "tests/support/model_run.h"

#define T 3
#define F 2

static const float x[T * F] = {1, -2, 4, 0.5F, -8, 3};

/* m is the largest number of a sequence: 4. */
static void begin(struct model_builder *b)
{
    graph_begin(b, "3.15.1");
    graph_input(b, "x", "null, 2");
    graph_operator(b, "Max", "m", "\"axis\": [1, 2], \"keepdims\": false",
                   "$x");
}

static void check(struct model_builder *b, size_t rank, double y,
                  const char *what)
{
    struct rnn_model *model;
    float *made;

    graph_end(b, "x,0,0", "y,0,0", NULL);
    model = model_load(b, RNN_ISA_AUTO);
    assert_int_equal(rnn_model_info(model)->outputs[0].rank, rank);
    assert_int_equal(rnn_model_info(model)->outputs[0].has_time, false);
    made = model_run_one(model, x, T, false, NULL);
    for (size_t i = 0; i < rnn_model_info(model)->outputs[0].features; i++)
        if (!(fabs((double)made[i] - y) < 1e-6))
            fail_msg("%s: %g, not %g", what, (double)made[i], y);
    free(made);
    rnn_model_free(model);
    graph_check_bits(b, 0);
    model_builder_release(b);
}

static void operators_take_it(void **state)
{
    static const struct {
        const char *name, *fields, *arguments;
        size_t rank;
        double y;
    } cases[] = {
        {"Add", "", "$m, $m", 0, 8},
        {"Multiply", "", "$m, 0.5", 0, 2},
        {"Subtract", "", "1.0, $m", 0, -3},
        {"Tanh", "", "$m", 0, 0.99932930},
        {"StopGradient", "", "$m", 0, 4},
        {"Cast", "\"dtype\": \"int32\"", "$m", 0, 4},
        {"ExpandDims", "\"axis\": -1", "$m", 1, 4},
        {"ExpandDims", "\"axis\": 1", "$m", 1, 4},
        {"Squeeze", "\"axis\": null", "$m", 0, 4},
        {"Reshape", "\"newshape\": [-1, 1]", "$m", 1, 4},
        {"Reshape", "\"newshape\": [-1]", "$m", 0, 4},
        {"Stack", "\"axis\": -1", "[$m, $m, $m]", 1, 4},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct model_builder b;

        begin(&b);
        graph_operator(&b, cases[i].name, "y", cases[i].fields,
                       cases[i].arguments);
        check(&b, cases[i].rank, cases[i].y, cases[i].name);
    }
}

static void layers_take_it(void **state)
{
    static const struct {
        const char *name, *fields, *calls;
        size_t rank;
        double y;
    } cases[] = {
        {"Activation", "\"activation\": \"relu\"", "m,0,0", 0, 4},
        {"Dropout", "", "m,0,0", 0, 4},
        {"Flatten", "", "m,0,0", 1, 4},
        {"Reshape", "\"target_shape\": [1]", "m,0,0", 1, 4},
        {"Add", "", "m,0,0 m,0,0", 0, 8},
        {"Multiply", "", "m,0,0 w,0,0", 1, 8},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct model_builder b;

        begin(&b);
        graph_layer(&b, "GlobalMaxPooling1D", "g", "", "x,0,0");
        graph_layer(&b, "Rescaling", "w", "\"scale\": 0, \"offset\": 2",
                    "g,0,0");
        graph_layer(&b, cases[i].name, "y", cases[i].fields, cases[i].calls);
        check(&b, cases[i].rank, cases[i].y, cases[i].name);
    }
}

/* Places that are taken, products and parts may leave nothing else. */
static void it_is_what_is_left(void **state)
{
    static const struct {
        const char *name, *fields, *arguments;
        double y;
    } cases[] = {
        {"Squeeze", "\"axis\": 1", "$k", 4},
        {"Reshape", "\"newshape\": [-1]", "$k", 4},
        {"Mean", "\"axis\": -1, \"keepdims\": false", "$g", 3.5},
        {"Median", "\"axis\": -1, \"keepdims\": false", "$g", 3.5},
        {"Average", "\"axis\": -1", "$g, [1.0, 3.0]", 3.25},
        {"Dot", "", "$g, [2.0, -1.0]", 5},
        {"Tensordot", "\"axes\": 1", "$g, [2.0, -1.0]", 5},
        {"Einsum", "\"subscripts\": \"ab,ab->a\"", "$g, $g", 25},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct model_builder b;

        begin(&b);
        graph_operator(&b, "ExpandDims", "k", "\"axis\": 1", "$m");
        graph_layer(&b, "GlobalMaxPooling1D", "g", "", "x,0,0");
        graph_operator(&b, cases[i].name, "y", cases[i].fields,
                       cases[i].arguments);
        check(&b, 0, cases[i].y, cases[i].name);
    }
}

static void others_do_not_take_it(void **state)
{
    static const struct {
        const char *name, *fields, *arguments, *says;
    } cases[] = {
        {"Mean", "\"axis\": -1, \"keepdims\": false", "$m", "give it one"},
        {"Softmax", "\"axis\": -1", "$m", "axis"},
        {"Concatenate", "\"axis\": 0", "[$m, $m]", "give it one"},
        {"Hstack", "", "[$m, $m]", "give it one"},
        {"Add", "", "$m, $g", "the batch would be repeated"},
        {"Add", "", "$m, [1.0, 2.0]", "more axes than the tensor"},
        {"Stack", "\"axis\": 0", "[$m, $m]", "batch"},
        {"Reshape", "\"newshape\": [-1]", "$g", "cannot become []"},
    };
    static const char *const layers[][3] = {
        {"Dense", "\"units\": 2", "give it one (keras.ops.expand_dims"},
        {"RepeatVector", "\"n\": 2", "give it one"},
        {"Activation", "\"activation\": \"softmax\"", "works along the batch"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct model_builder b;

        begin(&b);
        graph_layer(&b, "GlobalMaxPooling1D", "g", "", "x,0,0");
        operator_assert_refused(&b, cases[i].name, cases[i].fields,
                                cases[i].arguments, cases[i].says);
    }
    for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++) {
        struct model_builder b;

        begin(&b);
        graph_layer(&b, layers[i][0], "y", layers[i][1], "m,0,0");
        graph_end(&b, "x,0,0", "y,0,0", NULL);
        assert_int_equal(model_assert_refused(&b, layers[i][2]),
                         RNN_UNSUPPORTED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators_take_it),
        cmocka_unit_test(layers_take_it),
        cmocka_unit_test(it_is_what_is_left),
        cmocka_unit_test(others_do_not_take_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
