/* weight.h: one weight of a foreign file: a checked HDF5 dataset and the name
 * it gets.
 *
 * Ownership  The caller holds the list; weight_list_release() closes the
 *            datasets.  Names live in the arena of whoever filled the list.
 * Threads    One.
 * Shapes     Row-major, as the file has them.
 */
#ifndef CORE_IMPORT_WEIGHT_H
#define CORE_IMPORT_WEIGHT_H

#include <hdf5.h>
#include <stddef.h>

#include "core/format/inventory.h"
#include "core/import/hdf5_file.h"
#include "core/status.h"

enum weight_kind { WEIGHT_FLOAT, WEIGHT_BFLOAT16 };

struct weight {
    const char *name; /* "lstm_1/kernel" */
    hid_t dataset;
    enum weight_kind kind;
    size_t bits; /* of one number in the file: 16, 32 or 64 */
    size_t rank;
    size_t shape[HDF5_MAX_RANK];
    size_t count;          /* numbers */
    const float *in_place; /* they lie so in the file; NULL: weight_read() */
};

struct weight_list {
    struct weight *items;
    size_t count, capacity;
    const struct hdf5_image *image; /* of the datasets; NULL: none that may be
                                       read in place */
};

/* Room for every weight of the inventory; `image`, which may be NULL, must
 * outlive the list. */
RNN_CHECKED enum rnn_status weight_list_init(
    const struct rnn_inventory *inventory, const struct hdf5_image *image,
    struct weight_list *list, struct rnn_error *err);
void weight_list_release(struct weight_list *list);

/* Add the dataset at `path` below `group` as weight `index` of `layer`.  Its
 * name is made in the inventory's arena.
 *
 * BAD_MODEL    not there, damaged, or it says that it is more than 1000 times
 *              what is stored of it
 * UNSUPPORTED  no dataset of floats, or data that lie in another file */
RNN_CHECKED enum rnn_status weight_list_add(struct weight_list *list,
                                            struct rnn_inventory *inventory,
                                            size_t layer, size_t index,
                                            hid_t group, const char *path,
                                            struct rnn_error *err);

/* NOT_FINITE: one of these numbers of the weight, from `first` on, is NaN or
 * infinite. */
RNN_CHECKED enum rnn_status weight_check_finite(const struct weight *weight,
                                                const float *numbers,
                                                size_t first, size_t count,
                                                struct rnn_error *err);

/* Read all numbers as float32.  NOT_FINITE: one is NaN, infinite, or too
 * large for float32. */
RNN_CHECKED enum rnn_status weight_read(const struct weight *weight,
                                        float *numbers, struct rnn_error *err);

#endif
