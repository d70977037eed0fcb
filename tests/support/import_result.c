#include "tests/support/import_result.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/import/hdf5_file.h"
#include "core/import/import.h"
#include "core/model.h"

static bool keep(void *arg, const void *bytes, size_t size)
{
    struct import_result *result = arg;

    result->bytes = realloc(result->bytes, result->size + size);
    assert_non_null(result->bytes);
    memcpy(result->bytes + result->size, bytes, size);
    result->size += size;
    return true;
}

static void keep_note(void *arg, const char *sentence)
{
    struct import_result *result = arg;
    size_t used = strlen(result->notes);

    snprintf(result->notes + used, sizeof(result->notes) - used, "%s\n",
             sentence);
}

struct import_result import_result_of(const void *bytes, size_t size,
                                      size_t max_bytes)
{
    struct import_result result = {0};
    struct byte_sink sink = {keep, &result, max_bytes, false};
    struct import_notes notes = {keep_note, &result};

    assert_int_equal(hdf5_start(NULL), RNN_OK);
    result.status = import_model(bytes, size, &sink, &notes, &result.err);
    return result;
}

/* Import the file and take it away. */
struct import_result import_path(const char *path)
{
    size_t size;
    unsigned char *bytes = keras_read_file(path, &size);
    struct import_result result =
        import_result_of(bytes, size, (size_t)1 << 30);

    free(bytes);
    unlink(path);
    return result;
}

void new_path(char path[SCRATCH_PATH_BYTES])
{
    scratch_file("", 0, path);
}

struct import_result import_layout(const struct keras_layout *layout,
                                   struct keras_parts parts)
{
    char path[SCRATCH_PATH_BYTES], weights[SCRATCH_PATH_BYTES];

    new_path(path);
    new_path(weights);
    keras_write_weights(weights, layout);
    parts.weights_path = weights;
    keras_write_zip(path, &parts);
    unlink(weights);
    return import_path(path);
}

/* Replace out/bias of the .h5 by one of `type`. */
struct import_result import_with_bias(hid_t type, float number)
{
    char path[SCRATCH_PATH_BYTES];
    hsize_t one = 1;
    hid_t file;

    new_path(path);
    keras_write_h5(path, 2);
    file = keras_reopen(path);
    keras_remove_link(file, "model_weights/out/out/bias:0");
    keras_put_numbers(file, "model_weights/out/out/bias:0", type, 1, &one,
                      &number);
    H5Fclose(file);
    return import_path(path);
}

/* Spoil an .h5 of Keras 2 by `spoil` and import it. */
struct import_result import_spoilt(void (*spoil)(hid_t file))
{
    char path[SCRATCH_PATH_BYTES];
    hid_t file;

    new_path(path);
    keras_write_h5(path, 2);
    file = keras_reopen(path);
    spoil(file);
    H5Fclose(file);
    return import_path(path);
}

const float *numbers_of(const struct import_result *result, const char *name)
{
    uint64_t header;
    char key[64];
    const char *at;
    size_t begin;

    memcpy(&header, result->bytes, 8);
    snprintf(key, sizeof(key), "\"%s\":{\"dtype\":\"F32\"", name);
    at = memmem(result->bytes + 8, header, key, strlen(key));
    assert_non_null(at);
    at = strstr(at, "data_offsets\":[");
    begin = strtoul(at + 15, NULL, 10);
    return (const float *)(result->bytes + 8 + header + begin);
}

/* The five weights are there, exactly, and the daemon's reader takes them. */
void assert_is_sample(struct import_result *result)
{
    struct rnn_model *model = NULL;
    struct rnn_model_options options = {.isa = RNN_ISA_AUTO};
    struct rnn_error err = {.message = ""};

    if (result->status)
        print_error("%s\n", result->err.message);
    assert_int_equal(result->status, RNN_OK);
    for (size_t i = 0; i < KERAS_SAMPLE_WEIGHTS; i++) {
        const struct keras_sample_weight *weight = &keras_sample_weights[i];
        size_t count =
            weight->shape[0] * (weight->rank == 2 ? weight->shape[1] : 1);

        assert_memory_equal(numbers_of(result, weight->name), weight->numbers,
                            count * sizeof(float));
    }
    if (rnn_model_load(result->bytes, result->size, &options, &model, &err))
        fail_msg("%s", err.message);
    assert_int_equal(rnn_model_info(model)->parameters, KERAS_SAMPLE_FLOATS);
    rnn_model_free(model);
    free(result->bytes);
}

/* It failed with this status, its sentence holds these words, and nothing was
 * written. */
void assert_refused(struct import_result *result, enum rnn_status status,
                    const char *words)
{
    if (!strstr(result->err.message, words))
        fail_msg("\"%s\" does not say \"%s\"", result->err.message, words);
    assert_int_equal(result->status, status);
    assert_null(strchr(result->err.message, '\n'));
    free(result->bytes);
}
