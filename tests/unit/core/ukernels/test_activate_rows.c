/* test_activate_rows.c: softmax, log_softmax and sparsemax against float64,
 * and bit for bit against scalar. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/core/ukernels/digest.h"

static int downwards(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x < y) - (x > y);
}

/* The threshold of sparsemax, as Keras finds it: by sorting, and with the sum
 * of all running sums that count. */
static double true_threshold(const double *x, size_t units)
{
    double *sorted = malloc(units * sizeof(*sorted));
    double sum = 0.0, sums = 0.0, threshold = 0.0;

    memcpy(sorted, x, units * sizeof(*sorted));
    qsort(sorted, units, sizeof(*sorted), downwards);
    for (size_t k = 1; k <= units; k++) {
        sum += sorted[k - 1];
        if (1.0 + (double)k * sorted[k - 1] > sum) {
            sums += sum;
            threshold = (sums - 1.0) / (double)k;
        }
    }
    free(sorted);
    return threshold;
}

static void true_row(enum rnn_activation_kind kind, const float *x,
                     size_t units, double *y)
{
    double most = -INFINITY, sum = 0.0, threshold;

    for (size_t i = 0; i < units; i++) {
        y[i] = (double)x[i];
        most = y[i] > most ? y[i] : most;
    }
    threshold = true_threshold(y, units);
    for (size_t i = 0; i < units; i++)
        sum += exp(y[i] - most);
    for (size_t i = 0; i < units; i++) {
        if (kind == RNN_ACT_SOFTMAX)
            y[i] = exp(y[i] - most) / sum;
        else if (kind == RNN_ACT_LOG_SOFTMAX)
            y[i] = y[i] - most - log(sum);
        else
            y[i] = y[i] > threshold ? y[i] - threshold : 0.0;
    }
}

static void check_row(enum rnn_activation_kind kind, struct random *random,
                      size_t units)
{
    const struct rnn_activation act = activation_of(kind);
    const float scale = random_next(random) % 2 ? 3.0f : 60.0f;
    float *x = random_floats(random, units, scale);
    float *want = malloc(units * sizeof(*want));
    float *got = malloc(units * sizeof(*got));
    double *truth = malloc(units * sizeof(*truth)), most = 1.0;

    true_row(kind, x, units, truth);
    memcpy(want, x, units * sizeof(*want));
    rnn_ukernels_find(RNN_ISA_SCALAR, units)
        ->activate_rows(&act, 1, units, want, units);
    for (size_t i = 0; i < units; i++)
        most = fabs(truth[i]) > most ? fabs(truth[i]) : most;
    for (size_t i = 0; i < units; i++)
        assert_true(fabs((double)want[i] - truth[i]) <= 5e-7 * most);
    for (int isa = RNN_ISA_AVX2; isa <= RNN_ISA_NEON; isa++) {
        const struct rnn_ukernels *ukernels =
            rnn_ukernels_find((enum rnn_isa)isa, units);

        if (!ukernels)
            continue;
        memcpy(got, x, units * sizeof(*got));
        ukernels->activate_rows(&act, 1, units, got, units);
        assert_true(same_bits(got, want, units));
    }
    free(x);
    free(want);
    free(got);
    free(truth);
}

static void rows_of_all_lengths_are_exact_and_equal(void **state)
{
    static const enum rnn_activation_kind kinds[] = {
        RNN_ACT_SOFTMAX, RNN_ACT_LOG_SOFTMAX, RNN_ACT_SPARSEMAX};
    struct random random = {21};

    (void)state;
    for (size_t k = 0; k < 3; k++) {
        for (size_t units = 1; units < 70; units++)
            check_row(kinds[k], &random, units);
        check_row(kinds[k], &random, 4096);
        check_row(kinds[k], &random, 5001);
    }
}

static void a_nan_spoils_its_row_and_no_other(void **state)
{
    static const enum rnn_activation_kind kinds[] = {
        RNN_ACT_SOFTMAX, RNN_ACT_LOG_SOFTMAX, RNN_ACT_SPARSEMAX};

    (void)state;
    for (size_t k = 0; k < 3; k++)
        for (size_t place = 0; place < 20; place++) {
            const struct rnn_activation act = activation_of(kinds[k]);
            float x[2][20] = {{0}};

            x[0][place] = NAN;
            rnn_ukernels_find(RNN_ISA_AUTO, 20)
                ->activate_rows(&act, 2, 20, x[0], 20);
            for (size_t i = 0; i < 20; i++)
                assert_true(isnan(x[0][i]) && !isnan(x[1][i]));
        }
}

static void huge_values_do_not_overflow(void **state)
{
    const struct rnn_activation act = activation_of(RNN_ACT_SOFTMAX);
    float x[] = {3e38f, -3e38f, 3e38f};

    (void)state;
    rnn_ukernels_find(RNN_ISA_AUTO, 3)->activate_rows(&act, 1, 3, x, 3);
    assert_true(x[0] == 0.5f && x[1] == 0.0f && x[2] == 0.5f);
}

static void what_lies_between_rows_is_left_alone(void **state)
{
    const struct rnn_activation act = activation_of(RNN_ACT_SOFTMAX);
    float x[2][8];

    (void)state;
    for (size_t i = 0; i < 16; i++)
        x[i / 8][i % 8] = 7.0f;
    rnn_ukernels_find(RNN_ISA_AUTO, 5)->activate_rows(&act, 2, 5, x[0], 8);
    for (size_t r = 0; r < 2; r++)
        for (size_t i = 0; i < 8; i++)
            assert_true(x[r][i] == (i < 5 ? 0.2f : 7.0f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_all_lengths_are_exact_and_equal),
        cmocka_unit_test(a_nan_spoils_its_row_and_no_other),
        cmocka_unit_test(huge_values_do_not_overflow),
        cmocka_unit_test(what_lies_between_rows_is_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
