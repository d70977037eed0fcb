#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "config/option.h"
#include "config/spelling.h"

struct page {
    char text[16384];
    size_t longest; /* columns */
};

static void on_line(void *arg, const char *line)
{
    struct page *page = arg;
    size_t used = strlen(page->text);

    assert_null(strchr(line, '\n'));
    if (strlen(line) > page->longest)
        page->longest = strlen(line);
    assert_true(used + strlen(line) + 2 < sizeof(page->text));
    sprintf(page->text + used, "%s\n", line);
}

static void the_help_fits_on_a_terminal(void **state)
{
    struct page page = {"", 0};

    (void)state;
    config_help(on_line, &page);
    assert_in_range(page.longest, 60, 79);
}

/* `text` with every run of blanks and line ends as one blank. */
static void unwrap(char *text)
{
    char *to = text;

    for (const char *p = text; *p; p++) {
        char c = *p == '\n' ? ' ' : *p;

        if (c != ' ' || to == text || to[-1] != ' ')
            *to++ = c;
    }
    *to = '\0';
}

static void the_help_names_every_option_with_its_meaning_and_default(
    void **state)
{
    struct page page = {"", 0};
    const char *p;

    (void)state;
    config_help(on_line, &page);
    unwrap(page.text);
    p = page.text;
    for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++) {
        const struct config_option *option = &config_options[i];
        char spelled[SPELLED_BYTES], wanted[100];

        spell_option(LAYER_COMMAND, option->name, spelled);
        strcat(spelled, " ");
        p = strstr(p, spelled);
        assert_non_null(p);
        p = strstr(p, option->meaning);
        assert_non_null(p);
        if (!option->initial)
            continue;
        snprintf(wanted, sizeof(wanted), "default %s)", option->initial);
        assert_non_null(strstr(p, wanted));
    }
}

static void the_help_names_the_actions(void **state)
{
    static const char *const wanted[] = {
        "--config FILE", "--check",   "--summary",   "--healthcheck",
        "--help",        "--version", "[NAME=]MODEL"};
    struct page page = {"", 0};

    (void)state;
    config_help(on_line, &page);
    for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
        assert_non_null(strstr(page.text, wanted[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_help_fits_on_a_terminal),
        cmocka_unit_test(
            the_help_names_every_option_with_its_meaning_and_default),
        cmocka_unit_test(the_help_names_the_actions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
