#include "config/ini_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/scratch_file.h"

/* What was read, as "line name=value;" one after the other. */
struct seen {
    char text[1024];
    const char *refuse; /* the name that is not taken */
};

static enum rnn_status on_entry(void *arg, unsigned line, const char *name,
                                const char *value, struct rnn_error *err)
{
    struct seen *seen = arg;
    size_t used = strlen(seen->text);

    if (seen->refuse && !strcmp(seen->refuse, name))
        return rnn_fail(err, RNN_INVALID_ARGUMENT, "refused at %u", line);
    snprintf(seen->text + used, sizeof(seen->text) - used, "%u %s=%s;", line,
             name, value);
    return RNN_OK;
}

static enum rnn_status read_bytes(const char *bytes, size_t size,
                                  struct seen *seen, struct rnn_error *err)
{
    char path[SCRATCH_PATH_BYTES];
    enum rnn_status status;
    const char *colon;

    scratch_file(bytes, size, path);
    status = ini_file_read(path, on_entry, seen, err);
    /* The name of the file is not the same each time. */
    colon = status ? strchr(err->message, ':') : NULL;
    if (colon && !strncmp(err->message, path, strlen(path)))
        memmove(err->message, colon, strlen(colon) + 1);
    scratch_file_remove(path);
    return status;
}

static void reads(const char *text, const char *expected)
{
    struct seen seen = {"", NULL};
    struct rnn_error err = {RNN_OK, ""};

    assert_int_equal(read_bytes(text, strlen(text), &seen, &err), RNN_OK);
    assert_string_equal(seen.text, expected);
}

static void refuses(const char *bytes, size_t size, const char *sentence)
{
    struct seen seen = {"", "bad"};
    struct rnn_error err = {RNN_OK, ""};

    assert_int_equal(read_bytes(bytes, size, &seen, &err),
                     RNN_INVALID_ARGUMENT);
    assert_string_equal(err.message, sentence);
}

static void entries_come_with_their_lines(void **state)
{
    (void)state;
    reads("", "");
    reads("\n# c\n; c\na = 1\n\nb=2", "4 a=1;6 b=2;");
    reads("a = x y ; comment\r\nb =\r\n", "1 a=x y;2 b=;");
    reads("listen = [::1]:80\n", "1 listen=[::1]:80;");
    reads("\xef\xbb\xbf"
          "a = 1\n",
          "1 a=1;");
}

static void an_indented_line_is_a_line_like_any_other(void **state)
{
    (void)state;
    reads("a = 1\n  b = 2\n\tc = 3\n", "1 a=1;2 b=2;3 c=3;");
    refuses("a = 1\n  more\n", 13, ":2: not of the form name = value");
}

static void a_line_without_a_value_is_refused(void **state)
{
    (void)state;
    refuses("a = 1\nnonsense\n", 15, ":2: not of the form name = value");
    refuses("[open\n", 6, ":1: not of the form name = value");
}

static void the_first_fault_is_the_one_told(void **state)
{
    (void)state;
    refuses("nonsense\nbad = 1\n", 17, ":1: not of the form name = value");
    refuses("bad = 1\nnonsense\n", 17, "refused at 1");
    refuses("a = 1\nbad = 1\nbad = 2\n", 22, "refused at 2");
}

static void a_section_is_refused(void **state)
{
    (void)state;
    refuses("[server]\na = 1\n", 15,
            ":2: options stand in no section, but [server] stands above "
            "this one");
}

static void a_line_longer_than_the_buffer_is_refused(void **state)
{
    char text[400];

    (void)state;
    memset(text, 'x', sizeof(text));
    memcpy(text, "a = ", 4);
    refuses(text, sizeof(text), ":1: the line is longer than 198 bytes");
    text[197] = '\n';
    memcpy(text + 198, "b=1\n", 4);
    {
        struct seen seen = {"", NULL};
        struct rnn_error err;

        assert_int_equal(read_bytes(text, 202, &seen, &err), RNN_OK);
        assert_non_null(strstr(seen.text, ";2 b=1;"));
        assert_int_equal(strlen(seen.text), strlen("1 a=;") + 193 + 6);
    }
}

static void a_nul_is_refused(void **state)
{
    (void)state;
    refuses("a = 1\nb = 2\0c\n", 14, ":2: the line has a NUL character");
}

static void a_file_that_cannot_be_read_is_refused(void **state)
{
    struct seen seen = {"", NULL};
    struct rnn_error err;

    (void)state;
    assert_int_equal(
        ini_file_read("/nonexistent/rnnd.conf", on_entry, &seen, &err),
        RNN_INVALID_ARGUMENT);
    assert_string_equal(err.message,
                        "/nonexistent/rnnd.conf: No such file or directory");
    assert_int_equal(ini_file_read("/tmp", on_entry, &seen, &err),
                     RNN_INVALID_ARGUMENT);
    assert_string_equal(err.message, "/tmp: Is a directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_come_with_their_lines),
        cmocka_unit_test(an_indented_line_is_a_line_like_any_other),
        cmocka_unit_test(a_line_without_a_value_is_refused),
        cmocka_unit_test(the_first_fault_is_the_one_told),
        cmocka_unit_test(a_section_is_refused),
        cmocka_unit_test(a_line_longer_than_the_buffer_is_refused),
        cmocka_unit_test(a_nul_is_refused),
        cmocka_unit_test(a_file_that_cannot_be_read_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
