/* Paces joined against the same steps taken one after the other. */
#include "core/layers/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/model_builder.h"

static long pick(uint64_t *seed, long least, long most)
{
    return least + (long)(model_random(seed) % (uint64_t)(most - least + 1));
}

/* floor((m up + add) / down), or 0 once it was less than 1. */
static long take_step(const struct pace *pace, long m)
{
    long n = m * (long)pace->up + (long)pace->add;

    return m < 1 || n < pace->down ? 0 : n / (long)pace->down;
}

/* Chains of up to four changes over T = 1 .. 60. */
static void a_chain_is_its_steps(void **state)
{
    uint64_t seed = 5;

    (void)state;
    for (int turn = 0; turn < 20000; turn++) {
        struct pace changes[4], joined[4];
        const struct pace *pace = NULL;
        int count = (int)pick(&seed, 1, 4);
        size_t least = 1;

        for (int i = 0; i < count; i++) {
            changes[i] = (struct pace){.up = pick(&seed, 1, 4),
                                       .add = pick(&seed, -7, 7),
                                       .down = pick(&seed, 1, 4)};
            assert_true(pace_join(pace, &changes[i], &joined[i]));
            pace = &joined[i];
            if (pace_least(pace) > least)
                least = pace_least(pace);
        }
        for (long t = 1; t <= 60; t++) {
            long wanted = t;

            for (int i = 0; i < count; i++)
                wanted = take_step(&changes[i], wanted);
            assert_int_equal(wanted > 0, (size_t)t >= least);
            if (wanted)
                assert_int_equal(pace_steps(pace, (size_t)t), wanted);
        }
    }
}

static void what_cancels_is_gone(void **state)
{
    const struct pace crop = {.up = 1, .add = -4, .down = 1};
    const struct pace pad = {.up = 1, .add = 4, .down = 1};
    const struct pace half = {.up = 1, .add = 0, .down = 2};
    const struct pace twice = {.up = 2, .add = 0, .down = 1};
    struct pace one, two;

    (void)state;
    assert_true(pace_join(NULL, &crop, &one));
    assert_int_equal(pace_least(&one), 5);
    assert_int_equal(pace_steps(&one, 4), 0);
    assert_true(pace_join(&one, &pad, &two));
    assert_true(pace_is_identity(&two) && !two.before);
    assert_true(pace_join(NULL, &twice, &one));
    assert_true(pace_join(&one, &half, &two));
    assert_true(pace_is_identity(&two) && !two.before);
    /* but an odd one out is lost for ever */
    assert_true(pace_join(NULL, &half, &one));
    assert_true(pace_join(&one, &twice, &two));
    assert_ptr_equal(two.before, &one);
    assert_int_equal(pace_steps(&two, 7), 6);
    assert_int_equal(pace_least(&two), 2);
}

static void what_does_not_fit_is_said(void **state)
{
    const struct pace large = {.up = INT64_MAX / 2, .add = 0, .down = 1};
    const struct pace deep = {.up = 1, .add = 0, .down = INT64_MAX / 2};
    struct pace joined;

    (void)state;
    assert_false(pace_join(&large, &large, &joined));
    assert_false(pace_join(&deep, &deep, &joined));
    assert_int_equal(pace_steps(&large, 3), SIZE_MAX);
    assert_int_equal(pace_steps(&large, SIZE_MAX), SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_is_its_steps),
        cmocka_unit_test(what_cancels_is_gone),
        cmocka_unit_test(what_does_not_fit_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
