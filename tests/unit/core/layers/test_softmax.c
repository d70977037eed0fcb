/* Softmax along each choice of axes, and under masks, against plain loops. */
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
#define A 2
#define B 3

enum mask { NONE, SAME, NUMBERS, ROWS, OF_ALL_TIME };

static const float x[T * A * B] = {
    0.75F, -0.5F, 1,      -1,    -2,    -0.25F, 0.5F,    0.625F,
    -3,    0.25F, 0.375F, -1.5F, -1,    -0.75F, -0.5F,   2,
    1.5F,  1,     0.125F, -1,    0.25F, 0.75F,  -0.125F, -2,
};

static const struct way {
    const char *version, *fields;
    bool replaces, times, zeroes;
} ways[] = {
    {"3.15.1", "", true, false, true},
    {"3.10.0", "", false, true, false},
    {"3.5.0", "", false, false, false},
    {"2.15.0", "", false, false, false},
    {"2.15.0", ", \"robust_masking\": true", true, false, false},
};

static const struct along {
    const char *axis;
    bool t, a, b;
} alongs[] = {
    {"-1", false, false, true},     {"2", false, true, false},
    {"1", true, false, false},      {"[2, 3]", false, true, true},
    {"[1, -1]", true, false, true},
};

/* The mask at one place. */
static float mask_at(enum mask mask, size_t i)
{
    size_t row = i / B * B;
    bool any = false;

    switch (mask) {
    case SAME:
        return x[i] > 0;
    case NUMBERS:
        return x[i];
    case ROWS:
        return x[row] > 0 || x[row + 1] > 0 || x[row + 2] > 0;
    case OF_ALL_TIME:
        for (size_t t = 0; t < T; t++)
            any = any || x[t * A * B + i % (A * B)] > 1;
        return any;
    case NONE:
        break;
    }
    return 1;
}

static bool same_lane(const struct along *along, size_t i, size_t k)
{
    return (along->t || i / (A * B) == k / (A * B)) &&
           (along->a || i / B % A == k / B % A) &&
           (along->b || i % B == k % B);
}

static float before(const struct way *way, float number, float m)
{
    if (way->replaces)
        return m > 0.5F ? number : -1e9F;
    return number + (1 - m) * -1e9F;
}

static double wanted(const struct way *way, const struct along *along,
                     enum mask mask, size_t i)
{
    float h[T * A * B], most = -INFINITY;
    double sum = 0, y;

    for (size_t k = 0; k < T * A * B; k++) {
        h[k] = before(way, x[k], mask_at(mask, k));
        if (same_lane(along, i, k) && h[k] > most)
            most = h[k];
    }
    for (size_t k = 0; k < T * A * B; k++)
        if (same_lane(along, i, k))
            sum += exp((double)h[k] - most);
    y = exp((double)h[i] - most) / sum;
    if (way->zeroes)
        return mask_at(mask, i) > 0.5F ? y : 0;
    return way->times ? y * mask_at(mask, i) : y;
}

static void put_mask(struct model_builder *b, const char *name)
{
    char text[400];

    if (b->keras_version[0] == '2') {
        snprintf(text, sizeof(text),
                 "[\"r\", 0, 0, {\"mask\": [\"%s\", 0, 0]}]", name);
        model_builder_replace(b, "[\"r\", 0, 0, {}]", text);
        return;
    }
    snprintf(text, sizeof(text),
             "\"keras_history\": [\"r\", 0, 0]}}], \"kwargs\": {\"mask\": "
             "{\"class_name\": \"__keras_tensor__\", \"config\": "
             "{\"keras_history\": [\"%s\", 0, 0]}}}",
             name);
    model_builder_replace(b,
                          "\"keras_history\": [\"r\", 0, 0]}}], \"kwargs\": "
                          "{\"training\": null}",
                          text);
}

/* r is x; m is where it is above 0, n the mask in question. */
static void begin(struct model_builder *b, const struct way *way,
                  const struct along *along, enum mask mask)
{
    static const char *const names[] = {NULL, "m", "x", "n", "n"};
    char fields[100];

    snprintf(fields, sizeof(fields), "\"axis\": %s%s", along->axis,
             way->fields);
    graph_begin(b, way->version);
    graph_input(b, "x", "null, 2, 3");
    graph_layer(b, "Activation", "r", "\"activation\": \"linear\"", "x,0,0");
    if (mask == SAME || mask == ROWS)
        graph_operator(b, "Greater", "m", "", "$x, 0.0");
    if (mask == OF_ALL_TIME)
        graph_operator(b, "Greater", "m", "", "$x, 1.0");
    if (mask == ROWS)
        graph_operator(b, "Any", "n", "\"axis\": 3, \"keepdims\": true", "$m");
    if (mask == OF_ALL_TIME)
        graph_operator(b, "Any", "n", "\"axis\": 1, \"keepdims\": true", "$m");
    graph_layer(b, "Softmax", "s", fields, "r,0,0");
    graph_end(b, "x,0,0", "s,0,0", NULL);
    if (names[mask])
        put_mask(b, names[mask]);
}

static void check(const struct way *way, const struct along *along,
                  enum mask mask)
{
    struct model_builder b;
    float *y;

    begin(&b, way, along, mask);
    y = graph_run(&b, x, T, 0);
    for (size_t i = 0; i < T * A * B; i++) {
        double right = wanted(way, along, mask, i);

        if (!(fabs(y[i] - right) < 1e-6))
            fail_msg("%s%s, along %s, mask %d: y[%zu] is %.9g, not %.9g",
                     way->version, way->fields, along->axis, (int)mask, i,
                     (double)y[i], right);
    }
    graph_check_bits(&b, 0);
    model_builder_release(&b);
    free(y);
}

static void it_goes_along_any_axes(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof(alongs) / sizeof(alongs[0]); k++)
        check(&ways[0], &alongs[k], NONE);
}

/* Operators make masks of other shapes; those of Keras 2 are spelled
 * otherwise, and its rule is the same for each. */
static void what_is_masked_weighs_nothing(void **state)
{
    (void)state;
    for (size_t w = 0; w < sizeof(ways) / sizeof(ways[0]); w++)
        for (size_t k = 0; k < sizeof(alongs) / sizeof(alongs[0]); k++)
            for (int mask = SAME; mask <= OF_ALL_TIME; mask++)
                if (mask == NUMBERS || ways[w].version[0] == '3')
                    check(&ways[w], &alongs[k], (enum mask)mask);
}

static void a_mask_that_meets_the_batch_is_refused(void **state)
{
    struct model_builder b;

    (void)state;
    for (int timed = 0; timed < 2; timed++) {
        graph_begin(&b, "3.15.1");
        graph_input(&b, "x", "null, 2, 3");
        graph_layer(&b, "Activation", "r", "\"activation\": \"linear\"",
                    "x,0,0");
        graph_operator(&b, "Max", "n", timed ? "\"axis\": 3" : "\"axis\": 1",
                       "$x");
        graph_layer(&b, "Softmax", "s", "", "r,0,0");
        graph_end(&b, "x,0,0", "s,0,0", NULL);
        put_mask(&b, "n");
        assert_int_equal(
            model_assert_refused(&b, timed ? "with a mask of [?, 2];"
                                           : "with a mask of [2, 3]"),
            RNN_UNSUPPORTED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_goes_along_any_axes),
        cmocka_unit_test(what_is_masked_weighs_nothing),
        cmocka_unit_test(a_mask_that_meets_the_batch_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
