#include "core/import/layouts.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* model_weights/<layer>/<weight_names[i]>
 *
 * `layer_names` lists the layers, `weight_names` of each group its datasets,
 * as paths below the group: "kernel:0", "lstm/lstm_cell_6/kernel:0",
 * "model/lstm/lstm_cell/kernel".  All that stays the same from version to
 * version is the last part, so that decides; the order does not, since a
 * frozen layer changes it.
 */

/* Does `path` end in the weight called `name`, with or without ":0"? */
static bool is_weight(const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    const char *last = slash ? slash + 1 : path;
    size_t length = strlen(name);

    return strncmp(last, name, length) == 0 &&
           (last[length] == '\0' || strcmp(last + length, ":0") == 0);
}

static enum rnn_status find_weight(const struct hdf5_text_list *paths,
                                   const struct rnn_layer_weights *layer,
                                   size_t index, const char **path,
                                   struct rnn_error *err)
{
    const char *found = NULL;

    for (size_t i = 0; i < paths->count; i++) {
        if (!is_weight(paths->items[i], layer->weights[index]))
            continue;
        if (found)
            return rnn_fail(err, RNN_BAD_MODEL,
                            "layer \"%.80s\" (%s) has two weights called %s: "
                            "%.120s and %.120s",
                            layer->name, layer->class_name,
                            layer->weights[index], found, paths->items[i]);
        found = paths->items[i];
    }
    if (!found)
        return rnn_fail(err, RNN_BAD_MODEL, "weight %.80s/%s (%s) is missing",
                        layer->name, layer->weights[index], layer->class_name);
    *path = found;
    return RNN_OK;
}

/* Every path must be one of the layer's weights. */
static enum rnn_status check_left_over(const struct hdf5_text_list *paths,
                                       const struct rnn_layer_weights *layer,
                                       struct rnn_error *err)
{
    for (size_t i = 0; i < paths->count; i++) {
        bool known =
            layer->unread && is_weight(paths->items[i], layer->unread);

        for (size_t k = 0; k < layer->weight_count; k++)
            known = known || is_weight(paths->items[i], layer->weights[k]);
        if (!known)
            return rnn_fail(err, RNN_BAD_MODEL,
                            "layer \"%.80s\" (%s) has no weight for "
                            "\"%.160s\" of the file",
                            layer->name, layer->class_name, paths->items[i]);
    }
    return RNN_OK;
}

static enum rnn_status fill_layer(hid_t weights,
                                  struct rnn_inventory *inventory,
                                  size_t index, struct weight_list *list,
                                  struct rnn_error *err)
{
    const struct rnn_layer_weights *layer = &inventory->layers[index];
    struct hdf5_text_list paths = {0};
    const char *path = NULL;
    hid_t group;
    enum rnn_status status = hdf5_open(weights, layer->name, &group, err);

    if (status == RNN_NOT_FOUND)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "the weights of layer \"%.80s\" (%s) are missing",
                        layer->name, layer->class_name);
    if (status)
        return status;
    status = hdf5_read_text_list(group, "weight_names", &inventory->arena,
                                 &paths, err);
    if (status == RNN_NOT_FOUND)
        status = rnn_fail(err, RNN_BAD_MODEL,
                          "the weights of layer \"%.80s\" (%s) are missing: "
                          "its group has no weight_names",
                          layer->name, layer->class_name);
    for (size_t i = 0; i < layer->weight_count && !status; i++) {
        status = find_weight(&paths, layer, i, &path, err);
        if (!status)
            status =
                weight_list_add(list, inventory, index, i, group, path, err);
    }
    if (!status)
        status = check_left_over(&paths, layer, err);
    H5Oclose(group);
    return status;
}

static bool is_in_inventory(const struct rnn_inventory *inventory,
                            const char *name)
{
    for (size_t i = 0; i < inventory->layer_count; i++) {
        if (strcmp(inventory->layers[i].name, name) == 0)
            return true;
    }
    return false;
}

/* A layer of the file that the architecture does not have must be empty. */
static enum rnn_status check_stranger(hid_t weights, const char *name,
                                      struct arena *arena,
                                      struct rnn_error *err)
{
    struct hdf5_text_list paths = {0};
    enum rnn_status status = RNN_OK;
    hid_t group;

    if (hdf5_open(weights, name, &group, NULL))
        return RNN_OK;
    if (hdf5_has_attribute(group, "weight_names") ||
        hdf5_has_attribute(group, "weight_names0"))
        status =
            hdf5_read_text_list(group, "weight_names", arena, &paths, err);
    H5Oclose(group);
    if (!status && paths.count > 0)
        status = rnn_fail(err, RNN_BAD_MODEL,
                          "the file holds weights of \"%.80s\" (%.80s), "
                          "which no layer of the architecture takes",
                          name, paths.items[0]);
    return status;
}

static enum rnn_status check_strangers(hid_t weights,
                                       struct rnn_inventory *inventory,
                                       struct rnn_error *err)
{
    struct hdf5_text_list names = {0};
    enum rnn_status status = hdf5_read_text_list(
        weights, "layer_names", &inventory->arena, &names, err);

    if (status == RNN_NOT_FOUND)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "model_weights has no layer_names: the save was cut "
                        "short, or Keras did not write this file");
    for (size_t i = 0; i < names.count && !status; i++) {
        if (!is_in_inventory(inventory, names.items[i]))
            status = check_stranger(weights, names.items[i], &inventory->arena,
                                    err);
    }
    if (!status)
        status = check_stranger(weights, "top_level_model_weights",
                                &inventory->arena, err);
    return status;
}

enum rnn_status layout_h5(hid_t file, struct rnn_inventory *inventory,
                          struct weight_list *list, struct rnn_error *err)
{
    hid_t weights;
    enum rnn_status status = hdf5_open(file, "model_weights", &weights, err);

    if (status == RNN_NOT_FOUND)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "the file has an architecture but no model_weights: "
                        "the save was cut short");
    if (status)
        return status;
    for (size_t i = 0; i < inventory->layer_count && !status; i++)
        status = fill_layer(weights, inventory, i, list, err);
    if (!status)
        status = check_strangers(weights, inventory, err);
    H5Oclose(weights);
    return status;
}
