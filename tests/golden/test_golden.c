/* Every model in tests/golden/models gives Keras' numbers, from each of its
 * files, on each instruction set, and the same bits from all of them. */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "core/import/hdf5_file.h"
#include "core/import/import.h"
#include "core/infer.h"
#include "core/model.h"
#include "core/state.h"
#include "tests/support/golden_case.h"

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
    struct byte_sink sink = {append, native, 1 << 24};
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
    struct rnn_model_options options = {isa};
    struct rnn_model *model = NULL;
    struct rnn_error err;

    if (rnn_model_load(native->bytes, native->size, &options, &model, &err))
        fail_msg("%s: %s", path, err.message);
    return model;
}

/* ---- running it ----------------------------------------------------------
 */

static void *must_alloc(size_t bytes)
{
    void *memory = aligned_alloc(64, (bytes + 64) / 64 * 64);

    assert_non_null(memory);
    return memory;
}

static void infer(const struct rnn_model *model,
                  const struct rnn_sequence *sequences, size_t count,
                  bool every_step)
{
    struct rnn_infer_options options = {.every_step = every_step};
    size_t timesteps = sequences[0].timesteps;
    size_t size = rnn_scratch_size(model, count, timesteps, every_step);
    void *scratch = must_alloc(size);
    struct rnn_error err;

    if (rnn_infer(model, sequences, count, &options, scratch, &err))
        fail_msg("%s", err.message);
    free(scratch);
}

/* The inputs of a case as floats, and room for its outputs. */
struct run {
    const struct golden_case *golden;
    float *inputs, *outputs;
    size_t count, timesteps, features;
    size_t width; /* floats of one sequence's output */
    bool every_step;
};

static void run_init(struct run *run, const struct golden_case *golden,
                     bool every_step)
{
    const struct golden_tensor *x = &golden->sequences;
    const struct golden_answer *answer =
        every_step ? &golden->every : &golden->last;

    run->golden = golden;
    run->every_step = every_step;
    run->count = x->shape[0];
    run->timesteps = x->shape[1];
    run->features = x->shape[2];
    run->width = answer->reference.count / run->count;
    run->inputs = must_alloc(x->count * sizeof(float));
    run->outputs = must_alloc(answer->reference.count * sizeof(float));
    for (size_t i = 0; i < x->count; i++)
        run->inputs[i] = (float)x->values[i];
}

static void run_release(struct run *run)
{
    free(run->inputs);
    free(run->outputs);
}

static void run_batch(struct run *run, const struct rnn_model *model)
{
    struct rnn_sequence sequences[8] = {{0}};
    const float *inputs[8];
    float *outputs[8];

    assert_true(run->count <= 8);
    for (size_t n = 0; n < run->count; n++) {
        inputs[n] = run->inputs + n * run->timesteps * run->features;
        outputs[n] = run->outputs + n * run->width;
        sequences[n] = (struct rnn_sequence){run->timesteps, &inputs[n],
                                             &outputs[n], NULL};
    }
    infer(model, sequences, run->count, run->every_step);
}

/* The first sequence again, one timestep at a time, into `output`. */
static void run_in_steps(const struct run *run, const struct rnn_model *model,
                         float *output)
{
    struct rnn_state *state = must_alloc(rnn_state_size(model));
    size_t width = run->width / run->timesteps;

    rnn_state_zero(model, state);
    for (size_t t = 0; t < run->timesteps; t++) {
        const float *input = run->inputs + t * run->features;
        float *to = output + t * width;
        struct rnn_sequence step = {1, &input, &to, state};

        infer(model, &step, 1, false);
    }
    free(state);
}

static uint32_t bits_of(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof(bits));
    return bits;
}

static void assert_same_bits(const float *a, const float *b, size_t count,
                             const char *what)
{
    for (size_t i = 0; i < count; i++) {
        if (bits_of(a[i]) != bits_of(b[i]))
            fail_msg("%s: number %zu is %.9g, not %.9g", what, i, a[i], b[i]);
    }
}

/* ---- the tests -----------------------------------------------------------
 */

/* One model on one instruction set.  Its outputs go to, or are compared
 * with, `first`. */
static void check_model(const struct rnn_model *model, struct run *run,
                        float **first, const char *what)
{
    const struct golden_case *golden = run->golden;
    const struct golden_answer *answer =
        run->every_step ? &golden->every : &golden->last;
    size_t total = run->count * run->width;

    run_batch(run, model);
    golden_assert_close(run->outputs, total, answer, what);
    if (!*first) {
        *first = must_alloc(total * sizeof(float));
        memcpy(*first, run->outputs, total * sizeof(float));
    }
    assert_same_bits(run->outputs, *first, total, what);
    if (run->every_step) {
        float *steps = must_alloc(run->width * sizeof(float));

        run_in_steps(run, model, steps);
        assert_same_bits(steps, run->outputs, run->width, what);
        free(steps);
    }
}

static void check_file(const char *path, struct run *run, float **first)
{
    static const enum rnn_isa isas[] = {RNN_ISA_SCALAR, RNN_ISA_AVX2,
                                        RNN_ISA_AVX512, RNN_ISA_NEON};
    struct buffer native = {0};
    struct rnn_error err;

    if (import_file(path, &native, &err))
        fail_msg("%s: %s", path, err.message);
    for (size_t i = 0; i < sizeof(isas) / sizeof(isas[0]); i++) {
        struct rnn_model *model;
        char what[256];

        if (!rnn_isa_available(isas[i]))
            continue;
        model = load(&native, isas[i], path);
        snprintf(what, sizeof(what), "%s on %s", path, rnn_isa_name(isas[i]));
        check_model(model, run, first, what);
        rnn_model_free(model);
    }
    free(native.bytes);
}

static void check_case(const struct golden_case *golden, bool every_step)
{
    struct run run;
    float *first = NULL;

    run_init(&run, golden, every_step);
    for (size_t i = 0; i < golden->file_count; i++)
        check_file(golden->files[i], &run, &first);
    free(first);
    run_release(&run);
}

static void gives_the_numbers_of_keras(void **state)
{
    struct golden_case golden;

    golden_case_init(&golden, *state);
    check_case(&golden, false);
    if (golden.has_every_step)
        check_case(&golden, true);
    golden_case_release(&golden);
}

/* Models that cannot be served are refused in words that help. */
static void is_refused_by_name(void **state)
{
    size_t size;
    char *text = (char *)golden_read_file(MODELS "refused.json", &size);
    cJSON *list = cJSON_ParseWithLength(text, size);
    const cJSON *item, *word;

    (void)state;
    assert_true(cJSON_GetArraySize(list) > 0);
    cJSON_ArrayForEach(item, list)
    {
        const char *file = cJSON_GetObjectItem(item, "file")->valuestring;
        struct buffer native = {0};
        struct rnn_model *model = NULL;
        struct rnn_error err = {0};
        char path[256];
        int status;

        snprintf(path, sizeof(path), MODELS "%s", file);
        status = (int)import_file(path, &native, &err);
        if (!status)
            status = (int)rnn_model_load(native.bytes, native.size, NULL,
                                         &model, &err);
        if (!status)
            fail_msg("%s was accepted", path);
        cJSON_ArrayForEach(word, cJSON_GetObjectItem(item, "words"))
        {
            if (!strstr(err.message, word->valuestring))
                fail_msg("%s: \"%s\" says nothing of %s", path, err.message,
                         word->valuestring);
        }
        free(native.bytes);
    }
    cJSON_Delete(list);
    free(text);
}

int main(void)
{
    const struct CMUnitTest refusal = cmocka_unit_test(is_refused_by_name);
    struct rnn_error err;
    struct CMUnitTest *tests;
    glob_t found;
    int failed;

    if (hdf5_start(&err) || glob(MODELS "*.json", 0, NULL, &found))
        return EXIT_FAILURE;
    tests = calloc(found.gl_pathc + 1, sizeof(*tests));
    if (!tests)
        return EXIT_FAILURE;
    tests[0] = refusal;
    for (size_t i = 0, n = 1; i < found.gl_pathc; i++) {
        char *path = found.gl_pathv[i];

        if (strcmp(path, MODELS "refused.json"))
            tests[n++] = (struct CMUnitTest){path, gives_the_numbers_of_keras,
                                             NULL, NULL, path};
    }
    failed =
        _cmocka_run_group_tests("golden", tests, found.gl_pathc, NULL, NULL);
    free(tests);
    globfree(&found);
    return failed;
}
