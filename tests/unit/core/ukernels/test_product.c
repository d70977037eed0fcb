/* test_product.c: packing and products against the definition of ukernels.h,
 * written out here a second time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/core/ukernels/cases.h"

static size_t chains_by_definition(size_t inputs, size_t columns)
{
    if (columns <= 4 && inputs >= 32)
        return 16;
    return columns <= 32 ? 4 : columns < 128 ? 2 : 1;
}

/* One result; w[k * columns]. */
static float sum_by_definition(float start, const float *x, const float *w,
                               size_t inputs, size_t columns)
{
    const size_t chains = chains_by_definition(inputs, columns);
    const size_t padded = chains == 16 ? (inputs + 15) / 16 * 16 : inputs;
    float y = 0.0f;

    for (size_t from = 0; from < padded; from += 256 * chains) {
        float s[16] = {from == 0 ? start : 0.0f};

        for (size_t k = from; k < padded && k < from + 256 * chains; k++)
            s[k % chains] =
                fmaf(k < inputs ? x[k] : 0.0f,
                     k < inputs ? w[k * columns] : 0.0f, s[k % chains]);
        for (size_t n = chains / 2; n > 0; n /= 2)
            for (size_t i = 0; i < n; i++)
                s[i] = s[i] + s[i + n];
        y = from == 0 ? s[0] : y + s[0];
    }
    return y;
}

struct shape {
    size_t inputs, units, all_gates, first_gate, gates, rows;
    float scale;
    bool special; /* zeros, infinities, NaN and denormals among the inputs */
};

static void sprinkle(struct random *random, float *x, size_t count)
{
    static const float specials[] = {0.0f, -0.0f,     INFINITY,   -INFINITY,
                                     NAN,  0x1p-149f, -0x1p-140f, 3.4e38f};

    for (size_t i = 0; i < count; i++)
        if (random_next(random) % 9 == 0)
            x[i] = specials[random_next(random) % 8];
}

static void check(const struct shape *it, struct random *random, bool biased)
{
    const size_t columns = it->all_gates * it->units;
    const size_t own = it->gates * it->units;
    float *w = random_floats(random, it->inputs * columns, it->scale);
    float *b = random_floats(random, columns, 1.0f);
    float *x = random_floats(random, it->rows * it->inputs, 1.0f);

    if (it->special)
        sprinkle(random, x, it->rows * it->inputs);
    for (int isa = RNN_ISA_SCALAR; isa <= RNN_ISA_NEON; isa++) {
        const struct rnn_ukernels *ukernels =
            rnn_ukernels_find((enum rnn_isa)isa, it->units);
        struct f32_product product;
        struct arena arena;
        float *picked, *y;

        if (!ukernels)
            continue;
        arena_init(&arena, 0);
        assert_true(rnn_product_pack(ukernels, it->inputs, it->units,
                                     it->all_gates, it->first_gate, it->gates,
                                     w, biased ? b : NULL, &arena, &product));
        assert_int_equal(product.chains,
                         chains_by_definition(it->inputs, own));
        y = aligned_floats(it->rows * product.stride);
        ukernels->product(&product, it->rows, x, it->inputs, y,
                          product.stride);
        picked = malloc(it->inputs * own * sizeof(*picked));
        for (size_t k = 0; k < it->inputs; k++)
            memcpy(picked + k * own,
                   w + k * columns + it->first_gate * it->units,
                   own * sizeof(*picked));
        for (size_t i = 0; i < it->rows * own; i++) {
            const size_t r = i / own, g = i % own / it->units;
            const size_t u = i % it->units, lanes = product.lanes;
            const float start =
                biased ? b[(it->first_gate + g) * it->units + u] : 0.0f;
            float want = sum_by_definition(start, x + r * it->inputs,
                                           picked + i % own, it->inputs, own);
            float got = y[r * product.stride +
                          (u / lanes * it->gates + g) * lanes + u % lanes];

            assert_int_equal(float_bits(got), float_bits(want));
        }
        free(picked);
        free(y);
        arena_release(&arena);
    }
    free(w);
    free(b);
    free(x);
}

static void random_shapes_follow_the_definition(void **state)
{
    struct random random = {11};

    (void)state;
    for (int turn = 0; turn < 250; turn++) {
        struct shape it = {
            .inputs = random_size(&random, 1, 90),
            .units = random_size(&random, 1, turn % 2 ? 12 : 150),
            .all_gates = random_size(&random, 1, 4),
            .rows = random_size(&random, 1, 13),
            .scale = 1.0f,
            .special = turn % 3 == 0,
        };

        it.first_gate = random_size(&random, 0, it.all_gates - 1);
        it.gates = random_size(&random, 1, it.all_gates - it.first_gate);
        check(&it, &random, turn % 4 != 0);
    }
}

/* They have ways of their own, which differ by all of these. */
static void few_inputs_follow_it_too(void **state)
{
    static const size_t units[] = {5, 20, 60}, rows[] = {1, 3, 4, 13};
    struct random random = {23};

    (void)state;
    for (size_t inputs = 1; inputs <= 17; inputs++)
        for (size_t u = 0; u < 3; u++)
            for (size_t r = 0; r < 4; r++) {
                struct shape it = {
                    .inputs = inputs,
                    .units = units[u],
                    .all_gates = 1 + inputs % 4,
                    .gates = 1 + inputs % 4,
                    .rows = rows[r],
                    .scale = 1.0f,
                    .special = inputs % 3 == 0,
                };

                check(&it, &random, r % 2 == 0);
            }
}

static void every_number_of_chains_and_blocks_follows_it_too(void **state)
{
    static const size_t shapes[][2] = {
        {31, 4},    {32, 4},   {32, 5},    {5, 32},    {5, 33},
        {5, 127},   {5, 128},  {255, 130}, {256, 130}, {257, 130},
        {513, 100}, {512, 33}, {1025, 9},  {1024, 32}, {4096, 1},
        {4097, 2},  {9000, 3}, {700, 200}, {1, 1},     {33, 1}};
    struct random random = {12};

    (void)state;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        const size_t rows = i % 2 ? 67 : 3;
        struct shape it = {shapes[i][0], shapes[i][1], 1,    0, 1,
                           rows,         0.5f,         false};

        check(&it, &random, true);
    }
}

static void rows_do_not_know_of_each_other(void **state)
{
    const size_t inputs = 37, units = 60, rows = 13;
    const struct rnn_ukernels *ukernels =
        rnn_ukernels_find(RNN_ISA_AUTO, units);
    struct random random = {13};
    float *w = random_floats(&random, inputs * units, 1.0f);
    float *x = random_floats(&random, rows * inputs, 1.0f);
    struct f32_product product;
    struct arena arena;
    float *all, *one;

    (void)state;
    arena_init(&arena, 0);
    assert_true(rnn_product_pack(ukernels, inputs, units, 1, 0, 1, w, NULL,
                                 &arena, &product));
    all = aligned_floats(rows * product.stride);
    one = aligned_floats(product.stride);
    ukernels->product(&product, rows, x, inputs, all, product.stride);
    for (size_t r = 0; r < rows; r++) {
        ukernels->product(&product, 1, x + r * inputs, inputs, one, 0);
        assert_true(same_bits(one, all + r * product.stride, units));
    }
    arena_release(&arena);
    free(w);
    free(x);
    free(all);
    free(one);
}

static void a_full_arena_and_absurd_sizes_are_refused(void **state)
{
    const struct rnn_ukernels *ukernels = rnn_ukernels_find(RNN_ISA_AUTO, 64);
    struct f32_product product;
    const float w[4] = {0};
    struct arena arena;

    (void)state;
    arena_init(&arena, 1024);
    assert_false(rnn_product_pack(ukernels, 64, 64, 1, 0, 1, w, NULL, &arena,
                                  &product));
    assert_false(rnn_product_pack(ukernels, SIZE_MAX / 8, 64, 1, 0, 1, w, NULL,
                                  &arena, &product));
    assert_false(rnn_product_pack(ukernels, 8, SIZE_MAX / 8, 4, 0, 4, w, NULL,
                                  &arena, &product));
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_shapes_follow_the_definition),
        cmocka_unit_test(few_inputs_follow_it_too),
        cmocka_unit_test(every_number_of_chains_and_blocks_follows_it_too),
        cmocka_unit_test(rows_do_not_know_of_each_other),
        cmocka_unit_test(a_full_arena_and_absurd_sizes_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
