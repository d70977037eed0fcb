#include "core/import/weight.h"

#include <math.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/import/hdf5_image.h"
#include "core/tensor.h"

/* Keras draws the line for a dataset at the same ratio. */
#define MAX_RATIO 1000

enum rnn_status weight_list_init(const struct rnn_inventory *inventory,
                                 const struct hdf5_image *image,
                                 struct weight_list *list,
                                 struct rnn_error *err)
{
    size_t count = 0;
    struct weight *items;

    for (size_t i = 0; i < inventory->layer_count; i++)
        count += inventory->layers[i].weight_count;
    items = calloc(count ? count : 1, sizeof(*items));
    if (!items)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    *list = (struct weight_list){items, 0, count, image};
    return RNN_OK;
}

void weight_list_release(struct weight_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        H5Dclose(list->items[i].dataset);
    free(list->items);
    memset(list, 0, sizeof(*list));
}

/* ---- what a dataset is -------------------------------------------------- */

static enum rnn_status check_type(hid_t type, struct weight *weight,
                                  struct rnn_error *err)
{
    size_t size = H5Tget_size(type);
    H5T_class_t class = H5Tget_class(type);

    weight->bits = 8 * size;
    if (class == H5T_FLOAT && (size == 2 || size == 4 || size == 8)) {
        weight->kind = WEIGHT_FLOAT;
        return RNN_OK;
    }
    /* h5py has no bfloat16: Keras writes its two bytes as they are. */
    if (class == H5T_OPAQUE && size == 2) {
        weight->kind = WEIGHT_BFLOAT16;
        return RNN_OK;
    }
    return rnn_fail(err, RNN_UNSUPPORTED,
                    "weight %.160s is not made of floats (HDF5 class %d of "
                    "%zu bytes); quantised models are not supported",
                    weight->name, (int)class, size);
}

static enum rnn_status check_shape(hid_t space, struct weight *weight,
                                   struct rnn_error *err)
{
    hsize_t dims[H5S_MAX_RANK];
    int rank = H5Sget_simple_extent_ndims(space);

    if (rank < 0 || H5Sget_simple_extent_type(space) == H5S_NULL)
        return rnn_fail(err, RNN_BAD_MODEL, "weight %.160s has no shape",
                        weight->name);
    if (rank > HDF5_MAX_RANK)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "weight %.160s has %d axes, more than %d",
                        weight->name, rank, HDF5_MAX_RANK);
    if (H5Sget_simple_extent_dims(space, dims, NULL) < 0)
        return rnn_fail(err, RNN_BAD_MODEL, "weight %.160s has no shape",
                        weight->name);
    weight->rank = (size_t)rank;
    weight->count = 1;
    for (int axis = 0; axis < rank; axis++) {
        if (dims[axis] == 0 ||
            dims[axis] > SIZE_MAX / sizeof(double) / weight->count)
            return rnn_fail(err, RNN_BAD_MODEL,
                            "weight %.160s has %llu entries on axis %d",
                            weight->name, (unsigned long long)dims[axis],
                            axis);
        weight->shape[axis] = (size_t)dims[axis];
        weight->count *= weight->shape[axis];
    }
    return RNN_OK;
}

/* Where the numbers lie: in this file, all of them. */
static enum rnn_status check_storage(hid_t plist, const struct weight *weight,
                                     struct rnn_error *err)
{
    H5D_layout_t layout = H5Pget_layout(plist);
    hsize_t stored = H5Dget_storage_size(weight->dataset);
    size_t wanted = weight->count * (weight->bits / 8);

    if (layout == H5D_VIRTUAL || H5Pget_external_count(plist) != 0)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "weight %.160s lies in another file, which Keras "
                        "never writes and is not opened",
                        weight->name);
    if (stored == 0)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "weight %.160s has a shape but no numbers were "
                        "written: the save was cut short",
                        weight->name);
    if (wanted / MAX_RATIO > stored)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "weight %.160s says that it has %zu bytes, but %llu "
                        "are stored: more than %d times as many",
                        weight->name, wanted, (unsigned long long)stored,
                        MAX_RATIO);
    return RNN_OK;
}

/* Where its float32 lie in one piece in the file, as they are: a large one
 * need not be copied to be read. */
static const float *find_in_place(const struct weight *weight, hid_t type,
                                  hid_t plist, const struct hdf5_image *image)
{
    size_t bytes = weight->count * sizeof(float);
    haddr_t offset;

    if (!image || H5Tequal(type, H5T_NATIVE_FLOAT) <= 0 ||
        H5Pget_layout(plist) != H5D_CONTIGUOUS ||
        H5Dget_storage_size(weight->dataset) != bytes)
        return NULL;
    offset = H5Dget_offset(weight->dataset);
    if (offset == HADDR_UNDEF || offset > image->size ||
        bytes > image->size - offset ||
        ((uintptr_t)image->bytes + offset) % alignof(float))
        return NULL;
    return (const float *)(const void *)((const unsigned char *)image->bytes +
                                         offset);
}

static enum rnn_status check_dataset(struct weight *weight,
                                     const struct hdf5_image *image,
                                     struct rnn_error *err)
{
    hid_t type = H5Dget_type(weight->dataset);
    hid_t space = H5Dget_space(weight->dataset);
    hid_t plist = H5Dget_create_plist(weight->dataset);
    enum rnn_status status = RNN_OK;

    if (type < 0 || space < 0 || plist < 0)
        status = rnn_fail(err, RNN_BAD_MODEL, "weight %.160s is damaged",
                          weight->name);
    if (!status)
        status = check_type(type, weight, err);
    if (!status)
        status = check_shape(space, weight, err);
    if (!status)
        status = check_storage(plist, weight, err);
    if (!status)
        weight->in_place = find_in_place(weight, type, plist, image);
    if (type >= 0)
        H5Tclose(type);
    if (space >= 0)
        H5Sclose(space);
    if (plist >= 0)
        H5Pclose(plist);
    return status;
}

/* ---- adding one --------------------------------------------------------- */

static const char *full_name(struct arena *arena,
                             const struct rnn_layer_weights *layer,
                             size_t index)
{
    size_t size = strlen(layer->name) + strlen(layer->weights[index]) + 2;
    char *name = arena_alloc(arena, size, 1, 1);

    if (name)
        snprintf(name, size, "%s/%s", layer->name, layer->weights[index]);
    return name;
}

enum rnn_status weight_list_add(struct weight_list *list,
                                struct rnn_inventory *inventory, size_t layer,
                                size_t index, hid_t group, const char *path,
                                struct rnn_error *err)
{
    const struct rnn_layer_weights *owner = &inventory->layers[layer];
    struct weight weight = {.name =
                                full_name(&inventory->arena, owner, index)};
    struct rnn_error reason;
    enum rnn_status status;

    if (!weight.name)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    status = hdf5_open(group, path, &weight.dataset, &reason);
    if (status)
        return rnn_fail(err, status == RNN_NOT_FOUND ? RNN_BAD_MODEL : status,
                        "weight %.160s (%.80s) is missing: %.200s",
                        weight.name, owner->class_name, reason.message);
    if (H5Iget_type(weight.dataset) != H5I_DATASET) {
        status =
            rnn_fail(err, RNN_BAD_MODEL,
                     "weight %.160s is not an array in the file", weight.name);
    } else {
        status = check_dataset(&weight, list->image, err);
    }
    if (status)
        H5Oclose(weight.dataset);
    else
        list->items[list->count++] = weight;
    return status;
}

/* ---- reading ------------------------------------------------------------ */

enum rnn_status weight_check_finite(const struct weight *weight,
                                    const float *numbers, size_t first,
                                    size_t count, struct rnn_error *err)
{
    size_t at = 0;

    if (rnn_all_finite(numbers, count))
        return RNN_OK;
    while (isfinite(numbers[at]))
        at++;
    return rnn_fail(
        err, RNN_NOT_FINITE, "weight %.160s holds %s (number %zu of %zu%s)",
        weight->name, isnan(numbers[at]) ? "NaN" : "an infinite number",
        first + at + 1, weight->count,
        weight->bits == 64 ? ", as float32" : "");
}

/* bfloat16 is the upper half of a float32.  The halves are read into the
 * second half of the room, and widened from the front. */
static herr_t read_bfloat16(const struct weight *weight, float *numbers)
{
    unsigned char *halves = (unsigned char *)numbers + 2 * weight->count;
    hid_t type = H5Dget_type(weight->dataset);
    herr_t result =
        H5Dread(weight->dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, halves);

    H5Tclose(type);
    for (size_t i = 0; result >= 0 && i < weight->count; i++) {
        uint32_t bits =
            (uint32_t)halves[2 * i] << 16 | (uint32_t)halves[2 * i + 1] << 24;

        memcpy(&numbers[i], &bits, sizeof(bits));
    }
    return result;
}

enum rnn_status weight_read(const struct weight *weight, float *numbers,
                            struct rnn_error *err)
{
    herr_t result = weight->kind == WEIGHT_BFLOAT16
                        ? read_bfloat16(weight, numbers)
                        : H5Dread(weight->dataset, H5T_NATIVE_FLOAT, H5S_ALL,
                                  H5S_ALL, H5P_DEFAULT, numbers);

    if (result < 0)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "weight %.160s is damaged: libhdf5 cannot read its "
                        "%zu numbers",
                        weight->name, weight->count);
    return weight_check_finite(weight, numbers, 0, weight->count, err);
}
