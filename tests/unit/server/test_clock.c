#include "server/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void a_time_is_written_as_rfc_3339(void **state)
{
    char text[CLOCK_TEXT_SIZE];

    (void)state;
    clock_format(0, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    clock_format(1769860800123u, text);
    assert_string_equal(text, "2026-01-31T12:00:00.123Z");
    clock_format(4107542399999u, text);
    assert_string_equal(text, "2100-02-28T23:59:59.999Z");
}

static void a_date_of_http_is_written_as_rfc_9110(void **state)
{
    char text[CLOCK_HTTP_SIZE];

    (void)state;
    clock_format_http(784111777u, text);
    assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT");
    clock_format_http(0, text);
    assert_string_equal(text, "Thu, 01 Jan 1970 00:00:00 GMT");
    clock_format_http(UINT64_MAX, text);
    assert_string_equal(text, "Fri, 31 Dec 9999 23:59:59 GMT");
}

static void monotonic_time_never_goes_back(void **state)
{
    uint64_t last = clock_monotonic_ns();

    (void)state;
    for (int i = 0; i < 10000; i++) {
        uint64_t now = clock_monotonic_ns();

        assert_true(now >= last);
        last = now;
    }
    assert_true(clock_monotonic_ms() >= last / 1000000u);
    assert_true(clock_monotonic_ms() <= last / 1000000u + 10000u);
    assert_true(clock_wall_ms() > 1700000000000u);
    assert_true(clock_wall_s() <= clock_wall_ms() / 1000u);
    assert_true(clock_wall_s() + 10 > clock_wall_ms() / 1000u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_is_written_as_rfc_3339),
        cmocka_unit_test(a_date_of_http_is_written_as_rfc_9110),
        cmocka_unit_test(monotonic_time_never_goes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
