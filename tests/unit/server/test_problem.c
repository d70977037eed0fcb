#include "server/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void a_problem_is_set_and_false(void **state)
{
    struct problem problem;

    (void)state;
    memset(&problem, 0xff, sizeof(problem));
    assert_false(problem_set(&problem, PROBLEM_BAD_ID, "id %d", 7));
    assert_int_equal(problem.type, PROBLEM_BAD_ID);
    assert_string_equal(problem.detail, "id 7");
    assert_string_equal(problem.pointer, "");
    assert_false(problem.has_offset);
    assert_false(problem.has_step);
    assert_null(problem.reason);
    assert_null(problem.allow);
    assert_int_equal(problem.retry_after_s, 0);
    assert_false(problem_set_at(&problem, PROBLEM_BAD_FIELD, "/a/1", "x"));
    assert_string_equal(problem.pointer, "/a/1");
}

/* rows: E6 */
static void what_may_be_tried_again_says_when(void **state)
{
    static const enum problem_type types[] = {
#define XX(name, status, type, title) PROBLEM_##name,
        PROBLEM_MAP(XX)
#undef XX
    };

    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        unsigned status = problem_status(types[i]);
        struct problem problem;

        problem_set(&problem, types[i], "x");
        assert_int_equal(problem.retry_after_s != 0,
                         status == 429 || status == 503);
        assert_in_range(status, 400, 504);
        assert_true(strlen(problem_type_name(types[i])) > 0);
        assert_true(strlen(problem_title(types[i])) > 0);
    }
}

static void a_detail_that_is_too_long_is_cut(void **state)
{
    struct problem problem;
    char text[2000];

    (void)state;
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    problem_set_at(&problem, PROBLEM_BAD_FIELD, text, "%s", text);
    assert_int_equal(strlen(problem.detail), sizeof(problem.detail) - 1);
    assert_int_equal(strlen(problem.pointer), sizeof(problem.pointer) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_problem_is_set_and_false),
        cmocka_unit_test(what_may_be_tried_again_says_when),
        cmocka_unit_test(a_detail_that_is_too_long_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
