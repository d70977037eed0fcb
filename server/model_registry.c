#include "server/model_registry.h"

#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "server/clock.h"
#include "server/log.h"
#include "server/model_file.h"

struct model_registry {
    struct served_model *models;
    size_t count;
};

static void log_loaded(const struct log *log,
                       const struct served_model *served, uint64_t began_ms)
{
    const struct rnn_model_info *info = served->info;

    log_event(log, LOG_INFO, "model_loaded",
              (struct log_field[]){
                  {"model", served->name, 0},
                  {"path", served->path, 0},
                  {"format", info->format, 0},
                  {"keras_version", info->keras_version, 0},
                  {"fingerprint", served->fingerprint, 0},
                  {"parameters", NULL, (int64_t)info->parameters},
                  {"ms", NULL, (int64_t)(clock_monotonic_ms() - began_ms)},
                  {NULL, NULL, 0}});
}

/* `isa` is one of the words of options.def, so it always parses. */
static struct model_file_options options_of(const struct config *config,
                                            const struct log *log)
{
    struct model_file_options options = {
        .isa = RNN_ISA_AUTO,
        .importer = config->importer,
        .import_memory = config->import_memory,
        .import_timeout_ms = config->import_timeout,
        .log = log,
    };

    rnn_isa_parse(config->isa, &options.isa);
    return options;
}

static enum rnn_status load_all(const struct config *config,
                                const struct log *log,
                                struct model_registry *registry,
                                struct rnn_error *err)
{
    struct model_file_options options = options_of(config, log);

    for (size_t i = 0; i < config->model_count; i++) {
        struct served_model *served = &registry->models[i];
        uint64_t began_ms = clock_monotonic_ms();
        enum rnn_status status = model_file_load(
            config->models[i].path, &options, &served->model, err);

        if (status)
            return status;
        registry->count++;
        served->name = config->models[i].name;
        served->path = config->models[i].path;
        served->info = rnn_model_info(served->model);
        served->index = i;
        rnn_digest_hex(served->info->fingerprint, served->fingerprint);
        log_loaded(log, served, began_ms);
    }
    return RNN_OK;
}

enum rnn_status model_registry_create(const struct config *config,
                                      const struct log *log,
                                      struct model_registry **registry,
                                      struct rnn_error *err)
{
    struct model_registry *made = calloc(1, sizeof(*made));
    size_t count = config->model_count ? config->model_count : 1;
    enum rnn_status status;

    if (!made)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    made->models = calloc(count, sizeof(*made->models));
    status = made->models ? load_all(config, log, made, err)
                          : rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    if (status)
        model_registry_free(made);
    else
        *registry = made;
    return status;
}

void model_registry_free(struct model_registry *registry)
{
    if (!registry)
        return;
    for (size_t i = 0; i < registry->count; i++)
        rnn_model_free(registry->models[i].model);
    free(registry->models);
    free(registry);
}

size_t model_registry_count(const struct model_registry *registry)
{
    return registry->count;
}

const struct served_model *model_registry_at(
    const struct model_registry *registry, size_t index)
{
    return &registry->models[index];
}

const struct served_model *model_registry_find(
    const struct model_registry *registry, const char *name)
{
    for (size_t i = 0; i < registry->count; i++) {
        if (!name || strcmp(registry->models[i].name, name) == 0)
            return &registry->models[i];
    }
    return NULL;
}
