/* MultiHeadAttention and GroupQueryAttention against float64, and what they
 * refuse. */
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

#define D 6

#define TENSOR(name)                                                          \
    "{\"class_name\": \"__keras_tensor__\", \"config\": {\"shape\": [null], " \
    "\"dtype\": \"float32\", \"keras_history\": [\"" name "\", 0, 0]}}"

struct kind {
    const char *class_name, *fields, *keywords;
    size_t heads, kv_heads, key_dim, value_dim, outputs;
    bool no_bias, gate, causal;
    size_t window;
};

static const struct kind kinds[] = {
    {"MultiHeadAttention", "\"num_heads\": 2, \"key_dim\": 3", "", 2, 2, 3, 3,
     D, false, false, false, 0},
    {"MultiHeadAttention",
     "\"num_heads\": 3, \"key_dim\": 33, \"value_dim\": 2, \"use_bias\": "
     "false, \"output_shape\": 5, \"attention_axes\": [1]",
     "\"use_causal_mask\": true, ", 3, 3, 33, 2, 5, true, false, true, 0},
    {"MultiHeadAttention",
     "\"num_heads\": 1, \"key_dim\": 4, \"output_shape\": [2, 3], "
     "\"attention_axes\": -2, \"dropout\": 0.5",
     "", 1, 1, 4, 4, 6, false, false, false, 0},
    {"MultiHeadAttention",
     "\"num_heads\": 2, \"key_dim\": 3, \"use_gate\": true, \"value_dim\": "
     "4, \"sliding_window\": 3",
     "\"use_causal_mask\": true, ", 2, 2, 3, 4, D, false, true, true, 3},
    {"MultiHeadAttention",
     "\"num_heads\": 2, \"key_dim\": 3, \"sliding_window\": 2, "
     "\"softmax_robust_masking\": false, \"query_shape\": [null, null, 6]",
     "", 2, 2, 3, 3, D, false, false, false, 2},
    {"GroupQueryAttention",
     "\"num_query_heads\": 6, \"num_key_value_heads\": 2, \"head_dim\": 3", "",
     6, 2, 3, 3, D, false, false, false, 0},
    {"GroupedQueryAttention",
     "\"num_query_heads\": 4, \"num_key_value_heads\": 1, \"head_dim\": 2, "
     "\"use_bias\": false, \"use_gate\": true",
     "\"use_causal_mask\": true, ", 4, 1, 2, 2, D, true, true, true, 0},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void add_projection(struct model_builder *b, const char *part,
                           size_t rank, const size_t *shape, size_t inner,
                           bool bias)
{
    char name[64];

    snprintf(name, sizeof(name), "a/%s/kernel", part);
    model_builder_add_tensor(b, name, rank, shape, 0.5);
    snprintf(name, sizeof(name), "a/%s/bias", part);
    if (bias)
        model_builder_add_tensor(b, name, rank - inner, shape + inner, 0.5);
}

static void add_weights(struct model_builder *b, const struct kind *kind)
{
    size_t q[] = {D, kind->heads, kind->key_dim};
    size_t k[] = {D, kind->kv_heads, kind->key_dim};
    size_t v[] = {D, kind->kv_heads, kind->value_dim};
    size_t g[] = {D, kind->heads, kind->value_dim};
    size_t o[] = {kind->heads, kind->value_dim, kind->outputs, 3};
    bool two = strstr(kind->fields, "[2, 3]");

    if (two)
        o[2] = 2;
    add_projection(b, "query", 3, q, 1, !kind->no_bias);
    add_projection(b, "key", 3, k, 1, !kind->no_bias);
    add_projection(b, "value", 3, v, 1, !kind->no_bias);
    add_projection(b, "attention_output", two ? 4 : 3, o, 2, !kind->no_bias);
    if (kind->gate)
        add_projection(b, "gate", 3, g, 1, !kind->no_bias);
}

static void build(struct model_builder *b, const struct kind *kind,
                  const char *shape, const char *calls)
{
    char text[200];

    graph_begin(b, "3.15.1");
    graph_input(b, "x", shape);
    graph_layer(b, kind->class_name, "a", kind->fields, calls);
    graph_end(b, "x,0,0", "a,0,0", NULL);
    snprintf(text, sizeof(text), "\"kwargs\": {%s\"training\": false}",
             kind->keywords);
    model_builder_replace(b, "\"kwargs\": {\"training\": null}", text);
    add_weights(b, kind);
}

static double *project(struct model_builder *b, const struct kind *kind,
                       const char *part, const double *x, size_t rows,
                       size_t inputs, size_t units)
{
    char kernel[64], bias[64];

    snprintf(kernel, sizeof(kernel), "a/%s/kernel", part);
    snprintf(bias, sizeof(bias), "a/%s/bias", part);
    return reference_project(
        x, rows, inputs, model_builder_tensor(b, kernel)->data,
        kind->no_bias ? NULL : model_builder_tensor(b, bias)->data, units);
}

/* Columns of one head. */
static double *head_of(const double *all, size_t rows, size_t heads,
                       size_t width, size_t head)
{
    double *one = malloc(rows * width * sizeof(*one));

    for (size_t r = 0; r < rows; r++)
        memcpy(one + r * width, all + (r * heads + head) * width,
               width * sizeof(*one));
    return one;
}

/* What a head gives, into its columns. */
static void attend_head(const struct kind *kind, const double *q,
                        const double *k, const double *v, size_t steps,
                        size_t head, const float *pairs, double *all)
{
    size_t group = head / (kind->heads / kind->kv_heads);
    size_t width = kind->value_dim;
    double *one_q = head_of(q, steps, kind->heads, kind->key_dim, head);
    double *one_k = head_of(k, steps, kind->kv_heads, kind->key_dim, group);
    double *one_v = head_of(v, steps, kind->kv_heads, width, group);
    double *y = malloc(steps * width * sizeof(*y));
    struct attention_reference how = {
        .queries = steps,
        .keys = steps,
        .width = kind->key_dim,
        .value_width = width,
        .q = one_q,
        .k = one_k,
        .v = one_v,
        .scale = 1 / sqrt((double)kind->key_dim),
        .causal = kind->causal,
        .window = kind->window,
        .pairs = pairs,
        .blind_sees_nothing = strstr(kind->fields, "dropout"),
    };

    attention_reference(&how, y, NULL);
    for (size_t t = 0; t < steps; t++)
        memcpy(all + (t * kind->heads + head) * width, y + t * width,
               width * sizeof(*y));
    free(one_q);
    free(one_k);
    free(one_v);
    free(y);
}

static double *reference(struct model_builder *b, const struct kind *kind,
                         const float *x, size_t steps, const float *pairs)
{
    size_t width = kind->heads * kind->value_dim;
    double *wide = reference_wide(x, steps * D);
    double *q =
        project(b, kind, "query", wide, steps, D, kind->heads * kind->key_dim);
    double *k = project(b, kind, "key", wide, steps, D,
                        kind->kv_heads * kind->key_dim);
    double *v = project(b, kind, "value", wide, steps, D,
                        kind->kv_heads * kind->value_dim);
    double *all = calloc(steps * width, sizeof(*all)), *y;

    for (size_t h = 0; h < kind->heads; h++)
        attend_head(kind, q, k, v, steps, h, pairs, all);
    if (kind->gate) {
        double *gate = project(b, kind, "gate", wide, steps, D, width);

        for (size_t i = 0; i < steps * width; i++)
            all[i] /= 1 + exp(-gate[i]);
        free(gate);
    }
    y = project(b, kind, "attention_output", all, steps, width, kind->outputs);
    free(wide);
    free(q);
    free(k);
    free(v);
    free(all);
    return y;
}

static void check(struct model_builder *b, const struct kind *kind,
                  const float *x, size_t steps, const float *pairs)
{
    float *y = graph_run(b, x, steps, 0);
    double *wanted = reference(b, kind, x, steps, pairs), apart = 0;

    for (size_t i = 0; i < steps * kind->outputs; i++)
        apart = fmax(apart, fabs(y[i] - wanted[i]));
    if (!(apart < 2e-6))
        fail_msg("%s(%s): %g apart", kind->class_name, kind->fields, apart);
    free(y);
    free(wanted);
}

static void they_are_keras(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct model_builder b;
        uint64_t seed = 5;
        float *x = model_random_floats(&seed, 41 * D, 1);

        build(&b, &kinds[i], "null, 6", "x,0,0 x,0,0");
        check(&b, &kinds[i], x, 41, NULL);
        check(&b, &kinds[i], x, 2, NULL);
        model_builder_release(&b);
        free(x);
    }
}

static void their_bits_know_no_batch(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct model_builder b;

        build(&b, &kinds[i], "null, 6", "x,0,0 x,0,0");
        graph_check_bits(&b, 0);
        model_builder_release(&b);
    }
}

/* A causal window needs the last timesteps alone: kinds[3] keeps two rows of
 * keys and values.  All others need the whole sequence. */
static void a_causal_window_streams(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        const struct rnn_model_info *info;
        struct model_builder b;
        struct rnn_model *model;

        build(&b, &kinds[i], "null, 6", "x,0,0 x,0,0");
        model = model_load(&b, RNN_ISA_AUTO);
        info = rnn_model_info(model);
        assert_int_equal(info->streams, i == 3);
        assert_int_equal(info->state_entry_count, i == 3 ? 3 : 0);
        assert_int_equal(info->state_bytes, i == 3 ? 2 * (6 + 8) * 4 + 8 : 0);
        if (i == 3)
            assert_string_equal(info->state_entries[2].name, "a/count");
        rnn_model_free(model);
        model_builder_release(&b);
    }
}

/* A state may come from anywhere. */
static void a_count_beyond_what_is_kept_is_no_harm(void **state)
{
    static const int64_t counts[] = {-5, 3, INT64_MAX, INT64_MIN};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct model_builder b;
        struct rnn_model *model;
        struct rnn_state *kept;
        uint64_t seed = 5;
        float *x = model_random_floats(&seed, 5 * D, 1), *y, *z;

        build(&b, &kinds[3], "null, 6", "x,0,0 x,0,0");
        model = model_load(&b, RNN_ISA_AUTO);
        kept = model_new_state(model);
        memcpy((char *)kept + rnn_model_info(model)->state_entries[2].offset,
               &counts[i], sizeof(counts[i]));
        y = model_run_one(model, x, 5, true, kept);
        z = model_run_one(model, x, 5, true, NULL);
        assert_memory_equal(y + 2 * D, z + 2 * D, 3 * D * sizeof(*y));
        rnn_model_free(model);
        model_builder_release(&b);
        free(kept);
        free(x);
        free(y);
        free(z);
    }
}

/* An attention_mask is a row for each query; its third hides everything. */
static void a_mask_hides_pairs(void **state)
{
    static const char history[] = "\"attention_mask\": " TENSOR("x") ", ";
    struct kind masked = kinds[0];

    (void)state;
    for (int open = 0; open < 2; open++) {
        struct model_builder b;
        uint64_t seed = 5;
        float *x = model_random_floats(&seed, D * D, 1);

        for (size_t i = 0; i < D * D; i++)
            if (i / D == 2 || i % 3 == 1)
                x[i] = 0;
        masked.keywords = history;
        if (open)
            masked.fields = "\"num_heads\": 2, \"key_dim\": 3, \"dropout\": "
                            "0.1";
        build(&b, &masked, "6, 6", "x,0,0 x,0,0");
        check(&b, &masked, x, D, x);
        graph_check_bits(&b, D);
        model_builder_release(&b);
        free(x);
    }
}

/* Query, value and key by name, in any order. */
static void arguments_have_names(void **state)
{
    static const char *const keywords[] = {
        "{}", "{\"mask\": null}",
        "{\"key\": " TENSOR("x") ", \"value\": " TENSOR("r") "}"};
    struct model_builder b;
    uint64_t seed = 5;
    float *x = model_random_floats(&seed, 7 * D, 1), *y, *z;
    char text[600];

    (void)state;
    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", "null, 6");
    graph_layer(&b, "ReLU", "r", "", "x,0,0");
    graph_layer(&b, "MultiHeadAttention", "a", kinds[0].fields,
                "x,0,0 r,0,0 x,0,0|x,0,0");
    graph_end(&b, "x,0,0", "a,0,0 a,1,0", NULL);
    add_weights(&b, &kinds[0]);
    for (size_t i = 0; i < 3; i++) {
        snprintf(text, sizeof(text), "\"kwargs\": %s", keywords[i]);
        model_builder_replace(&b, "\"kwargs\": {\"training\": null}", text);
    }
    y = graph_run(&b, x, 7, 0);
    z = graph_run(&b, x, 7, 1);
    assert_memory_equal(y, z, 7 * D * sizeof(float));
    graph_check_bits(&b, 0);
    free(x);
    free(y);
    free(z);
    model_builder_release(&b);
}

/* x masked where all of it is 0: by Masking, or as Keras 3.0 writes it, by
 * operators, whose names stand beside their config. */
static float *run_masked(bool by_keywords, const float *x)
{
    struct model_builder b;
    float *y;

    graph_begin(&b, "3.0.5");
    graph_input(&b, "x", "null, 6");
    graph_layer(&b, "Masking", "k", "\"mask_value\": 0.0", "x,0,0");
    graph_operator(&b, "NotEqual", "n", "\"axis\": null", "$x, 0.0");
    graph_operator(&b, "Any", "m", "\"axis\": -1, \"keepdims\": false", "$n");
    graph_layer(&b, "MultiHeadAttention", "a", kinds[0].fields,
                by_keywords ? "x,0,0 x,0,0" : "k,0,0 k,0,0");
    graph_end(&b, "x,0,0", by_keywords ? "a,0,0 k,0,0" : "a,0,0 m,0,0", NULL);
    model_builder_replace(&b, "\"kwargs\": {\"training\": null}",
                          "\"kwargs\": {}");
    if (by_keywords)
        model_builder_replace(&b, "\"kwargs\": {\"training\": null}",
                              "\"kwargs\": {\"query_mask\": " TENSOR(
                                  "m") ", \"value_mask\": " TENSOR("m") "}");
    model_builder_replace(&b, "\"config\": {\"name\": \"m\", ",
                          "\"config\": {");
    add_weights(&b, &kinds[0]);
    y = graph_run(&b, x, 7, 0);
    graph_check_bits(&b, 0);
    model_builder_release(&b);
    return y;
}

static void masks_may_be_keywords(void **state)
{
    uint64_t seed = 5;
    float *x = model_random_floats(&seed, 7 * D, 1), *y, *z;

    (void)state;
    memset(x + 2 * D, 0, D * sizeof(*x));
    memset(x + 5 * D, 0, 2 * D * sizeof(*x));
    y = run_masked(true, x);
    z = run_masked(false, x);
    assert_memory_equal(y, z, 7 * D * sizeof(*y));
    free(x);
    free(y);
    free(z);
}

static void what_does_not_fit_is_named(void **state)
{
    static const struct {
        const char *class_name, *fields, *says, *shape;
    } cases[] = {
        {"MultiHeadAttention", "\"key_dim\": 3", "num_heads is absent",
         "null, 6"},
        {"MultiHeadAttention",
         "\"num_heads\": 2, \"key_dim\": 3, \"attention_axes\": [2]",
         "attention_axes is [2], but only the axis of time", "null, 6"},
        {"MultiHeadAttention",
         "\"num_heads\": 2, \"key_dim\": 3, \"attention_axes\": [1, 2]",
         "attention_axes is [1,2]", "null, 6"},
        {"MultiHeadAttention",
         "\"num_heads\": 2, \"key_dim\": 3, \"output_shape\": \"wide\"",
         "output_shape is \"wide\"", "null, 6"},
        {"MultiHeadAttention",
         "\"num_heads\": 2, \"key_dim\": 3, \"rotary\": true",
         "rotary is true", "null, 6"},
        {"MultiHeadAttention", "\"num_heads\": 2, \"key_dim\": 3",
         "a/query/kernel", "null, 6"},
        {"GroupQueryAttention",
         "\"num_query_heads\": 3, \"num_key_value_heads\": 2, \"head_dim\": 3",
         "num_key_value_heads is 2, which does not divide", "null, 6"},
        {"MultiHeadAttention", "\"num_heads\": 3, \"key_dim\": 1",
         "3 heads of one number each and as many timesteps", "3, 6"},
        {"MultiHeadAttention",
         "\"num_heads\": 3, \"key_dim\": 2, \"value_dim\": 1",
         "3 heads of one number each and as many timesteps", "3, 6"},
        {"MultiHeadAttention",
         "\"num_heads\": 3, \"key_dim\": 1, \"use_bias\": false",
         "a/query/kernel", "3, 6"},
        {"MultiHeadAttention", "\"num_heads\": 3, \"key_dim\": 1",
         "a/query/kernel", "4, 6"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct model_builder b;

        graph_begin(&b, "3.15.1");
        graph_input(&b, "x", cases[i].shape);
        graph_layer(&b, cases[i].class_name, "a", cases[i].fields,
                    "x,0,0 x,0,0");
        graph_end(&b, "x,0,0", "a,0,0", NULL);
        model_assert_refused(&b, cases[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_are_keras),
        cmocka_unit_test(their_bits_know_no_batch),
        cmocka_unit_test(a_causal_window_streams),
        cmocka_unit_test(a_count_beyond_what_is_kept_is_no_harm),
        cmocka_unit_test(a_mask_hides_pairs),
        cmocka_unit_test(arguments_have_names),
        cmocka_unit_test(masks_may_be_keywords),
        cmocka_unit_test(what_does_not_fit_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
