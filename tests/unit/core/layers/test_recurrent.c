#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/layer_check.h"
#include "tests/support/model_run.h"

static const struct {
    size_t features, units;
} sizes[] = {{1, 1},   {3, 5},    {5, 1},   {2, 8},   {7, 9},
             {1, 16},  {4, 17},   {33, 31}, {40, 33}, {3, 64},
             {50, 65}, {16, 100}, {6, 129}, {200, 3}};

#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static const char *const activations[] = {
    "linear",       "relu",        "tanh",        "sigmoid",
    "elu",          "selu",        "silu",        "gelu",
    "softplus",     "mish",        "leaky_relu",  "relu6",
    "softsign",     "softmax",     "log_sigmoid", "hard_silu",
    "celu",         "hard_tanh",   "tanh_shrink", "soft_shrink",
    "hard_shrink",  "squareplus",  "sparse_plus", "sparse_sigmoid",
    "hard_sigmoid", "log_softmax", "sparsemax"};

#define ACTIVATIONS (sizeof(activations) / sizeof(activations[0]))

static void check_sizes(struct model_layer layer)
{
    for (size_t i = 0; i < SIZES; i++) {
        layer.units = sizes[i].units;
        layer_check(&layer, sizes[i].features, "3.15.1");
    }
}

static void check_activations(struct model_layer layer)
{
    for (size_t i = 0; i < ACTIVATIONS; i++) {
        layer.units = i % 2 ? 6 : 19;
        layer.activation = activations[i];
        layer_check(&layer, 4, i % 3 ? "3.15.1" : "2.15.0");
    }
}

/* Gates up to 1: larger ones let a state, and each rounding of it, grow
 * sixfold at every step. */
static void check_gates(struct model_layer layer)
{
    static const char *const gates[] = {"hard_sigmoid",   "tanh",
                                        "hard_tanh",      "softmax",
                                        "sparse_sigmoid", "softsign"};

    for (size_t i = 0; i < 6; i++) {
        layer.units = 9;
        layer.recurrent_activation = gates[i];
        layer_check(&layer, 5, "3.15.1");
        layer_check(&layer, 5, "2.15.0");
    }
}

static void check_without_bias(struct model_layer layer)
{
    layer.no_bias = true;
    check_sizes(layer);
}

static void check(const char *class_name, bool reset_after)
{
    struct model_layer layer = {.class_name = class_name,
                                .reset_after = reset_after};

    check_sizes(layer);
    check_without_bias(layer);
    check_activations(layer);
    if (strcmp(class_name, "SimpleRNN"))
        check_gates(layer);
}

static void simple_rnn_computes_its_equations(void **state)
{
    (void)state;
    check("SimpleRNN", false);
}

static void lstm_computes_its_equations(void **state)
{
    (void)state;
    check("LSTM", false);
}

static void gru_computes_its_equations_with_reset_after(void **state)
{
    (void)state;
    check("GRU", true);
}

static void gru_computes_its_equations_with_reset_before(void **state)
{
    (void)state;
    check("GRU", false);
}

/* Computed by hand: one unit, one feature, no rounding anywhere. */
static void the_gates_lie_in_the_order_of_keras(void **state)
{
    static const float kernel[4] = {1, 2, 3, 4}; /* i f c o */
    struct model_builder b;
    struct rnn_model *model;
    const float x[2] = {1, -0.5f};
    float *y;

    (void)state;
    model_builder_init(&b, 0, 1);
    model_builder_add(&b,
                      &(struct model_layer){.class_name = "LSTM",
                                            .units = 1,
                                            .activation = "linear",
                                            .recurrent_activation = "linear"});
    memcpy(model_builder_tensor(&b, "lstm/kernel")->data, kernel,
           sizeof(kernel));
    memset(model_builder_tensor(&b, "lstm/recurrent_kernel")->data, 0, 16);
    memset(model_builder_tensor(&b, "lstm/bias")->data, 0, 16);
    model = model_load(&b, RNN_ISA_AUTO);
    y = model_run_one(model, x, 2, true, NULL);
    /* t=0: c = 1 * 3 = 3, h = 4 * 3 = 12
     * t=1: c = -1 * 3 + -0.5 * -1.5 = -2.25, h = -2 * -2.25 = 4.5 */
    assert_true(y[0] == 12.0f);
    assert_true(y[1] == 4.5f);
    free(y);
    rnn_model_free(model);
    model_builder_release(&b);
}

static void gru_mixes_the_old_state_with_weight_z(void **state)
{
    static const float kernel[3] = {0.25f, 2, 8}; /* z r h */
    struct model_builder b;
    struct rnn_model *model;
    const float x[2] = {1, 2};
    float *y;

    (void)state;
    model_builder_init(&b, 0, 1);
    model_builder_add(&b,
                      &(struct model_layer){.class_name = "GRU",
                                            .units = 1,
                                            .activation = "linear",
                                            .recurrent_activation = "linear"});
    memcpy(model_builder_tensor(&b, "gru/kernel")->data, kernel,
           sizeof(kernel));
    memset(model_builder_tensor(&b, "gru/recurrent_kernel")->data, 0, 12);
    memset(model_builder_tensor(&b, "gru/bias")->data, 0, 12);
    model = model_load(&b, RNN_ISA_AUTO);
    y = model_run_one(model, x, 2, true, NULL);
    /* t=0: h = 0.75 * 8 = 6;  t=1: h = 0.5 * 6 + 0.5 * 16 = 11 */
    assert_true(y[0] == 6.0f);
    assert_true(y[1] == 11.0f);
    free(y);
    rnn_model_free(model);
    model_builder_release(&b);
}

/* The rows of a bias [2, 3u]: the second acts on the candidate through r. */
static void the_second_bias_of_a_gru_passes_through_the_reset_gate(
    void **state)
{
    static const float bias[6] = {0, 0, 1, 0, 0.5f, 8};
    struct model_builder b;
    struct rnn_model *model;
    const float x = 0;
    float *y;

    (void)state;
    model_builder_init(&b, 0, 1);
    model_builder_add(&b,
                      &(struct model_layer){.class_name = "GRU",
                                            .units = 1,
                                            .reset_after = true,
                                            .activation = "linear",
                                            .recurrent_activation = "linear"});
    memcpy(model_builder_tensor(&b, "gru/bias")->data, bias, sizeof(bias));
    model = model_load(&b, RNN_ISA_AUTO);
    y = model_run_one(model, &x, 1, true, NULL);
    /* z = 0, r = 0.5: h = 1 + 0.5 * 8 */
    assert_true(y[0] == 5.0f);
    free(y);
    rnn_model_free(model);
    model_builder_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simple_rnn_computes_its_equations),
        cmocka_unit_test(lstm_computes_its_equations),
        cmocka_unit_test(gru_computes_its_equations_with_reset_after),
        cmocka_unit_test(gru_computes_its_equations_with_reset_before),
        cmocka_unit_test(the_gates_lie_in_the_order_of_keras),
        cmocka_unit_test(gru_mixes_the_old_state_with_weight_z),
        cmocka_unit_test(
            the_second_bias_of_a_gru_passes_through_the_reset_gate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
