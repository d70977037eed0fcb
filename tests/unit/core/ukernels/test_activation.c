/* test_activation.c: activations by Keras' names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "core/ukernels/activation.h"

static void names_are_known_in_any_case(void **state)
{
    static const char *const names[] = {"tanh", "TANH", "Tanh"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct rnn_activation act;

        assert_true(rnn_activation_parse(names[i], 3, &act));
        assert_int_equal(act.kind, RNN_ACT_TANH);
    }
}

static void other_names_are_known(void **state)
{
    struct rnn_activation act;

    (void)state;
    assert_true(rnn_activation_parse("swish", 3, &act));
    assert_int_equal(act.kind, RNN_ACT_SILU);
    assert_true(rnn_activation_parse("hard_swish", 3, &act));
    assert_int_equal(act.kind, RNN_ACT_HARD_SILU);
    assert_true(rnn_activation_parse("log_softmax_v2", 2, &act));
    assert_int_equal(act.kind, RNN_ACT_LOG_SOFTMAX);
}

static void hard_sigmoid_is_that_of_its_keras(void **state)
{
    struct rnn_activation act;

    (void)state;
    assert_true(rnn_activation_parse("hard_sigmoid", 2, &act));
    assert_int_equal(act.kind, RNN_ACT_HARD_SIGMOID_2);
    assert_true(rnn_activation_parse("hard_sigmoid", 1, &act));
    assert_int_equal(act.kind, RNN_ACT_HARD_SIGMOID_2);
    assert_true(rnn_activation_parse("hard_sigmoid", 3, &act));
    assert_int_equal(act.kind, RNN_ACT_HARD_SIGMOID);
}

static void what_keras_does_not_know_is_refused(void **state)
{
    static const char *const wrong[] = {
        "", "tan", "gelu_tanh", "Tanh ", "hard_sigmoid_keras2", "custom"};
    struct rnn_activation act = {.kind = RNN_ACT_MISH};

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(rnn_activation_parse(wrong[i], 3, &act));
    assert_int_equal(act.kind, RNN_ACT_MISH);
}

static void parameters_begin_with_keras_defaults(void **state)
{
    static const struct {
        const char *name;
        float a;
    } defaults[] = {{"relu", INFINITY},    {"leaky_relu", 0.2f},
                    {"elu", 1.0f},         {"celu", 1.0f},
                    {"soft_shrink", 0.5f}, {"hard_shrink", 0.5f},
                    {"squareplus", 4.0f},  {"tanh", 0.0f}};

    (void)state;
    for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
        struct rnn_activation act;

        assert_true(rnn_activation_parse(defaults[i].name, 3, &act));
        assert_true(act.a == defaults[i].a && act.b == 0.0f && act.c == 0.0f);
    }
}

static void softmax_and_its_kin_take_rows(void **state)
{
    static const char *const rows[] = {"softmax", "log_softmax", "sparsemax"};
    struct rnn_activation act;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_true(rnn_activation_parse(rows[i], 3, &act));
        assert_true(rnn_activation_takes_rows(&act));
    }
    assert_true(rnn_activation_parse("sigmoid", 3, &act));
    assert_false(rnn_activation_takes_rows(&act));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_known_in_any_case),
        cmocka_unit_test(other_names_are_known),
        cmocka_unit_test(hard_sigmoid_is_that_of_its_keras),
        cmocka_unit_test(what_keras_does_not_know_is_refused),
        cmocka_unit_test(parameters_begin_with_keras_defaults),
        cmocka_unit_test(softmax_and_its_kin_take_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
