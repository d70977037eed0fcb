/* The keyword `mask` of a call, in both spellings. */
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
#include "tests/support/model_run.h"

#define T 4

static const float ids[T] = {3, 0, 2, 0};

static void begin(struct model_builder *b, const char *version)
{
    graph_begin(b, version);
    graph_input(b, "x", "null");
    graph_layer(b, "Embedding", "e", "\"input_dim\": 4, \"output_dim\": 2",
                "x,0,0");
    model_builder_add_tensor(b, "e/embeddings", 2, (size_t[]){4, 2}, 1);
}

static void check_mean(struct model_builder *b, bool masked)
{
    float *mean = graph_run(b, ids, T, 0), *y = graph_run(b, ids, T, 1);

    for (size_t k = 0; k < 2; k++) {
        double few = (double)y[k] + (double)y[4 + k];
        double all = (double)y[k] + (double)y[2 + k] + (double)y[4 + k] +
                     (double)y[6 + k];

        assert_true(mean[k] == (float)(masked ? few / 2 : all / 4));
    }
    free(mean);
    free(y);
}

/* The ids themselves are the mask: 0 is masked. */
static void a_call_may_be_given_a_mask(void **state)
{
    static const char *const versions[] = {"3.15.1", "2.15.0"};

    (void)state;
    for (size_t v = 0; v < 2; v++)
        for (int masked = 0; masked < 2; masked++) {
            struct model_builder b;

            begin(&b, versions[v]);
            graph_layer(&b, "GlobalAveragePooling1D", "a", "", "e,0,0");
            graph_end(&b, "x,0,0", "a,0,0 e,0,0", NULL);
            if (masked)
                graph_give_mask(&b, "e", graph_tensor(&b, "x"));
            check_mean(&b, masked);
            model_builder_release(&b);
        }
}

/* Since 3.11; before that what came with the input does. */
static void a_mask_that_is_given_passes_on(void **state)
{
    static const struct {
        const char *version, *embedding;
        bool masked;
    } cases[] = {{"3.15.1", "", true},
                 {"3.11.0", "", true},
                 {"3.10.0", "", false},
                 {"3.0.5", "", false},
                 {"3.10.0", ", \"mask_zero\": true", true}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct model_builder b;
        char fields[80];

        graph_begin(&b, cases[i].version);
        graph_input(&b, "x", "null");
        snprintf(fields, sizeof(fields),
                 "\"input_dim\": 4, \"output_dim\": 2%s", cases[i].embedding);
        graph_layer(&b, "Embedding", "e", fields, "x,0,0");
        model_builder_add_tensor(&b, "e/embeddings", 2, (size_t[]){4, 2}, 1);
        graph_layer(&b, "TimeDistributed", "d",
                    "\"layer\": {\"class_name\": \"Activation\", "
                    "\"config\": {\"name\": \"i\", \"activation\": "
                    "\"tanh\"}}",
                    "e,0,0");
        graph_layer(&b, "GlobalAveragePooling1D", "a", "", "d,0,0");
        graph_end(&b, "x,0,0", "a,0,0 d,0,0", NULL);
        graph_give_mask(&b, "e", graph_tensor(&b, "x"));
        check_mean(&b, cases[i].masked);
        model_builder_release(&b);
    }
}

/* A list has a place for each input; Keras writes null where there is none. */
static void a_model_is_given_a_list(void **state)
{
    char list[300];

    (void)state;
    for (int masked = 0; masked < 2; masked++) {
        struct model_builder b;

        begin(&b, "3.15.1");
        graph_begin_nested(&b, "Functional", "inner");
        graph_input(&b, "i", "null, 2");
        graph_layer(&b, "Dropout", "o", "", "i,0,0");
        graph_end(&b, "i,0,0", "o,0,0", "e,0,0");
        graph_layer(&b, "GlobalAveragePooling1D", "a", "", "inner,0,0");
        graph_end(&b, "x,0,0", "a,0,0 inner,0,0", NULL);
        snprintf(list, sizeof(list), "[%s]",
                 masked ? graph_tensor(&b, "x") : "null");
        graph_give_mask(&b, "e", list);
        check_mean(&b, masked);
        model_builder_release(&b);
    }
}

static void too_many_masks_are_refused(void **state)
{
    struct model_builder b;
    struct rnn_model *model = NULL;
    struct rnn_error err;
    char list[300];

    (void)state;
    begin(&b, "3.15.1");
    graph_layer(&b, "GlobalAveragePooling1D", "a", "", "e,0,0");
    graph_end(&b, "x,0,0", "a,0,0 e,0,0", NULL);
    snprintf(list, sizeof(list), "[null, %s]", graph_tensor(&b, "x"));
    graph_give_mask(&b, "e", list);
    model_builder_finish(&b);
    assert_int_equal(rnn_model_load(b.bytes, b.size, NULL, &model, &err),
                     RNN_BAD_MODEL);
    assert_non_null(strstr(err.message, "\"a\""));
    assert_non_null(strstr(err.message, "more masks than"));
    model_builder_release(&b);
}

/* A Softmax takes a mask of its own shape, and nothing else. */
static void softmax_leaves_out_what_a_mask_says(void **state)
{
    static const float x[] = {1, 0, 2, 0, 0, 0, 5, 5, 5};

    (void)state;
    for (int is_3 = 0; is_3 < 2; is_3++) {
        struct model_builder b;
        float *y, e = 2.71828183F;

        graph_begin(&b, is_3 ? "3.15.1" : "2.15.0");
        graph_input(&b, "x", "null, 3");
        graph_layer(&b, "ReLU", "r", "", "x,0,0");
        graph_layer(&b, "Softmax", "s", "", "r,0,0");
        graph_end(&b, "x,0,0", "s,0,0", NULL);
        graph_give_mask(&b, "r", graph_tensor(&b, "x"));
        y = graph_run(&b, x, 3, 0);
        if (is_3) {
            assert_true(y[1] == 0);
            assert_float_equal(y[2], e / (1 + e), 1e-6F);
            assert_true(y[3] == 0 && y[4] == 0 && y[5] == 0);
        } else {
            assert_float_equal(y[3], 1.F / 3, 1e-6F);
        }
        assert_float_equal(y[6], 1.F / 3, 1e-6F);
        graph_check_bits(&b, 0);
        free(y);
        model_builder_release(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_may_be_given_a_mask),
        cmocka_unit_test(a_mask_that_is_given_passes_on),
        cmocka_unit_test(a_model_is_given_a_list),
        cmocka_unit_test(too_many_masks_are_refused),
        cmocka_unit_test(softmax_leaves_out_what_a_mask_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
