/* Every model in tests/golden/models gives Keras' numbers, from each of its
 * files, on each instruction set, and the same bits from all of them; whole,
 * alone and, where it streams, in pieces.  Or it is refused by name. */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "core/import/hdf5_file.h"
#include "core/import/import.h"
#include "core/model.h"
#include "tests/support/effort.h"
#include "tests/support/golden_case.h"
#include "tests/support/golden_run.h"

#define MODELS "tests/golden/models/"

/* ---- from a file to a model ----------------------------------------------
 */

struct buffer {
    unsigned char *bytes;
    size_t size;
};

static bool append(void *arg, const void *bytes, size_t size)
{
    struct buffer *buffer = arg;
    unsigned char *grown = realloc(buffer->bytes, buffer->size + size);

    if (!grown)
        return false;
    memcpy(grown + buffer->size, bytes, size);
    buffer->bytes = grown;
    buffer->size += size;
    return true;
}

static void ignore_note(void *arg, const char *sentence)
{
    (void)arg;
    (void)sentence;
}

static enum rnn_status import_file(const char *path, struct buffer *native,
                                   struct rnn_error *err)
{
    struct byte_sink sink = {append, native, 1 << 24, false};
    struct import_notes notes = {ignore_note, NULL};
    size_t size;
    unsigned char *bytes = golden_read_file(path, &size);
    enum rnn_status status = import_model(bytes, size, &sink, &notes, err);

    free(bytes);
    return status;
}

static struct rnn_model *load(const struct buffer *native, enum rnn_isa isa,
                              const char *path)
{
    struct rnn_model_options options = {.isa = isa};
    struct rnn_model *model = NULL;
    struct rnn_error err;

    if (rnn_model_load(native->bytes, native->size, &options, &model, &err))
        fail_msg("%s: %s", path, err.message);
    return model;
}

/* ---- the numbers of Keras ------------------------------------------------
 */

/* The answers of the first file on the first instruction set. */
struct first {
    float *outputs[2][GOLDEN_MAX_TENSORS]; /* of each sequence's end, of every
                                              step */
};

static void first_release(struct first *first)
{
    for (size_t i = 0; i < GOLDEN_MAX_TENSORS; i++) {
        free(first->outputs[0][i]);
        free(first->outputs[1][i]);
    }
}

static void compare_with_first(const struct golden_run *run, size_t index,
                               struct first *first, const char *what)
{
    float **known = &first->outputs[run->every_step][index];
    size_t total = run->count * run->widths[index];

    if (!*known) {
        *known = malloc(total * sizeof(float));
        assert_non_null(*known);
        memcpy(*known, run->outputs[index], total * sizeof(float));
    }
    golden_assert_same_bits(run->outputs[index], *known, total, what);
}

/* One model, asked for its ends or for every step. */
static void check_answers(const struct golden_case *golden,
                          const struct rnn_model *model, bool every_step,
                          struct first *first, const char *what)
{
    struct golden_run run;

    golden_run_init(&run, golden, model, every_step);
    if (every_step && !golden_run_in_step(&run)) {
        golden_run_release(&run);
        return;
    }
    golden_run_batch(&run);
    for (size_t i = 0; i < golden->output_count; i++) {
        const struct golden_output *output = &golden->outputs[i];
        const struct golden_answer *answer =
            every_step ? &output->every : &output->last;

        if (!every_step || output->has_every)
            golden_assert_close(run.outputs[i], run.count * run.widths[i],
                                answer, what);
        compare_with_first(&run, i, first, what);
    }
    golden_run_check_alone(&run, what);
    if (rnn_model_info(model)->streams && golden_run_in_step(&run)) {
        golden_run_check_pieces(&run, 1, what);
        golden_run_check_pieces(&run, 2, what);
        golden_run_check_pieces(&run, 5, what);
    }
    golden_run_release(&run);
}

static bool asks_for_every_step(const struct golden_case *golden)
{
    for (size_t i = 0; i < golden->output_count; i++)
        if (golden->outputs[i].has_every)
            return true;
    return false;
}

static void check_model(const struct golden_case *golden,
                        const struct rnn_model *model, struct first *first,
                        const char *what)
{
    const struct rnn_model_info *info = rnn_model_info(model);

    if (golden->streams == GOLDEN_STREAMS || asks_for_every_step(golden)) {
        if (!info->streams)
            fail_msg("%s does not stream: %s", what,
                     info->cannot_stream_because);
    }
    if (golden->streams == GOLDEN_DOES_NOT && info->streams)
        fail_msg("%s is said to stream", what);
    check_answers(golden, model, false, first, what);
    if (info->streams)
        check_answers(golden, model, true, first, what);
}

static void check_on(const struct golden_case *golden, const char *path,
                     const struct buffer *native, enum rnn_isa isa,
                     struct first *first)
{
    struct rnn_model *model = load(native, isa, path);
    char what[256];

    snprintf(what, sizeof(what), "%s on %s", path, rnn_isa_name(isa));
    check_model(golden, model, first, what);
    rnn_model_free(model);
}

/* Where time is short the case's other files, which hold the same model, are
 * run on one instruction set. */
static void check_file(const struct golden_case *golden, size_t index,
                       struct first *first)
{
    static const enum rnn_isa isas[] = {RNN_ISA_SCALAR, RNN_ISA_AVX2,
                                        RNN_ISA_AVX512, RNN_ISA_NEON};
    const char *path = golden->files[index];
    struct buffer native = {0};
    struct rnn_error err;

    if (import_file(path, &native, &err))
        fail_msg("%s: %s", path, err.message);
    if (effort_is_quick() && index > 0) {
        check_on(golden, path, &native, RNN_ISA_AUTO, first);
    } else {
        for (size_t i = 0; i < sizeof(isas) / sizeof(isas[0]); i++)
            if (rnn_isa_available(isas[i]))
                check_on(golden, path, &native, isas[i], first);
    }
    free(native.bytes);
}

/* ---- refusals ------------------------------------------------------------
 */

/* A model that cannot be served is refused in words that help. */
static void check_refusal(const struct golden_case *golden, const char *path)
{
    struct buffer native = {0};
    struct rnn_model *model = NULL;
    struct rnn_error err = {0};
    int status = (int)import_file(path, &native, &err);

    if (!status)
        status =
            (int)rnn_model_load(native.bytes, native.size, NULL, &model, &err);
    if (!status)
        fail_msg("%s was accepted", path);
    for (size_t i = 0; i < golden->word_count; i++)
        if (!strstr(err.message, golden->words[i]))
            fail_msg("%s: \"%s\" says nothing of %s", path, err.message,
                     golden->words[i]);
    free(native.bytes);
}

/* ---- all of them ---------------------------------------------------------
 */

static void is_as_keras_says(void **state)
{
    struct golden_case golden;
    struct first first = {0};

    golden_case_init(&golden, *state);
    for (size_t i = 0; i < golden.file_count; i++) {
        if (golden.word_count)
            check_refusal(&golden, golden.files[i]);
        else
            check_file(&golden, i, &first);
    }
    first_release(&first);
    golden_case_release(&golden);
}

int main(void)
{
    struct rnn_error err;
    struct CMUnitTest *tests;
    glob_t found;
    int failed;

    if (hdf5_start(&err) || glob(MODELS "*.json", 0, NULL, &found))
        return EXIT_FAILURE;
    tests = calloc(found.gl_pathc, sizeof(*tests));
    if (!tests)
        return EXIT_FAILURE;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        char *path = found.gl_pathv[i];

        tests[i] =
            (struct CMUnitTest){path, is_as_keras_says, NULL, NULL, path};
    }
    failed =
        _cmocka_run_group_tests("golden", tests, found.gl_pathc, NULL, NULL);
    free(tests);
    globfree(&found);
    return failed;
}
