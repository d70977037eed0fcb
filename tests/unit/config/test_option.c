#include "config/option.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static enum rnn_status set(const char *name, const char *text,
                           struct config *config, struct rnn_error *err)
{
    char label[64] = "--";

    strcat(label, name);
    return option_set(option_find(name), label, text, config, err);
}

static void refuses(const char *name, const char *text, const char *sentence)
{
    struct config config = {0};
    struct rnn_error err = {RNN_OK, ""};

    assert_int_equal(set(name, text, &config, &err), RNN_INVALID_ARGUMENT);
    assert_string_equal(err.message, sentence);
    for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++)
        option_clear(&config_options[i], &config);
}

static void takes(const char *name, const char *text)
{
    struct config config = {0};
    struct rnn_error err;

    assert_int_equal(set(name, text, &config, &err), RNN_OK);
    for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++)
        option_clear(&config_options[i], &config);
}

static void an_option_is_found_by_its_whole_name(void **state)
{
    (void)state;
    assert_non_null(option_find("listen"));
    assert_string_equal(option_find("import_timeout")->name, "import_timeout");
    assert_null(option_find("liste"));
    assert_null(option_find("listens"));
    assert_null(option_find("LISTEN"));
    assert_null(option_find(""));
}

static void numbers_are_held_to_their_range(void **state)
{
    (void)state;
    takes("max_body", "1k");
    takes("max_body", "1G");
    takes("max_elements", "2M");
    refuses("max_body", "8Q",
            "--max_body is \"8Q\", not a size: a whole number of bytes, or "
            "with k, M or G of 1024");
    refuses("max_body", "1023", "--max_body is 1023, the least is 1k");
    refuses("max_body", "2G", "--max_body is 2G, the most is 1G");
    refuses("max_batch", "0", "--max_batch is 0, the least is 1");
    refuses("threads", "-1", "--threads is \"-1\", not a whole number");
    refuses("threads", "", "--threads is \"\", not a whole number");
    refuses("session_wait", "61s", "--session_wait is 61s, the most is 1min");
    refuses("request_timeout", "30",
            "--request_timeout is \"30\", not a time: a whole number with "
            "ms, s, min or h");
    refuses("request_timeout", "0",
            "--request_timeout is 0, the least is 1ms");
    refuses("request_timeout", "18446744073709551616ms",
            "--request_timeout is \"18446744073709551616ms\", not a time: a "
            "whole number with ms, s, min or h");
}

static void a_switch_is_yes_or_no(void **state)
{
    struct config config = {0};
    struct rnn_error err;

    (void)state;
    assert_int_equal(set("access_log", "yes", &config, &err), RNN_OK);
    assert_true(config.access_log);
    assert_int_equal(set("access_log", "no", &config, &err), RNN_OK);
    assert_false(config.access_log);
    takes("access_log", "true");
    takes("access_log", "false");
    refuses("access_log", "maybe",
            "--access_log is \"maybe\", neither yes nor no");
    refuses("access_log", "1", "--access_log is \"1\", neither yes nor no");
}

static void a_choice_is_one_of_its_words(void **state)
{
    struct config config = {0};
    struct rnn_error err;

    (void)state;
    assert_int_equal(set("isa", "avx2", &config, &err), RNN_OK);
    assert_string_equal(config.isa, "avx2");
    assert_int_equal(set("isa", "neon", &config, &err), RNN_OK);
    assert_string_equal(config.isa, "neon");
    option_clear(option_find("isa"), &config);
    assert_null(config.isa);
    takes("isa", "auto");
    refuses("isa", "sse",
            "--isa is \"sse\", none of auto, scalar, avx2, avx512, neon");
    refuses("isa", "avx",
            "--isa is \"avx\", none of auto, scalar, avx2, avx512, neon");
    refuses("isa", "auto|scalar",
            "--isa is \"auto|scalar\", none of auto, scalar, avx2, avx512, "
            "neon");
    refuses("isa", "",
            "--isa is \"\", none of auto, scalar, avx2, avx512, neon");
}

static void an_empty_text_is_as_if_not_given(void **state)
{
    struct config config = {0};
    struct rnn_error err;

    (void)state;
    assert_int_equal(set("importer", "/bin/x", &config, &err), RNN_OK);
    assert_string_equal(config.importer, "/bin/x");
    assert_int_equal(set("importer", "", &config, &err), RNN_OK);
    assert_null(config.importer);
}

static void a_list_grows_by_every_item(void **state)
{
    struct config config = {0};
    struct rnn_error err;

    (void)state;
    assert_int_equal(set("allowed_hosts", "a , b", &config, &err), RNN_OK);
    assert_int_equal(set("allowed_hosts", "c", &config, &err), RNN_OK);
    assert_int_equal(set("allowed_hosts", "", &config, &err), RNN_OK);
    assert_int_equal(config.allowed_hosts.count, 3);
    assert_string_equal(config.allowed_hosts.items[0], "a");
    assert_string_equal(config.allowed_hosts.items[1], "b");
    assert_string_equal(config.allowed_hosts.items[2], "c");
    option_clear(option_find("allowed_hosts"), &config);
    assert_int_equal(config.allowed_hosts.count, 0);
    refuses("allowed_hosts", "a,,b",
            "--allowed_hosts is \"a,,b\", a list with an empty place");
    refuses("allowed_hosts", "a,",
            "--allowed_hosts is \"a,\", a list with an empty place");
}

static void an_address_is_host_and_port(void **state)
{
    static const char *const good[] = {
        "127.0.0.1:8080",  "0.0.0.0:0",
        "localhost:65535", "[::1]:8080",
        "[::]:0",          "[fe80::1]:1",
        "my-host.lan:80",  "127.0.0.1:1,[::]:2",
    };
    static const char *const bad[] = {
        "8080",      ":8080",         "127.0.0.1",   "127.0.0.1:",
        "host:http", "host:65536",    "host:123456", "::1:80",
        "[::1]",     "[::1:80",       "::1]:80",     "[127.0.0.1]:80",
        "[]:80",     "a b:80",        "host:-1",     "http://host:80",
        "host:80/",  "[::1%lo]:8080",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        takes("listen", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        char sentence[200];

        snprintf(sentence, sizeof(sentence),
                 "--listen is \"%s\", not an address: host:port, IPv6 in "
                 "brackets",
                 bad[i]);
        refuses("listen", bad[i], sentence);
    }
    refuses("listen", "", "--listen is \"\", a list with an empty place");
}

static void a_quoted_text_is_short_and_clean(void **state)
{
    char quoted[OPTION_QUOTED_BYTES];
    char text[200];

    (void)state;
    assert_string_equal(option_quote("a\tb\033c", quoted), "a?b?c");
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(strlen(option_quote(text, quoted)), 63);
    assert_string_equal(quoted + 57, "xxx...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_option_is_found_by_its_whole_name),
        cmocka_unit_test(numbers_are_held_to_their_range),
        cmocka_unit_test(a_switch_is_yes_or_no),
        cmocka_unit_test(a_choice_is_one_of_its_words),
        cmocka_unit_test(an_empty_text_is_as_if_not_given),
        cmocka_unit_test(a_list_grows_by_every_item),
        cmocka_unit_test(an_address_is_host_and_port),
        cmocka_unit_test(a_quoted_text_is_short_and_clean),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
