#include "server/http/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void an_address_is_read_and_written_back(void **state)
{
    static const struct {
        const char *text, *back; /* NULL: refused */
    } cases[] = {
        {"127.0.0.1:8080", "127.0.0.1:8080"},
        {"0.0.0.0:0", "0.0.0.0:0"},
        {"[::1]:65535", "[::1]:65535"},
        {"[0:0::1]:1", "[::1]:1"},
        {"localhost:80", "127.0.0.1:80"},
        {"LOCALHOST:80", "127.0.0.1:80"},
        {"127.0.0.1", NULL},
        {"127.0.0.1:", NULL},
        {"127.0.0.1:65536", NULL},
        {"127.0.0.1:-1", NULL},
        {"127.0.0.1: 80", NULL},
        {"127.0.0.1:080000", NULL},
        {":80", NULL},
        {"::1:80", NULL},
        {"[::1]", NULL},
        {"[::1:80", NULL},
        {"[::1]80", NULL},
        {"[127.0.0.1]:80", NULL},
        {"host.example:80", NULL},
        {"a.localhost:80", NULL},
        {"1.2.3:80", NULL},
        {"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct address address;
        char text[ADDRESS_TEXT_SIZE];
        bool is_good = address_parse(cases[i].text, &address);

        if (is_good != (cases[i].back != NULL))
            fail_msg("%s", cases[i].text);
        if (!is_good)
            continue;
        address_format(&address, text);
        assert_string_equal(text, cases[i].back);
    }
}

static void loopback_wildcard_and_equal_hosts_are_known(void **state)
{
    struct address a, b;

    (void)state;
    assert_true(address_parse("127.1.2.3:1", &a));
    assert_true(address_is_loopback(&a));
    assert_false(address_is_any(&a));
    assert_true(address_parse("127.1.2.3:2", &b));
    assert_true(address_same_host(&a, &b));
    assert_true(address_parse("[::1]:2", &b));
    assert_true(address_is_loopback(&b));
    assert_false(address_same_host(&a, &b));
    assert_true(address_parse("0.0.0.0:1", &a));
    assert_true(address_is_any(&a));
    assert_false(address_is_loopback(&a));
    assert_true(address_parse("[::]:1", &b));
    assert_true(address_is_any(&b));
    assert_false(address_same_host(&a, &b));
    assert_true(address_parse("[::]:7", &a));
    assert_true(address_same_host(&a, &b));
    assert_int_equal(address_port(&a), 7);
    address_set_port(&a, 9);
    assert_int_equal(address_port(&a), 9);
}

static void a_loopback_name_is_localhost_or_below_it(void **state)
{
    static const struct {
        const char *name;
        bool is_loopback;
    } cases[] = {
        {"localhost", true},    {"LocalHost", true},      {"localhost.", true},
        {"a.localhost", true},  {"a.b.localhost.", true}, {"", false},
        {".", false},           {"alocalhost", false},    {"localhos", false},
        {"localhost.a", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(
            address_is_loopback_name(cases[i].name, strlen(cases[i].name)),
            cases[i].is_loopback);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_read_and_written_back),
        cmocka_unit_test(loopback_wildcard_and_equal_hosts_are_known),
        cmocka_unit_test(a_loopback_name_is_localhost_or_below_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
