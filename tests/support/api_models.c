#include "tests/support/api_models.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/model_builder.h"

#define MAX_OPTIONS 24

struct recipe {
    const char *name;
    size_t timesteps, features;
    struct model_layer layers[2];
    double scale;
    uint64_t seed;
};

static const struct recipe recipes[API_MODELS] = {
    {"seed",
     10,
     3,
     {{.class_name = "SimpleRNN", .units = 5},
      {.class_name = "Dense", .units = 2}},
     1,
     1},
    {"other",
     10,
     3,
     {{.class_name = "SimpleRNN", .units = 5},
      {.class_name = "Dense", .units = 2}},
     1,
     2},
    {"free",
     0,
     3,
     {{.class_name = "LSTM", .units = 4}, {.class_name = "Dense", .units = 2}},
     1,
     3},
    {"one",
     0,
     1,
     {{.class_name = "GRU", .units = 3, .reset_after = true},
      {.class_name = "Dense", .units = 1}},
     1,
     4},
    {"rows",
     0,
     2,
     {{.class_name = "SimpleRNN", .units = 3, .return_sequences = true},
      {.class_name = "Dense", .units = 2}},
     1,
     5},
    {"static", 7, 3, {{.class_name = "Dense", .units = 2}}, 1, 6},
    {"big", 0, 1, {{.class_name = "LSTM", .units = 64}}, 1, 7},
    {"wild",
     0,
     1,
     {{.class_name = "SimpleRNN", .units = 2, .activation = "linear"}},
     1e15,
     8},
};

static void make(const struct recipe *recipe, const char *path)
{
    struct model_builder builder;

    model_builder_init(&builder, recipe->timesteps, recipe->features);
    builder.scale *= recipe->scale;
    builder.seed = recipe->seed;
    for (size_t i = 0; i < 2 && recipe->layers[i].class_name; i++)
        model_builder_add(&builder, &recipe->layers[i]);
    if (!strcmp(recipe->name, "static"))
        model_builder_replace(&builder, "[null, 7, 3]", "[null, 3]");
    model_builder_write(&builder, path);
    model_builder_release(&builder);
}

void api_models_make(struct api_models *models)
{
    snprintf(models->folder, sizeof(models->folder), "/tmp/rnnd-test-XXXXXX");
    assert_non_null(mkdtemp(models->folder));
    for (size_t i = 0; i < API_MODELS; i++) {
        char *argument = models->arguments[i];

        snprintf(argument, sizeof(models->arguments[i]),
                 "%s=%s/%s.safetensors", recipes[i].name, models->folder,
                 recipes[i].name);
        make(&recipes[i], strchr(argument, '=') + 1);
    }
}

void api_models_remove(struct api_models *models)
{
    for (size_t i = 0; i < API_MODELS; i++)
        unlink(strchr(models->arguments[i], '=') + 1);
    rmdir(models->folder);
}

void api_models_serve(const struct api_models *models,
                      const char *const *options, struct daemon *daemon)
{
    const char *all[MAX_OPTIONS + API_MODELS + 1];
    size_t count = 0;

    while (options && options[count]) {
        assert_true(count < MAX_OPTIONS);
        all[count] = options[count];
        count++;
    }
    for (size_t i = 0; i < API_MODELS; i++)
        all[count++] = models->arguments[i];
    all[count] = NULL;
    daemon_start(daemon, all);
}

void api_world_open(struct api_world *world, const char *const *options)
{
    api_models_make(&world->models);
    api_models_serve(&world->models, options, &world->daemon);
    api_init(&world->api, world->daemon.url);
}

void api_world_close(struct api_world *world)
{
    api_release(&world->api);
    daemon_stop(&world->daemon);
    api_models_remove(&world->models);
}
