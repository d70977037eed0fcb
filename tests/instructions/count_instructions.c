/* count_instructions.c JOB: one job, done twice, the second time inside
 * measured(), which callgrind counts (run.sh).
 *
 *   predict  a JSON body of 10 x 3 numbers read, SimpleRNN(5) and Dense(2)
 *            run, the answer written
 *   parse    a JSON body of 100 x 16 numbers read
 *   write    1,000 numbers written
 *
 * Exit 77 when this CPU lacks AVX2: only its instructions were counted, since
 * valgrind knows no newer ones.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/infer.h"
#include "server/http/message.h"
#include "server/json/json_writer.h"
#include "server/json/predict_body.h"
#include "tests/support/model_run.h"

#define NOT_HERE  77
#define TIMESTEPS 10
#define FEATURES  3
#define OUTPUTS   2
#define NUMBERS   1000

static struct desk {
    struct rnn_model *model;
    void *scratch;
    char *text; /* a body, padded */
    size_t length;
    float numbers[NUMBERS];
    struct arena arena;
} desk;

static void die(const char *what)
{
    fprintf(stderr, "count_instructions: %s\n", what);
    exit(1);
}

static const float *read_body(void)
{
    static const struct predict_limits limits = {2097152, 65536, 1024};
    struct predict_body body;
    struct problem problem;

    arena_reset(&desk.arena, SIZE_MAX);
    if (!predict_body_read(desk.text, desk.length, &limits, &desk.arena, &body,
                           &problem))
        die(problem.detail);
    return body.samples->tensors->data;
}

static size_t write_numbers(const float *numbers, size_t count)
{
    struct json_writer writer;

    json_writer_init(&writer, &desk.arena);
    json_write_tensor(&writer, numbers, 1, &count);
    if (writer.failed)
        die("out of memory");
    return writer.length;
}

static size_t predict(void)
{
    const float *x = read_body();
    float y[OUTPUTS], *out = y;
    const struct rnn_sequence sequence = {
        .timesteps = TIMESTEPS, .inputs = &x, .outputs = &out};
    const struct rnn_infer_options options = {.every_step = false};
    struct rnn_error err;

    if (rnn_infer(desk.model, &sequence, 1, &options, desk.scratch, &err))
        die(err.message);
    return write_numbers(y, OUTPUTS);
}

static size_t parse(void)
{
    return read_body() ? 1 : 0;
}

static size_t write_all(void)
{
    arena_reset(&desk.arena, SIZE_MAX);
    return write_numbers(desk.numbers, NUMBERS);
}

typedef size_t job_fn(void);

/* Here callgrind begins and ends to count. */
__attribute__((noinline)) size_t measured(job_fn *job);
size_t measured(job_fn *job)
{
    return job() + 1;
}

static void make_body(size_t timesteps, size_t features)
{
    const size_t size = timesteps * (features * 28 + 4) + 64;
    uint64_t seed = 7;
    char *at = calloc(1, size + HTTP_BODY_PADDING);

    if (!at)
        die("out of memory");
    desk.text = at;
    at += sprintf(at, "{\"sequence\": [");
    for (size_t t = 0; t < timesteps; t++) {
        at += sprintf(at, t ? ", [" : "[");
        for (size_t d = 0; d < features; d++)
            at += sprintf(at, d ? ", %.8g" : "%.8g",
                          (double)model_random_float(&seed, 3.0));
        *at++ = ']';
    }
    at += sprintf(at, "]}");
    desk.length = (size_t)(at - desk.text);
}

static void make_model(void)
{
    struct model_builder b;

    model_builder_init(&b, TIMESTEPS, FEATURES);
    model_builder_add(
        &b, &(struct model_layer){.class_name = "SimpleRNN", .units = 5});
    model_builder_add(
        &b, &(struct model_layer){.class_name = "Dense", .units = OUTPUTS});
    desk.model = model_load(&b, RNN_ISA_AVX2);
    model_builder_release(&b);
    if (posix_memalign(&desk.scratch, 64,
                       rnn_scratch_size(desk.model, 1, TIMESTEPS, false)))
        die("out of memory");
}

static job_fn *prepare(const char *name)
{
    uint64_t seed = 9;

    if (strcmp(name, "parse") == 0) {
        make_body(100, 16);
        return parse;
    }
    if (strcmp(name, "write") == 0) {
        for (size_t i = 0; i < NUMBERS; i++)
            desk.numbers[i] = model_random_float(&seed, 3.0);
        return write_all;
    }
    if (strcmp(name, "predict"))
        die("predict, parse or write?");
    make_body(TIMESTEPS, FEATURES);
    make_model();
    return predict;
}

int main(int argc, char **argv)
{
    job_fn *job;
    size_t sum;

    if (!rnn_isa_available(RNN_ISA_AVX2))
        return NOT_HERE;
    arena_init(&desk.arena, 0);
    job = prepare(argc > 1 ? argv[1] : "");
    sum = job();
    sum += measured(job);
    rnn_model_free(desk.model);
    free(desk.scratch);
    free(desk.text);
    arena_release(&desk.arena);
    return sum > 0 ? 0 : 1;
}
