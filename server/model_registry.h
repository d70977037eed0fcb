/* model_registry.h: the models being served, by name.
 *
 * Loaded once at start, in the order of the command line; afterwards only
 * read.  The first one answers where a request names none.
 *
 * Threads  After creation any; there is no lock.
 */
#ifndef SERVER_MODEL_REGISTRY_H
#define SERVER_MODEL_REGISTRY_H

#include <stddef.h>

#include "core/model.h"
#include "core/status.h"

struct config;
struct log;
struct model_registry;

struct served_model {
    const char *name; /* NAME of NAME=MODEL, or the file's stem */
    const char *path;
    struct rnn_model *model;
    const struct rnn_model_info *info;
    char fingerprint[2 * RNN_DIGEST_BYTES + 1];
    size_t index; /* its place in the registry */
};

/* Load every model of the configuration.  The first failure ends it, with a
 * sentence that begins with the file's path. */
RNN_CHECKED enum rnn_status model_registry_create(
    const struct config *config, const struct log *log,
    struct model_registry **registry, struct rnn_error *err);
void model_registry_free(struct model_registry *registry);

size_t model_registry_count(const struct model_registry *registry);
const struct served_model *model_registry_at(
    const struct model_registry *registry, size_t index);

/* The model called `name`, the first one for NULL; NULL if there is none. */
const struct served_model *model_registry_find(
    const struct model_registry *registry, const char *name);

#endif
