#include "server/http/method.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void a_method_is_known_by_its_exact_name(void **state)
{
    (void)state;
    for (int i = 0; i < HTTP_OTHER; i++)
        assert_int_equal(
            http_method_parse(http_method_name((enum http_method)i)), i);
    assert_int_equal(http_method_parse("get"), HTTP_OTHER);
    assert_int_equal(http_method_parse("GETS"), HTTP_OTHER);
    assert_int_equal(http_method_parse(""), HTTP_OTHER);
    assert_int_equal(http_method_parse("other"), HTTP_OTHER);
    assert_string_equal(http_method_name(HTTP_OTHER), "other");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_method_is_known_by_its_exact_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
