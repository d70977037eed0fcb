/* test_cell_values.c: recurrent cells against their equations in float64, and
 * what special values do to them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/effort.h"
#include "tests/unit/core/ukernels/cases.h"
#include "tests/unit/core/ukernels/true_values.h"

/* One row of softmax, else one by one. */
static void true_activate(const struct rnn_activation *act, double *x,
                          size_t units)
{
    double most = -INFINITY, sum = 0.0;

    if (act->kind != RNN_ACT_SOFTMAX) {
        for (size_t i = 0; i < units; i++)
            x[i] = true_value(act, x[i]);
        return;
    }
    for (size_t i = 0; i < units; i++)
        most = x[i] > most ? x[i] : most;
    for (size_t i = 0; i < units; i++)
        sum += exp(x[i] - most);
    for (size_t i = 0; i < units; i++)
        x[i] = exp(x[i] - most) / sum;
}

/* start + x . w, columns of gate `gate`. */
static void true_gate(const struct cell_case *it, size_t gate,
                      const float *bias, const double *x, size_t inputs,
                      const float *w, double *sum)
{
    const size_t units = it->units, columns = gates_of(it->kind) * units;

    for (size_t u = 0; u < units; u++) {
        if (bias)
            sum[u] = (double)bias[gate * units + u];
        for (size_t k = 0; k < inputs; k++)
            sum[u] += x[k] * (double)w[k * columns + gate * units + u];
    }
}

/* One step as Keras has it; h and c in place.  a: [4 * units] of room. */
static void true_step(const struct cell_case *it, const double *x, double *h,
                      double *c, double *a)
{
    const size_t n = it->units, gates = gates_of(it->kind);
    const bool after = it->kind == F32_CELL_GRU_RESET_AFTER;
    double *hidden = a + 4 * n;

    for (size_t g = 0; g < gates; g++) {
        true_gate(it, g, it->bias, x, it->inputs, it->kernel, a + g * n);
        if (!is_gru(it->kind) || g < 2)
            true_gate(it, g, NULL, h, n, it->recurrent, a + g * n);
        if (it->kind == F32_CELL_SIMPLE || (!is_gru(it->kind) && g == 2))
            true_activate(&it->activation, a + g * n, n);
        else if (g != 2 || !is_gru(it->kind))
            true_activate(&it->recurrent_activation, a + g * n, n);
    }
    if (it->kind == F32_CELL_SIMPLE) {
        memcpy(h, a, n * sizeof(*h));
    } else if (it->kind == F32_CELL_LSTM) {
        for (size_t u = 0; u < n; u++)
            h[u] = c[u] = a[n + u] * c[u] + a[u] * a[2 * n + u];
        true_activate(&it->activation, h, n);
        for (size_t u = 0; u < n; u++)
            h[u] *= a[3 * n + u];
    } else {
        if (after) {
            true_gate(it, 2, it->recurrent_bias, h, n, it->recurrent, hidden);
            for (size_t u = 0; u < n; u++)
                a[2 * n + u] += a[n + u] * hidden[u];
        } else {
            for (size_t u = 0; u < n; u++)
                hidden[u] = a[n + u] * h[u];
            true_gate(it, 2, NULL, hidden, n, it->recurrent, a + 2 * n);
        }
        true_activate(&it->activation, a + 2 * n, n);
        for (size_t u = 0; u < n; u++)
            h[u] = a[u] * h[u] + (1.0 - a[u]) * a[2 * n + u];
    }
}

/* The largest difference of any h from the truth. */
static double largest_error(const struct cell_case *it,
                            const struct cell_result *got)
{
    const size_t n = it->units;
    double *a = calloc(7 * n + it->inputs, sizeof(*a));
    double *h = a + 5 * n, *c = a + 6 * n, *x = a + 7 * n, largest = 0.0;

    for (size_t r = 0; r < it->rows; r++) {
        for (size_t u = 0; u < n; u++) {
            h[u] = (double)it->h[r * n + u];
            c[u] = (double)it->c[r * n + u];
        }
        for (size_t t = 0; t < it->steps; t++) {
            for (size_t k = 0; k < it->inputs; k++)
                x[k] = (double)it->x[(r * it->steps + t) * it->inputs + k];
            true_step(it, x, h, c, a);
            for (size_t u = 0; u < n; u++) {
                double error =
                    fabs(h[u] - (double)got->y[(r * it->steps + t) * n + u]);

                largest = error > largest ? error : largest;
            }
        }
    }
    free(a);
    return largest;
}

static void cells_agree_with_float64(void **state)
{
    static const char *const names[][2] = {{"tanh", "sigmoid"},
                                           {"tanh", "hard_sigmoid"},
                                           {"softsign", "sigmoid"},
                                           {"softmax", "sigmoid"}};
    static const size_t units[] = {1, 5, 16, 33, 128};
    struct random random = {31};

    (void)state;
    for (size_t i = 0; i < 4 * 4 * 5; i++) {
        struct cell_case it = {
            .kind = (enum f32_cell_kind)(i % 4),
            .inputs = 7,
            .units = units[i / 16],
            .rows = 3,
            .steps = effort_is_quick() ? 8 : 50,
        };
        struct cell_result got;

        assert_true(
            rnn_activation_parse(names[i / 4 % 4][0], 3, &it.activation));
        assert_true(rnn_activation_parse(names[i / 4 % 4][1], 3,
                                         &it.recurrent_activation));
        cell_case_fill(&it, &random);
        got = cell_result_make(&it);
        assert_true(cell_case_run(
            &it, rnn_ukernels_find(RNN_ISA_AUTO, it.units), &got));
        assert_true(largest_error(&it, &got) <= 2e-6);
        free(got.all);
        cell_case_free(&it);
    }
}

/* A NaN in one sequence stays in that sequence; infinities and denormals give
 * the bits of scalar. */
static void special_values_give_the_bits_of_scalar(void **state)
{
    static const float specials[] = {INFINITY, -INFINITY, NAN,   0x1p-149f,
                                     -0.0f,    1e30f,     1e-40f};
    struct random random = {32};

    (void)state;
    for (size_t turn = 0; turn < 84; turn++) {
        struct cell_case it = {
            .kind = (enum f32_cell_kind)(turn % 4),
            .activation = {.kind = RNN_ACT_TANH},
            .recurrent_activation = {.kind = RNN_ACT_SIGMOID},
            .inputs = 5,
            .units = 9 + turn % 13,
            .rows = 4,
            .steps = 3,
        };
        struct cell_result want, got;

        cell_case_fill(&it, &random);
        it.x[turn % 5] = specials[turn / 4 % 7];
        it.h[it.units + 1] = specials[turn / 4 % 7];
        want = cell_result_make(&it);
        got = cell_result_make(&it);
        assert_true(
            cell_case_run(&it, rnn_ukernels_find(RNN_ISA_SCALAR, 1), &want));
        assert_true(cell_case_run(
            &it, rnn_ukernels_find(RNN_ISA_AUTO, it.units), &got));
        assert_true(same_bits(got.all, want.all, got.count));
        for (size_t u = 0; u < 2 * it.units; u++)
            assert_false(isnan(got.h[2 * it.units + u]));
        if (isnan(specials[turn / 4 % 7]))
            assert_true(isnan(got.h[0]) && isnan(got.h[it.units]));
        free(got.all);
        free(want.all);
        cell_case_free(&it);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_agree_with_float64),
        cmocka_unit_test(special_values_give_the_bits_of_scalar),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
