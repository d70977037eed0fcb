/* test_cell.c: recurrent cells: one result, bit for bit, however they are
 * run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/effort.h"

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

/* All give what scalar gives. */
static void check_instruction_sets(const struct cell_case *it)
{
    const struct rnn_ukernels *scalar = rnn_ukernels_find(RNN_ISA_SCALAR, 1);
    struct cell_result want = cell_result_make(it);

    assert_true(cell_case_run(it, scalar, &want));
    for (size_t i = 0; i < ISA_COUNT; i++) {
        const struct rnn_ukernels *ukernels =
            rnn_ukernels_find(all_isas[i], it->units);
        struct cell_result got = cell_result_make(it);

        if (ukernels) {
            assert_true(cell_case_run(it, ukernels, &got));
            assert_true(same_bits(got.all, want.all, want.count));
        }
        free(got.all);
    }
    free(want.all);
}

static void every_instruction_set_gives_the_bits_of_scalar(void **state)
{
    struct random random = {1};

    (void)state;
    for (size_t turn = 0; turn < effort_count(300); turn++) {
        struct cell_case it = random_case(&random, turn);

        check_instruction_sets(&it);
        cell_case_free(&it);
    }
}

/* One sequence alone, whose walk depends on the shape: up to eight units,
 * whole vectors of them, panels that fill a nearest cache, and so many that
 * fewer go at a time; of the last, sums of two blocks. */
static void one_sequence_gives_the_bits_of_scalar(void **state)
{
    static const size_t units[] = {1,  4,  5,  7,  8,   9,   15,  16,  17, 24,
                                   31, 32, 33, 64, 112, 128, 130, 161, 300};
    struct random random = {5};

    (void)state;
    for (size_t turn = 0; turn < 4 * sizeof(units) / sizeof(units[0]);
         turn++) {
        struct cell_case it = {
            .kind = (enum f32_cell_kind)(turn % 4),
            .activation = named("tanh"),
            .recurrent_activation = named("sigmoid"),
            .inputs = 3,
            .units = units[turn / 4],
            .rows = 1,
            .steps = 5,
        };

        cell_case_fill(&it, &random);
        check_instruction_sets(&it);
        cell_case_free(&it);
    }
}

/* Every instruction set from the inputs on, where it can; returns how many
 * could. */
static size_t check_sequences(const struct cell_case *it)
{
    struct cell_result want = cell_result_make(it);
    size_t count = 0;

    assert_true(
        cell_case_run(it, rnn_ukernels_find(RNN_ISA_SCALAR, 1), &want));
    for (size_t i = 0; i < 2 * ISA_COUNT; i++) {
        const struct rnn_ukernels *ukernels =
            rnn_ukernels_find(all_isas[i / 2], it->units);
        const bool want_y = i % 2;
        struct cell_result got = cell_result_make(it);
        const size_t last = 2 * it->rows * it->units; /* h and c */
        struct cell_setup setup;

        if (ukernels) {
            assert_true(cell_setup_make(&setup, ukernels, it));
            if (cell_run_sequences(&setup, it, want_y, &got)) {
                assert_true(same_bits(got.h, want.h, last));
                assert_true(!want_y ||
                            same_bits(got.all, want.all, want.count));
                count++;
            }
            arena_release(&setup.arena);
        }
        free(got.all);
    }
    free(want.all);
    return count;
}

/* Whichever cells make z beside their steps, it is the same z. */
static void from_inputs_on_gives_the_bits_of_product_and_cell(void **state)
{
    static const size_t units[] = {1, 3, 5, 8, 9, 16, 31, 32, 33, 64};
    static const size_t inputs[] = {1, 2, 3, 4, 7, 16, 33, 256, 257};
    const size_t unit_count = sizeof(units) / sizeof(units[0]);
    struct random random = {6};
    size_t count = 0;

    (void)state;
    for (size_t turn = 0; turn < 9 * 3 * unit_count; turn++) {
        struct cell_case it = {
            .kind = (enum f32_cell_kind)(turn % 3),
            .activation = named(turn % 5 ? "tanh" : "relu"),
            .recurrent_activation = named(turn % 7 ? "sigmoid" : "linear"),
            .inputs = inputs[turn / 3 / unit_count],
            .units = units[turn / 3 % unit_count],
            .rows = 2,
            .steps = 1 + turn % 4,
        };

        cell_case_fill(&it, &random);
        count += check_sequences(&it);
        cell_case_free(&it);
    }
#if defined(__x86_64__)
    assert_true(count > 0 || !rnn_isa_available(RNN_ISA_AVX2));
#endif
}

/* A case, its whole result by the fastest instruction set, and its setup. */
struct whole {
    struct cell_case it;
    struct cell_setup setup;
    struct cell_result want;
};

static void whole_make(struct whole *whole, struct random *random, size_t turn)
{
    whole->it = random_case(random, turn);
    whole->want = cell_result_make(&whole->it);
    assert_true(cell_setup_make(
        &whole->setup, rnn_ukernels_find(RNN_ISA_AUTO, whole->it.units),
        &whole->it));
    cell_run(&whole->setup, &whole->it, 0, whole->it.rows, whole->it.steps,
             true, &whole->want);
}

static void whole_free(struct whole *whole)
{
    free(whole->want.all);
    arena_release(&whole->setup.arena);
    cell_case_free(&whole->it);
}

static void a_batch_gives_the_bits_of_one_by_one(void **state)
{
    struct random random = {2};

    (void)state;
    for (size_t turn = 0; turn < 120; turn++) {
        struct whole whole;
        struct cell_result got;

        whole_make(&whole, &random, turn);
        got = cell_result_make(&whole.it);
        for (size_t r = 0; r < whole.it.rows; r++)
            cell_run(&whole.setup, &whole.it, r, 1, whole.it.steps, true,
                     &got);
        assert_true(same_bits(got.all, whole.want.all, got.count));
        free(got.all);
        whole_free(&whole);
    }
}

static void any_cut_gives_the_bits_of_the_whole(void **state)
{
    struct random random = {3};

    (void)state;
    for (size_t turn = 0; turn < 120; turn++) {
        struct whole whole;
        struct cell_result got;

        whole_make(&whole, &random, turn);
        got = cell_result_make(&whole.it);
        cell_run(&whole.setup, &whole.it, 0, whole.it.rows,
                 random_size(&random, 1, 3), true, &got);
        assert_true(same_bits(got.all, whole.want.all, got.count));
        free(got.all);
        whole_free(&whole);
    }
}

static void the_last_h_is_the_same_whether_y_is_wanted_or_not(void **state)
{
    struct random random = {4};

    (void)state;
    for (size_t turn = 0; turn < 120; turn++) {
        struct whole whole;
        struct cell_result got;
        size_t count;

        whole_make(&whole, &random, turn);
        count = whole.it.rows * whole.it.units;
        got = cell_result_make(&whole.it);
        cell_run(&whole.setup, &whole.it, 0, whole.it.rows,
                 random_size(&random, 1, 5), false, &got);
        assert_true(same_bits(got.h, whole.want.h, count));
        if (whole.it.kind == F32_CELL_LSTM)
            assert_true(same_bits(got.c, whole.want.c, count));
        free(got.all);
        whole_free(&whole);
    }
}

static void batch_is_its_sequences(const struct cell_case *it,
                                   enum rnn_isa isa)
{
    const struct rnn_ukernels *ukernels = rnn_ukernels_find(isa, it->units);
    struct cell_result all = cell_result_make(it);
    struct cell_result one = cell_result_make(it);
    struct cell_setup setup;

    if (ukernels) {
        assert_true(cell_setup_make(&setup, ukernels, it));
        cell_run(&setup, it, 0, it->rows, it->steps, true, &all);
        for (size_t r = 0; r < it->rows; r++)
            cell_run(&setup, it, r, 1, it->steps, true, &one);
        assert_true(same_bits(all.all, one.all, all.count));
        arena_release(&setup.arena);
    }
    free(all.all);
    free(one.all);
}

/* More rows than run side by side; sums that fill several pieces and more
 * than one block, at their edges. */
static void large_batches_are_run_in_blocks_of_the_same_bits(void **state)
{
    static const size_t units[] = {21, 128, 131, 300}, rows[] = {61, 34, 7, 2};
    struct random random = {5};

    (void)state;
    for (int kind = 0; kind < 4; kind++)
        for (size_t i = 0; i < 4; i++) {
            struct cell_case it = {
                .kind = (enum f32_cell_kind)kind,
                .activation = named("tanh"),
                .recurrent_activation = named("sigmoid"),
                .inputs = 3,
                .units = units[i],
                .rows = rows[i],
                .steps = 4,
            };

            cell_case_fill(&it, &random);
            for (int isa = RNN_ISA_SCALAR + 1; isa <= RNN_ISA_NEON; isa++)
                batch_is_its_sequences(&it, (enum rnn_isa)isa);
            cell_case_free(&it);
        }
}

/* From the inputs on, in pieces of two steps; returns whether it can. */
static bool goes_from_inputs(const struct cell_case *it, enum rnn_isa isa)
{
    const struct rnn_ukernels *ukernels = rnn_ukernels_find(isa, it->units);
    struct cell_result want = cell_result_make(it);
    struct cell_result got = cell_result_make(it);
    struct cell_setup setup = {0};

    if (ukernels) {
        assert_true(cell_setup_make(&setup, ukernels, it));
        cell_run(&setup, it, 0, it->rows, it->steps, true, &want);
        setup.from_inputs =
            rnn_cell_takes_batch(&setup.cell, &setup.input, 32);
        assert_false(rnn_cell_takes_batch(&setup.cell, &setup.input, 8));
        cell_run(&setup, it, 0, it->rows, 2, true, &got);
        assert_true(same_bits(got.all, want.all, want.count));
        cell_run(&setup, it, 0, it->rows, it->steps, false, &got);
        assert_true(same_bits(got.all, want.all, want.count));
        arena_release(&setup.arena);
    }
    free(want.all);
    free(got.all);
    return setup.from_inputs;
}

/* z that is made right before its own sums begin with it is the same z. */
static void batches_from_inputs_on_give_the_bits_of_product_and_cell(
    void **state)
{
    static const size_t units[] = {33, 43, 128, 131, 300};
    static const size_t inputs[] = {33, 64, 129, 256, 257};
    static const size_t rows[] = {24, 33, 61, 1, 2};
    struct random random = {8};
    size_t count = 0;

    (void)state;
    for (size_t turn = 0; turn < 4 * 5 * 5; turn++) {
        struct cell_case it = {
            .kind = (enum f32_cell_kind)(turn % 4),
            .activation = named(turn % 3 ? "tanh" : "relu"),
            .recurrent_activation =
                named(turn % 9 == 7 ? "softmax" : "sigmoid"),
            .inputs = inputs[turn / 20],
            .units = units[turn / 4 % 5],
            .rows = rows[(turn / 4 + turn / 20) % 5],
            .steps = 3,
        };

        cell_case_fill(&it, &random);
        for (int isa = RNN_ISA_SCALAR; isa <= RNN_ISA_NEON; isa++)
            count += goes_from_inputs(&it, (enum rnn_isa)isa);
        cell_case_free(&it);
    }
#if defined(__x86_64__)
    assert_true(count >= 20 || !rnn_isa_available(RNN_ISA_AVX2));
#endif
}

static size_t at_most(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Step by step in parts of two panels, the last parts first, and before them
 * one without panels. */
static void run_in_parts(struct cell_setup *setup, const struct cell_case *it,
                         struct cell_result *result)
{
    const size_t stride = setup->input.stride, padded = setup->padded;
    const size_t panels = setup->cell.recurrent.panels, units = it->units;
    float *z = aligned_floats(it->steps * stride);
    float *h = aligned_floats(padded), *c = aligned_floats(padded);
    float *y = aligned_floats(padded);
    float *scratch = aligned_floats(rnn_cell_scratch_floats(&setup->cell, 1));

    for (size_t r = 0; r < it->rows; r++) {
        memcpy(h, it->h + r * units, units * sizeof(float));
        memcpy(c, it->c + r * units, units * sizeof(float));
        setup->ukernels->product(&setup->input, it->steps,
                                 it->x + r * it->steps * it->inputs,
                                 it->inputs, z, stride);
        for (size_t t = 0; t < it->steps; t++) {
            const struct f32_cell_row row = {z + t * stride, h, c, y};

            for (size_t p = 0; p < rnn_cell_phases(&setup->cell); p++)
                for (size_t part = (panels + 1) / 2 + 1; part-- > 0;)
                    setup->ukernels->cell_part(
                        &setup->cell, 1, &row, p, at_most(2 * part, panels),
                        at_most(2 * part + 2, panels), scratch);
            memcpy(h, y, padded * sizeof(float));
            memcpy(result->y + (r * it->steps + t) * units, y,
                   units * sizeof(float));
        }
        memcpy(result->h + r * units, h, units * sizeof(float));
        memcpy(result->c + r * units, c, units * sizeof(float));
    }
    free(z);
    free(h);
    free(c);
    free(y);
    free(scratch);
}

static void parts_of_a_step_give_the_bits_of_the_whole(void **state)
{
    struct random random = {6};

    (void)state;
    for (size_t turn = 0; turn < 120; turn++) {
        struct whole whole;
        struct cell_result got;

        whole_make(&whole, &random, turn);
        got = cell_result_make(&whole.it);
        if (!rnn_activation_takes_rows(&whole.it.activation) &&
            !rnn_activation_takes_rows(&whole.it.recurrent_activation)) {
            run_in_parts(&whole.setup, &whole.it, &got);
            assert_true(same_bits(got.all, whole.want.all, got.count));
        }
        free(got.all);
        whole_free(&whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_instruction_set_gives_the_bits_of_scalar),
        cmocka_unit_test(one_sequence_gives_the_bits_of_scalar),
        cmocka_unit_test(from_inputs_on_gives_the_bits_of_product_and_cell),
        cmocka_unit_test(a_batch_gives_the_bits_of_one_by_one),
        cmocka_unit_test(any_cut_gives_the_bits_of_the_whole),
        cmocka_unit_test(the_last_h_is_the_same_whether_y_is_wanted_or_not),
        cmocka_unit_test(large_batches_are_run_in_blocks_of_the_same_bits),
        cmocka_unit_test(
            batches_from_inputs_on_give_the_bits_of_product_and_cell),
        cmocka_unit_test(parts_of_a_step_give_the_bits_of_the_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
