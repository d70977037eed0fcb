/* test_cell.c: recurrent cells: one result, bit for bit, however they are
 * run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/core/ukernels/cases.h"

static const enum rnn_isa all_isas[] = {RNN_ISA_SCALAR, RNN_ISA_AVX2,
                                        RNN_ISA_AVX512, RNN_ISA_NEON};
#define ISA_COUNT (sizeof(all_isas) / sizeof(all_isas[0]))

static struct rnn_activation named(const char *name)
{
    struct rnn_activation made;

    assert_true(rnn_activation_parse(name, 3, &made));
    return made;
}

/* A case of random shape; every kind and many activations in turn. */
static struct cell_case random_case(struct random *random, size_t turn)
{
    static const char *const names[][2] = {
        {"tanh", "sigmoid"},    {"tanh", "sigmoid"}, {"tanh", "hard_sigmoid"},
        {"relu", "sigmoid"},    {"linear", "tanh"},  {"sigmoid", "sigmoid"},
        {"softsign", "linear"}, {"elu", "softmax"},  {"softmax", "sigmoid"},
    };
    const size_t pick = turn / 4 % (sizeof(names) / sizeof(names[0]));
    struct cell_case it = {
        .kind = (enum f32_cell_kind)(turn % 4),
        .activation = named(names[pick][0]),
        .recurrent_activation = named(names[pick][1]),
        .inputs = random_size(random, 1, 40),
        .units = random_size(random, 1, turn % 3 ? 40 : 140),
        .rows = random_size(random, 1, 13),
        .steps = random_size(random, 1, 5),
    };

    if (turn % 7 == 0)
        it.units = 1;
    if (turn % 11 == 0)
        it.inputs = 1;
    cell_case_fill(&it, random);
    return it;
}

static void every_instruction_set_gives_the_bits_of_scalar(void **state)
{
    struct random random = {1};
    const struct rnn_ukernels *scalar = rnn_ukernels_find(RNN_ISA_SCALAR, 1);

    (void)state;
    for (size_t turn = 0; turn < 300; turn++) {
        struct cell_case it = random_case(&random, turn);
        struct cell_result want = cell_result_make(&it);

        assert_true(cell_case_run(&it, scalar, &want));
        for (size_t i = 0; i < ISA_COUNT; i++) {
            const struct rnn_ukernels *ukernels =
                rnn_ukernels_find(all_isas[i], it.units);
            struct cell_result got = cell_result_make(&it);

            if (ukernels) {
                assert_true(cell_case_run(&it, ukernels, &got));
                assert_true(same_bits(got.all, want.all, want.count));
            }
            free(got.all);
        }
        free(want.all);
        cell_case_free(&it);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_instruction_set_gives_the_bits_of_scalar),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
