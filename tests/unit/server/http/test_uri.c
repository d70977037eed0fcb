#include "server/http/uri.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct arena arena;

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

static void a_target_is_cut_into_path_and_query(void **state)
{
    static const struct {
        const char *target, *path, *query;
    } cases[] = {
        {"/a", "/a", ""},
        {"/a?", "/a", ""},
        {"/a?b=c?d", "/a", "b=c?d"},
        {"http://host/a?b", "/a", "b"},
        {"HTTP://host:80/a/b", "/a/b", ""},
        {"http://host", "/", ""},
        {"http://host?b=/c", "/", "b=/c"},
        {"*", "*", ""},
        {"", "", ""},
        {"/http://host/a", "/http://host/a", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char target[64];
        const char *path, *query;

        strcpy(target, cases[i].target);
        uri_split(target, &path, &query);
        assert_string_equal(path, cases[i].path);
        assert_string_equal(query, cases[i].query);
    }
}

static void a_path_is_well_formed_or_refused(void **state)
{
    static const struct {
        const char *path;
        bool is_good;
    } cases[] = {
        {"/", true},       {"*", true},       {"/a%20b", true},
        {"/%FF%ff", true}, {"", false},       {"a", false},
        {"**", false},     {"/%", false},     {"/%2", false},
        {"/%2g", false},   {"/%00", false},   {"/a%00b", false},
        {"/%%20", false},  {"/%2F%2f", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct problem problem;

        assert_int_equal(uri_path_check(cases[i].path, &problem),
                         cases[i].is_good);
        if (!cases[i].is_good)
            assert_int_equal(problem.type, PROBLEM_BAD_REQUEST);
    }
}

static void escapes_are_decoded(void **state)
{
    (void)state;
    assert_string_equal(uri_decode("a%2Fb+c", 7, false, &arena), "a/b+c");
    assert_string_equal(uri_decode("a%2Fb+c", 7, true, &arena), "a/b c");
    assert_string_equal(uri_decode("abc", 2, true, &arena), "ab");
    assert_string_equal(uri_decode("", 0, true, &arena), "");
    assert_null(uri_decode("%4", 2, true, &arena));
    /* The digits must lie within the length. */
    assert_null(uri_decode("%41", 2, true, &arena));
    assert_null(uri_decode("%00", 3, true, &arena));
    assert_null(uri_decode("%x1", 3, true, &arena));
}

static struct http_request read_query(const char *text, bool strict,
                                      bool *is_good, struct problem *problem)
{
    struct http_request request = {.raw_query = text, .arena = &arena};

    *is_good = uri_query_read(&request, strict, problem);
    return request;
}

static void a_query_is_read_into_names_and_values(void **state)
{
    struct problem problem;
    bool is_good;
    struct http_request request =
        read_query("a=1&b=x%3Dy&&c&d=&e=1=2", true, &is_good, &problem);

    (void)state;
    assert_true(is_good);
    assert_int_equal(request.query_count, 5);
    assert_string_equal(http_query_value(&request, "a"), "1");
    assert_string_equal(http_query_value(&request, "b"), "x=y");
    assert_string_equal(http_query_value(&request, "c"), "");
    assert_string_equal(http_query_value(&request, "d"), "");
    assert_string_equal(http_query_value(&request, "e"), "1=2");
    assert_null(http_query_value(&request, "f"));
}

static void a_strict_query_refuses_what_a_lax_one_leaves_out(void **state)
{
    static const char *const texts[] = {"a=1&a=2", "a=1&%61=2", "a=1&b=%",
                                        "a=1&%00=2"};
    struct problem problem;
    struct http_request request;
    bool is_good;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        read_query(texts[i], true, &is_good, &problem);
        assert_false(is_good);
        assert_int_equal(problem.type, PROBLEM_BAD_QUERY);
        request = read_query(texts[i], false, &is_good, &problem);
        assert_true(is_good);
        assert_int_equal(request.query_count, 1);
        assert_string_equal(http_query_value(&request, "a"), "1");
    }
}

static void a_query_has_sixteen_fields_at_most(void **state)
{
    static const char text[] = "a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q";
    struct problem problem;
    struct http_request request;
    bool is_good;

    (void)state;
    read_query(text, true, &is_good, &problem);
    assert_false(is_good);
    request = read_query(text, false, &is_good, &problem);
    assert_true(is_good);
    assert_int_equal(request.query_count, HTTP_MAX_QUERY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_target_is_cut_into_path_and_query),
        cmocka_unit_test(a_path_is_well_formed_or_refused),
        cmocka_unit_test(escapes_are_decoded),
        cmocka_unit_test(a_query_is_read_into_names_and_values),
        cmocka_unit_test(a_strict_query_refuses_what_a_lax_one_leaves_out),
        cmocka_unit_test(a_query_has_sixteen_fields_at_most),
    };

    return cmocka_run_group_tests(tests, make_arena, drop_arena);
}
