#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "tests/support/golden_case.h"

unsigned char *golden_read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    unsigned char *bytes;
    long length;

    if (!file)
        fail_msg("%s cannot be opened", path);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    length = ftell(file);
    assert_true(length > 0);
    rewind(file);
    bytes = malloc((size_t)length + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, (size_t)length, file), length);
    fclose(file);
    bytes[length] = '\0';
    *size = (size_t)length;
    return bytes;
}

/* The shape along the first elements; copy_numbers() sees to the others. */
static void find_shape(const cJSON *json, struct golden_tensor *tensor)
{
    tensor->count = 1;
    for (; cJSON_IsArray(json); json = json->child) {
        assert_true(tensor->rank < GOLDEN_MAX_RANK);
        tensor->shape[tensor->rank] = (size_t)cJSON_GetArraySize(json);
        tensor->count *= tensor->shape[tensor->rank++];
    }
    assert_true(tensor->rank > 0 && tensor->count > 0);
}

/* `shape` is that of `json`, one number for each of `rank` axes. */
static double *copy_numbers(const cJSON *json, const size_t *shape,
                            size_t rank, double *to)
{
    const cJSON *item;

    if (rank == 0) {
        assert_true(cJSON_IsNumber(json));
        *to = json->valuedouble;
        return to + 1;
    }
    assert_int_equal(cJSON_GetArraySize(json), shape[0]);
    cJSON_ArrayForEach(item, json) to =
        copy_numbers(item, shape + 1, rank - 1, to);
    return to;
}

static void read_tensor(const cJSON *parent, const char *name,
                        struct golden_tensor *tensor)
{
    const cJSON *json = cJSON_GetObjectItemCaseSensitive(parent, name);

    assert_non_null(json);
    find_shape(json, tensor);
    tensor->values = calloc(tensor->count, sizeof(double));
    assert_non_null(tensor->values);
    copy_numbers(json, tensor->shape, tensor->rank, tensor->values);
}

static void read_answer(const cJSON *parent, struct golden_answer *answer)
{
    read_tensor(parent, "reference", &answer->reference);
    read_tensor(parent, "keras_float32", &answer->keras_float32);
    assert_int_equal(answer->reference.count, answer->keras_float32.count);
}

/* Files are named as they lie beside the JSON. */
static void read_files(const cJSON *json, const char *path,
                       struct golden_case *golden)
{
    int folder = (int)(strrchr(path, '/') - path) + 1;
    const cJSON *item;
    char name[512];

    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(json, "files"))
    {
        assert_true(golden->file_count < GOLDEN_MAX_FILES);
        snprintf(name, sizeof(name), "%.*s%s", folder, path,
                 item->valuestring);
        golden->files[golden->file_count++] = strdup(name);
    }
    assert_true(golden->file_count > 0);
}

static void read_words(const cJSON *words, struct golden_case *golden)
{
    const cJSON *word;

    cJSON_ArrayForEach(word, words)
    {
        assert_true(golden->word_count < GOLDEN_MAX_WORDS);
        golden->words[golden->word_count++] = strdup(word->valuestring);
    }
    assert_true(golden->word_count > 0);
}

/* One input as "sequences", or several by name. */
static void read_inputs(const cJSON *json, struct golden_case *golden)
{
    const cJSON *inputs = cJSON_GetObjectItemCaseSensitive(json, "inputs");
    const cJSON *item;

    if (!inputs) {
        golden->input_count = 1;
        read_tensor(json, "sequences", &golden->inputs[0].tensor);
        return;
    }
    cJSON_ArrayForEach(item, inputs)
    {
        struct golden_input *input = &golden->inputs[golden->input_count];

        assert_true(golden->input_count < GOLDEN_MAX_TENSORS);
        golden->input_count++;
        input->name = strdup(item->string);
        read_tensor(inputs, item->string, &input->tensor);
        assert_int_equal(input->tensor.shape[0],
                         golden->inputs[0].tensor.shape[0]);
    }
    assert_true(golden->input_count > 0);
}

static void read_output(const cJSON *json, struct golden_case *golden)
{
    struct golden_output *output = &golden->outputs[golden->output_count];
    const cJSON *every = cJSON_GetObjectItemCaseSensitive(json, "every_step");

    assert_true(golden->output_count < GOLDEN_MAX_TENSORS);
    golden->output_count++;
    read_answer(json, &output->last);
    output->has_every = every != NULL;
    if (every)
        read_answer(every, &output->every);
}

/* One output as the case itself, or a list. */
static void read_outputs(const cJSON *json, struct golden_case *golden)
{
    const cJSON *outputs = cJSON_GetObjectItemCaseSensitive(json, "outputs");
    const cJSON *item;

    if (!outputs)
        read_output(json, golden);
    cJSON_ArrayForEach(item, outputs) read_output(item, golden);
    assert_true(golden->output_count > 0);
}

void golden_case_init(struct golden_case *golden, const char *path)
{
    size_t size;
    char *text = (char *)golden_read_file(path, &size);
    cJSON *json = cJSON_ParseWithLength(text, size);
    const cJSON *words, *streams;

    if (!json)
        fail_msg("%s is not JSON", path);
    memset(golden, 0, sizeof(*golden));
    read_files(json, path, golden);
    words = cJSON_GetObjectItemCaseSensitive(json, "refused");
    streams = cJSON_GetObjectItemCaseSensitive(json, "streams");
    if (words) {
        read_words(words, golden);
    } else {
        read_inputs(json, golden);
        read_outputs(json, golden);
    }
    if (streams)
        golden->streams =
            cJSON_IsTrue(streams) ? GOLDEN_STREAMS : GOLDEN_DOES_NOT;
    cJSON_Delete(json);
    free(text);
}

static void release_answer(struct golden_answer *answer)
{
    free(answer->reference.values);
    free(answer->keras_float32.values);
}

void golden_case_release(struct golden_case *golden)
{
    for (size_t i = 0; i < golden->file_count; i++)
        free(golden->files[i]);
    for (size_t i = 0; i < golden->word_count; i++)
        free(golden->words[i]);
    for (size_t i = 0; i < golden->input_count; i++) {
        free(golden->inputs[i].name);
        free(golden->inputs[i].tensor.values);
    }
    for (size_t i = 0; i < golden->output_count; i++) {
        release_answer(&golden->outputs[i].last);
        release_answer(&golden->outputs[i].every);
    }
}

void golden_assert_close(const float *ours, size_t count,
                         const struct golden_answer *answer, const char *what)
{
    const double *reference = answer->reference.values;
    const double *keras = answer->keras_float32.values;
    double scale = 1, keras_error = 0, error = 0, bound;

    assert_int_equal(count, answer->reference.count);
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(ours[i]))
            fail_msg("%s: output %zu is not finite", what, i);
        scale = fmax(scale, fabs(reference[i]));
        keras_error = fmax(keras_error, fabs(keras[i] - reference[i]));
        error = fmax(error, fabs((double)ours[i] - reference[i]));
    }
    bound = fmax(1e-6 * scale, 2 * keras_error);
    if (error > bound)
        fail_msg("%s: off by %.3g of %.3g, more than %.3g (Keras in float32 "
                 "is off by %.3g)",
                 what, error, scale, bound, keras_error);
}
