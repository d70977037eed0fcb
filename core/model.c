#include "core/model.h"

#include <assert.h>
#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "core/fingerprint.h"
#include "core/format/json.h"
#include "core/format/keras.h"
#include "core/format/safetensors.h"
#include "core/format/weights.h"
#include "core/layers/layer.h"
#include "core/layers/loaded.h"
#include "core/ukernels/ukernels.h"

/* What is needed while a model is loaded. */
struct load {
    struct safetensors file;
    struct arena arena; /* lists, the header's tensors */
    struct weights weights;
    struct rnn_json *architecture;
};

static const char *metadata(const struct load *load, const char *key,
                            const char *if_absent)
{
    const char *text = safetensors_metadata(&load->file, key);

    return text ? text : if_absent;
}

static enum rnn_status no_memory(struct rnn_error *err)
{
    return rnn_fail(err, RNN_NO_MEMORY, "out of memory for the model");
}

static void *zalloc(struct rnn_model *model, size_t count, size_t size)
{
    return arena_zalloc(&model->arena, count, size, alignof(max_align_t));
}

/* By the caller's own hands, or here. */
static enum rnn_status take_fingerprint(
    struct load *load, const struct rnn_model_options *options,
    struct rnn_model *model, struct rnn_error *err)
{
    if (options && options->fingerprint)
        return options->fingerprint(options->arg, model->info.fingerprint,
                                    err);
    return fingerprint_take(&load->file, &load->arena, model->info.fingerprint,
                            err);
}

static enum rnn_status describe_outputs(struct rnn_model *model,
                                        struct rnn_error *err)
{
    const struct plan *plan = &model->plan;
    struct rnn_io *outputs =
        zalloc(model, plan->output_count, sizeof(*outputs));

    if (!outputs)
        return no_memory(err);
    for (size_t i = 0; i < plan->output_count; i++) {
        const struct value *value = plan->outputs[i].value;

        outputs[i].name = plan->outputs[i].name;
        outputs[i].rank = value->shape.rank;
        memcpy(outputs[i].shape, value->shape.dim, sizeof(outputs[i].shape));
        outputs[i].has_time = value->has_time;
        outputs[i].clock =
            value->has_time && value->clock ? value->clock->input : 0;
        outputs[i].features =
            value->scores || value->turned ? RNN_FREE : value->features;
    }
    model->info.inputs = plan->inputs;
    model->info.input_count = plan->input_count;
    model->info.outputs = outputs;
    model->info.output_count = plan->output_count;
    model->info.least_timesteps = plan->least_steps;
    if (plan->least_layer)
        model->info.least_because = plan->least_layer->path;
    return RNN_OK;
}

/* The models around the last of `layers` have what it has. */
static void tell_models_around(struct rnn_layer_info *layers, size_t count)
{
    const struct rnn_layer_info *last = &layers[count - 1];
    size_t depth = last->depth;

    for (size_t i = count - 1; depth && i--;) {
        if (layers[i].depth >= depth)
            continue;
        depth = layers[i].depth;
        layers[i].parameters += last->parameters;
        layers[i].state_bytes += last->state_bytes;
        layers[i].streams = layers[i].streams && last->streams;
    }
}

static enum rnn_status describe_layers(struct rnn_model *model,
                                       struct rnn_error *err)
{
    struct rnn_model_info *info = &model->info;
    struct rnn_layer_info *layers =
        zalloc(model, model->plan.layer_count, sizeof(*layers));

    if (!layers)
        return no_memory(err);
    for (const struct layer *layer = model->plan.layers; layer;
         layer = layer->next) {
        struct rnn_layer_info *described = &layers[info->layer_count++];

        described->name = layer->name;
        described->class_name = layer->class->name;
        described->depth = layer->depth;
        described->rank = layer->output_shape.rank;
        memcpy(described->shape, layer->output_shape.dim,
               sizeof(described->shape));
        described->parameters = layer->parameters;
        described->streams = !layer->whole;
        described->state_bytes = layer->state_bytes;
        tell_models_around(layers, info->layer_count);
        info->parameters += layer->parameters;
        if (layer->trainable)
            info->trainable_parameters +=
                layer->parameters - layer->fixed_parameters;
    }
    info->layers = layers;
    return RNN_OK;
}

static enum rnn_status describe_state(struct rnn_model *model,
                                      struct rnn_error *err)
{
    struct rnn_model_info *info = &model->info;
    struct rnn_state_entry *entries =
        zalloc(model, model->plan.state_count, sizeof(*entries));

    if (!entries)
        return no_memory(err);
    for (const struct state_slot *slot = model->plan.state; slot;
         slot = slot->next)
        entries[info->state_entry_count++] = slot->entry;
    info->state_entries = entries;
    info->state_bytes = model->plan.state_bytes;
    info->streams = model->plan.streams;
    info->cannot_stream_because = model->plan.cannot_stream_because;
    return RNN_OK;
}

static enum rnn_status describe_origin(const struct load *load,
                                       struct rnn_model *model,
                                       struct rnn_error *err)
{
    const char *version = metadata(load, "keras_version", "");
    const char *format = metadata(load, "source_format", "safetensors");

    model->info.keras_version =
        arena_copy_text(&model->arena, version, strlen(version));
    model->info.format =
        arena_copy_text(&model->arena, format, strlen(format));
    if (!model->info.keras_version || !model->info.format)
        return no_memory(err);
    return RNN_OK;
}

static enum rnn_status choose_isa(const struct rnn_model_options *options,
                                  enum rnn_isa *isa, struct rnn_error *err)
{
    enum rnn_isa asked = options ? options->isa : RNN_ISA_AUTO;

    if (!rnn_isa_available(asked))
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "this CPU or this build lacks the instruction set %s",
                        rnn_isa_name(asked));
    *isa = asked;
    return RNN_OK;
}

static enum rnn_status parse_architecture(struct load *load,
                                          struct rnn_error *err)
{
    const char *config = safetensors_metadata(&load->file, "keras_config");

    if (!config)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "the file has weights but no architecture: "
                        "__metadata__ lacks keras_config; make it with "
                        "rnn-import from a model saved whole");
    return rnn_json_parse(config, strlen(config), "keras_config",
                          &load->architecture, err);
}

static enum rnn_status build_plan(struct load *load, struct rnn_model *model,
                                  const struct rnn_model_options *options,
                                  struct rnn_error *err)
{
    struct plan_builder builder;
    enum rnn_status status;

    plan_begin(&builder, &model->plan, &model->arena, &load->weights);
    status = choose_isa(options, &builder.isa, err);
    if (!status)
        status = keras_read_version(model->info.keras_version,
                                    &builder.keras_major, err);
    builder.keras_minor = keras_minor(model->info.keras_version);
    if (!status)
        status = parse_architecture(load, err);
    if (!status)
        status = keras_read_model(&builder, load->architecture, err);
    if (!status)
        status = plan_finish(&builder, err);
    if (!status)
        model->info.isa = rnn_ukernels_find(builder.isa, SIZE_MAX)->isa;
    return status;
}

static enum rnn_status fill(struct load *load, struct rnn_model *model,
                            const struct rnn_model_options *options,
                            struct rnn_error *err)
{
    enum rnn_status status;

    assert(model);
    status = describe_origin(load, model, err);

    if (!status)
        status = build_plan(load, model, options, err);
    if (!status)
        status = take_fingerprint(load, options, model, err);
    if (!status)
        status = describe_outputs(model, err);
    if (!status)
        status = describe_layers(model, err);
    if (!status)
        status = describe_state(model, err);
    return status;
}

static enum rnn_status make_model(struct rnn_model **model,
                                  struct rnn_error *err)
{
    struct arena arena;
    struct rnn_model *made;

    arena_init(&arena, 0);
    made = arena_zalloc(&arena, 1, sizeof(*made), alignof(max_align_t));
    if (!made)
        return no_memory(err);
    made->arena = arena;
    *model = made;
    return RNN_OK;
}

enum rnn_status rnn_model_load(const void *bytes, size_t size,
                               const struct rnn_model_options *options,
                               struct rnn_model **model, struct rnn_error *err)
{
    struct load load = {0};
    struct rnn_model *made = NULL;
    const struct safetensors_origin origin = rnn_model_origin(options);
    enum rnn_status status =
        safetensors_open(bytes, size, &origin, &load.arena, &load.file, err);

    if (!status)
        status = weights_init(&load.weights, &load.file, &load.arena, err);
    if (!status)
        status = make_model(&made, err);
    if (!status)
        status = fill(&load, made, options, err);
    if (!status) {
        *model = made;
        made = NULL;
    }
    rnn_model_free(made);
    rnn_json_free(load.architecture);
    weights_release(&load.weights);
    safetensors_release(&load.file);
    arena_release(&load.arena);
    return status;
}

void rnn_model_free(struct rnn_model *model)
{
    struct arena arena;

    if (!model)
        return;
    arena = model->arena; /* the model is in it */
    arena_release(&arena);
}

const struct rnn_model_info *rnn_model_info(const struct rnn_model *model)
{
    return &model->info;
}
