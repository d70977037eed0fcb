#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/json/json_document.h"

static void check(const struct problem *problem, const char *request_id,
                  const char *expected)
{
    struct arena arena;
    const char *text;
    size_t length = 0;

    arena_init(&arena, 0);
    text = problem_document(problem, request_id, &arena, &length);
    assert_non_null(text);
    assert_int_equal(length, strlen(expected));
    assert_memory_equal(text, expected, length);
    arena_release(&arena);
}

static void a_problem_says_what_applies_and_nothing_else(void **state)
{
    struct problem problem;

    (void)state;
    problem_set(&problem, PROBLEM_NO_SUCH_MODEL, "no \"x\"");
    check(&problem, "id-1",
          "{\"type\":\"/problems/no-such-model\",\"title\":\"There is no such "
          "model\",\"status\":404,\"detail\":\"no \\\"x\\\"\","
          "\"request_id\":\"id-1\"}");
    problem_set_at(&problem, PROBLEM_SHAPE_MISMATCH, "/sequence/3", "d");
    check(&problem, "id-2",
          "{\"type\":\"/problems/shape-mismatch\",\"title\":\"A tensor does "
          "not fit the model\",\"status\":422,\"detail\":\"d\","
          "\"pointer\":\"/sequence/3\",\"request_id\":\"id-2\"}");
    problem_set(&problem, PROBLEM_MALFORMED_JSON, "d");
    problem.has_offset = true;
    check(&problem, NULL,
          "{\"type\":\"/problems/malformed-json\",\"title\":\"The body is not "
          "JSON\",\"status\":400,\"detail\":\"d\",\"offset\":0}");
    problem_set(&problem, PROBLEM_STEP_MISMATCH, "d");
    problem.has_step = true;
    problem.step = 137;
    check(&problem, NULL,
          "{\"type\":\"/problems/step-mismatch\",\"title\":\"The session is "
          "at another step\",\"status\":409,\"detail\":\"d\",\"step\":137}");
    problem_set(&problem, PROBLEM_SESSION_GONE, "d");
    problem.reason = "expired";
    check(&problem, NULL,
          "{\"type\":\"/problems/session-gone\",\"title\":\"The session is no "
          "more\",\"status\":410,\"detail\":\"d\",\"reason\":\"expired\"}");
}

static void without_memory_there_is_no_document(void **state)
{
    struct problem problem;
    struct arena arena;
    size_t length = 77;

    (void)state;
    problem_set(&problem, PROBLEM_INTERNAL, "d");
    arena_init(&arena, 64);
    assert_null(problem_document(&problem, "id", &arena, &length));
    assert_int_equal(length, 77);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_problem_says_what_applies_and_nothing_else),
        cmocka_unit_test(without_memory_there_is_no_document),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
