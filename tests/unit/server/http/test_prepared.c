#include "server/http/prepared.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char json[] = "application/json";
static const char shape[] = "X-Shape";
static char long_body[PREPARED_BODY_MOST + 1];

static struct http_response say(const char *text)
{
    return (struct http_response){.status = 200,
                                  .content_type = json,
                                  .body = text,
                                  .body_length = strlen(text)};
}

static const char *header(const struct prepared *prepared, const char *name)
{
    return MHD_get_response_header(prepared->reply, name);
}

static void one_that_has_gone_says_what_comes_next(void **state)
{
    static struct prepared_cache cache;
    struct http_response first = say("{\"output\":[1.5]}");
    struct http_response second = say("{\"output\":[2.5]}");
    struct prepared *prepared;
    struct MHD_Response *reply;

    (void)state;
    http_response_header(&first, shape, "1,2");
    http_response_header(&second, shape, "3,4");
    prepared = prepared_take(&cache, &first, "0123456789abcdef");
    assert_non_null(prepared);
    reply = prepared->reply;
    assert_string_equal(header(prepared, "X-Request-Id"), "0123456789abcdef");
    assert_string_equal(header(prepared, "X-Shape"), "1,2");
    assert_string_equal(header(prepared, "Content-Type"), json);
    prepared_give_back(prepared);

    prepared = prepared_take(&cache, &second, "fedcba9876543210");
    assert_ptr_equal(prepared->reply, reply);
    assert_string_equal(header(prepared, "X-Request-Id"), "fedcba9876543210");
    assert_string_equal(header(prepared, "X-Shape"), "3,4");
    assert_string_equal(header(prepared, "Content-Type"), json);
    assert_memory_equal(prepared->body, second.body, second.body_length);
    prepared_give_back(prepared);
    prepared_release(&cache);
}

static void what_measures_otherwise_is_made_anew(void **state)
{
    static const struct {
        const char *type, *text, *name, *value, *id;
    } cases[] = {
        {json, "0123", shape, "1", "id-1"},
        {json, "01234", shape, "1", "id-1"},
        {json, "0123", shape, "12", "id-1"},
        {json, "0123", shape, "1", "id-12"},
        {json, "0123", "X-Other", "1", "id-1"},
        {json, "0123", NULL, NULL, "id-1"},
        {"text/plain", "0123", shape, "1", "id-1"},
        {NULL, "0123", shape, "1", "id-1"},
        {json, "", shape, "1", "id-1"},
    };
    static struct prepared_cache cache;

    (void)state;
    /* Each after each: they share places. */
    for (size_t i = 0; i < 81; i++) {
        size_t k = i % 9 == i / 9 ? i % 9 : (i % 2 ? i % 9 : i / 9);
        struct http_response response = say(cases[k].text);
        struct prepared *prepared;

        response.content_type = cases[k].type;
        if (cases[k].name)
            http_response_header(&response, cases[k].name, cases[k].value);
        prepared = prepared_take(&cache, &response, cases[k].id);
        assert_non_null(prepared);
        assert_string_equal(header(prepared, "X-Request-Id"), cases[k].id);
        if (cases[k].name)
            assert_string_equal(header(prepared, cases[k].name),
                                cases[k].value);
        else
            assert_null(header(prepared, shape));
        if (cases[k].type) {
            assert_string_equal(header(prepared, "Content-Type"),
                                cases[k].type);
            assert_memory_equal(prepared->body, cases[k].text,
                                strlen(cases[k].text));
        } else {
            assert_null(header(prepared, "Content-Type"));
        }
        prepared_give_back(prepared);
    }
    prepared_release(&cache);
}

static void what_is_being_sent_is_left_alone(void **state)
{
    static struct prepared_cache cache;
    struct http_response ones = say("1111"), twos = say("2222"),
                         more = say("33333");
    struct prepared *one = prepared_take(&cache, &ones, "a");
    struct prepared *another;

    (void)state;
    assert_non_null(one);
    assert_null(prepared_take(&cache, &twos, "b"));
    another = prepared_take(&cache, &more, "c");
    assert_non_null(another);
    assert_ptr_not_equal(one, another);
    assert_memory_equal(one->body, "1111", 4);
    assert_string_equal(header(one, "X-Request-Id"), "a");
    prepared_give_back(one);
    assert_ptr_equal(prepared_take(&cache, &twos, "b"), one);
    assert_memory_equal(one->body, "2222", 4);
    assert_string_equal(header(one, "X-Request-Id"), "b");
    prepared_give_back(one);
    prepared_give_back(another);
    prepared_release(&cache);
}

static void the_date_is_that_of_now(void **state)
{
    static struct prepared_cache cache;
    struct http_response response = say("{}");
    char before[CLOCK_HTTP_SIZE], after[CLOCK_HTTP_SIZE], said[64];
    struct prepared *prepared = prepared_take(&cache, &response, "a");

    (void)state;
    prepared_give_back(prepared);
    /* As if it had been made long ago, and so had the cache's last look. */
    prepared->date_s = cache.date_s = 784111777u;
    clock_format_http(784111777u, cache.date);
    strcpy(prepared->headers[1].value, cache.date);
    assert_string_equal(header(prepared, "Date"),
                        "Sun, 06 Nov 1994 08:49:37 GMT");
    clock_format_http(clock_wall_s(), before);
    assert_ptr_equal(prepared_take(&cache, &response, "b"), prepared);
    snprintf(said, sizeof(said), "%s", header(prepared, "Date"));
    clock_format_http(clock_wall_s(), after);
    assert_true(strcmp(said, before) == 0 || strcmp(said, after) == 0);
    prepared_give_back(prepared);
    prepared_release(&cache);
}

static void a_large_body_is_not_copied(void **state)
{
    static struct prepared_cache cache;
    struct http_response response = say("");
    struct prepared *prepared;

    (void)state;
    response.body = long_body;
    response.body_length = PREPARED_BODY_MOST + 1;
    assert_null(prepared_take(&cache, &response, "a"));
    response.body_length = PREPARED_BODY_MOST;
    prepared = prepared_take(&cache, &response, "a");
    assert_non_null(prepared);
    prepared_give_back(prepared);
    prepared_release(&cache);
}

static void a_header_that_stands_twice_is_not_prepared(void **state)
{
    static struct prepared_cache cache;
    struct http_response response = say("{}");

    (void)state;
    http_response_header(&response, shape, "1");
    http_response_header(&response, shape, "2");
    assert_null(prepared_take(&cache, &response, "a"));
    prepared_release(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_has_gone_says_what_comes_next),
        cmocka_unit_test(what_measures_otherwise_is_made_anew),
        cmocka_unit_test(what_is_being_sent_is_left_alone),
        cmocka_unit_test(the_date_is_that_of_now),
        cmocka_unit_test(a_large_body_is_not_copied),
        cmocka_unit_test(a_header_that_stands_twice_is_not_prepared),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
