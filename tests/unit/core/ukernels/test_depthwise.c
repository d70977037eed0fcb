/* test_depthwise.c: small kernels column by column against the definition of
 * ukernels.h, written out here a second time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/core/ukernels/cases.h"

/* `rows` rows that overlap: taps of a row lie `stride` floats apart, rows
 * `skip` of them. */
static void check(struct random *random, size_t taps, size_t rows, size_t skip)
{
    const size_t stride = 16 * random_size(random, 1, 5);
    const size_t items = (rows - 1) * skip + taps;
    float *w = random_floats(random, taps * stride, 1.0f);
    float *b = random_floats(random, stride, 1.0f);
    float *x = random_floats(random, items * stride, 1.0f);
    const struct f32_depthwise product = {
        .taps = taps, .stride = stride, .kernel = w, .bias = b};

    for (int isa = RNN_ISA_SCALAR; isa <= RNN_ISA_NEON; isa++) {
        const struct rnn_ukernels *ukernels =
            rnn_ukernels_find((enum rnn_isa)isa, stride);
        float *y;

        if (!ukernels)
            continue;
        y = aligned_floats(rows * stride);
        ukernels->depthwise(&product, rows, x, skip * stride, stride, y,
                            stride);
        for (size_t i = 0; i < rows * stride; i++) {
            const size_t r = i / stride, c = i % stride;
            float want = b[c];

            for (size_t k = 0; k < taps; k++)
                want = fmaf(x[(r * skip + k) * stride + c], w[k * stride + c],
                            want);
            assert_int_equal(float_bits(y[i]), float_bits(want));
        }
        free(y);
    }
    free(w);
    free(b);
    free(x);
}

static void random_shapes_follow_the_definition(void **state)
{
    struct random random = {11};

    (void)state;
    for (int turn = 0; turn < 250; turn++)
        check(&random, random_size(&random, 1, 9), random_size(&random, 1, 20),
              random_size(&random, 0, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_shapes_follow_the_definition),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
