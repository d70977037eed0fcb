/* Attention and AdditiveAttention against float64, and what they refuse. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/attention_reference.h"
#include "tests/support/graph_builder.h"
#include "tests/support/graph_check.h"
#include "tests/support/model_refusal.h"
#include "tests/support/model_run.h"

#define T 41 /* more than one block of queries and of keys */
#define V 3

struct attention {
    const char *class_name, *fields, *keywords;
    size_t width;
    bool scale, weight, additive, tanh, causal;
};

static const struct attention attentions[] = {
    {"Attention", "", "", 4, false, false, false, false, false},
    {"Attention", "\"use_scale\": true, \"score_mode\": \"dot\"", "", 36, true,
     false, false, false, false},
    {"Attention", "\"dropout\": 0.5, \"seed\": 7",
     "\"use_causal_mask\": true, ", 4, false, false, false, false, true},
    {"Attention", "\"score_mode\": \"concat\"", "", 5, false, true, false,
     true, false},
    {"Attention", "\"use_scale\": true, \"score_mode\": \"concat\"",
     "\"use_causal_mask\": true, ", 40, true, true, false, true, true},
    /* as Keras 3 may write a text that is a function's name too */
    {"Attention",
     "\"use_scale\": false, \"score_mode\": {\"class_name\": \"function\", "
     "\"config\": \"concat\"}",
     "", 4, false, true, false, true, false},
    {"AdditiveAttention", "", "", 33, true, false, true, true, false},
    {"AdditiveAttention", "\"use_scale\": false",
     "\"use_causal_mask\": true, ", 4, false, false, true, true, true},
};

#define ATTENTIONS (sizeof(attentions) / sizeof(attentions[0]))

/* Outputs: the attention, its keys, its values. */
static void build(struct model_builder *b, const struct attention *kind,
                  const char *steps)
{
    size_t one[] = {1}, width[] = {kind->width};
    char text[200];

    graph_begin(b, "3.15.1");
    snprintf(text, sizeof(text), "%s, %zu", steps, kind->width);
    graph_input(b, "x", text);
    snprintf(text, sizeof(text), "\"units\": %zu", kind->width);
    graph_layer(b, "Dense", "k", text, "x,0,0");
    graph_layer(b, "Dense", "v", "\"units\": 3", "x,0,0");
    graph_layer(b, kind->class_name, "a", kind->fields, "x,0,0 v,0,0 k,0,0");
    graph_end(b, "x,0,0", "a,0,0 k,0,0 v,0,0", NULL);
    snprintf(text, sizeof(text), "\"kwargs\": {%s\"training\": false}",
             kind->keywords);
    for (int i = 0; i < 3; i++)
        model_builder_replace(b, "\"kwargs\": {\"training\": null}",
                              i < 2 ? "\"kwargs\": {}" : text);
    graph_dense(b, "k", kind->width, kind->width);
    graph_dense(b, "v", kind->width, V);
    if (kind->scale)
        model_builder_add_tensor(b, "a/scale", kind->additive,
                                 kind->additive ? width : one, 1);
    if (kind->weight)
        model_builder_add_tensor(b, "a/concat_score_weight", 0, one, 1);
}

static double *run_wide(struct model_builder *b, const float *x, size_t steps,
                        size_t output, size_t width)
{
    float *y = graph_run(b, x, steps, output);
    double *wide = reference_wide(y, steps * width);

    free(y);
    return wide;
}

static double number_of(struct model_builder *b, const char *name, bool there)
{
    return there ? model_builder_tensor(b, name)->data[0] : 1;
}

static double *sum_weights(struct model_builder *b,
                           const struct attention *kind)
{
    double *sum = malloc(kind->width * sizeof(*sum));

    for (size_t i = 0; i < kind->width; i++)
        sum[i] = kind->additive && kind->scale
                     ? model_builder_tensor(b, "a/scale")->data[i]
                     : 1;
    return sum;
}

static void assert_near(const double *y, const double *wanted, size_t count,
                        const struct attention *kind)
{
    double apart = 0;

    for (size_t i = 0; i < count; i++)
        apart = fmax(apart, fabs(y[i] - wanted[i]));
    if (!(apart < 2e-6))
        fail_msg("%s(%s): %g apart", kind->class_name, kind->fields, apart);
}

static void they_are_keras(void **state)
{
    (void)state;
    for (size_t i = 0; i < ATTENTIONS; i++) {
        const struct attention *kind = &attentions[i];
        uint64_t seed = 5;
        float *x = model_random_floats(&seed, T * kind->width, 1);
        struct attention_reference how = {.queries = T,
                                          .keys = T,
                                          .width = kind->width,
                                          .value_width = V,
                                          .causal = kind->causal};
        struct model_builder b;
        double *q, *k, *v, *y, *sum, wanted[T * V];

        build(&b, kind, "null");
        q = reference_wide(x, T * kind->width);
        how.q = q;
        how.k = k = run_wide(&b, x, T, 1, kind->width);
        how.v = v = run_wide(&b, x, T, 2, V);
        y = run_wide(&b, x, T, 0, V);
        sum = sum_weights(&b, kind);
        how.sum = kind->tanh ? sum : NULL;
        how.scale = number_of(&b, "a/scale", kind->scale && !kind->additive);
        how.outer = number_of(&b, "a/concat_score_weight", kind->weight);
        attention_reference(&how, wanted, NULL);
        assert_near(y, wanted, T * V, kind);
        free(x);
        free(q);
        free(k);
        free(v);
        free(y);
        free(sum);
        model_builder_release(&b);
    }
}

static void their_bits_know_no_batch(void **state)
{
    (void)state;
    for (size_t i = 0; i < ATTENTIONS; i++) {
        struct model_builder b;
        struct rnn_model *model;

        build(&b, &attentions[i], "null");
        graph_check_bits(&b, 0);
        model = model_load(&b, RNN_ISA_AUTO);
        assert_non_null(
            strstr(rnn_model_info(model)->cannot_stream_because, "\"a\" (A"));
        rnn_model_free(model);
        model_builder_release(&b);
    }
}

/* T queries and T keys are T * T pairs. */
static void long_sequences_cost_more(void **state)
{
    struct model_builder b;
    struct rnn_model *model;
    uint64_t once, twice, four;

    (void)state;
    build(&b, &attentions[0], "null");
    model = model_load(&b, RNN_ISA_AUTO);
    once = rnn_infer_cost(model, 1000);
    twice = rnn_infer_cost(model, 2000);
    four = rnn_infer_cost(model, 4000);
    assert_true(once > 1000 * 1000 * (4 + V));
    assert_true(twice > 3 * once && twice < 4 * once);
    assert_true(four > 3 * twice && four < 4 * twice);
    assert_true(rnn_infer_cost(model, SIZE_MAX) == UINT64_MAX);
    rnn_model_free(model);
    model_builder_release(&b);
}

static bool never(void *arg)
{
    ++*(size_t *)arg;
    return false;
}

static void they_can_be_stopped(void **state)
{
    (void)state;
    for (size_t i = 0; i < ATTENTIONS; i++) {
        size_t steps = 800, width = attentions[i].width, asked = 0;
        uint64_t seed = 7;
        struct model_builder b;
        struct rnn_model *model;
        float *x = model_random_floats(&seed, steps * width, 1);
        float *outputs[3] = {
            malloc(steps * V * sizeof(float)),
            malloc(steps * width * sizeof(float)),
            malloc(steps * V * sizeof(float)),
        };
        const float *inputs[] = {x};
        struct rnn_sequence sequence = {
            .timesteps = steps, .inputs = inputs, .outputs = outputs};
        struct rnn_infer_options options = {.keep_going = never,
                                            .arg = &asked};
        void *scratch;

        build(&b, &attentions[i], "null");
        model = model_load(&b, RNN_ISA_SCALAR);
        scratch = aligned_alloc(64, rnn_scratch_size(model, 1, steps, false));
        assert_int_equal(
            rnn_infer(model, &sequence, 1, &options, scratch, NULL),
            RNN_CANCELLED);
        assert_int_equal(asked, 1);
        rnn_model_free(model);
        model_builder_release(&b);
        free(scratch);
        free(x);
        for (size_t k = 0; k < 3; k++)
            free(outputs[k]);
    }
}

/* Where T is known the weights can be asked for, and they add up to 1. */
static void weights_are_an_output(void **state)
{
    const struct attention kind = {.class_name = "Attention",
                                   .fields = "",
                                   .keywords =
                                       "\"return_attention_scores\": true, ",
                                   .width = 4};
    static const char outputs[] = "[\"a\", 0, 0], [\"k\", 0, 0]";
    struct model_builder b;
    uint64_t seed = 5;
    float *x = model_random_floats(&seed, 6 * 4, 1), *p;

    (void)state;
    build(&b, &kind, "6");
    model_builder_replace(&b, outputs, "[\"a\", 0, 0], [\"a\", 0, 1]");
    p = graph_run(&b, x, 6, 1);
    for (size_t t = 0; t < 6; t++) {
        double sum = 0;

        for (size_t u = 0; u < 6; u++) {
            assert_true(p[t * 6 + u] > 0);
            sum += p[t * 6 + u];
        }
        assert_true(fabs(sum - 1) < 1e-6);
    }
    graph_check_bits(&b, 6);
    model_builder_release(&b);
    free(p);
    free(x);
}

/* Where T is left open no buffer holds them: the same bits. */
static void weights_of_open_timesteps_are_an_output(void **state)
{
    static const char *const outputs[] = {"[\"a\", 0, 0], [\"k\", 0, 0]",
                                          "[\"a\", 0, 1], [\"a\", 0, 0]"};
    uint64_t seed = 6;

    (void)state;
    for (size_t i = 0; i < ATTENTIONS; i++) {
        struct attention kind = attentions[i];
        float *x = model_random_floats(&seed, T * kind.width, 1), *p[2];
        char text[200];

        snprintf(text, sizeof(text), "\"return_attention_scores\": true, %s",
                 kind.keywords);
        kind.keywords = text;
        for (int open = 0; open < 2; open++) {
            struct model_builder b;
            char known[20];

            snprintf(known, sizeof(known), "%d", T);
            build(&b, &kind, open ? "null" : known);
            model_builder_replace(&b, outputs[0], outputs[1]);
            p[open] = graph_run(&b, x, T, 0);
            graph_check_bits(&b, open ? 0 : T);
            model_builder_release(&b);
        }
        assert_memory_equal(p[0], p[1], sizeof(float) * T * T);
        free(p[0]);
        free(p[1]);
        free(x);
    }
}

static void others_do_not_take_open_weights(void **state)
{
    struct model_builder b;

    (void)state;
    for (int masked = 0; masked < 2; masked++) {
        graph_begin(&b, "3.15.1");
        graph_input(&b, "x", "null, 4");
        graph_layer(&b, "Masking", "m", "", "x,0,0");
        graph_layer(&b, "Attention", "a", "",
                    masked ? "m,0,0 m,0,0" : "x,0,0 x,0,0");
        model_builder_replace(
            &b, "]], \"kwargs\": {\"training\": null}",
            "]], \"kwargs\": {\"return_attention_scores\": true}");
        graph_layer(&b, "ReLU", "y", "", "a,0,1");
        graph_end(&b, "x,0,0", masked ? "a,0,1" : "y,0,0", NULL);
        model_assert_refused(&b, masked ? "output 1 of layer \"a\""
                                        : "can only be an output");
    }
}

static void what_does_not_fit_is_named(void **state)
{
    static const struct {
        const char *fields, *calls, *from, *to, *says;
    } cases[] = {
        {"", "x,0,0", "-", "-", "it is given 1 tensors"},
        {"", "x,0,0 d,0,0", "-", "-", "queries of 4 features and keys of 3"},
        {"", "x,0,0 l,0,0", "-", "-",
         "takes a value of [timesteps, features], it is given [3]"},
        {"\"score_mode\": \"cosine\"", "x,0,0 x,0,0", "-", "-",
         "score_mode is \"cosine\""},
        {"", "x,0,0 x,0,0", "\"kwargs\": {\"training\": null}}]}]",
         "\"kwargs\": {\"use_causal_mask\": 3}}]}]",
         "use_causal_mask that is neither true nor false"},
        {"", "x,0,0 x,0,0", "\"kwargs\": {\"training\": null}}]}]",
         "\"kwargs\": {\"heads\": 3}}]}]", "called with heads"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct model_builder b;

        graph_begin(&b, "3.15.1");
        graph_input(&b, "x", "null, 4");
        graph_layer(&b, "Dense", "d", "\"units\": 3", "x,0,0");
        graph_layer(&b, "LSTM", "l",
                    "\"units\": 3, \"recurrent_activation\": \"sigmoid\"",
                    "x,0,0");
        graph_layer(&b, "Attention", "a", cases[i].fields, cases[i].calls);
        graph_end(&b, "x,0,0", "a,0,0", NULL);
        graph_dense(&b, "d", 4, 3);
        graph_recurrent(&b, "l", 4, 4, 3);
        if (*cases[i].from != '-')
            model_builder_replace(&b, cases[i].from, cases[i].to);
        model_assert_refused(&b, cases[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_are_keras),
        cmocka_unit_test(their_bits_know_no_batch),
        cmocka_unit_test(long_sequences_cost_more),
        cmocka_unit_test(they_can_be_stopped),
        cmocka_unit_test(weights_are_an_output),
        cmocka_unit_test(weights_of_open_timesteps_are_an_output),
        cmocka_unit_test(others_do_not_take_open_weights),
        cmocka_unit_test(what_does_not_fit_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
