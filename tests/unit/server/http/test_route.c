#include "server/http/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct arena arena;

static enum route_match find(enum http_method method, const char *path,
                             struct http_request *request, size_t *index,
                             struct problem *problem)
{
    const char *allow = NULL;

    *request =
        (struct http_request){.method = method, .path = path, .arena = &arena};
    *index = HTTP_ROUTE_COUNT;
    return route_find(request, index, &allow, problem);
}

static void every_line_of_the_table_is_found(void **state)
{
    struct http_request request;
    struct problem problem;
    size_t index;

    (void)state;
    for (size_t i = 0; i < HTTP_ROUTE_COUNT; i++) {
        assert_int_equal(find(http_routes[i].method, http_routes[i].path,
                              &request, &index, &problem),
                         ROUTE_FOUND);
        assert_int_equal(index, i);
        assert_non_null(http_routes[i].handler);
    }
}

static void a_part_in_braces_matches_one_segment_and_is_decoded(void **state)
{
    struct http_request request;
    struct problem problem;
    size_t index;

    (void)state;
    assert_int_equal(
        find(HTTP_GET, "/sessions/a%2Fb", &request, &index, &problem),
        ROUTE_FOUND);
    assert_string_equal(http_routes[index].path, "/sessions/{id}");
    assert_string_equal(request.params[0], "a/b");
    assert_int_equal(
        find(HTTP_PUT, "/sessions/x/state", &request, &index, &problem),
        ROUTE_FOUND);
    assert_string_equal(http_routes[index].path, "/sessions/{id}/state");
    assert_string_equal(request.params[0], "x");
}

static void what_is_not_in_the_table_is_404(void **state)
{
    static const char *const paths[] = {
        "/",
        "/predict/",
        "//predict",
        "/sessions/",
        "/Predict",
        "/sessions//reset",
        "/sessions/a/b/c",
        "/models/a/b",
        "/sessions/a/state/",
        "/predic",
        "*",
    };
    struct http_request request;
    struct problem problem;
    size_t index;

    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        assert_int_equal(find(HTTP_GET, paths[i], &request, &index, &problem),
                         ROUTE_NO_PATH);
        assert_int_equal(problem.type, PROBLEM_NO_SUCH_PATH);
        assert_int_equal(index, HTTP_ROUTE_COUNT);
    }
}

static void another_method_is_405_with_what_is_allowed(void **state)
{
    struct http_request request;
    struct problem problem;
    size_t index;

    (void)state;
    assert_int_equal(find(HTTP_PUT, "/sessions", &request, &index, &problem),
                     ROUTE_NO_METHOD);
    assert_int_equal(problem.type, PROBLEM_METHOD_NOT_ALLOWED);
    assert_string_equal(problem.allow, "GET, HEAD, POST, OPTIONS");
    assert_string_equal(http_routes[index].path, "/sessions");
}

static void options_lists_what_is_allowed(void **state)
{
    struct http_request request = {
        .method = HTTP_OPTIONS, .path = "/predict", .arena = &arena};
    struct problem problem;
    const char *allow = NULL;
    size_t index = 0;

    (void)state;
    assert_int_equal(route_find(&request, &index, &allow, &problem),
                     ROUTE_OPTIONS);
    assert_string_equal(allow, "POST, OPTIONS");
    request.path = "*";
    assert_int_equal(route_find(&request, &index, &allow, &problem),
                     ROUTE_OPTIONS);
    assert_string_equal(allow, "GET, HEAD, POST, PUT, DELETE, OPTIONS");
}

static void only_predict_and_sessions_read_their_query_strictly(void **state)
{
    (void)state;
    for (size_t i = 0; i < HTTP_ROUTE_COUNT; i++) {
        const char *path = http_routes[i].path;

        assert_int_equal(http_routes[i].strict_query,
                         strcmp(path, "/predict") == 0 ||
                             strncmp(path, "/sessions", 9) == 0);
    }
}

static void an_arena_that_is_out_is_503(void **state)
{
    struct arena tiny;
    struct http_request request = {
        .method = HTTP_GET, .path = "/sessions/x", .arena = &tiny};
    struct problem problem;
    const char *allow = NULL;
    size_t index;

    (void)state;
    arena_init(&tiny, 1);
    assert_int_equal(route_find(&request, &index, &allow, &problem),
                     ROUTE_NO_MEMORY);
    assert_int_equal(problem.type, PROBLEM_OVERLOADED);
    arena_release(&tiny);
}

static int make_arena(void **state)
{
    (void)state;
    arena_init(&arena, 0);
    return 0;
}

static int drop_arena(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_of_the_table_is_found),
        cmocka_unit_test(a_part_in_braces_matches_one_segment_and_is_decoded),
        cmocka_unit_test(what_is_not_in_the_table_is_404),
        cmocka_unit_test(another_method_is_405_with_what_is_allowed),
        cmocka_unit_test(options_lists_what_is_allowed),
        cmocka_unit_test(only_predict_and_sessions_read_their_query_strictly),
        cmocka_unit_test(an_arena_that_is_out_is_503),
    };

    return cmocka_run_group_tests(tests, make_arena, drop_arena);
}
