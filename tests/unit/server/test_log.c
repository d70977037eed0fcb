#include "server/log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static char text[8192];
static int standard, file;

/* What is written to stderr goes to a file of ours. */
static void capture(void)
{
    standard = dup(STDERR_FILENO);
    file = memfd_create("log", 0);
    dup2(file, STDERR_FILENO);
}

/* The lines, without the time that each begins with. */
static const char *captured(void)
{
    ssize_t length = pread(file, text, sizeof(text) - 1, 0);

    dup2(standard, STDERR_FILENO);
    close(standard);
    close(file);
    assert_true(length >= 0);
    text[length] = '\0';
    return text;
}

static const struct log_field fields[] = {{"model", "seed", 0},
                                          {"bytes", NULL, -7},
                                          {"what", "two words", 0},
                                          {"empty", "", 0},
                                          {"bad", "a\"b\\c\n\x01\x7f", 0},
                                          {NULL, NULL, 0}};

static void an_event_is_one_line_of_words(void **state)
{
    struct log log = {.level = LOG_INFO};

    (void)state;
    capture();
    log_event(&log, LOG_INFO, "model_loaded", fields);
    captured();
    assert_string_equal(text + 24,
                        " info  model_loaded model=seed bytes=-7 "
                        "what=\"two words\" empty=\"\" "
                        "bad=\"a\\\"b\\\\c\\u000a\\u0001\\u007f\"\n");
    assert_int_equal(text[23], 'Z');
}

static void an_event_is_one_json_object(void **state)
{
    struct log log = {.level = LOG_INFO, .json = true};

    (void)state;
    capture();
    log_event(&log, LOG_ERROR, "model_loaded", fields);
    captured();
    assert_memory_equal(text, "{\"time\":\"", 9);
    assert_string_equal(text + 9 + 24,
                        "\",\"level\":\"error\",\"event\":\"model_loaded\","
                        "\"model\":\"seed\",\"bytes\":-7,"
                        "\"what\":\"two words\",\"empty\":\"\","
                        "\"bad\":\"a\\\"b\\\\c\\u000a\\u0001\\u007f\"}\n");
}

static void a_sentence_stands_as_it_is(void **state)
{
    struct log log = {.level = LOG_DEBUG};

    (void)state;
    capture();
    log_line(&log, LOG_WARN, "listening on \"%s\"\n%c", "x", 0x1b);
    log.json = true;
    log_line(&log, LOG_DEBUG, "a \"%s\"", "x");
    captured();
    assert_non_null(strstr(text, "Z warn  listening on \"x\"  \n"));
    assert_non_null(strstr(text, "\"level\":\"debug\",\"message\":\"a "
                                 "\\\"x\\\"\"}\n"));
}

static void lines_above_the_level_are_not_written(void **state)
{
    struct log log = {.level = LOG_WARN};

    (void)state;
    capture();
    log_event(&log, LOG_INFO, "no", fields);
    log_line(&log, LOG_DEBUG, "no");
    log_line(&log, LOG_ERROR, "yes");
    captured();
    assert_null(strstr(text, "no"));
    assert_non_null(strstr(text, "error yes\n"));
}

static void a_line_that_is_too_long_is_cut_and_still_one_line(void **state)
{
    struct log log = {.level = LOG_INFO};
    static char wide[5000];
    struct log_field long_field[] = {{"key", wide, 0}, {NULL, NULL, 0}};

    (void)state;
    memset(wide, 'a', sizeof(wide) - 1);
    capture();
    log_event(&log, LOG_INFO, "event", long_field);
    captured();
    assert_in_range(strlen(text), 2000, 4096);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void a_sink_that_is_full_or_closed_stops_nobody(void **state)
{
    struct log log = {.level = LOG_INFO};
    int ends[2], full = open("/dev/full", O_WRONLY);
    char bytes[4096] = {0};

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    capture();
    assert_int_equal(pipe(ends), 0);
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    while (write(ends[1], bytes, sizeof(bytes)) > 0)
        ;
    fcntl(ends[1], F_SETFL, 0);
    dup2(ends[1], STDERR_FILENO);
    log_line(&log, LOG_INFO, "nobody reads");
    close(ends[0]);
    log_line(&log, LOG_INFO, "nobody is there");
    close(ends[1]);
    dup2(full, STDERR_FILENO);
    log_line(&log, LOG_INFO, "no room");
    close(STDERR_FILENO);
    log_line(&log, LOG_INFO, "no stderr");
    close(full);
    captured();
    assert_string_equal(text, "");
}

static void levels_are_known_by_name(void **state)
{
    enum log_level level = LOG_ERROR;

    (void)state;
    assert_true(log_level_parse("debug", &level));
    assert_int_equal(level, LOG_DEBUG);
    assert_false(log_level_parse("loud", &level));
    assert_int_equal(level, LOG_DEBUG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_one_line_of_words),
        cmocka_unit_test(an_event_is_one_json_object),
        cmocka_unit_test(a_sentence_stands_as_it_is),
        cmocka_unit_test(lines_above_the_level_are_not_written),
        cmocka_unit_test(a_line_that_is_too_long_is_cut_and_still_one_line),
        cmocka_unit_test(a_sink_that_is_full_or_closed_stops_nobody),
        cmocka_unit_test(levels_are_known_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
