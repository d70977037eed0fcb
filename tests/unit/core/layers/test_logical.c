/* Operators that answer 1 or 0, and what Keras 3 writes for masks with them.
 */
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
#define D 4

static const float x[T * D] = {0, 1, -1, 2, 0.5F, 0, 0, 3, 1, -0.0F, 2, 0};

static void begin(struct model_builder *b)
{
    graph_begin(b, "3.15.1");
    graph_input(b, "x", "null, 4");
}

static void operators_answer_with_1_and_0(void **state)
{
    static const struct {
        const char *class_name, *arguments;
        float y[T * D];
    } cases[] = {
        {"Equal", "$x, 0", {1, 0, 0, 0, 0, 1, 1, 0, 0, 1, 0, 1}},
        {"NotEqual", "$x, 0.5", {1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1}},
        {"NotEqual", "$x, NaN", {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
        {"NotEqual", "$x, [0, 1, 2, 3]", {0, 0, 1, 1, 1, 1, 1, 0, 1, 1, 0, 1}},
        {"Greater", "$x, 1", {0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0}},
        {"GreaterEqual", "$x, 1", {0, 1, 0, 1, 0, 0, 0, 1, 1, 0, 1, 0}},
        {"Less", "1, $x", {0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0}},
        {"LessEqual", "$x, 0", {1, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0, 1}},
        {"Less", "$x, Infinity", {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
        {"LogicalNot", "$x", {1, 0, 0, 0, 0, 1, 1, 0, 0, 1, 0, 1}},
        {"LogicalAnd", "$x, $x", {0, 1, 1, 1, 1, 0, 0, 1, 1, 0, 1, 0}},
        {"LogicalOr",
         "$x, [1, 0, 0, 0]",
         {1, 1, 1, 1, 1, 0, 0, 1, 1, 0, 1, 0}},
        {"LogicalXor", "$x, 1", {1, 0, 0, 0, 0, 1, 1, 0, 0, 1, 0, 1}},
        {"ZerosLike", "$x", {0}},
        {"OnesLike", "$x", {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
        {"ConvertToTensor",
         "$x",
         {0, 1, -1, 2, 0.5F, 0, 0, 3, 1, -0.0F, 2, 0}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct model_builder b;
        float *y;

        begin(&b);
        graph_operator(&b, cases[i].class_name, "y", "", cases[i].arguments);
        graph_end(&b, "x,0,0", "y,0,0", NULL);
        y = graph_run(&b, x, T, 0);
        for (size_t k = 0; k < T * D; k++)
            if (y[k] != cases[i].y[k])
                fail_msg("%s of %s: number %zu is %g", cases[i].class_name,
                         cases[i].arguments, k, (double)y[k]);
        graph_check_bits(&b, 0);
        model_builder_release(&b);
        free(y);
    }
}

static void assert_refused(struct model_builder *b, const char *says)
{
    assert_int_equal(model_assert_refused(b, says), RNN_UNSUPPORTED);
}

static void whole_numbers_are_not_cut_to(void **state)
{
    struct model_builder b;

    (void)state;
    begin(&b);
    graph_operator(&b, "ConvertToTensor", "y", "\"dtype\": \"int32\"", "$x");
    graph_end(&b, "x,0,0", "y,0,0", NULL);
    assert_refused(&b, "\"y\" (ConvertToTensor): dtype is neither float32");
}

/* An Embedding of [T] ids beside a mask that reads the same input, whichever
 * stands first in the file. */
static void ids_are_a_sequence_for_their_mask_too(void **state)
{
    static const float ids[] = {3, 0, 2, 0};

    (void)state;
    for (int first = 0; first < 2; first++) {
        struct model_builder b;
        float *mean, *y;

        graph_begin(&b, "3.15.1");
        graph_input(&b, "x", "4");
        if (first)
            graph_operator(&b, "NotEqual", "m", "", "$x, 0");
        graph_layer(&b, "Embedding", "e",
                    "\"input_dim\": 4, \"output_dim\": 2", "x,0,0");
        if (!first)
            graph_operator(&b, "NotEqual", "m", "", "$x, 0");
        graph_layer(&b, "GlobalAveragePooling1D", "a", "", "e,0,0");
        graph_end(&b, "x,0,0", "a,0,0 e,0,0", NULL);
        model_builder_add_tensor(&b, "e/embeddings", 2, (size_t[]){4, 2}, 1);
        model_builder_replace(
            &b, "[\"e\", 0, 0]}}], \"kwargs\": {\"training\": null}",
            "[\"e\", 0, 0]}}], \"kwargs\": {\"mask\": {\"class_name\": "
            "\"__keras_tensor__\", \"config\": {\"keras_history\": [\"m\", 0, "
            "0]}}}");
        mean = graph_run(&b, ids, 4, 0);
        y = graph_run(&b, ids, 4, 1);
        for (size_t k = 0; k < 2; k++)
            assert_true(mean[k] ==
                        (float)(((double)y[k] + (double)y[4 + k]) / 2));
        model_builder_release(&b);
        free(mean);
        free(y);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators_answer_with_1_and_0),
        cmocka_unit_test(whole_numbers_are_not_cut_to),
        cmocka_unit_test(ids_are_a_sequence_for_their_mask_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
