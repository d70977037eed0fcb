#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/import/hdf5_file.h"

#define MAX_TEXT_BYTES ((size_t)64 << 20)
#define MAX_ITEMS      1000000

bool hdf5_has_attribute(hid_t object, const char *name)
{
    return H5Aexists(object, name) > 0;
}

/* An attribute that is open, and what it is made of. */
struct opened {
    const char *name;
    hid_t attribute, type, space;
    size_t count; /* elements; 1 for a scalar */
};

static void opened_release(struct opened *opened)
{
    if (opened->space >= 0)
        H5Sclose(opened->space);
    if (opened->type >= 0)
        H5Tclose(opened->type);
    if (opened->attribute >= 0)
        H5Aclose(opened->attribute);
}

static enum rnn_status opened_init(hid_t object, const char *name,
                                   struct opened *opened,
                                   struct rnn_error *err)
{
    hssize_t count = -1;

    *opened = (struct opened){name, -1, -1, -1, 0};
    if (!hdf5_has_attribute(object, name))
        return rnn_fail(err, RNN_NOT_FOUND, "the attribute %s is not there",
                        name);
    opened->attribute = H5Aopen(object, name, H5P_DEFAULT);
    if (opened->attribute >= 0) {
        opened->type = H5Aget_type(opened->attribute);
        opened->space = H5Aget_space(opened->attribute);
    }
    if (opened->space >= 0)
        count = H5Sget_simple_extent_npoints(opened->space);
    if (opened->type < 0 || count < 0) {
        opened_release(opened);
        return rnn_fail(err, RNN_BAD_MODEL, "the attribute %s is damaged",
                        name);
    }
    if (count > MAX_ITEMS) {
        opened_release(opened);
        return rnn_fail(err, RNN_LIMIT, "the attribute %s has %lld entries",
                        name, (long long)count);
    }
    opened->count = (size_t)count;
    return RNN_OK;
}

/* Strings of a fixed length, padded with NUL or blanks. */
static enum rnn_status read_fixed(const struct opened *opened,
                                  struct arena *arena, const char **items,
                                  struct rnn_error *err)
{
    size_t size = H5Tget_size(opened->type);
    char *all;

    if (size == 0 || size > MAX_TEXT_BYTES / opened->count)
        return rnn_fail(err, RNN_LIMIT, "the attribute %s is too long",
                        opened->name);
    all = malloc(size * opened->count);
    if (!all)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    if (H5Aread(opened->attribute, opened->type, all) < 0) {
        free(all);
        return rnn_fail(err, RNN_BAD_MODEL, "the attribute %s is damaged",
                        opened->name);
    }
    for (size_t i = 0; i < opened->count; i++) {
        const char *text = all + i * size;

        items[i] = arena_copy_text(arena, text, strnlen(text, size));
        if (!items[i])
            break;
    }
    free(all);
    return items[opened->count - 1]
               ? RNN_OK
               : rnn_fail(err, RNN_NO_MEMORY, "out of memory");
}

static enum rnn_status read_variable(const struct opened *opened,
                                     struct arena *arena, const char **items,
                                     struct rnn_error *err)
{
    char **all = calloc(opened->count, sizeof(*all));
    enum rnn_status status = RNN_OK;

    if (!all)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    if (H5Aread(opened->attribute, opened->type, all) < 0) {
        free(all);
        return rnn_fail(err, RNN_BAD_MODEL, "the attribute %s is damaged",
                        opened->name);
    }
    for (size_t i = 0; i < opened->count && !status; i++) {
        const char *text = all[i] ? all[i] : "";

        items[i] = arena_copy_text(arena, text, strlen(text));
        if (!items[i])
            status = rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    }
    H5Dvlen_reclaim(opened->type, opened->space, H5P_DEFAULT, all);
    free(all);
    return status;
}

/* Keras writes an empty list as an array of no float64. */
static enum rnn_status read_items(const struct opened *opened,
                                  struct arena *arena,
                                  struct hdf5_text_list *list,
                                  struct rnn_error *err)
{
    htri_t variable;
    enum rnn_status status;
    const char **items;

    if (opened->count == 0) {
        *list = (struct hdf5_text_list){0};
        return RNN_OK;
    }
    if (H5Tget_class(opened->type) != H5T_STRING)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "the attribute %s is not made of strings",
                        opened->name);
    items = arena_zalloc(arena, opened->count, sizeof(*items), sizeof(*items));
    if (!items)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    variable = H5Tis_variable_str(opened->type);
    status = variable > 0 ? read_variable(opened, arena, items, err)
                          : read_fixed(opened, arena, items, err);
    if (!status)
        *list = (struct hdf5_text_list){items, opened->count};
    return status;
}

static enum rnn_status read_list(hid_t object, const char *name,
                                 struct arena *arena,
                                 struct hdf5_text_list *list,
                                 struct rnn_error *err)
{
    struct opened opened;
    enum rnn_status status = opened_init(object, name, &opened, err);

    if (status)
        return status;
    status = read_items(&opened, arena, list, err);
    opened_release(&opened);
    return status;
}

enum rnn_status hdf5_read_text(hid_t object, const char *name,
                               struct arena *arena, const char **text,
                               struct rnn_error *err)
{
    struct hdf5_text_list list = {0};
    enum rnn_status status = read_list(object, name, arena, &list, err);

    if (status)
        return status;
    if (list.count != 1)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "the attribute %s has %zu strings, not one", name,
                        list.count);
    *text = list.items[0];
    return RNN_OK;
}

static enum rnn_status append(struct hdf5_text_list *list,
                              const struct hdf5_text_list *more,
                              struct arena *arena, struct rnn_error *err)
{
    size_t count = list->count + more->count;
    const char **items;

    if (count > MAX_ITEMS)
        return rnn_fail(err, RNN_LIMIT, "a list of names is too long");
    if (more->count == 0)
        return RNN_OK;
    items = arena_alloc(arena, count, sizeof(*items), sizeof(*items));
    if (!items)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    if (list->count)
        memcpy(items, list->items, list->count * sizeof(*items));
    memcpy(items + list->count, more->items, more->count * sizeof(*items));
    *list = (struct hdf5_text_list){items, count};
    return RNN_OK;
}

enum rnn_status hdf5_read_text_list(hid_t object, const char *name,
                                    struct arena *arena,
                                    struct hdf5_text_list *list,
                                    struct rnn_error *err)
{
    struct hdf5_text_list all = {0}, part = {0};
    enum rnn_status status = RNN_OK;
    char numbered[64];
    unsigned chunk = 0;

    if (hdf5_has_attribute(object, name))
        return read_list(object, name, arena, list, err);
    snprintf(numbered, sizeof(numbered), "%.48s0", name);
    if (!hdf5_has_attribute(object, numbered))
        return rnn_fail(err, RNN_NOT_FOUND, "the attribute %s is not there",
                        name);
    while (!status && hdf5_has_attribute(object, numbered)) {
        status = read_list(object, numbered, arena, &part, err);
        if (!status)
            status = append(&all, &part, arena, err);
        snprintf(numbered, sizeof(numbered), "%.48s%u", name, ++chunk);
    }
    if (!status)
        *list = all;
    return status;
}
