/* worker.h: an engine that does as it is told, line by line, so that several
 * engines can take turns on one core (tests/bench/part_compute.py).
 *
 *     add ID MODEL NUMBERS BATCH TIMESTEPS
 *                   answers `ok` and the first outputs of the last sequence,
 *                   or `error` and a sentence
 *     time ID MS    answers the processor time and the elapsed time of one
 *                   call in ns, and how many calls that took
 *     end
 *
 * MODEL is a path without its ending: MODEL.safetensors, and MODEL.bin with
 * kernel, recurrent kernel and bias one after the other, as Keras has them.
 * NUMBERS are timesteps of float32; sequence i begins WORKER_STRIDE timesteps
 * behind sequence i - 1.
 */
#ifndef TESTS_BENCH_WORKER_H
#define TESTS_BENCH_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WORKER_ROWS   64
#define WORKER_STRIDE 5
#define WORKER_CASES  4096
#define WORKER_SHOWN  8

struct worker_case {
    const char *model, *numbers;
    size_t batch, timesteps;
};

/* What an engine brings. */
struct worker_engine {
    /* Whatever run() needs, or NULL and a sentence. */
    void *(*make)(const struct worker_case *made, const char **why);
    void (*run)(void *made);
    /* The outputs of the last sequence, and how many they are. */
    const float *(*outputs)(void *made, size_t *count);
};

struct worker_made {
    void *made;
    size_t calls; /* of a sample, once known */
};

/* All of a file, with its size; ends the program when it is not there. */
static inline void *worker_read(const char *path, const char *ending,
                                size_t *size)
{
    char name[4096];
    FILE *file;
    void *bytes;

    snprintf(name, sizeof(name), "%s%s", path, ending);
    file = fopen(name, "rb");
    if (!file) {
        fprintf(stderr, "%s is not there\n", name);
        exit(EXIT_FAILURE);
    }
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    bytes = aligned_alloc(64, (*size + 64) / 64 * 64);
    if (!bytes || fread(bytes, 1, *size, file) != *size)
        exit(EXIT_FAILURE);
    fclose(file);
    return bytes;
}

static inline double worker_clock(clockid_t which)
{
    struct timespec now;

    clock_gettime(which, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static inline void worker_add(const struct worker_engine *engine,
                              struct worker_case *wanted,
                              struct worker_made *made)
{
    const char *why = "it cannot";
    const float *outputs;
    size_t count;

    made->calls = 1;
    made->made = engine->make(wanted, &why);
    if (!made->made) {
        printf("error %s\n", why);
        return;
    }
    engine->run(made->made);
    outputs = engine->outputs(made->made, &count);
    printf("ok");
    for (size_t i = 0; i < count && i < WORKER_SHOWN; i++)
        printf(" %.9g", (double)outputs[i]);
    printf("\n");
}

static inline void worker_time(const struct worker_engine *engine,
                               struct worker_made *made, double least_ns)
{
    engine->run(made->made);
    for (;;) {
        double cpu = worker_clock(CLOCK_PROCESS_CPUTIME_ID);
        double wall = worker_clock(CLOCK_MONOTONIC);

        for (size_t i = 0; i < made->calls; i++)
            engine->run(made->made);
        cpu = worker_clock(CLOCK_PROCESS_CPUTIME_ID) - cpu;
        wall = worker_clock(CLOCK_MONOTONIC) - wall;
        if (cpu >= least_ns / 2) {
            printf("%.1f %.1f %zu\n", cpu / (double)made->calls,
                   wall / (double)made->calls, made->calls);
            return;
        }
        made->calls *= 2;
    }
}

static inline int worker_main(const struct worker_engine *engine)
{
    static struct worker_made made[WORKER_CASES];
    char line[8192], model[4096], numbers[4096];
    struct worker_case wanted = {model, numbers, 0, 0};
    double ms;
    size_t id;

    while (fgets(line, sizeof(line), stdin)) {
        if (sscanf(line, "add %zu %4095s %4095s %zu %zu", &id, model, numbers,
                   &wanted.batch, &wanted.timesteps) == 5 &&
            id < WORKER_CASES)
            worker_add(engine, &wanted, &made[id]);
        else if (sscanf(line, "time %zu %lf", &id, &ms) == 2 &&
                 id < WORKER_CASES && made[id].made)
            worker_time(engine, &made[id], ms * 1e6);
        else if (strcmp(line, "end\n") == 0)
            break;
        else
            printf("error not understood\n");
        fflush(stdout);
    }
    return EXIT_SUCCESS;
}

#endif
