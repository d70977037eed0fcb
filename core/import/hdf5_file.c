#include "core/import/hdf5_file.h"

#include <stdlib.h>
#include <string.h>

#include "core/import/hdf5_image.h"

#define MAX_DEPTH      32
#define MAX_DATASETS   65536
#define MAX_PATH_BYTES 1024

/* libhdf5 wants a name and tries to open it even for an image in memory. */
#define NO_FILE "/dev/null/model"

enum rnn_status hdf5_start(struct rnn_error *err)
{
    if (H5open() < 0 || H5PLset_loading_state(0) < 0 ||
        H5Eset_auto2(H5E_DEFAULT, NULL, NULL) < 0)
        return rnn_fail(err, RNN_INTERNAL, "libhdf5 does not start");
    return RNN_OK;
}

enum rnn_status hdf5_file_open(const void *bytes, size_t size,
                               const char *what, struct hdf5_file *file,
                               struct rnn_error *err)
{
    struct hdf5_image *image = malloc(sizeof(*image));
    hid_t access;

    if (!image)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    *image = (struct hdf5_image){(void *)bytes, size};
    file->id = -1;
    access = hdf5_image_access(image);
    if (access >= 0) {
        file->id = H5Fopen(NO_FILE, H5F_ACC_RDONLY, access);
        H5Pclose(access);
    }
    if (file->id < 0) {
        free(image);
        return rnn_fail(err, RNN_BAD_MODEL,
                        "%s is HDF5 that is cut short or damaged: libhdf5 "
                        "cannot open its %zu bytes; copy or download it again",
                        what, size);
    }
    file->image = image;
    return RNN_OK;
}

void hdf5_file_close(struct hdf5_file *file)
{
    if (!file->image)
        return;
    H5Fclose(file->id);
    free(file->image);
    memset(file, 0, sizeof(*file));
}

/* ---- links -------------------------------------------------------------- */

static enum rnn_status open_one(hid_t parent, const char *name, hid_t *object,
                                struct rnn_error *err)
{
    H5L_info_t link;

    if (H5Lexists(parent, name, H5P_DEFAULT) <= 0)
        return rnn_fail(err, RNN_NOT_FOUND, "\"%.200s\" is not in the file",
                        name);
    if (H5Lget_info(parent, name, &link, H5P_DEFAULT) < 0)
        return rnn_fail(err, RNN_BAD_MODEL, "\"%.200s\" cannot be read", name);
    if (link.type != H5L_TYPE_HARD)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "\"%.200s\" is a link to another place, which Keras "
                        "never writes and is not followed",
                        name);
    *object = H5Oopen(parent, name, H5P_DEFAULT);
    if (*object < 0)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "\"%.200s\" is damaged: libhdf5 cannot open it", name);
    return RNN_OK;
}

/* One part at a time, so that a link in the middle is seen too. */
enum rnn_status hdf5_open(hid_t parent, const char *path, hid_t *object,
                          struct rnn_error *err)
{
    char name[MAX_PATH_BYTES];
    hid_t at = parent;
    enum rnn_status status = RNN_OK;

    while (*path && !status) {
        size_t length = strcspn(path, "/");
        hid_t next = -1;

        if (length == 0) {
            path++;
            continue;
        }
        if (length >= sizeof(name)) {
            status =
                rnn_fail(err, RNN_LIMIT, "a name has %zu characters", length);
            break;
        }
        memcpy(name, path, length);
        name[length] = '\0';
        path += length;
        status = open_one(at, name, &next, err);
        if (at != parent)
            H5Oclose(at);
        at = status ? parent : next;
    }
    if (!status && at == parent)
        status = rnn_fail(err, RNN_NOT_FOUND, "a path is empty");
    if (!status)
        *object = at;
    else if (at != parent)
        H5Oclose(at);
    return status;
}

/* ---- what is in a group ------------------------------------------------- */

struct listing {
    struct arena *arena;
    struct hdf5_text_list *paths;
    size_t capacity;
    char path[MAX_PATH_BYTES]; /* of the group being listed, with its "/" */
    size_t length;
    size_t depth;
    size_t visited;
    enum rnn_status status;
    struct rnn_error *err;
};

static enum rnn_status keep_path(struct listing *listing)
{
    struct hdf5_text_list *paths = listing->paths;

    if (paths->count == listing->capacity) {
        size_t capacity = listing->capacity ? 2 * listing->capacity : 64;
        const char **items = arena_alloc(listing->arena, capacity,
                                         sizeof(*items), sizeof(*items));

        if (!items)
            return rnn_fail(listing->err, RNN_NO_MEMORY, "out of memory");
        if (paths->count)
            memcpy(items, paths->items, paths->count * sizeof(*items));
        paths->items = items;
        listing->capacity = capacity;
    }
    paths->items[paths->count] =
        arena_copy_text(listing->arena, listing->path, listing->length);
    if (!paths->items[paths->count])
        return rnn_fail(listing->err, RNN_NO_MEMORY, "out of memory");
    paths->count++;
    return RNN_OK;
}

static herr_t visit(hid_t group, const char *name, const H5L_info_t *link,
                    void *arg);

static enum rnn_status visit_object(struct listing *listing, hid_t object)
{
    enum rnn_status status = RNN_OK;

    switch ((int)H5Iget_type(object)) {
    case H5I_DATASET:
        return keep_path(listing);
    case H5I_GROUP:
        if (listing->depth == MAX_DEPTH ||
            listing->length + 1 >= MAX_PATH_BYTES)
            return rnn_fail(listing->err, RNN_LIMIT,
                            "the groups of the file nest deeper than %d",
                            MAX_DEPTH);
        listing->path[listing->length++] = '/';
        listing->depth++;
        if (H5Literate(object, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, visit,
                       listing) < 0)
            status = listing->status
                         ? listing->status
                         : rnn_fail(listing->err, RNN_BAD_MODEL,
                                    "a group of the file is damaged: \"%s\"",
                                    listing->path);
        listing->depth--;
        return status;
    default:
        return RNN_OK;
    }
}

static herr_t visit(hid_t group, const char *name, const H5L_info_t *link,
                    void *arg)
{
    struct listing *listing = arg;
    size_t length = strlen(name), before = listing->length;
    hid_t object = -1;

    (void)link;
    if (++listing->visited > MAX_DATASETS ||
        before + length >= MAX_PATH_BYTES - 1) {
        listing->status = rnn_fail(listing->err, RNN_LIMIT,
                                   "the file holds more than %d objects, or "
                                   "names longer than %d characters",
                                   MAX_DATASETS, MAX_PATH_BYTES);
        return -1;
    }
    memcpy(listing->path + before, name, length + 1);
    listing->length = before + length;
    listing->status = open_one(group, name, &object, listing->err);
    if (!listing->status) {
        listing->status = visit_object(listing, object);
        H5Oclose(object);
    }
    listing->length = before;
    listing->path[before] = '\0';
    return listing->status ? -1 : 0;
}

enum rnn_status hdf5_list_datasets(hid_t group, struct arena *arena,
                                   struct hdf5_text_list *paths,
                                   struct rnn_error *err)
{
    struct hdf5_text_list found = {0};
    struct listing listing = {.arena = arena, .paths = &found, .err = err};

    if (H5Literate(group, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, visit,
                   &listing) < 0)
        return listing.status ? listing.status
                              : rnn_fail(err, RNN_BAD_MODEL,
                                         "a group of the file is damaged");
    *paths = found;
    return RNN_OK;
}
