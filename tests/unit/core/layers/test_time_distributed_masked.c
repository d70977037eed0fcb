/* TimeDistributed under masks: each timestep has its own, and what comes out
 * has the one that each Keras gives it. */
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

#define T 4
#define A 5
#define F 2
#define U 3

static const char *const rnn = "\"units\": 3";
static const char *const wrapped =
    "\"layer\": {\"class_name\": \"SimpleRNN\", \"config\": {\"name\": \"i\", "
    "\"units\": 3}}";

/* Timestep 2 is all masked, the others in places. */
static float *some_x(void)
{
    uint64_t seed = 21;
    float *x = model_random_floats(&seed, T * A * F, 1);

    for (size_t i = 0; i < T * A; i++)
        if (i / A == 2 || i % 3 == 0)
            x[i * F] = x[i * F + 1] = 0;
    return x;
}

static void begin(struct model_builder *b, const char *version)
{
    graph_begin(b, version);
    graph_input(b, "x", "null, 5, 2");
    graph_layer(b, "Masking", "m", "", "x,0,0");
    graph_layer(b, "TimeDistributed", "d", wrapped, "m,0,0");
    b->seed = 5;
    graph_recurrent(b, "d/layer", 1, F, U);
}

static void each_timestep_has_a_mask(void **state)
{
    static const char *const versions[] = {"3.15.1", "2.15.0"};
    float *x = some_x();

    (void)state;
    for (size_t v = 0; v < 2; v++) {
        struct model_builder b;
        float *y;

        begin(&b, versions[v]);
        graph_end(&b, "x,0,0", "d,0,0", NULL);
        y = graph_run(&b, x, T, 0);
        graph_check_bits(&b, 0);
        model_builder_release(&b);
        for (size_t t = 0; t < T; t++) {
            float *one;

            graph_begin(&b, versions[v]);
            graph_input(&b, "x", "5, 2");
            graph_layer(&b, "Masking", "m", "", "x,0,0");
            graph_layer(&b, "SimpleRNN", "r", rnn, "m,0,0");
            graph_end(&b, "x,0,0", "r,0,0", NULL);
            b.seed = 5;
            graph_recurrent(&b, "r", 1, F, U);
            one = graph_run(&b, x + t * A * F, A, 0);
            assert_memory_equal(y + t * U, one, U * sizeof(float));
            model_builder_release(&b);
            free(one);
        }
        free(y);
    }
    free(x);
}

/* In Keras 2 a timestep counts if anything of it does. */
static void keras_2_makes_a_mask_of_timesteps(void **state)
{
    struct model_builder b;
    float *x = some_x(), *mean, *y;

    (void)state;
    begin(&b, "2.15.0");
    graph_layer(&b, "GlobalAveragePooling1D", "a", "", "d,0,0");
    graph_end(&b, "x,0,0", "a,0,0 d,0,0", NULL);
    mean = graph_run(&b, x, T, 0);
    y = graph_run(&b, x, T, 1);
    for (size_t k = 0; k < U; k++) {
        double sum = (double)y[k] + (double)y[U + k] + (double)y[3 * U + k];

        assert_true(mean[k] == (float)(sum / 3));
    }
    graph_check_bits(&b, 0);
    model_builder_release(&b);
    free(x);
    free(y);
    free(mean);
}

static void assert_refused(struct model_builder *b, const char *says)
{
    assert_int_equal(model_assert_refused(b, says), RNN_UNSUPPORTED);
}

/* Keras 3 hands on the mask as it is, which no layer of timesteps takes. */
static void keras_3_keeps_the_mask_of_all(void **state)
{
    struct model_builder b;

    (void)state;
    begin(&b, "3.15.1");
    graph_layer(&b, "GlobalAveragePooling1D", "a", "", "d,0,0");
    graph_end(&b, "x,0,0", "a,0,0", NULL);
    assert_refused(&b, "\"a\" (GlobalAveragePooling1D) takes a mask of one "
                       "number for each timestep, it is given [?, 5]");
}

/* x [T, 5, 2] under a mask of T numbers. */
static void begin_steps(struct model_builder *b, const char *version,
                        const char *inner)
{
    bool is_3 = version[0] == '3';
    char text[300];

    snprintf(text, sizeof(text),
             "\"layer\": {\"class_name\": \"%s\", \"config\": {\"name\": "
             "\"i\"}}",
             inner);
    graph_begin(b, version);
    graph_input(b, "x", "null, 5, 2");
    graph_input(b, "n", "null");
    graph_layer(b, "TimeDistributed", "d",
                strcmp(inner, "SimpleRNN") ? text : wrapped, "x,0,0");
    graph_end(b, "x,0,0 n,0,0", "d,0,0", NULL);
    if (!strcmp(inner, "SimpleRNN"))
        graph_recurrent(b, "d/layer", 1, F, U);
    model_builder_replace(
        b, is_3 ? "\"kwargs\": {\"training\": null}" : "[\"x\", 0, 0, {}]",
        is_3 ? "\"kwargs\": {\"mask\": {\"class_name\": "
               "\"__keras_tensor__\", \"config\": {\"keras_history\": "
               "[\"n\", 0, 0]}}}"
             : "[\"x\", 0, 0, {\"mask\": [\"n\", 0, 0]}]");
}

static void what_keras_cannot_run_is_refused(void **state)
{
    static const char *const versions[] = {"3.15.1", "2.15.0"};
    struct model_builder b;

    (void)state;
    for (size_t v = 0; v < 2; v++) {
        begin_steps(&b, versions[v], "SimpleRNN");
        assert_refused(&b, "\"d\" (TimeDistributed) is given a mask of "
                           "timesteps and has a SimpleRNN in it");
    }
    begin_steps(&b, "2.15.0", "Flatten");
    assert_refused(&b, "has a Flatten in it");
    /* Keras 3 can. */
    begin_steps(&b, "3.15.1", "Flatten");
    rnn_model_free(model_load(&b, RNN_ISA_AUTO));
    model_builder_release(&b);
}

/* A Masking inside: in Keras 2 it masks the rows of what comes out, which an
 * average of each timestep leaves out; in Keras 3 nobody sees that. */
static void keras_2_sees_a_mask_made_inside(void **state)
{
    static const float x[2 * 3 * F] = {1, 2, 0, 0, 5, 6, 0, 0, 0, 0, 4, 3};

    (void)state;
    for (int is_3 = 0; is_3 < 2; is_3++) {
        struct model_builder b;
        float *y;

        graph_begin(&b, is_3 ? "3.15.1" : "2.15.0");
        graph_input(&b, "x", "null, 3, 2");
        graph_layer(&b, "TimeDistributed", "d",
                    "\"layer\": {\"class_name\": \"Masking\", \"config\": "
                    "{\"name\": \"i\"}}",
                    "x,0,0");
        graph_layer(&b, "TimeDistributed", "a",
                    "\"layer\": {\"class_name\": "
                    "\"GlobalAveragePooling1D\", \"config\": {\"name\": "
                    "\"j\"}}",
                    "d,0,0");
        graph_end(&b, "x,0,0", "a,0,0", NULL);
        y = graph_run(&b, x, 2, 0);
        assert_float_equal(y[0], is_3 ? 2 : 3, 1e-6F);
        assert_float_equal(y[1], is_3 ? 8.F / 3 : 4, 1e-6F);
        assert_float_equal(y[2], is_3 ? 4.F / 3 : 4, 1e-6F);
        assert_float_equal(y[3], is_3 ? 1 : 3, 1e-6F);
        model_builder_release(&b);
        free(y);
    }
}

/* Of timesteps: what is inside masks a timestep as a whole. */
static void a_timestep_may_be_masked_from_inside(void **state)
{
    static const float x[3 * F] = {1, 2, 0, 0, 5, 6};
    struct model_builder b;
    float *y;

    (void)state;
    graph_begin(&b, "2.15.0");
    graph_input(&b, "x", "null, 2");
    graph_layer(&b, "TimeDistributed", "d",
                "\"layer\": {\"class_name\": \"Masking\", \"config\": "
                "{\"name\": \"i\"}}",
                "x,0,0");
    graph_layer(&b, "SimpleRNN", "r",
                "\"units\": 3, \"return_sequences\": true", "d,0,0");
    graph_recurrent(&b, "r", 1, F, 3);
    graph_layer(&b, "GlobalAveragePooling1D", "a", "", "d,0,0");
    graph_end(&b, "x,0,0", "a,0,0 r,0,0", NULL);
    y = graph_run(&b, x, 3, 0);
    assert_float_equal(y[0], 3, 1e-6F);
    assert_float_equal(y[1], 4, 1e-6F);
    free(y);
    y = graph_run(&b, x, 3, 1);
    assert_memory_equal(y, y + 3, 3 * sizeof(float));
    graph_check_bits(&b, 0);
    model_builder_release(&b);
    free(y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_timestep_has_a_mask),
        cmocka_unit_test(keras_2_makes_a_mask_of_timesteps),
        cmocka_unit_test(keras_3_keeps_the_mask_of_all),
        cmocka_unit_test(what_keras_cannot_run_is_refused),
        cmocka_unit_test(keras_2_sees_a_mask_made_inside),
        cmocka_unit_test(a_timestep_may_be_masked_from_inside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
