#include "server/http/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void headers_are_added_in_order(void **state)
{
    struct http_response response = {.status = 200};

    (void)state;
    http_response_header(&response, "A", "1");
    http_response_header(&response, "B", "2");
    assert_int_equal(response.header_count, 2);
    assert_string_equal(response.headers[0].name, "A");
    assert_string_equal(response.headers[1].value, "2");
}

static void a_query_value_is_found_by_its_whole_name(void **state)
{
    struct http_request request = {.query = {{"step", "1"}, {"steps", "2"}},
                                   .query_count = 2};

    (void)state;
    assert_string_equal(http_query_value(&request, "steps"), "2");
    assert_string_equal(http_query_value(&request, "step"), "1");
    assert_null(http_query_value(&request, "ste"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_added_in_order),
        cmocka_unit_test(a_query_value_is_found_by_its_whole_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
