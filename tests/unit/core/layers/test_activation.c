#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/layer_check.h"
#include "tests/support/model_run.h"

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
        cmocka_unit_test(it_needs_the_name_of_a_function),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
