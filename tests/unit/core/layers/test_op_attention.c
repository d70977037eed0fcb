/* DotProductAttention against plain float64 loops. */
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

#define T     37
#define HEADS 4
#define WIDTH 3
#define SIZE  (HEADS * WIDTH)

struct attention_case {
    const char *fields, *arguments;
    size_t shared;
    double scale;
    bool causal;
};

/* q [T, 4, 3] is x; k and v have 4 heads, those of l and w 2. */
static void begin(struct model_builder *b)
{
    static const char *const cut[][2] = {{"l", "$k"}, {"w", "$v"}};

    graph_begin(b, "3.15.1");
    graph_input(b, "x", "null, 4, 3");
    graph_operator(b, "Multiply", "k", "", "$x, -0.5");
    graph_operator(b, "Square", "v", "", "$x");
    for (size_t i = 0; i < 2; i++) {
        char text[40];

        snprintf(text, sizeof(text), "%s, [0, 1]", cut[i][1]);
        graph_operator(b, "Take", cut[i][0], "\"axis\": 2", text);
    }
}

static double key(const float *x, size_t u, size_t h, size_t d)
{
    return -0.5 * (double)x[u * SIZE + h * WIDTH + d];
}

/* Row t of head h. */
static void refer(const struct attention_case *of, const float *x, size_t t,
                  size_t h, double *y)
{
    size_t other = h / of->shared, end = of->causal ? t + 1 : T;
    double weights[T], sum = 0;

    for (size_t d = 0; d < WIDTH; d++)
        y[d] = 0;
    for (size_t u = 0; u < end; u++) {
        double score = 0;

        for (size_t d = 0; d < WIDTH; d++)
            score += (double)x[t * SIZE + h * WIDTH + d] * key(x, u, other, d);
        weights[u] = exp(score * of->scale);
        sum += weights[u];
    }
    for (size_t u = 0; u < end; u++)
        for (size_t d = 0; d < WIDTH; d++) {
            double v = (double)x[u * SIZE + other * WIDTH + d];

            y[d] += weights[u] / sum * v * v;
        }
}

static void each_head_weighs_its_values(void **state)
{
    static const struct attention_case cases[] = {
        {"", "$x, $k, $v", 1, 0.57735026918962576, false},
        {"\"is_causal\": true", "$x, $k, $v", 1, 0.57735026918962576, true},
        {"\"is_causal\": false, \"flash_attention\": null", "$x, $l, $w", 2,
         0.57735026918962576, false},
        {"\"is_causal\": true, \"scale\": 0.25", "$x, $l, $w", 2, 0.25, true},
    };
    uint64_t seed = 7;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        float *x = model_random_floats(&seed, T * SIZE, 2), *made;
        struct model_builder b;

        begin(&b);
        graph_operator(&b, "DotProductAttention", "y", cases[i].fields,
                       cases[i].arguments);
        graph_end(&b, "x,0,0", "y,0,0", NULL);
        made = graph_run(&b, x, T, 0);
        for (size_t t = 0; t < T; t++)
            for (size_t h = 0; h < HEADS; h++) {
                double y[WIDTH];

                refer(&cases[i], x, t, h, y);
                for (size_t d = 0; d < WIDTH; d++)
                    if (!(fabs((double)made[t * SIZE + h * WIDTH + d] - y[d]) <
                          2e-6))
                        fail_msg("case %zu, step %zu, head %zu: %g, not %g", i,
                                 t, h, (double)made[t * SIZE + h * WIDTH + d],
                                 y[d]);
            }
        graph_check_bits(&b, 0);
        free(made);
        free(x);
        model_builder_release(&b);
    }
}

static void what_keras_has_not_is_refused(void **state)
{
    static const struct {
        const char *fields, *arguments, *says;
    } cases[] = {
        {"", "$x, $k", "three tensors"},
        {"", "$x, $k, [$v]", "three tensors"},
        {"", "$x, $k, $v, $v", "a bias or a mask"},
        {"", "$x, $k, $v, 1.0", "a bias or a mask"},
        {"", "$x, $l, $v", "do not fit to each other"},
        {"", "$l, $k, $v", "do not fit to each other"},
        {"\"flash_attention\": true", "$x, $k, $v", "on a CPU"},
        {"\"attn_logits_soft_cap\": 7.0", "$x, $k, $v", "on a CPU"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct model_builder b;

        begin(&b);
        operator_assert_refused(&b, "DotProductAttention", cases[i].fields,
                                cases[i].arguments, cases[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_head_weighs_its_values),
        cmocka_unit_test(what_keras_has_not_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
