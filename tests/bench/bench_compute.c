/* bench_compute.c: the engine alone, as a worker (worker.h): rnn_infer() on a
 * loaded model, called from C.
 *
 * RNND_ISA names an instruction set; the best one otherwise.
 */
#include "core/infer.h"
#include "tests/bench/worker.h"

struct ours {
    struct rnn_model *model;
    struct rnn_sequence sequences[WORKER_ROWS];
    const float *inputs[WORKER_ROWS];
    float *outputs[WORKER_ROWS];
    size_t batch, units;
    void *scratch;
};

static struct rnn_error err;

/* A model is loaded once for all batches and timesteps. */
static struct rnn_model *load(const char *path)
{
    static struct {
        char *path;
        struct rnn_model *model;
    } loaded[512];
    const char *isa = getenv("RNND_ISA");
    struct rnn_model_options options = {.isa = RNN_ISA_AUTO};
    size_t i, size;
    void *bytes;

    if (isa && !rnn_isa_parse(isa, &options.isa))
        return NULL;
    for (i = 0; i < 511 && loaded[i].path; i++)
        if (strcmp(loaded[i].path, path) == 0)
            return loaded[i].model;
    bytes = worker_read(path, ".safetensors", &size);
    if (rnn_model_load(bytes, size, &options, &loaded[i].model, &err))
        return NULL;
    free(bytes);
    loaded[i].path = strdup(path);
    return loaded[i].model;
}

static void *make(const struct worker_case *wanted, const char **why)
{
    struct ours *ours = calloc(1, sizeof(*ours));
    size_t size, features, scratch;
    const float *numbers;
    float *outputs;

    err.message[0] = '\0';
    *why = err.message;
    if (!ours || wanted->batch > WORKER_ROWS ||
        !(ours->model = load(wanted->model)))
        return NULL;
    features = rnn_model_info(ours->model)->inputs[0].features;
    ours->units = rnn_model_info(ours->model)->outputs[0].features;
    ours->batch = wanted->batch;
    numbers = worker_read(wanted->numbers, "", &size);
    outputs = calloc(wanted->batch * ours->units, sizeof(*outputs));
    for (size_t i = 0; i < wanted->batch; i++) {
        ours->inputs[i] = numbers + i * WORKER_STRIDE * features;
        ours->outputs[i] = outputs + i * ours->units;
        ours->sequences[i] =
            (struct rnn_sequence){.timesteps = wanted->timesteps,
                                  .inputs = &ours->inputs[i],
                                  .outputs = &ours->outputs[i]};
    }
    scratch =
        rnn_scratch_size(ours->model, wanted->batch, wanted->timesteps, false);
    ours->scratch = aligned_alloc(64, (scratch + 64) / 64 * 64);
    return outputs && ours->scratch ? ours : NULL;
}

static void run(void *made)
{
    struct ours *ours = made;

    if (rnn_infer(ours->model, ours->sequences, ours->batch, NULL,
                  ours->scratch, &err)) {
        fprintf(stderr, "%s\n", err.message);
        exit(EXIT_FAILURE);
    }
}

static const float *outputs_of(void *made, size_t *count)
{
    struct ours *ours = made;

    *count = ours->units;
    return ours->outputs[ours->batch - 1];
}

int main(void)
{
    static const struct worker_engine engine = {make, run, outputs_of};

    return worker_main(&engine);
}
