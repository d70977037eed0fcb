#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/status.h"

static void names_and_texts_follow_the_list(void **state)
{
    (void)state;
    assert_int_equal(RNN_OK, 0);
    assert_string_equal(rnn_status_name(RNN_OK), "OK");
    assert_string_equal(rnn_status_text(RNN_OK), "success");
    assert_string_equal(rnn_status_name(RNN_BAD_MODEL), "BAD_MODEL");
    assert_string_equal(rnn_status_name(RNN_INTERNAL), "INTERNAL");
    assert_string_equal(rnn_status_text(RNN_NO_MEMORY), "out of memory");
}

static void fail_records_code_and_sentence(void **state)
{
    struct rnn_error err = {0};

    (void)state;
    assert_int_equal(rnn_fail(&err, RNN_LIMIT, "%s is %d", "units", 7),
                     RNN_LIMIT);
    assert_int_equal(err.status, RNN_LIMIT);
    assert_string_equal(err.message, "units is 7");
}

static void fail_without_a_place_for_the_sentence_returns_the_code(
    void **state)
{
    (void)state;
    assert_int_equal(rnn_fail(NULL, RNN_IO, "%s", "nobody reads it"), RNN_IO);
}

static void a_sentence_that_does_not_fit_is_cut_and_terminated(void **state)
{
    char text[2 * sizeof(((struct rnn_error *)0)->message)];
    struct rnn_error err;

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(rnn_fail(&err, RNN_BAD_MODEL, "%s", text), RNN_BAD_MODEL);
    assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_texts_follow_the_list),
        cmocka_unit_test(fail_records_code_and_sentence),
        cmocka_unit_test(
            fail_without_a_place_for_the_sentence_returns_the_code),
        cmocka_unit_test(a_sentence_that_does_not_fit_is_cut_and_terminated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
