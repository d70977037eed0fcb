#include "config/spelling.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void an_option_is_spelled_as_its_layer_writes_it(void **state)
{
    char text[SPELLED_BYTES];

    (void)state;
    assert_string_equal(spell_option(LAYER_FILE, "max_body", text),
                        "max_body");
    assert_string_equal(spell_option(LAYER_ENVIRONMENT, "max_body", text),
                        "RNND_MAX_BODY");
    assert_string_equal(spell_option(LAYER_COMMAND, "max_body", text),
                        "--max-body");
}

static void distance_counts_edits_and_folds_case_and_dashes(void **state)
{
    (void)state;
    assert_int_equal(spell_distance("max_body", "max_body"), 0);
    assert_int_equal(spell_distance("MAX-BODY", "max_body"), 0);
    assert_int_equal(spell_distance("max_bdy", "max_body"), 1);
    assert_int_equal(spell_distance("max_boody", "max_body"), 1);
    assert_int_equal(spell_distance("mox_body", "max_body"), 1);
    assert_int_equal(spell_distance("", "isa"), 3);
    assert_int_equal(spell_distance("isa", ""), 3);
    assert_int_equal(spell_distance("kitten", "sitting"), 3);
}

static void a_name_too_long_to_compare_is_far_from_all(void **state)
{
    const char *name = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    (void)state;
    assert_true(spell_distance("a", name) == SIZE_MAX);
}

static void the_nearest_option_is_named(void **state)
{
    struct rnn_error err;

    (void)state;
    assert_int_equal(
        spell_unknown(LAYER_FILE, "a.conf:3: ", "max_bdy", "max_bdy", &err),
        RNN_INVALID_ARGUMENT);
    assert_string_equal(
        err.message,
        "a.conf:3: max_bdy is not an option; did you mean max_body?");
    assert_int_equal(err.status, RNN_INVALID_ARGUMENT);
    spell_unknown(LAYER_ENVIRONMENT, "", "RNND_THREAD", "THREAD", &err);
    assert_string_equal(
        err.message,
        "RNND_THREAD is not an option; did you mean RNND_THREADS?");
    spell_unknown(LAYER_COMMAND, "", "--log_levle", "log_levle", &err);
    assert_string_equal(
        err.message,
        "--log_levle is not an option; did you mean --log-level?");
    spell_unknown(LAYER_COMMAND, "", "--sumary", "sumary", &err);
    assert_string_equal(err.message,
                        "--sumary is not an option; did you mean --summary?");
}

static void a_name_near_to_none_is_not_guessed(void **state)
{
    struct rnn_error err;

    (void)state;
    spell_unknown(LAYER_COMMAND, "", "--frobnicate", "frobnicate", &err);
    assert_string_equal(
        err.message, "--frobnicate is not an option; rnnd --help lists them");
    spell_unknown(LAYER_COMMAND, "", "--x\n\033[31m", "x", &err);
    assert_string_equal(err.message,
                        "--x??[31m is not an option; rnnd --help lists them");
    assert_int_equal(spell_unknown(LAYER_FILE, "", "summary", "summary", NULL),
                     RNN_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_option_is_spelled_as_its_layer_writes_it),
        cmocka_unit_test(distance_counts_edits_and_folds_case_and_dashes),
        cmocka_unit_test(a_name_too_long_to_compare_is_far_from_all),
        cmocka_unit_test(the_nearest_option_is_named),
        cmocka_unit_test(a_name_near_to_none_is_not_guessed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
