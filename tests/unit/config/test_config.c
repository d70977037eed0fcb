#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/fail_malloc.h"
#include "tests/support/scratch_file.h"

#define ARGV(...) ((char *[]){"rnnd", __VA_ARGS__, NULL})
#define ENV(...)  ((char *[]){__VA_ARGS__, NULL})
#define NO_ENV    ((char *[]){NULL})

static enum rnn_status load(char **argv, char **environment,
                            struct config *config, struct rnn_error *err)
{
    int argc = 0;

    while (argv[argc])
        argc++;
    return config_load(argc, argv, environment, config, err);
}

static void refuses(char **argv, char **environment, const char *sentence)
{
    struct config config;
    struct rnn_error err = {RNN_OK, ""};

    assert_int_equal(load(argv, environment, &config, &err),
                     RNN_INVALID_ARGUMENT);
    assert_string_equal(err.message, sentence);
    assert_int_equal(err.status, RNN_INVALID_ARGUMENT);
    assert_int_equal(load(argv, environment, &config, NULL),
                     RNN_INVALID_ARGUMENT);
}

static void without_options_the_defaults_hold(void **state)
{
    struct config config;
    struct rnn_error err;

    (void)state;
    assert_int_equal(load(ARGV("seed.keras"), NO_ENV, &config, &err), RNN_OK);
    assert_int_equal(config.action, CONFIG_SERVE);
    assert_int_equal(config.model_count, 1);
    assert_string_equal(config.models[0].name, "seed");
    assert_int_equal(config.listen.count, 1);
    assert_string_equal(config.listen.items[0], "127.0.0.1:8080");
    assert_int_equal(config.max_body, 8 << 20);
    assert_int_equal(config.max_elements, 2 << 20);
    assert_int_equal(config.request_timeout, 30000);
    assert_int_equal(config.drain_delay, 0);
    assert_false(config.access_log);
    assert_string_equal(config.isa, "auto");
    assert_null(config.importer);
    assert_int_equal(config.allowed_hosts.count, 0);
    config_release(&config);
}

static void a_higher_layer_wins(void **state)
{
    static const char text[] = "threads = 1\nmax_batch = 1\nisa = avx2\n";
    char path[SCRATCH_PATH_BYTES];
    struct config config;
    struct rnn_error err;

    (void)state;
    scratch_file(text, strlen(text), path);
    assert_int_equal(load(ARGV("--threads", "3", "--config", path, "a.keras"),
                          ENV("RNND_THREADS=2", "RNND_MAX_BATCH=2", "HOME=/"),
                          &config, &err),
                     RNN_OK);
    assert_int_equal(config.threads, 3);
    assert_int_equal(config.max_batch, 2);
    assert_string_equal(config.isa, "avx2");
    config_release(&config);
    scratch_file_remove(path);
}

static void a_list_of_a_higher_layer_replaces_and_in_one_layer_grows(
    void **state)
{
    static const char text[] = "listen = a:1\nlisten = b:2\n";
    char path[SCRATCH_PATH_BYTES];
    struct config config;
    struct rnn_error err;

    (void)state;
    scratch_file(text, strlen(text), path);
    assert_int_equal(
        load(ARGV("--config", path, "a.keras"), NO_ENV, &config, &err),
        RNN_OK);
    assert_int_equal(config.listen.count, 2);
    assert_string_equal(config.listen.items[1], "b:2");
    config_release(&config);
    assert_int_equal(load(ARGV("--config", path, "--listen=d:4", "--listen",
                               "e:5,f:6", "a.keras"),
                          ENV("RNND_LISTEN=c:3"), &config, &err),
                     RNN_OK);
    assert_int_equal(config.listen.count, 3);
    assert_string_equal(config.listen.items[0], "d:4");
    assert_string_equal(config.listen.items[2], "f:6");
    config_release(&config);
    assert_int_equal(
        load(ARGV("a.keras"), ENV("RNND_LISTEN=c:3"), &config, &err), RNN_OK);
    assert_int_equal(config.listen.count, 1);
    config_release(&config);
    scratch_file_remove(path);
}

static void a_value_stands_behind_the_name_or_an_equals_sign(void **state)
{
    struct config config;
    struct rnn_error err;

    (void)state;
    assert_int_equal(load(ARGV("--max-body=1M", "--list-sessions", "yes",
                               "--importer=--odd", "a.keras"),
                          NO_ENV, &config, &err),
                     RNN_OK);
    assert_int_equal(config.max_body, 1 << 20);
    assert_true(config.list_sessions);
    assert_string_equal(config.importer, "--odd");
    config_release(&config);
    refuses(ARGV("a.keras", "--max-body"), NO_ENV, "--max-body needs a value");
    refuses(ARGV("--max-body", "--check", "a.keras"), NO_ENV,
            "--max-body needs a value");
    refuses(ARGV("--config"), NO_ENV, "--config needs a value");
}

static void models_keep_their_order_and_may_follow_two_dashes(void **state)
{
    struct config config;
    struct rnn_error err;

    (void)state;
    assert_int_equal(load(ARGV("b=x.keras", "a.keras", "--", "--c.keras"),
                          NO_ENV, &config, &err),
                     RNN_OK);
    assert_int_equal(config.model_count, 3);
    assert_string_equal(config.models[0].name, "b");
    assert_string_equal(config.models[1].name, "a");
    assert_string_equal(config.models[2].path, "--c.keras");
    config_release(&config);
}

static void acts(char **argv, enum config_action action)
{
    struct config config;
    struct rnn_error err = {RNN_OK, ""};

    assert_int_equal(load(argv, NO_ENV, &config, &err), RNN_OK);
    assert_int_equal(config.action, action);
    config_release(&config);
}

static void an_action_is_chosen_by_its_name(void **state)
{
    (void)state;
    acts(ARGV("a.keras"), CONFIG_SERVE);
    acts(ARGV("--check", "a.keras"), CONFIG_CHECK);
    acts(ARGV("a.keras", "--summary"), CONFIG_SUMMARY);
    acts(ARGV("--healthcheck"), CONFIG_HEALTHCHECK);
    acts(ARGV("--help"), CONFIG_HELP);
    acts(ARGV("--version"), CONFIG_VERSION);
    acts(ARGV("--check", "--check", "a.keras"), CONFIG_CHECK);
    refuses(ARGV("--check", "--summary", "a.keras"), NO_ENV,
            "--summary cannot be done together with another of --check, "
            "--summary, --healthcheck, --export-sessions and "
            "--import-sessions");
    refuses(ARGV("--check=yes", "a.keras"), NO_ENV, "--check takes no value");
}

static void help_and_version_need_nothing_to_be_right(void **state)
{
    struct config config;
    struct rnn_error err;

    (void)state;
    assert_int_equal(load(ARGV("--help", "--nonsense"), ENV("RNND_NONSENSE=1"),
                          &config, &err),
                     RNN_OK);
    assert_int_equal(config.action, CONFIG_HELP);
    config_release(&config);
    assert_int_equal(load(ARGV("--config", "/nonexistent", "--version"),
                          NO_ENV, &config, &err),
                     RNN_OK);
    assert_int_equal(config.action, CONFIG_VERSION);
    config_release(&config);
}

static void a_model_is_needed_to_serve(void **state)
{
    static const char sentence[] =
        "no model is given: rnnd [--option value ...] [NAME=]MODEL ...";
    struct config config;
    struct rnn_error err;
    char *nothing[] = {NULL};

    (void)state;
    refuses(ARGV("--threads", "1"), NO_ENV, sentence);
    refuses(ARGV("--check"), NO_ENV, sentence);
    refuses(ARGV("--summary"), NO_ENV, sentence);
    assert_int_equal(config_load(0, nothing, NULL, &config, &err),
                     RNN_INVALID_ARGUMENT);
}

static void a_complaint_names_the_place_as_it_was_given(void **state)
{
    static const char text[] = "# first\nmax_body = 8Q\n";
    static const char unknown[] = "\n\nmax_bdy = 8M\n";
    static const char twice[] = "threads = 1\nthreads = 1\n";
    char path[SCRATCH_PATH_BYTES], sentence[300];

    (void)state;
    scratch_file(text, strlen(text), path);
    snprintf(sentence, sizeof(sentence),
             "%s:2: max_body is \"8Q\", not a size: a whole number of bytes, "
             "or with k, M or G of 1024",
             path);
    refuses(ARGV("--config", path, "a.keras"), NO_ENV, sentence);
    scratch_file_remove(path);

    scratch_file(unknown, strlen(unknown), path);
    snprintf(sentence, sizeof(sentence),
             "%s:3: max_bdy is not an option; did you mean max_body?", path);
    refuses(ARGV("--config", path, "a.keras"), NO_ENV, sentence);
    scratch_file_remove(path);

    scratch_file(twice, strlen(twice), path);
    snprintf(sentence, sizeof(sentence), "%s:2: threads is given twice", path);
    refuses(ARGV("--config", path, "a.keras"), NO_ENV, sentence);
    scratch_file_remove(path);

    refuses(ARGV("a.keras"), ENV("RNND_THREADS=many"),
            "RNND_THREADS is \"many\", not a whole number");
    refuses(ARGV("a.keras", "--drain-delay", "5"), NO_ENV,
            "--drain-delay is \"5\", not a time: a whole number with ms, s, "
            "min or h");
}

static void what_is_no_option_is_refused_with_the_nearest(void **state)
{
    (void)state;
    refuses(ARGV("a.keras"), ENV("RNND_MAX_BDY=1"),
            "RNND_MAX_BDY is not an option; did you mean RNND_MAX_BODY?");
    refuses(ARGV("a.keras"), ENV("RNND_max_body=1"),
            "RNND_max_body is not an option; did you mean RNND_MAX_BODY?");
    refuses(ARGV("a.keras"), ENV("RNND_XYZZY=1"),
            "RNND_XYZZY is not an option; rnnd --help lists them");
    refuses(ARGV("--max_body=1M", "a.keras"), NO_ENV,
            "--max_body is not an option; did you mean --max-body?");
    refuses(ARGV("--helth", "a.keras"), NO_ENV,
            "--helth is not an option; did you mean --help?");
    refuses(ARGV("-h"), NO_ENV,
            "-h is not an option: they begin with two dashes, and rnnd "
            "--help lists them");
    refuses(ARGV("a.keras", "--threads=1", "--threads=1"), NO_ENV,
            "--threads is given twice");
    refuses(ARGV("--config=a", "--config=b", "a.keras"), NO_ENV,
            "--config is given twice");
}

static void variables_of_tests_and_of_kubernetes_are_let_be(void **state)
{
    struct config config;
    struct rnn_error err;

    (void)state;
    assert_int_equal(load(ARGV("a.keras"),
                          ENV("RNND_SLOW=1", "RNND_TEST_URL=x",
                              "RNND_SERVICE_HOST=10.0.0.1", "RNND_PORT=tcp",
                              "RNND_PORT_8080_TCP_ADDR=10.0.0.1", "RNND=1"),
                          &config, &err),
                     RNN_OK);
    config_release(&config);
    refuses(ARGV("a.keras"), ENV("RNND_SLOWER=1"),
            "RNND_SLOWER is not an option; rnnd --help lists them");
}

static void a_file_of_garbage_is_refused(void **state)
{
    char path[SCRATCH_PATH_BYTES], sentence[200];

    (void)state;
    scratch_file("\x7f"
                 "ELF\0\1\2",
                 7, path);
    snprintf(sentence, sizeof(sentence), "%s:1: the line has a NUL character",
             path);
    refuses(ARGV("--config", path, "a.keras"), NO_ENV, sentence);
    scratch_file_remove(path);
    refuses(ARGV("--config", "/nonexistent", "a.keras"), NO_ENV,
            "/nonexistent: No such file or directory");
}

static void out_of_memory_at_every_allocation_is_survived(void **state)
{
    static const char text[] =
        "listen = a:1,b:2\nimporter = x\nisa = neon\nallowed_hosts = q\n";
    char path[SCRATCH_PATH_BYTES];
    size_t failures = 0;

    (void)state;
    scratch_file(text, strlen(text), path);
    for (size_t n = 1;; n++) {
        struct config config;
        struct rnn_error err;
        enum rnn_status status;

        fail_malloc_start(n);
        status = load(ARGV("--listen=c:3", "--listen", "d:4", "a.keras",
                           "b=c.h5", "--config", path),
                      ENV("RNND_LOG_LEVEL=debug", "RNND_ALLOWED_HOSTS=p,q"),
                      &config, &err);
        if (!status)
            config_release(&config);
        fail_malloc_stop();
        assert_int_equal(fail_malloc_live(), 0);
        if (!fail_malloc_happened()) {
            assert_int_equal(status, RNN_OK);
            break;
        }
        if (!status)
            continue; /* stdio can do without a buffer */
        assert_int_equal(status, RNN_NO_MEMORY);
        assert_string_equal(err.message, "out of memory");
        failures++;
    }
    assert_in_range(failures, 25, 60);
    scratch_file_remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_options_the_defaults_hold),
        cmocka_unit_test(a_higher_layer_wins),
        cmocka_unit_test(
            a_list_of_a_higher_layer_replaces_and_in_one_layer_grows),
        cmocka_unit_test(a_value_stands_behind_the_name_or_an_equals_sign),
        cmocka_unit_test(models_keep_their_order_and_may_follow_two_dashes),
        cmocka_unit_test(an_action_is_chosen_by_its_name),
        cmocka_unit_test(help_and_version_need_nothing_to_be_right),
        cmocka_unit_test(a_model_is_needed_to_serve),
        cmocka_unit_test(a_complaint_names_the_place_as_it_was_given),
        cmocka_unit_test(what_is_no_option_is_refused_with_the_nearest),
        cmocka_unit_test(variables_of_tests_and_of_kubernetes_are_let_be),
        cmocka_unit_test(a_file_of_garbage_is_refused),
        cmocka_unit_test(out_of_memory_at_every_allocation_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
