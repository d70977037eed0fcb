/* Models by name, in the order of the command line. */
#include "server/model_registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"
#include "server/log.h"
#include "tests/support/model_builder.h"
#include "tests/support/scratch_file.h"

static const struct log quiet = {LOG_ERROR, false};

static void write_model(const char *path, size_t units)
{
    struct model_builder builder;

    model_builder_init(&builder, 4, 3);
    model_builder_add(
        &builder,
        &(struct model_layer){.class_name = "SimpleRNN", .units = units});
    model_builder_write(&builder, path);
    model_builder_release(&builder);
}

static struct config config_of(char *first, char *second)
{
    char *argv[] = {"rnnd", first, second, NULL}, *environment[] = {NULL};
    struct config config;
    struct rnn_error err;

    if (config_load(second ? 3 : 2, argv, environment, &config, &err))
        fail_msg("%s", err.message);
    return config;
}

static void models_are_found_by_name_and_the_first_is_the_default(void **state)
{
    char paths[2][SCRATCH_PATH_BYTES], words[2][256];
    struct model_registry *registry = NULL;
    const struct served_model *a, *b;
    struct config config;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        scratch_file("", 0, paths[i]);
        write_model(paths[i], i + 2);
        snprintf(words[i], sizeof(words[i]), "%c=%s", (int)('a' + i),
                 paths[i]);
    }
    config = config_of(words[0], words[1]);
    assert_int_equal(model_registry_create(&config, &quiet, &registry, NULL),
                     RNN_OK);
    assert_int_equal(model_registry_count(registry), 2);
    a = model_registry_at(registry, 0);
    b = model_registry_at(registry, 1);
    assert_string_equal(a->name, "a");
    assert_string_equal(b->name, "b");
    assert_string_equal(b->path, paths[1]);
    assert_int_equal(b->index, 1);
    assert_ptr_equal(model_registry_find(registry, "b"), b);
    assert_ptr_equal(model_registry_find(registry, NULL), a);
    assert_null(model_registry_find(registry, "A"));
    assert_null(model_registry_find(registry, ""));
    assert_int_equal(strlen(a->fingerprint), 64);
    assert_string_not_equal(a->fingerprint, b->fingerprint);
    model_registry_free(registry);
    config_release(&config);
    scratch_file_remove(paths[0]);
    scratch_file_remove(paths[1]);
}

static void one_bad_model_ends_it_with_its_path(void **state)
{
    char good[SCRATCH_PATH_BYTES], bad[SCRATCH_PATH_BYTES];
    struct model_registry *registry = NULL;
    struct config config;
    struct rnn_error err;

    (void)state;
    scratch_file("", 0, good);
    write_model(good, 2);
    scratch_file("dear reader", 11, bad);
    config = config_of(good, bad);
    assert_int_equal(model_registry_create(&config, &quiet, &registry, &err),
                     RNN_UNSUPPORTED);
    assert_null(registry);
    assert_int_equal(strncmp(err.message, bad, strlen(bad)), 0);
    config_release(&config);
    scratch_file_remove(good);
    scratch_file_remove(bad);
}

static void freeing_none_is_fine(void **state)
{
    (void)state;
    model_registry_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            models_are_found_by_name_and_the_first_is_the_default),
        cmocka_unit_test(one_bad_model_ends_it_with_its_path),
        cmocka_unit_test(freeing_none_is_fine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
