#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/layer_check.h"
#include "tests/support/model_refusal.h"
#include "tests/support/model_run.h"
#include "tests/support/step_check.h"

static void it_computes_every_function(void **state)
{
    static const char *const names[] = {
        "tanh",    "relu",   "softmax", "log_softmax",
        "sigmoid", "linear", "elu",     "hard_sigmoid"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        for (size_t features = 1; features < 40; features += 6)
            layer_check(&(struct model_layer){.class_name = "Activation",
                                              .activation = names[i]},
                        features, i % 2 ? "3.15.1" : "2.15.0");
}

/* The input is the caller's: it must not be activated in place. */
static void it_leaves_its_input_alone(void **state)
{
    const float x[6] = {-1, 2, -3, 4, -5, 6};
    float given[6], *y;
    struct model_builder b;
    struct rnn_model *model;

    (void)state;
    memcpy(given, x, sizeof(given));
    model_builder_init(&b, 0, 3);
    model_builder_add(&b, &(struct model_layer){.class_name = "Activation",
                                                .activation = "relu"});
    model = model_load(&b, RNN_ISA_AUTO);
    y = model_run_one(model, given, 2, false, NULL);
    assert_memory_equal(given, x, sizeof(given));
    assert_true(y[0] == 0 && y[1] == 2 && y[4] == 0 && y[5] == 6);
    free(y);
    rnn_model_free(model);
    model_builder_release(&b);
}

static double relu_of(double x)
{
    return x >= 0.25f ? fmin(x, 1.5) : -0.125 * (0.25 - x);
}

static double leaky_of(double x)
{
    return x > 0 ? x : (double)0.3f * x;
}

static double steep_of(double x)
{
    return x > 0 ? x : 0.75 * x;
}

static double elu_of(double x)
{
    return x > 0 ? x : 0.5 * expm1(x);
}

static double above_of(double x)
{
    return x > 0.5 ? x : 0;
}

static double plain_of(double x)
{
    return fmax(x, 0);
}

static const struct {
    const char *class, *fields, *version;
    double (*of)(double x);
} activations[] = {
    {"ReLU",
     "\"max_value\": 1.5, \"negative_slope\": 0.125, \"threshold\": 0.25",
     "3.15.1", relu_of},
    {"ReLU",
     "\"max_value\": null, \"negative_slope\": 0.0, \"threshold\": 0.0",
     "2.15.0", plain_of},
    {"ReLU", "\"max_value\": null", "2.2.4", plain_of},
    {"LeakyReLU", "\"alpha\": 0.30000001192092896", "2.15.0", leaky_of},
    {"LeakyReLU", "\"negative_slope\": 0.3", "3.15.1", leaky_of},
    {"LeakyReLU", "\"activity_regularizer\": null", "3.15.1", leaky_of},
    {"LeakyReLU", "\"negative_slope\": 0.75", "3.15.1", steep_of},
    {"ELU", "\"alpha\": 0.5", "3.15.1", elu_of},
    {"ThresholdedReLU", "\"theta\": 0.5", "2.15.0", above_of},
};

#define ACTIVATIONS (sizeof(activations) / sizeof(activations[0]))
#define TIMESTEPS   43

static double *expect(const float *x, size_t count, double (*of)(double x))
{
    double *ref = calloc(count, sizeof(*ref));

    for (size_t i = 0; i < count; i++)
        ref[i] = of(x[i]);
    return ref;
}

static void layers_of_an_activation_compute_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < ACTIVATIONS; i++)
        for (size_t d = 1; d < 40; d += 12) {
            uint64_t seed = i;
            float *x = model_random_floats(&seed, TIMESTEPS * d, 3);
            double *ref = expect(x, TIMESTEPS * d, activations[i].of);
            struct model_builder b;

            model_builder_init(&b, 0, d);
            b.keras_version = activations[i].version;
            model_builder_add(
                &b, &(struct model_layer){.class_name = activations[i].class,
                                          .bare = true,
                                          .more = activations[i].fields});
            step_check(&b, x, TIMESTEPS, ref, 3e-7);
            free(x);
            free(ref);
            model_builder_release(&b);
        }
}

/* Activation(LeakyReLU(0.3)): the object as Keras 2 and Keras 3 write it. */
static void the_function_may_be_a_layer(void **state)
{
    (void)state;
    for (size_t i = 0; i < ACTIVATIONS; i++) {
        uint64_t seed = i;
        float *x = model_random_floats(&seed, TIMESTEPS * 5, 3);
        double *ref = expect(x, TIMESTEPS * 5, activations[i].of);
        struct model_builder b;
        char more[400];

        snprintf(more, sizeof(more),
                 "\"activation\": {\"module\": \"keras.layers\", "
                 "\"class_name\": \"%s\", \"config\": {\"name\": \"inner\", "
                 "\"dtype\": \"float32\", %s}, \"registered_name\": null}",
                 activations[i].class, activations[i].fields);
        model_builder_init(&b, 0, 5);
        b.keras_version = activations[i].version;
        model_builder_add(&b, &(struct model_layer){.class_name = "Activation",
                                                    .bare = true,
                                                    .more = more});
        step_check(&b, x, TIMESTEPS, ref, 3e-7);
        free(x);
        free(ref);
        model_builder_release(&b);
    }
}

static void softmax_takes_the_last_axis(void **state)
{
    static const char *const axes[] = {"-1", "2", "[-1]"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        uint64_t seed = i;
        float *x = model_random_floats(&seed, TIMESTEPS * 7, 3);
        double ref[TIMESTEPS * 7];
        struct model_builder b;
        char more[40];

        for (size_t t = 0; t < TIMESTEPS; t++) {
            double sum = 0;

            for (size_t k = 0; k < 7; k++)
                sum += exp(x[t * 7 + k]);
            for (size_t k = 0; k < 7; k++)
                ref[t * 7 + k] = exp(x[t * 7 + k]) / sum;
        }
        snprintf(more, sizeof(more), "\"axis\": %s", axes[i]);
        model_builder_init(&b, 0, 7);
        model_builder_add(&b, &(struct model_layer){.class_name = "Softmax",
                                                    .bare = true,
                                                    .more = more});
        step_check(&b, x, TIMESTEPS, ref, 3e-7);
        free(x);
        model_builder_release(&b);
    }
}

static void parameters_that_are_none_are_refused(void **state)
{
    static const struct {
        const char *class, *fields, *says;
    } cases[] = {
        {"ReLU", "\"max_value\": -1", "max_value is -1"},
        {"ReLU", "\"threshold\": \"x\"", "threshold is \"x\""},
        {"ReLU", "\"shape\": 3", "shape is 3"},
        {"LeakyReLU", "\"negative_slope\": -0.5", "negative_slope is -0.5"},
        {"ELU", "\"alpha\": [1, 2]", "alpha is [1,2]"},
        {"ThresholdedReLU", "\"theta\": -1", "theta is -1"},
        {"Softmax", "\"axis\": 0", "works along axis 0"},
        {"Softmax", "\"axis\": [1, 2, 1]", "names axis 1 twice"},
        {"Activation",
         "\"activation\": {\"class_name\": \"PReLU\", \"config\": {}}",
         "the class PReLU cannot stand for an activation"},
        {"Activation",
         "\"activation\": {\"class_name\": \"Softmax\", \"config\": "
         "{\"axis\": 2}}",
         "axis is 2, only the last axis"},
        {"Activation",
         "\"activation\": {\"class_name\": \"ELU\", \"config\": {\"beta\": "
         "2}}",
         "beta is 2"},
        {"Activation",
         "\"activation\": {\"class_name\": \"ELU\", \"config\": {}, "
         "\"registered_name\": \"mine>ELU\"}",
         "custom functions cannot be run"},
        {"Activation",
         "\"activation\": {\"class_name\": \"function\", \"config\": "
         "\"mine\"}",
         "custom functions cannot be run"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct model_builder b;

        model_builder_init(&b, 0, 4);
        model_builder_add(&b,
                          &(struct model_layer){.class_name = cases[i].class,
                                                .bare = true,
                                                .more = cases[i].fields});
        model_assert_refused(&b, cases[i].says);
    }
}

static void it_needs_the_name_of_a_function(void **state)
{
    struct model_builder b;
    struct rnn_model *model = NULL;
    struct rnn_error err;

    (void)state;
    model_builder_init(&b, 0, 3);
    model_builder_add(&b, &(struct model_layer){.class_name = "Activation"});
    model_builder_finish(&b);
    assert_int_equal(rnn_model_load(b.bytes, b.size, NULL, &model, &err),
                     RNN_UNSUPPORTED);
    assert_non_null(strstr(err.message, "activation is absent"));
    model_builder_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_computes_every_function),
        cmocka_unit_test(it_leaves_its_input_alone),
        cmocka_unit_test(layers_of_an_activation_compute_it),
        cmocka_unit_test(the_function_may_be_a_layer),
        cmocka_unit_test(softmax_takes_the_last_axis),
        cmocka_unit_test(parameters_that_are_none_are_refused),
        cmocka_unit_test(it_needs_the_name_of_a_function),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
