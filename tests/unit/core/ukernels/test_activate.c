/* test_activate.c: activations against float64, and bit for bit against
 * scalar.
 *
 * Every STRIDE-th float of all 2^32 is tried; with RNND_SLOW=1 every single
 * one, and the largest errors are printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "tests/support/effort.h"
#include "tests/unit/core/ukernels/digest.h"
#include "tests/unit/core/ukernels/true_values.h"

#define STRIDE (effort_is_quick() ? 40009u : 4099u)
#define BLOCK  4096u

/* 0.8 of the last place of denormals, which are rounded twice. */
#define DENORMAL (0.8 * 0x1p-149)

/* The largest errors that docs/numerics.md promises: one of the two. */
struct promise {
    enum rnn_activation_kind kind;
    double ulps, absolute;
};

static const struct promise promises[] = {
    {RNN_ACT_LINEAR, 0.0, 0.0},
    {RNN_ACT_TANH, 1.6, 0.0},
    {RNN_ACT_SIGMOID, 0.7, DENORMAL},
    {RNN_ACT_RELU, 0.0, 0.0},
    {RNN_ACT_HARD_SIGMOID, 2.0, 1e-7},
    {RNN_ACT_HARD_SIGMOID_2, 1.0, 1e-7},
    {RNN_ACT_RELU6, 0.0, 0.0},
    {RNN_ACT_LEAKY_RELU, 1.0, 0.0},
    {RNN_ACT_ELU, 1.0, 0.0},
    {RNN_ACT_SELU, 2.1, 0.0},
    {RNN_ACT_CELU, 1.0, 0.0},
    {RNN_ACT_EXPONENTIAL, 0.6, DENORMAL},
    {RNN_ACT_SOFTPLUS, 5.0, 0.0},
    {RNN_ACT_SOFTSIGN, 1.5, 0.0},
    {RNN_ACT_SILU, 1.6, 1e-37},
    {RNN_ACT_GELU, 8.0, 1e-37},
    {RNN_ACT_GELU_TANH, 4.0, 3e-7},
    {RNN_ACT_MISH, 5.0, 1e-37},
    {RNN_ACT_LOG_SIGMOID, 5.0, 0.0},
    {RNN_ACT_HARD_SILU, 2.5, 2e-7},
    {RNN_ACT_HARD_TANH, 0.0, 0.0},
    {RNN_ACT_TANH_SHRINK, 8.0, 0.0},
    {RNN_ACT_SOFT_SHRINK, 0.5, 0.0},
    {RNN_ACT_HARD_SHRINK, 0.0, 0.0},
    {RNN_ACT_SQUAREPLUS, 4.0, 1e-37},
    {RNN_ACT_SPARSE_PLUS, 2.0, 1e-7},
    {RNN_ACT_SPARSE_SIGMOID, 1.0, 1e-7},
};

/* Error of `got` in units of the last place of the true value. */
static double ulps_off(float got, double want)
{
    float nearest = (float)want;
    double place;

    if (isinf(nearest) || isinf(got))
        return (float)want == got ? 0.0 : 1e9;
    place = ldexp(1.0, ilogb(nearest == 0.0f ? 0x1p-149 : want) - 23);
    return fabs((double)got - want) / (place < 0x1p-149 ? 0x1p-149 : place);
}

struct worst {
    double ulps, absolute; /* the larger `ulps` of those over `absolute` */
    float at;
};

/* NaN for NaN, and the error of one result. */
static void judge(const struct rnn_activation *act, float x, float got,
                  struct worst *worst)
{
    const double want = true_value(act, (double)x);
    double ulps;

    if (isnan(x)) {
        if (!isnan(got))
            *worst = (struct worst){INFINITY, INFINITY, x};
        return;
    }
    if (isinf(x))
        return; /* a test of its own */
    ulps = ulps_off(got, want);
    if (!(ulps <= worst->ulps) && !(fabs(got - want) <= worst->absolute)) {
        worst->ulps = ulps;
        worst->at = x;
    }
}

static uint32_t fill(float *x, uint64_t first, uint32_t stride)
{
    uint32_t count = 0;

    for (; count < BLOCK && first < (1ull << 32); count++, first += stride) {
        uint32_t bits = (uint32_t)first;

        memcpy(x + count, &bits, sizeof(bits));
    }
    return count;
}

/* The largest error of `act` over every `stride`-th float, leaving out those
 * that are absolutely smaller than `absolute`. */
static struct worst sweep(f32_activate_fn *run,
                          const struct rnn_activation *act, uint32_t stride,
                          double absolute)
{
    static float x[BLOCK], y[BLOCK];
    struct worst worst = {0.0, absolute, 0.0f};
    uint32_t count;

    for (uint64_t i = 0; i < (1ull << 32); i += (uint64_t)BLOCK * stride) {
        count = fill(x, i, stride);
        memcpy(y, x, sizeof(y));
        run(act, count, y);
        for (uint32_t k = 0; k < count; k++)
            judge(act, x[k], y[k], &worst);
    }
    return worst;
}

static void every_activation_is_as_exact_as_promised(void **state)
{
    const struct rnn_ukernels *ukernels = rnn_ukernels_find(RNN_ISA_AUTO, 100);
    const uint32_t stride = effort_is_slow() ? 127 : STRIDE;

    (void)state;
    for (size_t i = 0; i < sizeof(promises) / sizeof(promises[0]); i++) {
        struct rnn_activation act = activation_of(promises[i].kind);
        struct worst worst =
            sweep(ukernels->activate, &act, stride, promises[i].absolute);

        if (effort_is_slow() || worst.ulps > promises[i].ulps)
            print_message("%s: %.2f ulp at %a\n", activation_name(act.kind),
                          worst.ulps, (double)worst.at);
        assert_true(worst.ulps <= promises[i].ulps);
    }
}

/* Beyond these a result is known without the C library. */
static bool is_easy(enum rnn_activation_kind kind, float x, float got)
{
    const double d = (double)x;
    double want;

    if (fabsf(x) < 0x1p-13f) {
        want = kind == RNN_ACT_TANH          ? d - d * d * d / 3.0
               : kind == RNN_ACT_EXPONENTIAL ? 1.0 + d + d * d / 2.0
                                             : 0.5 + d / 4.0;
        return ulps_off(got, want) <= 1.0;
    }
    if (kind == RNN_ACT_TANH && fabsf(x) > 9.1f)
        return got == (x < 0.0f ? -1.0f : 1.0f);
    if (x > 104.0f)
        return got == (kind == RNN_ACT_EXPONENTIAL ? INFINITY : 1.0f);
    if (x < -104.0f)
        return got == 0.0f;
    return false;
}

static void exhaust(f32_activate_fn *run, enum rnn_activation_kind kind,
                    const char *name, double ulps, double absolute)
{
    static float x[BLOCK], y[BLOCK];
    const struct rnn_activation act = activation_of(kind);
    struct worst worst = {0.0, 0.0, 0.0f}, over = {0.0, absolute, 0.0f};
    double largest = 0.0;
    uint32_t count;

    for (uint64_t i = 0; i < (1ull << 32); i += BLOCK) {
        count = fill(x, i, 1);
        memcpy(y, x, sizeof(y));
        run(&act, count, y);
        for (uint32_t k = 0; k < count; k++) {
            double error;

            if (!isnan(x[k]) && is_easy(kind, x[k], y[k]))
                continue;
            judge(&act, x[k], y[k], &worst);
            judge(&act, x[k], y[k], &over);
            error = fabs((double)y[k] - true_value(&act, (double)x[k]));
            if (error > largest && error < INFINITY)
                largest = error;
        }
    }
    print_message("%s, all floats: %.3f ulp at %a, %.3e absolute; %.3f ulp at "
                  "%a where off by more than %.3g\n",
                  name, worst.ulps, (double)worst.at, largest, over.ulps,
                  (double)over.at, absolute);
    assert_true(over.ulps <= ulps);
}

static void all_floats_through_exp_tanh_and_sigmoid(void **state)
{
    const struct rnn_ukernels *ukernels = rnn_ukernels_find(RNN_ISA_AUTO, 100);

    (void)state;
    if (!effort_is_slow()) {
        print_message("sampled above; RNND_SLOW=1 tries all 2^32\n");
        skip();
    }
    exhaust(ukernels->activate, RNN_ACT_EXPONENTIAL, "exp", 0.6, DENORMAL);
    exhaust(ukernels->activate, RNN_ACT_TANH, "tanh", 1.6, 0.0);
    exhaust(ukernels->activate, RNN_ACT_SIGMOID, "sigmoid", 0.7, DENORMAL);
    exhaust(ukernels->gate_activate, RNN_ACT_SIGMOID, "gate", 1.0, 1e-7);
}

static void the_gates_sigmoid_is_close_and_stays_in_0_to_1(void **state)
{
    static float x[BLOCK], y[BLOCK];
    const struct rnn_activation act = activation_of(RNN_ACT_SIGMOID);
    const struct rnn_ukernels *ukernels = rnn_ukernels_find(RNN_ISA_AUTO, 100);
    uint32_t count;

    (void)state;
    for (uint64_t i = 0; i < (1ull << 32); i += (uint64_t)BLOCK * STRIDE) {
        count = fill(x, i, STRIDE);
        memcpy(y, x, sizeof(y));
        ukernels->gate_activate(&act, count, y);
        for (uint32_t k = 0; k < count; k++) {
            if (isnan(x[k])) {
                assert_true(isnan(y[k]));
                continue;
            }
            assert_true(y[k] >= 0.0f && y[k] <= 1.0f);
            assert_true(fabs((double)y[k] - true_sigmoid(x[k])) <= 1e-7);
        }
    }
}

static void every_instruction_set_gives_the_bits_of_scalar(void **state)
{
    static float x[BLOCK], want[BLOCK], got[BLOCK];
    const struct rnn_ukernels *scalar = rnn_ukernels_find(RNN_ISA_SCALAR, 1);
    uint32_t count;

    (void)state;
    for (int kind = 0; kind <= RNN_ACT_SPARSE_SIGMOID; kind++) {
        const struct rnn_activation act =
            activation_of((enum rnn_activation_kind)kind);
        const uint32_t stride = effort_is_slow() ? 1021 : 65537;

        for (uint64_t i = 0; i < (1ull << 32); i += (uint64_t)BLOCK * stride) {
            count = fill(x, i, stride);
            memcpy(want, x, sizeof(x));
            scalar->activate(&act, count, want);
            for (int isa = RNN_ISA_AVX2; isa <= RNN_ISA_NEON; isa++) {
                const struct rnn_ukernels *ukernels =
                    rnn_ukernels_find((enum rnn_isa)isa, 100);

                if (!ukernels)
                    continue;
                memcpy(got, x, sizeof(x));
                ukernels->activate(&act, count, got);
                assert_true(same_bits(got, want, count));
            }
        }
    }
}

static void parameters_give_the_same_bits_too(void **state)
{
    static const struct rnn_activation acts[] = {
        {RNN_ACT_RELU, 6.0f, 0.1f, 0.5f},
        {RNN_ACT_RELU, INFINITY, 0.3f, -1.0f},
        {RNN_ACT_LEAKY_RELU, 0.3f, 0.0f, 0.0f},
        {RNN_ACT_ELU, 0.5f, 0.0f, 0.0f},
        {RNN_ACT_CELU, 2.5f, 0.0f, 0.0f},
        {RNN_ACT_SOFT_SHRINK, 1.5f, 0.0f, 0.0f},
        {RNN_ACT_SQUAREPLUS, 0.0f, 0.0f, 0.0f},
    };
    const struct rnn_ukernels *scalar = rnn_ukernels_find(RNN_ISA_SCALAR, 1);
    struct random random = {5};

    (void)state;
    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
        float *want = random_floats(&random, 37, 8.0f), got[37];

        memcpy(got, want, sizeof(got));
        scalar->activate(&acts[i], 37, want);
        rnn_ukernels_find(RNN_ISA_AUTO, 100)->activate(&acts[i], 37, got);
        assert_true(same_bits(got, want, 37));
        free(want);
    }
}

static void relu_follows_keras_with_all_its_parameters(void **state)
{
    /* keras.activations.relu(x, 0.1, max_value=6, threshold=0.5) */
    static const struct rnn_activation act = {RNN_ACT_RELU, 6.0f, 0.1f, 0.5f};
    float x[] = {-2.0f, 0.0f, 0.5f, 0.75f, 6.0f, 9.0f, NAN};

    (void)state;
    rnn_ukernels_find(RNN_ISA_AUTO, 100)->activate(&act, 7, x);
    assert_true(fabsf(x[0] + 0.25f) < 1e-7f);
    assert_true(fabsf(x[1] + 0.05f) < 1e-7f);
    assert_true(x[2] == 0.0f && x[3] == 0.75f && x[4] == 6.0f);
    assert_true(x[5] == 6.0f && isnan(x[6]));
}

/* What comes of -infinity and +infinity. */
static void infinities_go_where_the_limits_are(void **state)
{
    static const struct {
        enum rnn_activation_kind kind;
        float low, high;
    } limits[] = {
        {RNN_ACT_TANH, -1.0f, 1.0f},
        {RNN_ACT_SIGMOID, 0.0f, 1.0f},
        {RNN_ACT_RELU, 0.0f, INFINITY},
        {RNN_ACT_HARD_SIGMOID, 0.0f, 1.0f},
        {RNN_ACT_HARD_SIGMOID_2, 0.0f, 1.0f},
        {RNN_ACT_RELU6, 0.0f, 6.0f},
        {RNN_ACT_LEAKY_RELU, -INFINITY, INFINITY},
        {RNN_ACT_ELU, -1.0f, INFINITY},
        {RNN_ACT_CELU, -1.0f, INFINITY},
        {RNN_ACT_EXPONENTIAL, 0.0f, INFINITY},
        {RNN_ACT_SOFTPLUS, 0.0f, INFINITY},
        {RNN_ACT_SOFTSIGN, -1.0f, 1.0f},
        {RNN_ACT_SILU, 0.0f, INFINITY},
        {RNN_ACT_GELU, 0.0f, INFINITY},
        {RNN_ACT_GELU_TANH, 0.0f, INFINITY},
        {RNN_ACT_MISH, 0.0f, INFINITY},
        {RNN_ACT_LOG_SIGMOID, -INFINITY, 0.0f},
        {RNN_ACT_HARD_SILU, 0.0f, INFINITY},
        {RNN_ACT_HARD_TANH, -1.0f, 1.0f},
        {RNN_ACT_TANH_SHRINK, -INFINITY, INFINITY},
        {RNN_ACT_SOFT_SHRINK, -INFINITY, INFINITY},
        {RNN_ACT_HARD_SHRINK, -INFINITY, INFINITY},
        {RNN_ACT_SQUAREPLUS, 0.0f, INFINITY},
        {RNN_ACT_SPARSE_PLUS, 0.0f, INFINITY},
        {RNN_ACT_SPARSE_SIGMOID, 0.0f, 1.0f},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        const struct rnn_activation act = activation_of(limits[i].kind);
        float x[] = {-INFINITY, INFINITY};

        rnn_ukernels_find(RNN_ISA_AUTO, 100)->activate(&act, 2, x);
        if (x[0] != limits[i].low || x[1] != limits[i].high)
            print_message("%s: %g %g\n", activation_name(act.kind),
                          (double)x[0], (double)x[1]);
        assert_true(x[0] == limits[i].low && x[1] == limits[i].high);
    }
}

static void tanh_keeps_the_sign_of_zero_and_denormals(void **state)
{
    const struct rnn_activation act = activation_of(RNN_ACT_TANH);
    float x[] = {-0.0f, 0.0f, 0x1p-149f, -0x1p-149f, 0x1.8p-130f};
    const float want[] = {-0.0f, 0.0f, 0x1p-149f, -0x1p-149f, 0x1.8p-130f};

    (void)state;
    rnn_ukernels_find(RNN_ISA_AUTO, 100)->activate(&act, 5, x);
    assert_true(same_bits(x, want, 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_activation_is_as_exact_as_promised),
        cmocka_unit_test(all_floats_through_exp_tanh_and_sigmoid),
        cmocka_unit_test(the_gates_sigmoid_is_close_and_stays_in_0_to_1),
        cmocka_unit_test(every_instruction_set_gives_the_bits_of_scalar),
        cmocka_unit_test(parameters_give_the_same_bits_too),
        cmocka_unit_test(relu_follows_keras_with_all_its_parameters),
        cmocka_unit_test(infinities_go_where_the_limits_are),
        cmocka_unit_test(tanh_keeps_the_sign_of_zero_and_denormals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
