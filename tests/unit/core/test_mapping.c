/* What is said of a path before a byte is looked at. */
#include "core/mapping.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/scratch_file.h"

static enum rnn_status map_path(const char *path, struct rnn_mapping *mapping,
                                struct rnn_error *err)
{
    int fd;
    enum rnn_status status = rnn_file_open(path, &fd, err);

    if (status)
        return status;
    status = rnn_mapping_init(fd, mapping, err);
    close(fd);
    return status;
}

static void assert_says(const char *path, enum rnn_status status,
                        const char *words)
{
    struct rnn_mapping mapping = {0};
    struct rnn_error err;

    assert_int_equal(map_path(path, &mapping, &err), status);
    if (!strstr(err.message, words))
        fail_msg("\"%s\" does not say \"%s\"", err.message, words);
    assert_null(mapping.bytes);
}

static void file_is_mapped_whole_and_outlives_its_descriptor(void **state)
{
    char path[SCRATCH_PATH_BYTES];
    struct rnn_mapping mapping = {0};

    (void)state;
    scratch_file("all of it", 9, path);
    assert_int_equal(map_path(path, &mapping, NULL), RNN_OK);
    assert_int_equal(mapping.size, 9);
    assert_memory_equal(mapping.bytes, "all of it", 9);
    rnn_mapping_release(&mapping);
    rnn_mapping_release(&mapping);
    scratch_file_remove(path);
}

static void missing_file_is_told_from_one_that_may_not_be_read(void **state)
{
    (void)state;
    assert_says("/nowhere/model.keras", RNN_NOT_FOUND, "no such file");
    assert_says("/etc/passwd/model.keras", RNN_NOT_FOUND, "no such file");
}

static void empty_file_is_named(void **state)
{
    char path[SCRATCH_PATH_BYTES];

    (void)state;
    scratch_file("", 0, path);
    assert_says(path, RNN_BAD_MODEL, "the file is empty");
    scratch_file_remove(path);
}

static void touch(const char *folder, const char *name, int make)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (make)
        fclose(fopen(path, "w"));
    else
        unlink(path);
}

static void folders_are_named_by_what_lies_in_them(void **state)
{
    char folder[] = "/tmp/rnnd-test-XXXXXX";

    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_says(folder, RNN_UNSUPPORTED, "this is a folder, not a model");
    touch(folder, "config.json", 1);
    assert_says(folder, RNN_UNSUPPORTED, "an unpacked .keras file");
    touch(folder, "saved_model.pb", 1);
    assert_says(folder, RNN_UNSUPPORTED, "a TensorFlow SavedModel");
    touch(folder, "config.json", 0);
    touch(folder, "saved_model.pb", 0);
    rmdir(folder);
}

/* Nobody writes to the pipe: opening it must not wait for one who does. */
static void pipe_or_device_is_refused_at_once(void **state)
{
    char path[] = "/tmp/rnnd-test-XXXXXX";

    (void)state;
    assert_non_null(mkdtemp(path));
    rmdir(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_says(path, RNN_UNSUPPORTED, "a pipe, a socket or a device");
    unlink(path);
    assert_says("/dev/zero", RNN_UNSUPPORTED, "a pipe, a socket or a device");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_is_mapped_whole_and_outlives_its_descriptor),
        cmocka_unit_test(missing_file_is_told_from_one_that_may_not_be_read),
        cmocka_unit_test(empty_file_is_named),
        cmocka_unit_test(folders_are_named_by_what_lies_in_them),
        cmocka_unit_test(pipe_or_device_is_refused_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
