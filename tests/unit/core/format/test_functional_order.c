/* The order of calls where it changes numbers: in Keras 3 a
 * MultiHeadAttention takes the masks away from what it is called on, so that
 * calls behind it see none. */
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

#define T 7
#define D 4

/* Timesteps 2, 5 and 6 are masked. */
static float *padded(void)
{
    uint64_t seed = 9;
    float *x = model_random_floats(&seed, T * D, 1);

    for (size_t t = 0; t < T; t++)
        if (t == 2 || t > 4)
            memset(x + t * D, 0, D * sizeof(*x));
    return x;
}

/* x, m = Masking(x), d = Dropout(m), h = MultiHeadAttention(d, d), and the
 * attention `a` of what `calls` says. */
static float *run_model(const char *version, const char *calls,
                        const char *outputs, size_t index)
{
    static const size_t in[] = {D, 2, 3}, bias[] = {2, 3}, out[] = {2, 3, D},
                        last[] = {D};
    static const char *const parts[] = {"h/query", "h/key", "h/value"};
    struct model_builder b;
    float *x = padded(), *y;
    char name[64];

    graph_begin(&b, version);
    graph_input(&b, "x", "null, 4");
    graph_layer(&b, "Masking", "m", "\"mask_value\": 0.0", "x,0,0");
    graph_layer(&b, "Dropout", "d", "\"rate\": 0.5", "m,0,0");
    graph_layer(&b, "Attention", "a", "", calls);
    graph_layer(&b, "MultiHeadAttention", "h",
                "\"num_heads\": 2, \"key_dim\": 3", "d,0,0 d,0,0");
    graph_layer(&b, "Add", "s", "", "m,0,0 h,0,0");
    graph_end(&b, "x,0,0", outputs, NULL);
    for (size_t i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), "%s/kernel", parts[i]);
        model_builder_add_tensor(&b, name, 3, in, 0.5);
        snprintf(name, sizeof(name), "%s/bias", parts[i]);
        model_builder_add_tensor(&b, name, 2, bias, 0.5);
    }
    model_builder_add_tensor(&b, "h/attention_output/kernel", 3, out, 0.5);
    model_builder_add_tensor(&b, "h/attention_output/bias", 1, last, 0.5);
    y = graph_run(&b, x, T, index);
    model_builder_release(&b);
    free(x);
    return y;
}

/* The attention by itself, on what is masked or not. */
static float *run_alone(bool masked)
{
    struct model_builder b;
    float *x = padded(), *y;

    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", "null, 4");
    graph_layer(&b, "Masking", "m", "\"mask_value\": 0.0", "x,0,0");
    graph_layer(&b, "Attention", "a", "",
                masked ? "m,0,0 m,0,0" : "x,0,0 x,0,0");
    graph_end(&b, "x,0,0", masked ? "a,0,0" : "a,0,0 m,0,0", NULL);
    y = graph_run(&b, x, T, 0);
    model_builder_release(&b);
    free(x);
    return y;
}

static void assert_like(float *y, bool masked)
{
    float *wanted = run_alone(masked);

    assert_memory_equal(y, wanted, T * D * sizeof(*y));
    free(wanted);
    free(y);
}

/* Of one depth, the call that the last output asks for runs first. */
static void masks_are_there_until_they_are_taken(void **state)
{
    (void)state;
    assert_like(run_model("3.15.1", "d,0,0 d,0,0", "s,0,0 a,0,0", 1), false);
    assert_like(run_model("3.15.1", "d,0,0 d,0,0", "h,0,0 a,0,0 s,0,0", 1),
                false);
    assert_like(run_model("3.15.1", "d,0,0 d,0,0", "h,0,0 a,0,0", 1), true);
    assert_like(run_model("3.15.1", "d,0,0 d,0,0", "a,0,0 h,0,0", 0), false);
}

/* A Dropout hands on the very tensor that it is given. */
static void what_a_dropout_got_loses_it_too(void **state)
{
    (void)state;
    assert_like(run_model("3.15.1", "m,0,0 m,0,0", "h,0,0 a,0,0", 1), true);
    assert_like(run_model("3.15.1", "m,0,0 m,0,0", "a,0,0 s,0,0", 0), false);
    assert_like(run_model("3.15.1", "m,0,0 d,0,0", "a,0,0 h,0,0", 0), false);
}

static void older_ones_leave_masks_alone(void **state)
{
    (void)state;
    assert_like(run_model("3.6.0", "d,0,0 d,0,0", "s,0,0 a,0,0", 1), true);
    assert_like(run_model("3.7.0", "d,0,0 d,0,0", "s,0,0 a,0,0", 1), false);
    assert_like(run_model("3.10.0", "d,0,0 d,0,0", "s,0,0 a,0,0", 1), false);
    assert_like(run_model("2.15.0", "d,0,0 d,0,0", "s,0,0 a,0,0", 1), true);
    assert_like(run_model("2.15.0", "d,0,0 d,0,0", "a,0,0 h,0,0", 0), true);
}

/* A sum with what has lost its mask has none, in Keras 3. */
static void a_sum_has_no_mask_then(void **state)
{
    float *sum = run_model("3.15.1", "s,0,0 s,0,0", "a,0,0 s,0,0", 1);
    float *free_sum = run_model("3.15.1", "s,0,0 s,0,0", "a,0,0", 0);
    float *masked = run_model("2.15.0", "s,0,0 s,0,0", "a,0,0", 0), *wanted;
    struct model_builder b;

    (void)state;
    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", "null, 4");
    graph_layer(&b, "Attention", "a", "", "x,0,0 x,0,0");
    graph_end(&b, "x,0,0", "a,0,0", NULL);
    wanted = graph_run(&b, sum, T, 0);
    assert_memory_equal(free_sum, wanted, T * D * sizeof(*wanted));
    assert_memory_not_equal(masked, wanted, T * D * sizeof(*wanted));
    model_builder_release(&b);
    free(sum);
    free(free_sum);
    free(masked);
    free(wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_are_there_until_they_are_taken),
        cmocka_unit_test(what_a_dropout_got_loses_it_too),
        cmocka_unit_test(older_ones_leave_masks_alone),
        cmocka_unit_test(a_sum_has_no_mask_then),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
