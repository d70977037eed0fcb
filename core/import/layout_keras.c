#include "core/import/layouts.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* layers/<class>[_<number>]/[cell/]vars/<index>
 *
 * and, for a model as a layer, layers/functional/layers/<class>/... again.
 *
 * The n-th layer of a class is the n-th group of that class by number.  The
 * numbers themselves are not trusted to be 0, 1, 2: Keras 2.12 and 2.13 left
 * gaps.  From 3.6 on each group says the layer's name; then it has to agree.
 */

#define MAX_PATH 1024

struct folder {
    const char *name;  /* "lstm_1"; in the inventory's arena */
    const char *class; /* its snake name: one of the inventory's, or NULL */
    unsigned long number;
    bool taken;
};

struct container {
    hid_t group;
    size_t model;           /* whose layers these are, in the inventory */
    const char *name;       /* "layers" */
    struct folder *folders; /* those that hold datasets */
    size_t count;
    struct folder *last;            /* the one that was given away last */
    struct hdf5_text_list datasets; /* paths of all datasets below it */
    bool *consumed;                 /* for each of them */
};

static void container_release(struct container *container)
{
    free(container->folders);
    free(container->consumed);
    if (container->group >= 0)
        H5Oclose(container->group);
}

/* "lstm_12" is number 12 of "lstm", "lstm" is its number 0. */
static bool is_of_class(const char *name, const char *class,
                        unsigned long *number)
{
    size_t length = strlen(class);
    char *end;

    if (strncmp(name, class, length) != 0)
        return false;
    *number = 0;
    if (name[length] == '\0')
        return true;
    if (name[length] != '_' || name[length + 1] < '0' ||
        name[length + 1] > '9')
        return false;
    *number = strtoul(name + length + 1, &end, 10);
    return *end == '\0';
}

static void find_class(struct folder *folder, size_t model,
                       const struct rnn_inventory *inventory)
{
    for (size_t i = 0; i < inventory->layer_count && !folder->class; i++) {
        const char *class = inventory->layers[i].snake_name;

        if (inventory->layers[i].model == model &&
            is_of_class(folder->name, class, &folder->number))
            folder->class = class;
    }
}

static int compare_folders(const void *a, const void *b)
{
    const struct folder *left = a, *right = b;

    if (left->number != right->number)
        return left->number < right->number ? -1 : 1;
    return strcmp(left->name, right->name);
}

/* The first part of each dataset's path; datasets of one folder follow one
 * another in the listing. */
static enum rnn_status list_folders(struct rnn_inventory *inventory,
                                    struct container *container,
                                    struct rnn_error *err)
{
    size_t count = container->datasets.count;

    container->folders = calloc(count + 1, sizeof(*container->folders));
    container->consumed = calloc(count + 1, sizeof(*container->consumed));
    if (!container->folders || !container->consumed)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++) {
        const char *path = container->datasets.items[i];
        size_t length = strcspn(path, "/");
        struct folder *last = &container->folders[container->count];

        if (container->count > 0 &&
            strncmp(last[-1].name, path, length) == 0 &&
            last[-1].name[length] == '\0')
            continue;
        last->name = arena_copy_text(&inventory->arena, path, length);
        if (!last->name)
            return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
        find_class(last, container->model, inventory);
        container->count++;
    }
    qsort(container->folders, container->count, sizeof(*container->folders),
          compare_folders);
    return RNN_OK;
}

/* `layers`, or `_layer_checkpoint_dependencies` in Keras 2.12 to 2.14. */
static enum rnn_status open_container(hid_t parent,
                                      struct rnn_inventory *inventory,
                                      struct container *container,
                                      struct rnn_error *err)
{
    enum rnn_status status;

    container->name = "layers";
    status = hdf5_open(parent, container->name, &container->group, err);
    if (status == RNN_NOT_FOUND) {
        container->name = "_layer_checkpoint_dependencies";
        status = hdf5_open(parent, container->name, &container->group, err);
    }
    if (status == RNN_NOT_FOUND)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "model.weights.h5 has neither `layers` nor "
                        "`_layer_checkpoint_dependencies`, so no weights");
    if (!status)
        status = hdf5_list_datasets(container->group, &inventory->arena,
                                    &container->datasets, err);
    if (!status)
        status = list_folders(inventory, container, err);
    return status;
}

/* Folders are sorted by number, so the first that is free is the next. */
static struct folder *next_folder(struct container *container,
                                  const char *class)
{
    for (size_t i = 0; i < container->count; i++) {
        struct folder *folder = &container->folders[i];

        if (folder->class && !folder->taken &&
            strcmp(folder->class, class) == 0)
            return folder;
    }
    return NULL;
}

/* The attribute `name` of <folder>/vars, where there is one. */
static enum rnn_status check_name(const struct container *container,
                                  const struct folder *folder,
                                  const struct rnn_layer_weights *layer,
                                  struct arena *arena, struct rnn_error *err)
{
    char path[MAX_PATH];
    const char *name = layer->layer_name;
    hid_t vars;
    enum rnn_status status = RNN_OK;

    snprintf(path, sizeof(path), "%s/vars", folder->name);
    if (hdf5_open(container->group, path, &vars, NULL))
        return RNN_OK;
    if (hdf5_has_attribute(vars, "name"))
        status = hdf5_read_text(vars, "name", arena, &name, err);
    H5Oclose(vars);
    if (!status && strcmp(name, layer->layer_name) != 0)
        status = rnn_fail(err, RNN_BAD_MODEL,
                          "layer \"%.80s\" (%s) should have its weights in "
                          "layers/%.80s, but those belong to \"%.80s\"",
                          layer->name, layer->class_name, folder->name, name);
    return status;
}

static void consume(struct container *container, const char *path)
{
    for (size_t i = 0; i < container->datasets.count; i++) {
        if (!container->consumed[i] &&
            strcmp(container->datasets.items[i], path) == 0) {
            container->consumed[i] = true;
            return;
        }
    }
}

static enum rnn_status fill_model(hid_t parent, size_t model,
                                  struct rnn_inventory *inventory,
                                  struct weight_list *list,
                                  struct rnn_error *err);

/* Where a layer keeps its weights: "lstm_1/cell", "time_distributed/layer".
 * Some versions put an underscore before the last part. */
static void find_place(const struct container *container,
                       const struct folder *folder,
                       const struct rnn_layer_weights *layer,
                       char place[MAX_PATH])
{
    const char *slash = strrchr(layer->inside, '/');
    size_t before = slash ? (size_t)(slash + 1 - layer->inside) : 0;
    hid_t group;

    snprintf(place, MAX_PATH, "%s%s%s", folder->name,
             *layer->inside ? "/" : "", layer->inside);
    if (!layer->may_be_private)
        return;
    if (!hdf5_open(container->group, place, &group, NULL))
        H5Oclose(group);
    else
        snprintf(place, MAX_PATH, "%s/%.*s_%s", folder->name, (int)before,
                 layer->inside, layer->inside + before);
}

/* A model as a layer: its own container accounts for what is in that. */
static enum rnn_status fill_nested(struct container *container,
                                   const struct folder *folder,
                                   struct rnn_inventory *inventory,
                                   size_t index, struct weight_list *list,
                                   struct rnn_error *err)
{
    hid_t group;
    char path[MAX_PATH], place[MAX_PATH];
    size_t length;
    enum rnn_status status;

    find_place(container, folder, &inventory->layers[index], place);
    status = hdf5_open(container->group, place, &group, err);
    if (status)
        return status;
    status = fill_model(group, index, inventory, list, err);
    H5Oclose(group);
    snprintf(path, sizeof(path), "%.900s/%s/", place, container->name);
    length = strlen(path);
    for (size_t i = 0; i < container->datasets.count; i++)
        if (!strncmp(container->datasets.items[i], path, length))
            container->consumed[i] = true;
    return status;
}

static enum rnn_status fill_layer(struct container *container,
                                  struct rnn_inventory *inventory,
                                  size_t index, struct weight_list *list,
                                  struct rnn_error *err)
{
    const struct rnn_layer_weights *layer = &inventory->layers[index];
    struct folder *folder = layer->is_second
                                ? container->last
                                : next_folder(container, layer->snake_name);
    enum rnn_status status;
    char path[MAX_PATH], place[MAX_PATH];

    if (!folder)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "the weights of layer \"%.80s\" (%s) are missing: "
                        "no group of that class is left in model.weights.h5",
                        layer->name, layer->class_name);
    folder->taken = true;
    container->last = folder;
    status = check_name(container, folder, layer, &inventory->arena, err);
    if (!status && layer->is_model)
        return fill_nested(container, folder, inventory, index, list, err);
    find_place(container, folder, layer, place);
    for (size_t i = 0; i < layer->weight_count && !status; i++) {
        snprintf(path, sizeof(path), "%.900s/vars/%zu", place, i);
        status = weight_list_add(list, inventory, index, i, container->group,
                                 path, err);
        consume(container, path);
    }
    if (layer->unread) {
        snprintf(path, sizeof(path), "%.900s/vars/%zu", place,
                 layer->weight_count);
        consume(container, path);
    }
    return status;
}

static enum rnn_status check_left_over(const struct container *container,
                                       struct rnn_error *err)
{
    for (size_t i = 0; i < container->datasets.count; i++) {
        if (!container->consumed[i])
            return rnn_fail(err, RNN_BAD_MODEL,
                            "model.weights.h5 holds layers/%.200s, which "
                            "belongs to no layer of the architecture",
                            container->datasets.items[i]);
    }
    return RNN_OK;
}

/* Weights of the model itself, beside its layers: a subclassed model. */
static enum rnn_status check_own_weights(hid_t file, struct rnn_error *err)
{
    hid_t own;

    if (hdf5_open(file, "vars/0", &own, NULL))
        return RNN_OK;
    H5Oclose(own);
    return rnn_fail(err, RNN_UNSUPPORTED,
                    "the model has weights of its own (vars/0), which belong "
                    "to no layer");
}

static enum rnn_status fill_model(hid_t parent, size_t model,
                                  struct rnn_inventory *inventory,
                                  struct weight_list *list,
                                  struct rnn_error *err)
{
    struct container container = {.group = -1, .model = model};
    enum rnn_status status =
        open_container(parent, inventory, &container, err);

    for (size_t i = 0; i < inventory->layer_count && !status; i++)
        if (inventory->layers[i].model == model)
            status = fill_layer(&container, inventory, i, list, err);
    if (!status)
        status = check_left_over(&container, err);
    container_release(&container);
    return status;
}

enum rnn_status layout_keras(hid_t file, struct rnn_inventory *inventory,
                             struct weight_list *list, struct rnn_error *err)
{
    enum rnn_status status = check_own_weights(file, err);

    if (!status)
        status = fill_model(file, RNN_NO_MODEL, inventory, list, err);
    return status;
}
