/* rnn-import as a person uses it. */
#include <dirent.h>
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

#include "core/model.h"
#include "tests/support/keras_writer.h"
#include "tests/support/program_path.h"
#include "tests/support/run_program.h"

/* A folder of its own for each test, to see what is left in it. */
struct desk {
    char program[PROGRAM_PATH_BYTES];
    char folder[32], model[64], out[64];
};

static int set_up(void **state)
{
    struct desk *desk = calloc(1, sizeof(*desk));

    program_path("rnn-import", desk->program);
    strcpy(desk->folder, "/tmp/rnnd-test-XXXXXX");
    assert_non_null(mkdtemp(desk->folder));
    snprintf(desk->model, sizeof(desk->model), "%s/m.keras", desk->folder);
    snprintf(desk->out, sizeof(desk->out), "%s/m.safetensors", desk->folder);
    keras_write_sample(desk->model);
    *state = desk;
    return 0;
}

static size_t count_files(const char *folder)
{
    DIR *entries = opendir(folder);
    size_t count = 0;

    assert_non_null(entries);
    for (struct dirent *entry; (entry = readdir(entries));)
        count += entry->d_name[0] != '.';
    closedir(entries);
    return count;
}

static int tear_down(void **state)
{
    struct desk *desk = *state;

    unlink(desk->model);
    unlink(desk->out);
    assert_int_equal(rmdir(desk->folder), 0);
    free(desk);
    return 0;
}

static struct program_result convert(struct desk *desk, char *from, char *to)
{
    return run_program((char *[]){desk->program, from, to, NULL});
}

static void model_is_written_for_everybody_to_read(void **state)
{
    struct desk *desk = *state;
    struct rnn_model_options options = {.isa = RNN_ISA_AUTO};
    struct rnn_model *model = NULL;
    struct stat about;
    size_t size;
    unsigned char *bytes;
    mode_t mask = umask(022);
    struct program_result result = convert(desk, desk->model, desk->out);

    umask(mask);
    assert_int_equal(result.exit_code, 0);
    assert_string_equal(result.out, "");
    assert_int_equal(stat(desk->out, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0644);
    bytes = keras_read_file(desk->out, &size);
    assert_int_equal(rnn_model_load(bytes, size, &options, &model, NULL),
                     RNN_OK);
    rnn_model_free(model);
    free(bytes);
    assert_int_equal(count_files(desk->folder), 2);
}

static void result_is_the_same_bytes_each_time(void **state)
{
    struct desk *desk = *state;
    size_t size[2];
    unsigned char *bytes[2];

    for (int i = 0; i < 2; i++) {
        assert_int_equal(convert(desk, desk->model, desk->out).exit_code, 0);
        bytes[i] = keras_read_file(desk->out, &size[i]);
    }
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(bytes[0], bytes[1], size[0]);
    free(bytes[0]);
    free(bytes[1]);
}

static void failure_is_one_sentence_and_leaves_no_file(void **state)
{
    struct desk *desk = *state;
    struct program_result result;

    assert_int_equal(truncate(desk->model, 3000), 0);
    result = convert(desk, desk->model, desk->out);
    assert_int_equal(result.exit_code, 1);
    assert_non_null(strstr(result.err, "m.keras: error: "));
    assert_int_equal(access(desk->out, F_OK), -1);
    assert_int_equal(count_files(desk->folder), 1);
}

static void failure_leaves_an_older_result_as_it_was(void **state)
{
    struct desk *desk = *state;
    size_t before, after;

    assert_int_equal(convert(desk, desk->model, desk->out).exit_code, 0);
    free(keras_read_file(desk->out, &before));
    assert_int_equal(truncate(desk->model, 3000), 0);
    assert_int_equal(convert(desk, desk->model, desk->out).exit_code, 1);
    free(keras_read_file(desk->out, &after));
    assert_int_equal(before, after);
}

static void model_is_never_overwritten_by_its_result(void **state)
{
    struct desk *desk = *state;
    struct program_result result = convert(desk, desk->model, desk->model);
    size_t size;
    unsigned char *bytes;

    assert_int_equal(result.exit_code, 1);
    assert_non_null(strstr(result.err, "the same file"));
    bytes = keras_read_file(desk->model, &size);
    assert_memory_equal(bytes, "PK", 2);
    free(bytes);
}

static void file_that_is_not_there_is_named(void **state)
{
    struct desk *desk = *state;
    struct program_result result =
        convert(desk, "/nowhere/m.keras", desk->out);

    assert_int_equal(result.exit_code, 1);
    assert_string_equal(result.err, "rnn-import: /nowhere/m.keras: error: "
                                    "there is no such file\n");
    result = convert(desk, desk->model, "/nowhere/m.safetensors");
    assert_int_equal(result.exit_code, 1);
    assert_non_null(strstr(result.err, "/nowhere/m.safetensors cannot be "
                                       "written: No such file"));
}

static void safetensors_need_no_import(void **state)
{
    struct desk *desk = *state;
    char second[64];
    struct program_result result;

    snprintf(second, sizeof(second), "%s/second", desk->folder);
    assert_int_equal(convert(desk, desk->model, desk->out).exit_code, 0);
    result = convert(desk, desk->out, second);
    assert_int_equal(result.exit_code, 1);
    assert_non_null(strstr(result.err, "is a safetensors file already"));
}

static void notes_are_no_failures(void **state)
{
    struct desk *desk = *state;
    struct program_result result;
    hsize_t one = 1;
    float number = 0.625f;
    hid_t file;

    keras_write_h5(desk->model, 3);
    file = keras_reopen(desk->model);
    keras_remove_link(file, "model_weights/out/model/out/bias");
    keras_put_numbers(file, "model_weights/out/model/out/bias", H5T_IEEE_F64LE,
                      1, &one, &number);
    H5Fclose(file);
    result = convert(desk, desk->model, desk->out);
    assert_int_equal(result.exit_code, 0);
    assert_non_null(strstr(result.err, "m.keras: note: 1 of 5 weights are "
                                       "float64"));
}

static void wrong_usage_ends_with_2(void **state)
{
    struct desk *desk = *state;
    char *const calls[][6] = {
        {desk->program, NULL},
        {desk->program, desk->model, NULL},
        {desk->program, "--what", desk->model, desk->out, NULL},
        {desk->program, desk->model, desk->out, "more", NULL},
        {desk->program, "--memory", "lots", desk->model, desk->out, NULL},
        {desk->program, "--memory", "1k", desk->model, desk->out, NULL},
    };

    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        struct program_result result = run_program(calls[i]);

        assert_int_equal(result.exit_code, 2);
        assert_true(strlen(result.err) > 0);
        assert_string_equal(result.out, "");
    }
}

static void help_and_version_go_to_stdout(void **state)
{
    struct desk *desk = *state;
    struct program_result result =
        run_program((char *[]){desk->program, "--help", NULL});

    assert_int_equal(result.exit_code, 0);
    assert_non_null(strstr(result.out, "usage: rnn-import"));
    result = run_program((char *[]){desk->program, "--version", NULL});
    assert_int_equal(result.exit_code, 0);
    assert_string_equal(result.out, "rnn-import " RNND_VERSION "\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(model_is_written_for_everybody_to_read),
        TEST(result_is_the_same_bytes_each_time),
        TEST(failure_is_one_sentence_and_leaves_no_file),
        TEST(failure_leaves_an_older_result_as_it_was),
        TEST(model_is_never_overwritten_by_its_result),
        TEST(file_that_is_not_there_is_named),
        TEST(safetensors_need_no_import),
        TEST(notes_are_no_failures),
        TEST(wrong_usage_ends_with_2),
        TEST(help_and_version_go_to_stdout),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
