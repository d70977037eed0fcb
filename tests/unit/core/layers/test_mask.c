/* What becomes of a mask at each layer, as Keras 3 and Keras 2 have it: an
 * average behind the layer counts the steps that count for it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/layers/mask.h"
#include "tests/support/graph_builder.h"
#include "tests/support/graph_check.h"
#include "tests/support/model_refusal.h"
#include "tests/support/model_run.h"

#define T 6
#define D 2

static const char *const versions[] = {"3.15.1", "2.15.0"};

/* Steps 0 and 3 are 7, step 1 and 3 end with 5: masked by one Masking or the
 * other. */
static const float x[T * 2 * D] = {
    7, 7, 1, 2, 3, 4, 5, 5, 6, 8, 9, 1, 7, 7, 5, 5, 2, 4, 6, 3, 8, 5, 4, 2,
};

/* y[t] for the steps that `pattern` counts, averaged. */
static void check_average(const float *mean, const float *y,
                          const char *pattern, const char *what)
{
    for (size_t k = 0; k < D; k++) {
        double sum = 0;
        size_t count = 0;

        for (size_t t = 0; t < T; t++)
            if (pattern[t] == '1') {
                sum += (double)y[t * D + k];
                count++;
            }
        if (mean[k] != (float)(sum / (double)count))
            fail_msg("%s: the average is %.9g, that of the steps %s is %.9g",
                     what, (double)mean[k], pattern, sum / (double)count);
    }
}

/* The outputs of the model are an average over y and y. */
static void check(struct model_builder *b, const char *pattern,
                  const char *what)
{
    float *mean = graph_run(b, x, T, 0), *y = graph_run(b, x, T, 1);

    check_average(mean, y, pattern, what);
    graph_check_bits(b, 0);
    free(mean);
    free(y);
    model_builder_release(b);
}

/* l and r are the halves of x, m and n they under their masks. */
static void begin(struct model_builder *b, const char *version)
{
    graph_begin(b, version);
    graph_input(b, "x", "null, 4");
    graph_layer(b, "Dense", "l", "\"units\": 2, \"use_bias\": false", "x,0,0");
    graph_layer(b, "Dense", "r", "\"units\": 2, \"use_bias\": false", "x,0,0");
    for (int right = 0; right < 2; right++) {
        struct model_tensor *kernel = model_builder_add_tensor(
            b, right ? "r/kernel" : "l/kernel", 2, (size_t[]){4, 2}, 1);

        memset(kernel->data, 0, kernel->count * sizeof(float));
        kernel->data[right ? 4 : 0] = kernel->data[right ? 7 : 3] = 1;
    }
    graph_layer(b, "Masking", "m", "\"mask_value\": 7", "l,0,0");
    graph_layer(b, "Masking", "n", "\"mask_value\": 5", "r,0,0");
}

static void end(struct model_builder *b, const char *y)
{
    char outputs[64];

    graph_layer(b, "GlobalAveragePooling1D", "a", "", y);
    snprintf(outputs, sizeof(outputs), "a,0,0 %s", y);
    graph_end(b, "x,0,0", outputs, NULL);
}

static void layers_pass_a_mask_or_drop_it(void **state)
{
    static const struct {
        const char *class_name, *fields;
        bool passes[2]; /* in Keras 3, in Keras 2 */
    } cases[] = {
        {"Activation", "\"activation\": \"tanh\"", {true, true}},
        {"ActivityRegularization", "", {true, true}},
        {"AlphaDropout", "\"rate\": 0.5", {true, true}},
        {"Dropout", "\"rate\": 0.5", {true, true}},
        {"ELU", "", {true, true}},
        {"GaussianDropout", "\"rate\": 0.5", {true, true}},
        {"GaussianNoise", "\"stddev\": 0.5", {true, true}},
        {"Identity", "", {true, false}},
        {"LeakyReLU", "", {true, true}},
        {"ReLU", "", {true, true}},
        {"Rescaling", "\"scale\": 0.5", {true, false}},
        {"RMSNormalization", "", {false, false}},
        {"SpatialDropout1D", "\"rate\": 0.5", {true, true}},
        {"ThresholdedReLU", "", {true, true}},
        {"TimeDistributed",
         "\"layer\": {\"class_name\": \"Activation\", \"config\": {\"name\": "
         "\"i\", \"activation\": \"tanh\"}}",
         {true, true}},
        {"UnitNormalization", "", {true, true}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (size_t v = 0; v < 2; v++) {
            struct model_builder b;

            begin(&b, versions[v]);
            graph_layer(&b, cases[i].class_name, "y", cases[i].fields,
                        "m,0,0");
            if (!strcmp(cases[i].class_name, "RMSNormalization"))
                model_builder_add_tensor(&b, "y/scale", 1, (size_t[]){D}, 1);
            end(&b, "y,0,0");
            check(&b, cases[i].passes[v] ? "011011" : "111111",
                  cases[i].class_name);
        }
}

/* By Keras 3 a step counts if it does for one input, by Keras 2 if it does
 * for all that have a mask. */
static void merges_join_masks(void **state)
{
    static const char *const classes[] = {"Add", "Subtract", "Average"};
    static const struct {
        const char *inputs, *patterns[2];
    } cases[] = {
        {"m,0,0 n,0,0", {"111011", "001011"}},
        {"m,0,0 r,0,0", {"111111", "011011"}},
        {"l,0,0 n,0,0", {"111111", "101011"}},
        {"m,0,0 m,0,0", {"011011", "011011"}},
        {"l,0,0 r,0,0", {"111111", "111111"}},
    };

    (void)state;
    for (size_t c = 0; c < 3; c++)
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
            for (size_t v = 0; v < 2; v++) {
                struct model_builder b;

                begin(&b, versions[v]);
                graph_layer(&b, classes[c], "y", "", cases[i].inputs);
                end(&b, "y,0,0");
                check(&b, cases[i].patterns[v], cases[i].inputs);
            }
}

/* Before 3.4 Keras 3 lost the masks of a list. */
static void merges_of_keras_3_0_to_3_3_know_no_masks(void **state)
{
    static const char *const versions_before[] = {"3.0.5", "3.3.3"};
    static const char *const classes[] = {"Add", "Multiply", "Maximum",
                                          "Concatenate"};

    (void)state;
    for (size_t v = 0; v < 2; v++)
        for (size_t c = 0; c < 4; c++) {
            struct model_builder b;

            begin(&b, versions_before[v]);
            graph_layer(&b, classes[c], "c", "", "m,0,0 n,0,0");
            graph_layer(&b, "Dense", "y", "\"units\": 2", "c,0,0");
            graph_dense(&b, "y", c == 3 ? 2 * D : D, D);
            end(&b, "y,0,0");
            check(&b, "111111", classes[c]);
        }
}

static void concatenate_joins_masks(void **state)
{
    static const char *const patterns[] = {"111011", "001011"};

    (void)state;
    for (size_t v = 0; v < 2; v++) {
        struct model_builder b;

        begin(&b, versions[v]);
        graph_layer(&b, "Concatenate", "c", "\"axis\": -1", "m,0,0 n,0,0");
        graph_layer(&b, "Dense", "y", "\"units\": 2", "c,0,0");
        graph_dense(&b, "y", 4, D);
        end(&b, "y,0,0");
        check(&b, patterns[v], "Concatenate");
    }
}

/* Sequences one after the other: so are their masks; r has none. */
static void joined_timesteps_keep_their_masks(void **state)
{
    struct model_builder b;
    float *mean, *y;

    (void)state;
    begin(&b, "3.15.1");
    graph_layer(&b, "Concatenate", "y", "\"axis\": 1", "m,0,0 r,0,0 n,0,0");
    end(&b, "y,0,0");
    mean = graph_run(&b, x, T, 0);
    y = graph_run(&b, x, T, 1);
    for (size_t k = 0; k < D; k++) {
        static const char counts[] = "011011111111101011";
        double sum = 0;

        for (size_t t = 0; t < sizeof(counts) - 1; t++)
            sum += counts[t] == '1' ? (double)y[t * D + k] : 0;
        assert_true(mean[k] == (float)(sum / 14));
    }
    graph_check_bits(&b, 0);
    model_builder_release(&b);
    free(mean);
    free(y);
}

/* Two inputs, a and b, of which the mask of each counts or not. */
static float merged(const char *class_name, float a, bool a_counts, float b,
                    bool b_counts)
{
    if (!strcmp(class_name, "Multiply"))
        return !a_counts && !b_counts
                   ? 0
                   : (a_counts ? a : 1) * (b_counts ? b : 1);
    if (!b_counts || !a_counts)
        return b_counts ? b : a;
    return !strcmp(class_name, "Maximum") ? fmaxf(a, b) : fminf(a, b);
}

static void keras_3_leaves_out_what_is_masked(void **state)
{
    static const char *const classes[] = {"Multiply", "Maximum", "Minimum"};
    static const char *const inputs[] = {"m,0,0 n,0,0", "m,0,0 r,0,0",
                                         "l,0,0 n,0,0", "l,0,0 r,0,0"};

    (void)state;
    for (size_t c = 0; c < 3; c++)
        for (size_t i = 0; i < 8; i++) {
            bool is_3 = i < 4;
            struct model_builder b;
            float *y;

            begin(&b, versions[!is_3]);
            graph_layer(&b, classes[c], "y", "", inputs[i % 4]);
            graph_end(&b, "x,0,0", "y,0,0", NULL);
            y = graph_run(&b, x, T, 0);
            for (size_t t = 0; t < T; t++)
                for (size_t k = 0; k < D; k++) {
                    bool is_7 = t == 0 || t == 3, is_5 = t == 1 || t == 3;
                    bool m = !(inputs[i % 4][0] == 'm' && is_7);
                    bool n = !(inputs[i % 4][6] == 'n' && is_5);
                    float p = m ? x[t * 4 + k] : 0;
                    float q = n ? x[t * 4 + 2 + k] : 0;
                    float wanted =
                        merged(classes[c], p, m || !is_3, q, n || !is_3);

                    if (y[t * D + k] != wanted)
                        fail_msg("%s of %s: y[%zu][%zu] is %g, not %g",
                                 classes[c], inputs[i % 4], t, k,
                                 (double)y[t * D + k], (double)wanted);
                }
            graph_check_bits(&b, 0);
            model_builder_release(&b);
            free(y);
        }
}

/* What gives back the tensor itself keeps its mask. */
static void some_operators_keep_a_mask(void **state)
{
    static const struct {
        const char *class_name, *fields, *pattern;
    } cases[] = {
        {"Cast", "\"dtype\": \"float32\"", "011011"},
        {"Cast", "\"dtype\": \"int32\"", "111111"},
        {"ConvertToTensor", "", "011011"},
        {"StopGradient", "", "111111"},
        {"Negative", "", "111111"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct model_builder b;

        begin(&b, "3.15.1");
        graph_operator(&b, cases[i].class_name, "y", cases[i].fields, "$m");
        end(&b, "y,0,0");
        check(&b, cases[i].pattern, cases[i].class_name);
    }
}

/* What makes a new tensor loses the mask: a cast to another dtype than that
 * of the model's layers, which cast_masked() makes one of `dtype`. */
static void cast_masked(struct model_builder *b, const char *dtype,
                        const char *to, const char *class_name)
{
    char fields[60], of_masking[80];

    snprintf(fields, sizeof(fields), "\"dtype\": \"%s\"", to);
    snprintf(of_masking, sizeof(of_masking),
             "\"mask_value\": 7, \"dtype\": \"%s\"", dtype);
    graph_begin(b, "3.15.1");
    b->seed = 23;
    graph_input(b, "x", "null, 2");
    graph_layer(b, "Masking", "m", of_masking, "x,0,0");
    graph_operator(b, class_name, "y", fields, "$m");
}

static void a_cast_to_another_dtype_loses_the_mask(void **state)
{
    static const struct {
        const char *dtype, *to, *pattern;
    } cases[] = {
        {"float64", "float32", "111111"}, {"float64", "float64", "011111"},
        {"float16", "float32", "111111"}, {"bfloat16", "bfloat16", "011111"},
        {"float32", "float32", "011111"},
    };
    static const char *const classes[] = {"Cast", "ConvertToTensor"};

    (void)state;
    for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
        struct model_builder b;

        cast_masked(&b, cases[i / 2].dtype, cases[i / 2].to, classes[i % 2]);
        end(&b, "y,0,0");
        check(&b, cases[i / 2].pattern, cases[i / 2].to);
    }
}

static void a_cast_in_a_model_of_several_dtypes_is_refused(void **state)
{
    struct model_builder b;

    (void)state;
    cast_masked(&b, "float64", "float32", "Cast");
    graph_layer(&b, "ReLU", "z", "\"dtype\": \"float32\"", "y,0,0");
    end(&b, "z,0,0");
    assert_int_equal(
        model_assert_refused(&b, "whose layers have several dtypes"),
        RNN_UNSUPPORTED);
}

static void a_mask_goes_through_models(void **state)
{
    (void)state;
    for (size_t v = 0; v < 2; v++) {
        struct model_builder b;

        begin(&b, versions[v]);
        graph_begin_nested(&b, v ? "Model" : "Functional", "inner");
        graph_input(&b, "i", "null, 2");
        graph_layer(&b, "ReLU", "o", "", "i,0,0");
        graph_end(&b, "i,0,0", "o,0,0", "m,0,0");
        end(&b, "inner,0,0");
        check(&b, "011011", "a model in a model");
    }
}

static void assert_refused(struct model_builder *b, const char *says)
{
    assert_int_equal(model_assert_refused(b, says), RNN_UNSUPPORTED);
}

static void masks_that_fit_nowhere_are_refused(void **state)
{
    struct model_builder b;

    (void)state;
    begin(&b, "2.15.0");
    graph_layer(&b, "Concatenate", "y", "\"axis\": 1", "m,0,0 r,0,0");
    end(&b, "y,0,0");
    assert_refused(&b, "Keras itself cannot run that");
    begin(&b, "3.15.1");
    graph_layer(&b, "Softmax", "y", "", "m,0,0");
    end(&b, "y,0,0");
    assert_refused(&b, "\"y\" (Softmax) is given [?, 2] with a mask of [?]");
}

/* A class that says nothing is given no mask. */
static void a_class_without_a_policy_is_given_no_mask(void **state)
{
    static const struct layer_class odd = {.name = "Odd"};
    const struct layer layer = {.class = &odd, .name = "o"};
    struct plan_builder builder = {.keras_major = 3};
    struct value mask = {0}, input = {.mask = &mask}, output = {0};
    struct value *inputs[] = {&input}, *outputs[] = {&output};
    struct node node = {.layer = &layer,
                        .inputs = inputs,
                        .input_count = 1,
                        .outputs = outputs,
                        .output_count = 1};
    struct rnn_error err;

    (void)state;
    assert_int_equal(mask_settle(&builder, &layer, &node, &err),
                     RNN_UNSUPPORTED);
    assert_non_null(strstr(err.message, "\"o\" (Odd) is given a mask"));
    input.mask = NULL;
    assert_int_equal(mask_settle(&builder, &layer, &node, &err), RNN_OK);
}

/* Somebody has looked into both Kerases for each class that there is. */
static void every_class_has_a_policy(void **state)
{
    static const struct layer_class *const classes[] = {
#define XX(name) &layer_##name,
        LAYER_CLASS_MAP(XX)
#undef XX
    };

    (void)state;
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
        if (classes[i]->masking == MASK_UNTOLD)
            fail_msg("%s does not say what becomes of masks",
                     classes[i]->name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_pass_a_mask_or_drop_it),
        cmocka_unit_test(merges_join_masks),
        cmocka_unit_test(merges_of_keras_3_0_to_3_3_know_no_masks),
        cmocka_unit_test(concatenate_joins_masks),
        cmocka_unit_test(joined_timesteps_keep_their_masks),
        cmocka_unit_test(keras_3_leaves_out_what_is_masked),
        cmocka_unit_test(some_operators_keep_a_mask),
        cmocka_unit_test(a_cast_to_another_dtype_loses_the_mask),
        cmocka_unit_test(a_cast_in_a_model_of_several_dtypes_is_refused),
        cmocka_unit_test(a_mask_goes_through_models),
        cmocka_unit_test(masks_that_fit_nowhere_are_refused),
        cmocka_unit_test(a_class_without_a_policy_is_given_no_mask),
        cmocka_unit_test(every_class_has_a_policy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
