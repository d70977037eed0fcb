/* fuzz_import.c: any bytes as a model file, through the whole importer.
 *
 * The functions run in this process and without the sandbox, so a fault of
 * libhdf5 or libzip shows here too; in rnn-import it would end that process
 * and no other.  What comes out is loaded, as the daemon would: whatever the
 * importer makes of nonsense, core/format may not fall over it.
 *
 * An input that begins with a brace is an architecture by itself, since a
 * fuzzer cannot make the checksum of a zip.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/format/inventory.h"
#include "core/import/hdf5_file.h"
#include "core/import/import.h"
#include "core/import/layouts.h"
#include "core/model.h"
#include "tests/support/keras_writer.h"

#define MAX_OUT ((size_t)16 << 20)

struct out {
    unsigned char *bytes;
    size_t size;
};

static bool keep(void *arg, const void *bytes, size_t size)
{
    struct out *out = arg;
    unsigned char *grown = realloc(out->bytes, out->size + size);

    if (!grown)
        return false;
    out->bytes = grown;
    memcpy(out->bytes + out->size, bytes, size);
    out->size += size;
    return true;
}

static void try_import(const uint8_t *data, size_t size)
{
    struct out out = {0};
    struct byte_sink sink = {keep, &out, MAX_OUT};
    struct rnn_model_options options = {RNN_ISA_AUTO};
    struct rnn_model *model = NULL;
    struct rnn_error err = {.message = ""};

    if (import_model(data, size, &sink, NULL, &err) == RNN_OK) {
        if (rnn_model_load(out.bytes, out.size, &options, &model, &err) ==
            RNN_OK)
            rnn_model_free(model);
    }
    free(out.bytes);
}

static void try_architecture(const char *text, size_t size)
{
    struct rnn_inventory inventory = {0};

    if (rnn_inventory_init(text, size, &inventory, NULL) == RNN_OK)
        rnn_inventory_release(&inventory);
}

/* As model.weights.h5 of an archive, which no fuzzer gets into one. */
static void try_weights(const uint8_t *data, size_t size)
{
    struct rnn_inventory inventory = {0};
    struct weight_list list = {0};
    struct hdf5_file file = {0};
    float *numbers = NULL;

    if (hdf5_file_open(data, size, "weights", &file, NULL))
        return;
    if (rnn_inventory_init(keras_sample_config, strlen(keras_sample_config),
                           &inventory, NULL) ||
        weight_list_init(&inventory, &list, NULL))
        abort();
    if (layout_keras(file.id, &inventory, &list, NULL) == RNN_OK) {
        for (size_t i = 0; i < list.count; i++) {
            if (list.items[i].count > MAX_OUT / sizeof(float))
                continue;
            numbers = malloc(list.items[i].count * sizeof(float));
            if (numbers)
                (void)!weight_read(&list.items[i], numbers, NULL);
            free(numbers);
        }
    }
    weight_list_release(&list);
    rnn_inventory_release(&inventory);
    hdf5_file_close(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (hdf5_start(NULL))
        abort();
    if (size > 0 && data[0] == '{')
        try_architecture((const char *)data, size);
    else
        try_import(data, size);
    if (size > 0 && data[0] == 0x89)
        try_weights(data, size);
    return 0;
}
