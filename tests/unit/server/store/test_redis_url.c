/* redis_url: what it may say, and how it is refused without showing the
 * password. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/store/redis_url.h"
#include "tests/support/fail_malloc.h"

static void assert_text(const char *text, const char *expected)
{
    if (expected)
        assert_string_equal(text, expected);
    else
        assert_null(text);
}

static void what_it_says_is_understood(void **state)
{
    static const struct {
        const char *text, *user, *password, *host, *port, *db;
        bool is_tls;
    } rows[] = {
        {"redis://h", NULL, NULL, "h", "6379", "0", false},
        {"redis://127.0.0.1:7000", NULL, NULL, "127.0.0.1", "7000", "0",
         false},
        {"rediss://h:1/", NULL, NULL, "h", "1", "0", true},
        {"redis://h/12", NULL, NULL, "h", "6379", "12", false},
        {"redis://:s%40cret@h:1/2", NULL, "s@cret", "h", "1", "2", false},
        {"rediss://me:a:b@h", "me", "a:b", "h", "6379", "0", true},
        {"redis://m%65:%2f@h", "me", "/", "h", "6379", "0", false},
        {"redis://u:a@b@h", "u", "a@b", "h", "6379", "0", false},
        {"redis://u:a/b@h/3", "u", "a/b", "h", "6379", "3", false},
        {"redis://[::1]:9", NULL, NULL, "::1", "9", "0", false},
        {"redis://[fe80::2]", NULL, NULL, "fe80::2", "6379", "0", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct redis_url url;
        struct rnn_error err;

        if (redis_url_read(rows[i].text, &url, &err))
            fail_msg("%s: %s", rows[i].text, err.message);
        assert_text(url.user, rows[i].user);
        assert_text(url.password, rows[i].password);
        assert_text(url.host, rows[i].host);
        assert_text(url.port, rows[i].port);
        assert_text(url.db, rows[i].db);
        assert_int_equal(url.is_tls, rows[i].is_tls);
        redis_url_release(&url);
    }
}

static void anything_else_is_refused(void **state)
{
    static const char *const rows[][2] = {
        {"", "begins with neither"},
        {"h:6379", "begins with neither"},
        {"http://h", "begins with neither"},
        {"redis://", "names no host"},
        {"redis://:1", "names no host"},
        {"redis://h:", "no number up to 65535"},
        {"redis://h:x", "no number up to 65535"},
        {"redis://h:65536", "no number up to 65535"},
        {"redis://h:1/x", "a database that is no number"},
        {"redis://h:1/2/3", "a database that is no number"},
        {"redis://h?db=1", "a query"},
        {"redis://h#1", "a fragment"},
        {"redis://a b", "a blank"},
        {"redis://hunter2@h", "without a password"},
        {"redis://hunter2:@h", "an empty password"},
        {"redis://:hunter2%@h", "without two digits"},
        {"redis://:hunter2%4@h", "without two digits"},
        {"redis://:hunter2%zz@h", "without two digits"},
        {"redis://:hunter2%00@h", "without two digits"},
        {"redis://[::1", "a [ without a ]"},
        {"redis://[::1]6379", "something other than a port"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct rnn_error err = {.message = ""};
        struct redis_url url;

        assert_int_equal(redis_url_read(rows[i][0], &url, &err),
                         RNN_INVALID_ARGUMENT);
        if (!strstr(err.message, rows[i][1]))
            fail_msg("%s: %s", rows[i][0], err.message);
        assert_null(strstr(err.message, "hunter2"));
    }
}

static void out_of_memory_is_said(void **state)
{
    struct redis_url url;

    (void)state;
    fail_malloc_start(1);
    assert_int_equal(redis_url_read("redis://h", &url, NULL), RNN_NO_MEMORY);
    fail_malloc_stop();
    assert_int_equal(fail_malloc_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_says_is_understood),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(out_of_memory_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
