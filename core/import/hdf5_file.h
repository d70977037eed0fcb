/* hdf5_file.h: the little of HDF5 that Keras uses, read with suspicion.
 *
 * A file is read from memory (no descriptor, no copy).  Only what lies in the
 * file itself is followed: soft and external links, external storage and
 * virtual datasets are refused, because they make the reader open what the
 * writer of the file chose.
 *
 * Ownership  The caller holds struct hdf5_file; lists and texts come from the
 *            arena given.
 * Threads    One thread; libhdf5 has one lock anyway.
 */
#ifndef CORE_IMPORT_HDF5_FILE_H
#define CORE_IMPORT_HDF5_FILE_H

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"
#include "core/status.h"

#define HDF5_MAX_RANK 8

struct hdf5_image;

struct hdf5_file {
    hid_t id;
    struct hdf5_image *image;
};

struct hdf5_text_list {
    const char **items;
    size_t count;
};

/* Make libhdf5 ready and silent: before the sandbox, which stops it from
 * looking for plug-ins. */
RNN_CHECKED enum rnn_status hdf5_start(struct rnn_error *err);

/* Open the file in `bytes`, which must outlive it.  `what` is its name in
 * sentences.  BAD_MODEL: libhdf5 cannot read it. */
RNN_CHECKED enum rnn_status hdf5_file_open(const void *bytes, size_t size,
                                           const char *what,
                                           struct hdf5_file *file,
                                           struct rnn_error *err);
void hdf5_file_close(struct hdf5_file *file);

/* Open the object at `path` ("a/b/c") below `parent`; the caller closes it
 * with H5Oclose().
 *
 * NOT_FOUND    a part of the path is not there
 * UNSUPPORTED  a part of it is a soft or external link */
RNN_CHECKED enum rnn_status hdf5_open(hid_t parent, const char *path,
                                      hid_t *object, struct rnn_error *err);

/* The paths below `group` of all datasets in it, deeper ones included, in the
 * order of the file.  LIMIT: absurdly many or deep. */
RNN_CHECKED enum rnn_status hdf5_list_datasets(hid_t group,
                                               struct arena *arena,
                                               struct hdf5_text_list *paths,
                                               struct rnn_error *err);

bool hdf5_has_attribute(hid_t object, const char *name);

/* The string attribute `name`.  NOT_FOUND, or BAD_MODEL: no string. */
RNN_CHECKED enum rnn_status hdf5_read_text(hid_t object, const char *name,
                                           struct arena *arena,
                                           const char **text,
                                           struct rnn_error *err);

/* The attribute `name`, a list of strings of either kind, or split over
 * `name`0, `name`1, ... as Keras does when it is long.  An empty list is kept
 * as numbers by Keras and is an empty list here.  NOT_FOUND, BAD_MODEL. */
RNN_CHECKED enum rnn_status hdf5_read_text_list(hid_t object, const char *name,
                                                struct arena *arena,
                                                struct hdf5_text_list *list,
                                                struct rnn_error *err);

#endif
