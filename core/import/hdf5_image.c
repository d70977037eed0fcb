#include "core/import/hdf5_image.h"

/* libhdf5's core driver asks for memory to copy the image into and copies it
 * there.  These callbacks give it the image itself for every copy that it
 * wants, so that none is made; the file is opened for reading only, so nobody
 * writes into it. */

static void *image_malloc(size_t size, H5FD_file_image_op_t operation,
                          void *image)
{
    const struct hdf5_image *given = image;

    (void)operation;
    return size == given->size ? given->bytes : NULL;
}

static void *image_memcpy(void *to, const void *from, size_t size,
                          H5FD_file_image_op_t operation, void *image)
{
    (void)size;
    (void)operation;
    (void)image;
    return to == from ? to : NULL;
}

static void *image_realloc(void *bytes, size_t size,
                           H5FD_file_image_op_t operation, void *image)
{
    (void)bytes;
    (void)size;
    (void)operation;
    (void)image;
    return NULL;
}

static herr_t image_free(void *bytes, H5FD_file_image_op_t operation,
                         void *image)
{
    (void)bytes;
    (void)operation;
    (void)image;
    return 0;
}

static void *udata_copy(void *image)
{
    return image;
}

static herr_t udata_free(void *image)
{
    (void)image;
    return 0;
}

hid_t hdf5_image_access(struct hdf5_image *image)
{
    H5FD_file_image_callbacks_t callbacks = {
        image_malloc, image_memcpy, image_realloc, image_free,
        udata_copy,   udata_free,   image,
    };
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);

    if (access < 0)
        return access;
    if (H5Pset_fapl_core(access, (size_t)1 << 16, 0) < 0 ||
        H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) < 0 ||
        H5Pset_file_image_callbacks(access, &callbacks) < 0 ||
        H5Pset_file_image(access, image->bytes, image->size) < 0) {
        H5Pclose(access);
        return -1;
    }
    return access;
}
