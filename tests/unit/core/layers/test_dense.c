#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/layer_check.h"
#include "tests/support/model_run.h"
#include "tests/support/reference_model.h"

static void it_computes_its_equation_at_every_size(void **state)
{
    static const size_t sizes[] = {1, 2, 3, 7, 8, 16, 17, 31, 40, 65, 130};
    const size_t count = sizeof(sizes) / sizeof(sizes[0]);

    (void)state;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++)
            layer_check(&(struct model_layer){.class_name = "Dense",
                                              .units = sizes[j],
                                              .no_bias = (i + j) % 3 == 0},
                        sizes[i], "3.15.1");
}

static void it_takes_every_activation(void **state)
{
    static const char *const names[] = {
        "linear",      "relu",          "softmax",      "tanh",
        "sigmoid",     "elu",           "selu",         "silu",
        "swish",       "gelu",          "softplus",     "log_softmax",
        "mish",        "leaky_relu",    "relu6",        "softsign",
        "log_sigmoid", "hard_silu",     "hard_swish",   "exponential",
        "squareplus",  "sparse_plus",   "celu",         "tanh_shrink",
        "soft_shrink", "hard_shrink",   "hard_sigmoid", "hard_tanh",
        "sparsemax",   "sparse_sigmoid"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        for (size_t units = 1; units < 40; units += 9)
            layer_check(&(struct model_layer){.class_name = "Dense",
                                              .units = units,
                                              .activation = names[i]},
                        12, i % 2 ? "3.15.1" : "2.15.0");
}

/* x [T, 4, 3] -> y [T, 4, 5], a model without any recurrent layer. */
static void it_works_on_the_last_of_many_axes(void **state)
{
    enum { T = 70, INNER = 4, FEATURES = 3, UNITS = 5 };
    struct model_builder b;
    struct rnn_model *model;
    const struct rnn_model_info *info;
    const float *kernel, *bias;
    uint64_t seed = 2;
    float *x, *y;

    (void)state;
    model_builder_init(&b, 0, FEATURES);
    model_builder_add(&b, &(struct model_layer){.class_name = "Dense",
                                                .units = UNITS,
                                                .activation = "tanh"});
    model_builder_replace(&b, "[null, null, 3]", "[null, null, 4, 3]");
    model = model_load(&b, RNN_ISA_AUTO);
    info = rnn_model_info(model);
    assert_int_equal(info->inputs[0].features, INNER * FEATURES);
    assert_int_equal(info->outputs[0].rank, 3);
    assert_int_equal(info->outputs[0].shape[1], INNER);
    assert_int_equal(info->outputs[0].shape[2], UNITS);
    x = model_random_floats(&seed, T * INNER * FEATURES, 1);
    y = model_run_one(model, x, T, false, NULL);
    kernel = model_builder_tensor(&b, "dense/kernel")->data;
    bias = model_builder_tensor(&b, "dense/bias")->data;
    for (size_t i = 0; i < T * INNER; i++)
        for (size_t j = 0; j < UNITS; j++) {
            double sum = bias[j];

            for (size_t k = 0; k < FEATURES; k++)
                sum += (double)x[i * FEATURES + k] * kernel[k * UNITS + j];
            assert_true(fabs(y[i * UNITS + j] - tanh(sum)) < 1e-6);
        }
    free(x);
    free(y);
    rnn_model_free(model);
    model_builder_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_computes_its_equation_at_every_size),
        cmocka_unit_test(it_takes_every_activation),
        cmocka_unit_test(it_works_on_the_last_of_many_axes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
