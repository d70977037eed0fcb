/* step_job.h: a cell of any kind and shape with weights, sequences and room
 * for them, as the benches of single steps run it, and how they are told
 * which.
 */
#ifndef TESTS_BENCH_STEP_JOB_H
#define TESTS_BENCH_STEP_JOB_H

#include <stdlib.h>
#include <string.h>

#include "core/ukernels/ukernels.h"

#define STEP_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Timesteps of a sequence. */
#define STEP_TIMESTEPS 100

struct step_shape {
    size_t inputs, units;
};

static const struct step_shape step_shapes[] = {
    {3, 5}, {16, 32}, {32, 64}, {64, 128}, {128, 256}, {256, 512}};

struct step_kind {
    const char *name;
    enum f32_cell_kind kind;
    size_t gates;
};

static const struct step_kind step_kinds[] = {
    {"SimpleRNN", F32_CELL_SIMPLE, 1},
    {"LSTM", F32_CELL_LSTM, 4},
    {"GRU", F32_CELL_GRU_RESET_AFTER, 3},
};

struct step_job {
    const struct rnn_ukernels *ukernels;
    struct arena arena;
    struct f32_product input;
    struct f32_cell cell;
    size_t rows, steps_at_once; /* z of so many steps stays in the nearer
                                   caches */
    float *x, *z, *scratch;
    struct f32_cell_row *row;
};

static inline float *step_floats(struct arena *arena, size_t count)
{
    float *made = arena_zalloc(arena, count, sizeof(*made), 64);

    if (!made)
        exit(1);
    return made;
}

static inline float *step_random(struct arena *arena, size_t count,
                                 float scale)
{
    static unsigned seed = 1;
    float *made = step_floats(arena, count);

    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525 + 1013904223;
        made[i] = ((float)(seed >> 8) * 0x1p-23f - 1.0f) * scale;
    }
    return made;
}

static inline void step_pack(struct step_job *job, size_t inputs, size_t units,
                             size_t gates, struct f32_product *product)
{
    const float *w = step_random(&job->arena, inputs * gates * units, 0.1f);

    if (!rnn_product_pack(job->ukernels, inputs, units, gates, 0, gates, w,
                          NULL, &job->arena, product))
        exit(1);
}

/* To be given back by arena_release(&job->arena).  `least` steps at once, even
 * if their z does not stay in the nearer caches. */
static inline void step_job_make(struct step_job *job,
                                 const struct rnn_ukernels *ukernels,
                                 const struct step_kind *kind,
                                 struct step_shape shape, size_t rows,
                                 size_t least)
{
    struct arena *arena = &job->arena;
    size_t padded, stride;

    memset(job, 0, sizeof(*job));
    arena_init(arena, 0);
    job->ukernels = ukernels;
    job->rows = rows;
    job->cell.kind = kind->kind;
    job->cell.activation.kind = RNN_ACT_TANH;
    job->cell.recurrent_activation.kind = RNN_ACT_SIGMOID;
    step_pack(job, shape.inputs, shape.units, kind->gates, &job->input);
    step_pack(job, shape.units, shape.units, kind->gates,
              &job->cell.recurrent);
    padded = job->cell.recurrent.panels * ukernels->lanes;
    stride = job->input.stride;
    job->steps_at_once = 65536 / (rows * stride) + 1;
    if (job->steps_at_once < least)
        job->steps_at_once = least;
    if (job->steps_at_once > STEP_TIMESTEPS)
        job->steps_at_once = STEP_TIMESTEPS;
    job->x = step_random(arena, rows * STEP_TIMESTEPS * shape.inputs, 1.0f);
    job->z = step_floats(arena, rows * job->steps_at_once * stride);
    job->scratch =
        step_floats(arena, rnn_cell_scratch_floats(&job->cell, rows));
    job->row = arena_zalloc(arena, rows, sizeof(*job->row), 64);
    if (!job->row)
        exit(1);
    for (size_t r = 0; r < rows; r++) {
        job->row[r].h = step_floats(arena, padded);
        job->row[r].c = step_floats(arena, padded);
        job->row[r].z = job->z + r * job->steps_at_once * stride;
    }
}

/* What to run; AUTO, NULL and 0 stand for all. */
struct step_choice {
    enum rnn_isa isa;
    const char *cell;
    size_t batch;
    bool csv;
};

/* [--csv] [ISA] [CELL] [BATCH]; false: something else is among them. */
static inline bool step_choose(int argc, char **argv,
                               struct step_choice *choice)
{
    for (int i = 1; i < argc; i++) {
        bool known = rnn_isa_parse(argv[i], &choice->isa);

        for (size_t k = 0; k < STEP_COUNT(step_kinds); k++)
            if (strcmp(argv[i], step_kinds[k].name) == 0) {
                choice->cell = step_kinds[k].name;
                known = true;
            }
        if (strcmp(argv[i], "--csv") == 0)
            choice->csv = known = true;
        if (strtoul(argv[i], NULL, 10) > 1) {
            choice->batch = strtoul(argv[i], NULL, 10);
            known = true;
        }
        if (!known)
            return false;
    }
    return true;
}

static inline bool step_takes_isa(const struct step_choice *choice,
                                  enum rnn_isa isa)
{
    return rnn_isa_available(isa) &&
           (choice->isa == isa ||
            (choice->isa == RNN_ISA_AUTO && isa != RNN_ISA_SCALAR));
}

#endif
