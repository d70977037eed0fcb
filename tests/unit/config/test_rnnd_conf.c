/* The annotated default, config/rnnd.conf, says what options.def says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/option.h"

#define CONF "config/rnnd.conf"

/* The next option of the file: the comment above it, unwrapped, and its
 * line.  Blank lines part the comments; false at the end. */
static bool next_option(FILE *file, char *comment, size_t size, char *line)
{
    *comment = '\0';
    while (fgets(line, 200, file)) {
        size_t used = strlen(comment);

        line[strcspn(line, "\n")] = '\0';
        if (!*line)
            *comment = '\0';
        else if (*line == '#')
            snprintf(comment + used, size - used, "%s%s", used ? " " : "",
                     strlen(line) > 2 ? line + 2 : "");
        else
            return true;
    }
    return false;
}

static void every_option_stands_in_the_file_with_meaning_and_default(
    void **state)
{
    FILE *file = fopen(CONF, "r");
    char comment[1000], line[200], wanted[1000];

    (void)state;
    assert_non_null(file);
    for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++) {
        const struct config_option *option = &config_options[i];

        assert_true(next_option(file, comment, sizeof(comment), line));
        if (option->type == OPTION_CHOICE)
            snprintf(wanted, sizeof(wanted), "%s (%s)", option->meaning,
                     option->words);
        else
            snprintf(wanted, sizeof(wanted), "%s", option->meaning);
        assert_string_equal(comment, wanted);
        if (option->initial)
            snprintf(wanted, sizeof(wanted), "%s = %s", option->name,
                     option->initial);
        else
            snprintf(wanted, sizeof(wanted), "; %s =", option->name);
        assert_string_equal(line, wanted);
    }
    assert_false(next_option(file, comment, sizeof(comment), line));
    fclose(file);
}

static void the_file_changes_nothing(void **state)
{
    char *plain[] = {"rnnd", "a.keras", NULL};
    char *with[] = {"rnnd", "--config", CONF, "a.keras", NULL};
    struct config a, b;
    struct rnn_error err = {RNN_OK, ""};

    (void)state;
    assert_int_equal(config_load(2, plain, NULL, &a, &err), RNN_OK);
    assert_int_equal(config_load(4, with, NULL, &b, &err), RNN_OK);
    assert_string_equal(a.listen.items[0], b.listen.items[0]);
    assert_int_equal(a.listen.count, b.listen.count);
    assert_int_equal(a.max_body, b.max_body);
    assert_int_equal(a.import_timeout, b.import_timeout);
    assert_string_equal(a.isa, b.isa);
    assert_null(b.importer);
    config_release(&a);
    config_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            every_option_stands_in_the_file_with_meaning_and_default),
        cmocka_unit_test(the_file_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
