/* Masking, and Embedding with mask_zero: what they mask, seen through an
 * average, which counts the steps. */
#include <math.h>
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
#define D 2

/* Outputs: the average of the steps that count, and y itself. */
static void begin(struct model_builder *b, const char *version,
                  const char *value)
{
    char text[200];

    snprintf(text, sizeof(text), "\"mask_value\": %s", value);
    graph_begin(b, version);
    graph_input(b, "x", "null, 2");
    graph_layer(b, "Masking", "m", text, "x,0,0");
    graph_layer(b, "GlobalAveragePooling1D", "a", "", "m,0,0");
    graph_end(b, "x,0,0", "a,0,0 m,0,0", NULL);
}

/* x with `counting` steps, written as their numbers are: 1 counts. */
static void check(const char *version, const char *value, const float *x,
                  const char *pattern)
{
    struct model_builder b;
    double sum[D] = {0};
    size_t count = 0;
    float *mean, *y;

    begin(&b, version, value);
    mean = graph_run(&b, x, T, 0);
    y = graph_run(&b, x, T, 1);
    for (size_t t = 0; t < T; t++) {
        bool counts = pattern[t] == '1';

        count += counts;
        for (size_t k = 0; k < D; k++) {
            float wanted = counts ? x[t * D + k] : 0;

            sum[k] += (double)wanted;
            if (y[t * D + k] != wanted)
                fail_msg("mask_value %s: y[%zu][%zu] is %g, not %g", value, t,
                         k, (double)y[t * D + k], (double)wanted);
        }
    }
    for (size_t k = 0; k < D; k++)
        if (mean[k] != (float)(sum[k] / (double)count))
            fail_msg("mask_value %s: the average is %g", value,
                     (double)mean[k]);
    model_builder_release(&b);
    free(mean);
    free(y);
}

static void a_step_is_masked_if_all_of_it_is_the_value(void **state)
{
    static const float x[] = {0, 0, 0, 1, -1, -1, 0.1F, 0.1F};
    static const char *const versions[] = {"3.15.1", "2.15.0"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        check(versions[i], "0.0", x, "0111");
        check(versions[i], "0", x, "0111");
        check(versions[i], "-0.0", x, "0111");
        check(versions[i], "null", x, "0111");
        check(versions[i], "-1", x, "1101");
        check(versions[i], "0.1", x, "1110"); /* as float32 */
        check(versions[i], "7", x, "1111");
        check(versions[i], "NaN", x, "1111");
        check(versions[i], "Infinity", x, "1111");
        check(versions[i], "[0, 1]", x, "1011");
        check(versions[i],
              "{\"class_name\": \"__numpy__\", \"config\": {\"value\": [0.0, "
              "1.0], \"dtype\": \"float64\"}}",
              x, "1011");
        check(versions[i],
              "{\"class_name\": \"__tensor__\", \"config\": {\"value\": "
              "-1.0, \"dtype\": \"float32\"}}",
              x, "1101");
    }
}

/* Keras 2 multiplies by 0, Keras 3 writes one. */
static void the_zero_of_keras_2_has_a_sign(void **state)
{
    static const float x[] = {-1, -1, 1, 1};
    struct model_builder b;
    float *y;

    (void)state;
    begin(&b, "2.15.0", "-1");
    y = graph_run(&b, x, 2, 1);
    assert_true(y[0] == 0 && signbit(y[0]));
    free(y);
    model_builder_release(&b);
    begin(&b, "3.15.1", "-1");
    y = graph_run(&b, x, 2, 1);
    assert_true(y[0] == 0 && !signbit(y[0]));
    free(y);
    model_builder_release(&b);
}

static void each_row_of_a_step_has_a_mask_of_its_own(void **state)
{
    static const float x[] = {0, 0, 0, 1, 2, 3, 0, 0};
    struct model_builder b;
    float *y;

    (void)state;
    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", "null, 2, 2");
    graph_layer(&b, "Masking", "m", "\"mask_value\": [0, 1]", "x,0,0");
    graph_end(&b, "x,0,0", "m,0,0", NULL);
    y = graph_run(&b, x, 2, 0);
    for (size_t i = 0; i < 8; i++)
        assert_true(y[i] == (i == 3 ? 0 : x[i]));
    graph_check_bits(&b, 0);
    model_builder_release(&b);
    free(y);
}

static void the_first_id_is_masked(void **state)
{
    static const float ids[] = {3, 0, 2, 0};
    struct model_builder b;
    float *mean, *y;

    (void)state;
    for (int masks = 0; masks < 2; masks++) {
        graph_begin(&b, "3.15.1");
        graph_input(&b, "x", "null");
        graph_layer(&b, "Embedding", "e",
                    masks ? "\"input_dim\": 4, \"output_dim\": 2, "
                            "\"mask_zero\": true"
                          : "\"input_dim\": 4, \"output_dim\": 2, "
                            "\"mask_zero\": false",
                    "x,0,0");
        graph_layer(&b, "GlobalAveragePooling1D", "a", "", "e,0,0");
        graph_end(&b, "x,0,0", "a,0,0 e,0,0", NULL);
        model_builder_add_tensor(&b, "e/embeddings", 2, (size_t[]){4, 2}, 1);
        mean = graph_run(&b, ids, T, 0);
        y = graph_run(&b, ids, T, 1);
        for (size_t k = 0; k < D; k++) {
            double few = (double)y[k] + (double)y[2 * D + k];
            double all = (double)y[k] + (double)y[D + k] +
                         (double)y[2 * D + k] + (double)y[3 * D + k];

            assert_true(mean[k] == (float)(masks ? few / 2 : all / 4));
        }
        free(mean);
        free(y);
        model_builder_release(&b);
    }
}

static void true_is_one_and_false_zero(void **state)
{
    static const float x[T * D] = {1, 1, 0, 0, 1, 0, 2, 2};

    (void)state;
    for (int is_3 = 0; is_3 < 2; is_3++) {
        check(is_3 ? "3.15.1" : "2.15.0", "true", x, "0111");
        check(is_3 ? "3.15.1" : "2.15.0", "false", x, "1011");
    }
}

static void a_value_that_is_none_is_refused(void **state)
{
    static const struct {
        const char *value, *says;
    } cases[] = {
        {"\"zero\"", "mask_value is \"zero\""},
        {"1e39", "mask_value is"},
        {"[0, 1, 2]", "mask_value has 3 numbers"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct model_builder b;

        begin(&b, "3.15.1", cases[i].value);
        model_assert_refused(&b, cases[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_is_masked_if_all_of_it_is_the_value),
        cmocka_unit_test(the_zero_of_keras_2_has_a_sign),
        cmocka_unit_test(each_row_of_a_step_has_a_mask_of_its_own),
        cmocka_unit_test(the_first_id_is_masked),
        cmocka_unit_test(true_is_one_and_false_zero),
        cmocka_unit_test(a_value_that_is_none_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
