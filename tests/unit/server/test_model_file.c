/* From a file of any kind to a model, through the real importer; and every
 * way in which that fails: one sentence that begins with the path, soon. */
#include "server/model_file.h"

#include <glob.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/import/sandbox.h"
#include "server/clock.h"
#include "tests/support/effort.h"
#include "tests/support/keras_writer.h"
#include "tests/support/model_builder.h"
#include "tests/support/program_path.h"
#include "tests/support/scratch_file.h"

/* Every failure before serving ends in this time; a sanitizer makes the
 * importer start ten times as slowly. */
#define SOON_MS (sandbox_memory_is_unlimited() ? 20000u : 2000u)

static char importer[PROGRAM_PATH_BYTES];

static struct model_file_options usual(void)
{
    return (struct model_file_options){.importer = importer,
                                       .import_memory = (size_t)1 << 30,
                                       .import_timeout_ms = 20000};
}

/* Load; on a failure check the form of its sentence. */
static enum rnn_status load(const char *path,
                            const struct model_file_options *options,
                            struct rnn_error *err)
{
    struct rnn_model *model = NULL;
    enum rnn_status status = model_file_load(path, options, &model, err);

    if (!status)
        assert_non_null(model);
    else {
        assert_null(model);
        assert_int_equal(strncmp(err->message, path, strlen(path)), 0);
        assert_true(strlen(err->message) > strlen(path) + 12);
        assert_null(strchr(err->message, '\n'));
    }
    rnn_model_free(model);
    return status;
}

static void assert_loads(const char *path)
{
    struct model_file_options options = usual();
    struct rnn_error err;

    if (load(path, &options, &err))
        fail_msg("%s", err.message);
}

static void assert_fails(const char *path,
                         const struct model_file_options *options,
                         enum rnn_status status, const char *words)
{
    struct rnn_error err = {.message = ""};
    uint64_t began = clock_monotonic_ms();

    assert_int_equal(load(path, options, &err), status);
    assert_true(clock_monotonic_ms() - began < SOON_MS);
    if (!strstr(err.message, words))
        fail_msg("\"%s\" does not say \"%s\"", err.message, words);
}

static void assert_bytes_fail(const void *bytes, size_t size,
                              enum rnn_status status, const char *words)
{
    char path[SCRATCH_PATH_BYTES];
    struct model_file_options options = usual();

    scratch_file(bytes, size, path);
    assert_fails(path, &options, status, words);
    scratch_file_remove(path);
}

/* ---- what loads --------------------------------------------------------- */

static void safetensors_are_read_without_an_importer(void **state)
{
    struct model_file_options options = {.importer = "/nowhere"};
    struct model_builder builder;
    char path[SCRATCH_PATH_BYTES];
    struct rnn_error err;

    (void)state;
    scratch_file("", 0, path);
    model_builder_init(&builder, 4, 2);
    model_builder_add(&builder,
                      &(struct model_layer){.class_name = "LSTM", .units = 3});
    model_builder_write(&builder, path);
    model_builder_release(&builder);
    assert_int_equal(load(path, &options, &err), RNN_OK);
    scratch_file_remove(path);
}

static void the_name_of_a_file_decides_nothing(void **state)
{
    static const char *const names[] = {"x.keras", "x.h5", "x.safetensors",
                                        "x", "x.txt"};
    char folder[] = "/tmp/rnnd-test-XXXXXX", path[64];

    (void)state;
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        keras_write_sample(path);
        assert_loads(path);
        keras_write_h5(path, 2);
        assert_loads(path);
        keras_write_h5(path, 3);
        assert_loads(path);
        unlink(path);
    }
    rmdir(folder);
}

static bool ends_in(const char *text, const char *end)
{
    return strlen(text) >= strlen(end) &&
           strcmp(text + strlen(text) - strlen(end), end) == 0;
}

/* Files that Keras itself wrote; the refused ones say so in their names.
 * Where time is short each third: test_golden imports all of them. */
static void models_saved_by_keras_load_or_are_refused(void **state)
{
    struct model_file_options options = usual();
    size_t seen = 0, loaded = 0, refused = 0;
    glob_t found;

    (void)state;
    assert_int_equal(glob("tests/golden/models/*", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const char *path = found.gl_pathv[i];
        struct rnn_error err;

        if (!ends_in(path, ".keras") && !ends_in(path, ".h5"))
            continue;
        if (seen++ % 3 && effort_is_quick())
            continue;
        if (strstr(path, "/refused_")) {
            assert_int_not_equal(load(path, &options, &err), RNN_OK);
            refused++;
        } else {
            assert_loads(path);
            loaded++;
        }
    }
    globfree(&found);
    assert_true(loaded > 50);
    assert_true(refused > 2);
}

/* ---- what does not ------------------------------------------------------ */

static void what_is_no_model_is_named(void **state)
{
    struct model_file_options options = usual();

    (void)state;
    assert_fails("/tmp", &options, RNN_UNSUPPORTED, "this is a folder");
    assert_fails("/nowhere/m.keras", &options, RNN_NOT_FOUND, "no such file");
    assert_bytes_fail("", 0, RNN_BAD_MODEL, "empty");
    assert_bytes_fail("version https://git-lfs.github.com/spec/v1\n", 43,
                      RNN_UNSUPPORTED, "Git LFS pointer");
    assert_bytes_fail("\x80\x04\x95.", 4, RNN_UNSUPPORTED, "pickle");
    assert_bytes_fail("dear reader", 11, RNN_UNSUPPORTED, "a text");
}

static void weights_only_are_named(void **state)
{
    static const char *const layers[] = {"rnn"};
    struct model_file_options options = usual();
    char path[SCRATCH_PATH_BYTES];
    hid_t file;

    (void)state;
    scratch_file("", 0, path);
    keras_write_weights(path, &(struct keras_layout){.names = true});
    assert_fails(path, &options, RNN_BAD_MODEL, "weights only");
    keras_write_h5(path, 2);
    file = keras_reopen(path);
    H5Adelete(file, "model_config");
    keras_put_texts(file, "layer_names", 1, layers, true);
    H5Fclose(file);
    assert_fails(path, &options, RNN_BAD_MODEL, "weights only");
    scratch_file_remove(path);
}

/* The importer passes shapes on; the reader in the daemon checks them. */
static void weight_of_another_shape_is_named(void **state)
{
    struct model_file_options options = usual();
    const hsize_t shape[2] = {3, 1};
    const float numbers[3] = {1, 2, 3};
    char path[SCRATCH_PATH_BYTES];
    hid_t file;

    (void)state;
    scratch_file("", 0, path);
    keras_write_h5(path, 2);
    file = keras_reopen(path);
    keras_remove_link(file, "model_weights/out/out/kernel:0");
    keras_put_numbers(file, "model_weights/out/out/kernel:0", H5T_IEEE_F32LE,
                      2, shape, numbers);
    H5Fclose(file);
    assert_fails(path, &options, RNN_BAD_MODEL, "out/kernel");
    scratch_file_remove(path);
}

static void zip_bomb_is_refused(void **state)
{
    struct model_file_options options = usual();
    char path[SCRATCH_PATH_BYTES], zeros[SCRATCH_PATH_BYTES];

    (void)state;
    scratch_file("", 0, path);
    scratch_file("", 0, zeros);
    assert_int_equal(truncate(zeros, (off_t)70 << 20), 0);
    keras_write_zip(
        path, &(struct keras_parts){.weights_path = zeros, .deflate = true});
    assert_fails(path, &options, RNN_BAD_MODEL, "zip bomb");
    scratch_file_remove(zeros);
    scratch_file_remove(path);
}

static void keras_file_without_an_importer_says_how_to_convert(void **state)
{
    struct model_file_options options = usual();
    char path[SCRATCH_PATH_BYTES];

    (void)state;
    scratch_file("", 0, path);
    keras_write_sample(path);
    options.importer = "/nowhere/rnn-import";
    assert_fails(path, &options, RNN_NOT_FOUND,
                 "rnn-import MODEL OUT.safetensors");
    options.importer = NULL; /* beside this test there is none */
    assert_fails(path, &options, RNN_NOT_FOUND, "--importer");
    scratch_file_remove(path);
}

/* A script in the importer's place. */
static void with_script(const char *script, uint64_t timeout_ms,
                        enum rnn_status status, const char *words)
{
    struct model_file_options options = usual();
    char model[SCRATCH_PATH_BYTES], program[SCRATCH_PATH_BYTES], text[256];

    snprintf(text, sizeof(text), "#!/bin/sh\n%s\n", script);
    scratch_file("", 0, model);
    keras_write_sample(model);
    scratch_file(text, strlen(text), program);
    assert_int_equal(chmod(program, 0700), 0);
    options.importer = program;
    options.import_timeout_ms = timeout_ms;
    assert_fails(model, &options, status, words);
    scratch_file_remove(program);
    scratch_file_remove(model);
}

static void importer_that_takes_too_long_is_ended(void **state)
{
    (void)state;
    with_script("exec sleep 30", 300, RNN_CANCELLED, "import_timeout");
    with_script("exec 2>/dev/null; exec sleep 30", 300, RNN_CANCELLED,
                "import_timeout");
    with_script("while :; do echo note: again >&2; done", 300, RNN_CANCELLED,
                "import_timeout");
}

static void importer_that_breaks_is_said_to(void **state)
{
    (void)state;
    with_script("kill -SEGV $$", 5000, RNN_BAD_MODEL,
                "the importer broke on it (signal 11");
    with_script("exit 7", 5000, RNN_IO, "code 7 and no word");
    with_script("exit 0", 5000, RNN_IO, "wrote nothing");
    with_script("echo nonsense >&4; exit 0", 5000, RNN_BAD_MODEL, "");
}

/* Its words are printed, but none of its control characters. */
static void importer_cannot_spoil_the_terminal(void **state)
{
    (void)state;
    with_script("printf 'error: a\\033[2Jb\\rc, this and that\\n' >&2; exit 1",
                5000, RNN_BAD_MODEL, "a?[2Jb?c, this and that");
}

static void importer_gets_no_secrets(void **state)
{
    (void)state;
    setenv("RNND_SECRET", "hush", 1);
    with_script("echo \"error: the secret is <$RNND_SECRET>\" >&2; exit 1",
                5000, RNN_BAD_MODEL, "the secret is <>");
    unsetenv("RNND_SECRET");
}

static void importer_gets_no_other_descriptor(void **state)
{
    (void)state;
    with_script("for f in 5 6 7 8 9; do [ ! -e /proc/self/fd/$f ] || "
                "{ echo \"error: descriptor $f is open\" >&2; exit 1; }; done;"
                " echo 'error: all of them are shut' >&2; exit 1",
                5000, RNN_BAD_MODEL, "all of them are shut");
}

static void importer_has_a_limit_of_memory(void **state)
{
    struct model_file_options options = usual();
    char path[SCRATCH_PATH_BYTES];
    struct rnn_error err;

    (void)state;
    scratch_file("", 0, path);
    keras_write_sample(path);
    options.import_memory = (size_t)16 << 20;
    if (sandbox_memory_is_unlimited())
        assert_int_equal(load(path, &options, &err), RNN_OK);
    else
        assert_int_not_equal(load(path, &options, &err), RNN_OK);
    scratch_file_remove(path);
}

/* Some supervisors start their children so. */
static void importer_is_heard_when_sigchld_was_ignored(void **state)
{
    struct sigaction before;

    (void)state;
    signal(SIGCHLD, SIG_IGN);
    with_script("echo 'error: this and that' >&2; exit 1", 5000, RNN_BAD_MODEL,
                "this and that");
    sigaction(SIGCHLD, NULL, &before);
    assert_true(before.sa_handler == SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
}

static void long_path_leaves_room_for_the_sentence(void **state)
{
    struct model_file_options options = usual();
    struct rnn_model *model = NULL;
    struct rnn_error err;
    char path[400] = "/";

    (void)state;
    memset(path + 1, 'x', 250);
    strncat(path, "/m.keras", sizeof(path) - strlen(path) - 1);
    assert_int_not_equal(model_file_load(path, &options, &model, &err),
                         RNN_OK);
    assert_int_equal(strncmp(err.message, "...xxx", 6), 0);
    assert_non_null(strstr(err.message, "x/m.keras: there is no such file"));
}

/* Nothing is left open, whatever happened. */
static void no_descriptor_is_left_open(void **state)
{
    struct model_file_options options = usual();
    char path[SCRATCH_PATH_BYTES];
    struct rnn_error err;
    int before, after;

    (void)state;
    scratch_file("", 0, path);
    keras_write_sample(path);
    before = dup(0);
    close(before);
    assert_int_equal(load(path, &options, &err), RNN_OK);
    assert_int_equal(truncate(path, 4000), 0);
    assert_int_not_equal(load(path, &options, &err), RNN_OK);
    options.importer = "/nowhere";
    assert_int_not_equal(load(path, &options, &err), RNN_OK);
    after = dup(0);
    close(after);
    assert_int_equal(before, after);
    scratch_file_remove(path);
}

/* A server started by a supervisor may have closed all of these. */
static void importer_works_when_descriptors_0_to_2_were_closed(void **state)
{
    char path[SCRATCH_PATH_BYTES];
    struct model_file_options options = usual();
    struct rnn_error err;
    int kept[3];
    enum rnn_status status;

    (void)state;
    scratch_file("", 0, path);
    keras_write_sample(path);
    fflush(NULL);
    for (int fd = 0; fd < 3; fd++)
        kept[fd] = dup(fd);
    for (int fd = 0; fd < 3; fd++)
        close(fd);
    status = load(path, &options, &err);
    for (int fd = 0; fd < 3; fd++) {
        dup2(kept[fd], fd);
        close(kept[fd]);
    }
    assert_int_equal(status, RNN_OK);
    scratch_file_remove(path);
}

static int set_up(void **state)
{
    (void)state;
    program_path("rnn-import", importer);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(safetensors_are_read_without_an_importer),
        cmocka_unit_test(the_name_of_a_file_decides_nothing),
        cmocka_unit_test(models_saved_by_keras_load_or_are_refused),
        cmocka_unit_test(what_is_no_model_is_named),
        cmocka_unit_test(weights_only_are_named),
        cmocka_unit_test(weight_of_another_shape_is_named),
        cmocka_unit_test(zip_bomb_is_refused),
        cmocka_unit_test(keras_file_without_an_importer_says_how_to_convert),
        cmocka_unit_test(importer_that_takes_too_long_is_ended),
        cmocka_unit_test(importer_that_breaks_is_said_to),
        cmocka_unit_test(importer_cannot_spoil_the_terminal),
        cmocka_unit_test(importer_gets_no_secrets),
        cmocka_unit_test(importer_gets_no_other_descriptor),
        cmocka_unit_test(importer_has_a_limit_of_memory),
        cmocka_unit_test(importer_is_heard_when_sigchld_was_ignored),
        cmocka_unit_test(long_path_leaves_room_for_the_sentence),
        cmocka_unit_test(no_descriptor_is_left_open),
        cmocka_unit_test(importer_works_when_descriptors_0_to_2_were_closed),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
