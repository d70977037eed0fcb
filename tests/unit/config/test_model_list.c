#include "config/model_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void names(const char *argument, const char *name, const char *path)
{
    struct config config = {0};
    struct rnn_error err;

    assert_int_equal(model_list_add(argument, &config, &err), RNN_OK);
    assert_int_equal(config.model_count, 1);
    assert_string_equal(config.models[0].name, name);
    assert_string_equal(config.models[0].path, path);
    model_list_clear(&config);
}

static void the_name_is_given_or_the_stem_of_the_file(void **state)
{
    (void)state;
    names("seed.keras", "seed", "seed.keras");
    names("models/seed.v2.keras", "seed.v2", "models/seed.v2.keras");
    names("ecg=models/seed.keras", "ecg", "models/seed.keras");
    names("/m/noending", "noending", "/m/noending");
    names("/m/.keras", ".keras", "/m/.keras");
    names("a=b=c.keras", "a", "b=c.keras");
    names("m\xc3\xa4rz.h5", "m\xc3\xa4rz", "m\xc3\xa4rz.h5");
    names("two words.h5", "two words", "two words.h5");
}

static void an_equals_sign_behind_a_slash_belongs_to_the_path(void **state)
{
    (void)state;
    names("./a=b.keras", "a=b", "./a=b.keras");
}

static void refuses(const char *argument, const char *sentence)
{
    struct config config = {0};
    struct rnn_error err;

    assert_int_equal(model_list_add(argument, &config, &err),
                     RNN_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, sentence));
    assert_int_equal(config.model_count, 0);
    model_list_clear(&config);
}

static void what_cannot_stand_in_a_url_is_no_name(void **state)
{
    char longest[MODEL_NAME_BYTES + 2];

    (void)state;
    refuses("=seed.keras", "\"\" cannot be the name of a model");
    refuses("..=seed.keras", "\"..\" cannot be the name");
    refuses("a\nb=seed.keras", "\"a?b\" cannot be the name");
    refuses("\x7f.keras", "\"?\" cannot be the name");
    refuses("models/", "\"\" cannot be the name");
    memset(longest, 'n', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    refuses(longest, "cannot be the name");
    longest[MODEL_NAME_BYTES] = '\0';
    names(longest, longest, longest);
}

static void what_is_not_utf8_is_no_name(void **state)
{
    static const char *const bad[] = {
        "\x80",
        "\xc3",
        "\xc0\xaf",
        "\xc3(",
        "\xe0\x9f\xbf",
        "\xed\xa0\x80",
        "\xe2\x82",
        "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xf0\x9f\x98(",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        refuses(bad[i], "cannot be the name");
    names("\xe2\x82\xac", "\xe2\x82\xac", "\xe2\x82\xac");
    names("\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80");
    names("\xed\x9f\xbf", "\xed\x9f\xbf", "\xed\x9f\xbf");
}

static void a_name_without_a_file_is_refused(void **state)
{
    (void)state;
    refuses("seed=", "a model is named \"seed\" but has no file");
    refuses("", "has no file");
}

static void two_models_of_one_name_are_refused(void **state)
{
    struct config config = {0};
    struct rnn_error err;

    (void)state;
    assert_int_equal(model_list_add("a/seed.keras", &config, &err), RNN_OK);
    assert_int_equal(model_list_add("b/seed.h5", &config, &err),
                     RNN_INVALID_ARGUMENT);
    assert_string_equal(err.message,
                        "two models are named \"seed\"; give one of them "
                        "another name as NAME=FILE");
    assert_int_equal(model_list_add("other=b/seed.h5", &config, &err), RNN_OK);
    assert_int_equal(config.model_count, 2);
    assert_string_equal(config.models[1].name, "other");
    model_list_clear(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_name_is_given_or_the_stem_of_the_file),
        cmocka_unit_test(an_equals_sign_behind_a_slash_belongs_to_the_path),
        cmocka_unit_test(what_cannot_stand_in_a_url_is_no_name),
        cmocka_unit_test(what_is_not_utf8_is_no_name),
        cmocka_unit_test(a_name_without_a_file_is_refused),
        cmocka_unit_test(two_models_of_one_name_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
