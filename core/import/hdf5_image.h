/* hdf5_image.h: a file in memory, given to libhdf5 without a copy. */
#ifndef CORE_IMPORT_HDF5_IMAGE_H
#define CORE_IMPORT_HDF5_IMAGE_H

#include <hdf5.h>
#include <stddef.h>

struct hdf5_image {
    void *bytes;
    size_t size;
};

/* An access property list that reads `image`, which must outlive the file;
 * the caller closes it with H5Pclose().  Negative: libhdf5 refused. */
hid_t hdf5_image_access(struct hdf5_image *image);

#endif
