#include "core/import/layouts.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/format/class_weights.h"

/* model_weights/<layer>/<weight_names[i]>
 *
 * `layer_names` lists the layers, `weight_names` of each group its datasets,
 * as paths below the group: "kernel:0", "lstm/lstm_cell_6/kernel:0",
 * "model/lstm/lstm_cell/kernel".  All that stays the same from version to
 * version is the last part, so that decides; the order does not, since a
 * frozen layer changes it.  A model as a layer is one group with the weights
 * of all its layers: there the layer's name has to stand in the path too.
 */

/* A group, the weights that it lists, and whose they are. */
struct group {
    hid_t id;
    struct hdf5_text_list paths;
    struct owner {
        const struct rnn_layer_weights *layer; /* NULL: nobody's yet */
        size_t index;                          /* weight_count: `unread` */
    } * owners;                                /* [paths.count] */
};

/* Does `path` end in the weight called `name`, with or without ":0"? */
static bool is_weight(const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    const char *last = slash ? slash + 1 : path;
    size_t length = strlen(name);

    return strncmp(last, name, length) == 0 &&
           (last[length] == '\0' || strcmp(last + length, ":0") == 0);
}

/* Is `name`, which may hold slashes itself, a whole part of `path`? */
static bool has_part(const char *path, const char *name)
{
    size_t length = strlen(name);

    for (const char *at = strstr(path, name); at; at = strstr(at + 1, name))
        if ((at == path || at[-1] == '/') && at[length] == '/')
            return true;
    return false;
}

/* Does a part of `path` begin so?  With a slash at its end: is it the part
 * before the last? */
static bool has_start(const char *path, const char *start)
{
    const char *last = strrchr(path, '/');
    size_t length = strlen(start);

    if (start[length - 1] == '/')
        return last && (size_t)(last + 1 - path) >= length &&
               !strncmp(last + 1 - length, start, length) &&
               (last + 1 - length == path || last[-(ptrdiff_t)length] == '/');
    for (const char *at = strstr(path, start); at; at = strstr(at + 1, start))
        if (at == path || at[-1] == '/')
            return true;
    return false;
}

/* Keras 3.0 wrote no more than the weight's own name. */
static bool may_be_of(const char *path, const char *name)
{
    return has_part(path, name) || !strchr(path, '/');
}

/* Find what the file calls `weight` of the layer, which stands in the path as
 * `name`; NULL: it need not.  One that has an owner already is not looked
 * at. */
static enum rnn_status find_called(struct group *group,
                                   const struct rnn_layer_weights *layer,
                                   const char *name, const char *weight,
                                   size_t *found, struct rnn_error *err)
{
    const struct hdf5_text_list *paths = &group->paths;

    *found = paths->count;
    for (size_t i = 0; i < paths->count; i++) {
        if (group->owners[i].layer || !is_weight(paths->items[i], weight) ||
            (name && !may_be_of(paths->items[i], name)) ||
            (layer->cell && !may_be_of(paths->items[i], layer->cell)) ||
            (layer->side && !has_start(paths->items[i], layer->side)))
            continue;
        if (*found < paths->count)
            return rnn_fail(err, RNN_BAD_MODEL,
                            "layer \"%.80s\" (%s) has two weights called %s: "
                            "%.120s and %.120s",
                            layer->name, layer->class_name, weight,
                            paths->items[*found], paths->items[i]);
        *found = i;
    }
    return RNN_OK;
}

/* Weight `index` of the layer, by its name or by its other one. */
static enum rnn_status find_weight(struct group *group,
                                   const struct rnn_layer_weights *layer,
                                   const char *name, size_t index,
                                   size_t *found, struct rnn_error *err)
{
    const char *weight = layer->weights[index];
    const char *also = class_weights_also(weight);
    enum rnn_status status =
        find_called(group, layer, name, weight, found, err);

    if (!status && *found == group->paths.count && also)
        status = find_called(group, layer, name, also, found, err);
    return status;
}

/* Does the group have it for certain: is the whole path to the layer, models
 * around it included, in the name of one weight? */
static void own_by_whole_name(struct group *group,
                              const struct rnn_layer_weights *layer,
                              const char *name)
{
    for (size_t w = 0; w < layer->weight_count; w++) {
        size_t found;

        if (!find_weight(group, layer, name, w, &found, NULL) &&
            found < group->paths.count)
            group->owners[found] = (struct owner){layer, w};
    }
}

static bool is_owned(const struct group *group,
                     const struct rnn_layer_weights *layer, size_t index,
                     size_t *found)
{
    for (*found = 0; *found < group->paths.count; ++*found)
        if (group->owners[*found].layer == layer &&
            group->owners[*found].index == index)
            return true;
    return false;
}

static enum rnn_status own_by_name(struct group *group,
                                   const struct rnn_layer_weights *layer,
                                   struct rnn_error *err)
{
    const char *name = layer->model == RNN_NO_MODEL ? NULL : layer->layer_name;

    for (size_t w = 0; w < layer->weight_count; w++) {
        size_t found;
        enum rnn_status status;

        if (is_owned(group, layer, w, &found))
            continue;
        status = find_weight(group, layer, name, w, &found, err);
        if (status)
            return status;
        if (found == group->paths.count)
            return rnn_fail(err, RNN_BAD_MODEL,
                            "weight %.80s/%s (%s) is missing", layer->name,
                            layer->weights[w], layer->class_name);
        group->owners[found] = (struct owner){layer, w};
    }
    return RNN_OK;
}

/* What the layer keeps behind its weights and nobody needs is its own too. */
static void own_unread(struct group *group,
                       const struct rnn_layer_weights *layer)
{
    const char *name = layer->model == RNN_NO_MODEL ? NULL : layer->layer_name;

    for (size_t i = 0; layer->unread && i < group->paths.count; i++) {
        const char *path = group->paths.items[i];

        if (!group->owners[i].layer && is_weight(path, layer->unread) &&
            (!name || may_be_of(path, name)))
            group->owners[i] = (struct owner){layer, layer->weight_count};
    }
}

/* Every path must be one of the group's weights. */
static enum rnn_status check_left_over(const struct group *group,
                                       const struct rnn_layer_weights *layer,
                                       struct rnn_error *err)
{
    for (size_t i = 0; i < group->paths.count; i++)
        if (!group->owners[i].layer)
            return rnn_fail(err, RNN_BAD_MODEL,
                            "layer \"%.80s\" (%s) has no weight for "
                            "\"%.160s\" of the file",
                            layer->name, layer->class_name,
                            group->paths.items[i]);
    return RNN_OK;
}

static enum rnn_status open_group(hid_t weights,
                                  const struct rnn_layer_weights *layer,
                                  struct arena *arena, struct group *group,
                                  struct rnn_error *err)
{
    enum rnn_status status =
        hdf5_open(weights, layer->layer_name, &group->id, err);

    if (status == RNN_NOT_FOUND)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "the weights of layer \"%.80s\" (%s) are missing",
                        layer->name, layer->class_name);
    if (status)
        return status;
    status = hdf5_read_text_list(group->id, "weight_names", arena,
                                 &group->paths, err);
    if (status == RNN_NOT_FOUND)
        status = rnn_fail(err, RNN_BAD_MODEL,
                          "the weights of layer \"%.80s\" (%s) are missing: "
                          "its group has no weight_names",
                          layer->name, layer->class_name);
    if (status)
        return status;
    group->owners = arena_zalloc(arena, group->paths.count + 1,
                                 sizeof(group->owners[0]), sizeof(void *));
    return group->owners ? RNN_OK
                         : rnn_fail(err, RNN_NO_MEMORY, "out of memory");
}

/* Entries `first` to `end` - 1: a layer of the whole model, or a model in it
 * and all that it holds.  Weights whose names say all are given away first:
 * of two layers with one name, in models in the model, one has a longer
 * name. */
static enum rnn_status own_all(struct group *group,
                               const struct rnn_layer_weights *layers,
                               size_t first, size_t end, struct rnn_error *err)
{
    size_t above = strlen(layers[first].layer_name) + 1;
    enum rnn_status status = RNN_OK;

    for (size_t i = first + 1; i < end; i++)
        if (layers[i].model != RNN_NO_MODEL && layers[i].model != first)
            own_by_whole_name(group, &layers[i], layers[i].name + above);
    for (size_t i = first; i < end && !status; i++)
        status = own_by_name(group, &layers[i], err);
    for (size_t i = first; i < end; i++)
        own_unread(group, &layers[i]);
    if (!status)
        status = check_left_over(group, &layers[first], err);
    return status;
}

static enum rnn_status fill_group(hid_t weights,
                                  struct rnn_inventory *inventory,
                                  size_t first, size_t end,
                                  struct weight_list *list,
                                  struct rnn_error *err)
{
    const struct rnn_layer_weights *layers = inventory->layers;
    struct group group = {.id = -1};
    size_t path = 0;
    enum rnn_status status =
        open_group(weights, &layers[first], &inventory->arena, &group, err);

    if (!status)
        status = own_all(&group, layers, first, end, err);
    for (size_t i = first; i < end && !status; i++)
        for (size_t w = 0; w < layers[i].weight_count && !status; w++)
            if (is_owned(&group, &layers[i], w, &path))
                status = weight_list_add(list, inventory, i, w, group.id,
                                         group.paths.items[path], err);
    if (group.id >= 0)
        H5Oclose(group.id);
    return status;
}

static bool is_in_inventory(const struct rnn_inventory *inventory,
                            const char *name)
{
    for (size_t i = 0; i < inventory->layer_count; i++) {
        if (inventory->layers[i].model == RNN_NO_MODEL &&
            strcmp(inventory->layers[i].layer_name, name) == 0)
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
    for (size_t i = 0, end; i < inventory->layer_count && !status; i = end) {
        for (end = i + 1; end < inventory->layer_count &&
                          (inventory->layers[end].model != RNN_NO_MODEL ||
                           inventory->layers[end].is_second);)
            end++;
        status = fill_group(weights, inventory, i, end, list, err);
    }
    if (!status)
        status = check_strangers(weights, inventory, err);
    H5Oclose(weights);
    return status;
}
