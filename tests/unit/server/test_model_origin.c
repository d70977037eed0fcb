/* Large weights are used where they lie in the file that was imported: the
 * same model as ever, the same refusals, and an importer that lies about
 * places, or a file that changes meanwhile, makes none. */
#include "server/model_file.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/keras_large.h"
#include "tests/support/keras_writer.h"
#include "tests/support/model_run.h"
#include "tests/support/program_path.h"
#include "tests/support/run_program.h"
#include "tests/support/scratch_file.h"

#define LAYERS 2
#define UNITS  64 /* the least whose kernels are left in the file: 64 KiB */
#define STEPS  3

static char importer[PROGRAM_PATH_BYTES], daemon_program[PROGRAM_PATH_BYTES];

static enum rnn_status load(const char *path, const char *with,
                            struct rnn_model **model, struct rnn_error *err)
{
    struct model_file_options options = {.importer = with,
                                         .import_memory = (size_t)1 << 30,
                                         .import_timeout_ms = 20000};

    *model = NULL;
    return model_file_load(path, &options, model, err);
}

static struct rnn_model *load_well(const char *path)
{
    struct rnn_model *model;
    struct rnn_error err;

    if (load(path, importer, &model, &err))
        fail_msg("%s", err.message);
    return model;
}

static void assert_fails(const char *path, const char *with,
                         enum rnn_status status, const char *words)
{
    struct rnn_model *model;
    struct rnn_error err = {.message = ""};

    assert_int_equal(load(path, with, &model, &err), status);
    assert_null(model);
    if (!strstr(err.message, words))
        fail_msg("\"%s\" does not say \"%s\"", err.message, words);
}

/* A program in the importer's place, which runs it first if it `imports`,
 * and then does what else is said. */
static void make_program(bool imports, const char *then,
                         char path[SCRATCH_PATH_BYTES])
{
    char text[PROGRAM_PATH_BYTES + 512];

    snprintf(text, sizeof(text), "#!/bin/sh\n%s%s\n%.400s\n",
             imports ? importer : "", imports ? " \"$@\"" : "", then);
    scratch_file(text, strlen(text), path);
    assert_int_equal(chmod(path, 0700), 0);
}

/* ---- the same model ----------------------------------------------------- */

static void convert(char *model, char *out)
{
    char *argv[] = {importer, model, out, NULL};

    assert_int_equal(run_program(argv).exit_code, 0);
}

static void assert_same(const struct rnn_model *a, const struct rnn_model *b)
{
    float x[STEPS * UNITS], *y[2];
    size_t floats = model_output_floats(a, STEPS, false);

    for (size_t i = 0; i < STEPS * UNITS; i++)
        x[i] = (float)(i % 7) - 3.0f;
    assert_memory_equal(rnn_model_info(a)->fingerprint,
                        rnn_model_info(b)->fingerprint, RNN_DIGEST_BYTES);
    assert_int_equal(rnn_model_info(a)->parameters,
                     LAYERS * 4 * UNITS * (2 * UNITS + 1));
    y[0] = model_run_one(a, x, STEPS, false, NULL);
    y[1] = model_run_one(b, x, STEPS, false, NULL);
    assert_memory_equal(y[0], y[1], floats * sizeof(float));
    assert_true(y[0][0] != 0.0f);
    free(y[0]);
    free(y[1]);
}

static void check_same(void (*write)(const char *, size_t, size_t))
{
    char path[SCRATCH_PATH_BYTES], whole[SCRATCH_PATH_BYTES];
    struct rnn_model *left, *written;

    scratch_file("", 0, path);
    scratch_file("", 0, whole);
    write(path, LAYERS, UNITS);
    convert(path, whole);
    left = load_well(path);
    written = load_well(whole);
    assert_same(left, written);
    rnn_model_free(left);
    rnn_model_free(written);
    scratch_file_remove(path);
    scratch_file_remove(whole);
}

static void an_h5_is_what_its_conversion_is(void **state)
{
    (void)state;
    check_same(keras_write_large_h5);
}

/* Its weights lie in a zip, whose checksums the importer looks at. */
static void a_keras_file_is_what_its_conversion_is(void **state)
{
    (void)state;
    check_same(keras_write_large_keras);
}

/* What the importer makes of a large .h5 is short, and says where. */
static void weights_are_left_in_an_h5(void **state)
{
    char path[SCRATCH_PATH_BYTES], made[SCRATCH_PATH_BYTES];
    char program[SCRATCH_PATH_BYTES], script[256];
    unsigned char *bytes;
    struct rnn_model *model;
    struct rnn_error err;
    size_t size;

    (void)state;
    scratch_file("", 0, path);
    scratch_file("", 0, made);
    keras_write_large_h5(path, LAYERS, UNITS);
    snprintf(script, sizeof(script), "cat /proc/self/fd/4 >%s", made);
    make_program(true, script, program);
    if (load(path, program, &model, &err))
        fail_msg("%s", err.message);
    rnn_model_free(model);
    bytes = keras_read_file(made, &size);
    assert_in_range(size, 1, 8192);
    assert_non_null(memmem(bytes, size, "origin_offsets", 14));
    free(bytes);
    scratch_file_remove(program);
    scratch_file_remove(made);
    scratch_file_remove(path);
}

/* ---- the same refusals -------------------------------------------------- */

static void a_number_that_is_none_is_refused(void **state)
{
    static const float numbers[UNITS * 4 * UNITS] = {[700] = INFINITY};
    const hsize_t shape[2] = {UNITS, 4 * UNITS};
    const char *name = "model_weights/lstm_1/lstm_1/lstm_cell/kernel";
    char path[SCRATCH_PATH_BYTES];
    hid_t file;

    (void)state;
    scratch_file("", 0, path);
    keras_write_large_h5(path, LAYERS, UNITS);
    file = keras_reopen(path);
    keras_remove_link(file, name);
    keras_put_numbers(file, name, H5T_IEEE_F32LE, 2, shape, numbers);
    H5Fclose(file);
    assert_fails(path, importer, RNN_NOT_FINITE,
                 "tensor \"lstm_1/kernel\": element [2, 188] is infinite");
    scratch_file_remove(path);
}

/* The header that such an importer writes; it has no numbers of its own. */
static void with_liar(const char *offsets, enum rnn_status status,
                      const char *words)
{
    char path[SCRATCH_PATH_BYTES], made[SCRATCH_PATH_BYTES];
    char program[SCRATCH_PATH_BYTES], script[128], header[512];
    int length = snprintf(
        header + 8, sizeof(header) - 8,
        "{\"__metadata__\":{\"keras_config\":\"{}\",\"keras_version\":"
        "\"3.15.1\"},\"a/kernel\":{\"dtype\":\"F32\",\"shape\":[64,256],"
        "\"origin_offsets\":%s}}",
        offsets);

    memset(header, 0, 8);
    header[0] = (char)(unsigned char)(length & 0xff);
    header[1] = (char)(length >> 8);
    scratch_file("", 0, path);
    keras_write_large_h5(path, 1, UNITS);
    scratch_file(header, 8 + (size_t)length, made);
    snprintf(script, sizeof(script), "cat %s >&4", made);
    make_program(false, script, program);
    assert_fails(path, program, status, words);
    scratch_file_remove(program);
    scratch_file_remove(made);
    scratch_file_remove(path);
}

static void an_importer_that_lies_about_places_is_refused(void **state)
{
    (void)state;
    with_liar("[0,65536]", RNN_BAD_MODEL, "keras_config");
    with_liar("[1000000,1065536]", RNN_BAD_MODEL, "do not lie in the file's");
    with_liar("[0,65540]", RNN_BAD_MODEL, "span 65540 bytes");
    with_liar("[65536,0]", RNN_BAD_MODEL, "do not lie in the file's");
}

static void an_importer_that_dies_in_the_middle_is_refused(void **state)
{
    char path[SCRATCH_PATH_BYTES], program[SCRATCH_PATH_BYTES];

    (void)state;
    scratch_file("", 0, path);
    keras_write_large_h5(path, 1, UNITS);
    make_program(true, "kill -SEGV $$", program);
    assert_fails(path, program, RNN_BAD_MODEL,
                 "the importer broke on it (signal 11");
    scratch_file_remove(program);
    scratch_file_remove(path);
}

/* ---- a file that changes ------------------------------------------------ */

static void a_file_that_was_written_to_is_refused(void **state)
{
    char path[SCRATCH_PATH_BYTES], program[SCRATCH_PATH_BYTES], script[300];

    (void)state;
    scratch_file("", 0, path);
    keras_write_large_h5(path, 1, UNITS);
    snprintf(script, sizeof(script),
             "printf x | dd of=%s bs=1 seek=9000 conv=notrunc 2>/dev/null",
             path);
    make_program(true, script, program);
    assert_fails(path, program, RNN_IO, "it was written to while it was read");
    scratch_file_remove(program);
    scratch_file_remove(path);
}

/* In a process of its own: there is nothing left to read. */
static void a_file_that_is_cut_short_is_said_to_be(void **state)
{
    char path[SCRATCH_PATH_BYTES], program[SCRATCH_PATH_BYTES], script[300];
    char check[] = "--check", option[] = "--importer";
    char *argv[] = {daemon_program, check, option, program, path, NULL};
    struct program_result result;

    (void)state;
    scratch_file("", 0, path);
    keras_write_large_h5(path, LAYERS, UNITS);
    argv[3] = importer;
    assert_int_equal(run_program(argv).exit_code, 0);
    snprintf(script, sizeof(script), "truncate -s 8192 %s", path);
    make_program(true, script, program);
    argv[3] = program;
    result = run_program(argv);
    assert_int_equal(result.exit_code, 1);
    assert_non_null(strstr(result.err, "rnnd: a model's file was cut short "));
    scratch_file_remove(program);
    scratch_file_remove(path);
}

static int set_up(void **state)
{
    (void)state;
    program_path("rnn-import", importer);
    program_path("rnnd", daemon_program);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_h5_is_what_its_conversion_is),
        cmocka_unit_test(a_keras_file_is_what_its_conversion_is),
        cmocka_unit_test(weights_are_left_in_an_h5),
        cmocka_unit_test(a_number_that_is_none_is_refused),
        cmocka_unit_test(an_importer_that_lies_about_places_is_refused),
        cmocka_unit_test(an_importer_that_dies_in_the_middle_is_refused),
        cmocka_unit_test(a_file_that_was_written_to_is_refused),
        cmocka_unit_test(a_file_that_is_cut_short_is_said_to_be),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
