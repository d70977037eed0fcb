/* bench_step.c: nanoseconds for a timestep of each cell, beside the limits of
 * this core, measured in the same run.
 *
 * Prints a table (or --csv) of all cells, or of those that the arguments
 * name: an instruction set, a cell (avx2 LSTM).  One sequence; bench_batch.c
 * has those of batches.  Columns: median and best ns for a step, then the best
 * over "bound B": the recurrent kernel read once at the measured rate for its
 * size (at the clock of a core that multiplies and adds, as any cell does),
 * plus the input's product at the measured peak, plus the latency that no
 * step can hide (44, 106, 95 cycles for SimpleRNN, LSTM, GRU); and over the
 * "limit" (AVX-512, M >= 16): the same with multiply-adds instead of mere
 * reads (limit_sums.h), or what more the ports take: step_limit().
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ukernels/ukernels.h"
#include "tests/bench/limit_sums.h"
#include "tests/bench/limits.h"
#include "tests/bench/step_job.h"

#define SAMPLES 15

/* Steps at once, at least: enough rows of the input's product for full
 * tiles. */
#define LEAST_STEPS 24

/* What limits are read from: 16 MiB. */
#define LIMIT_FLOATS ((size_t)4 << 20)

/* Beside step_kinds[]. */
static const struct ends {
    double latency_cycles;
    double operations; /* of a cell's end, for a vector of units, in AVX-512,
                          the fewest known: all of them only the ports of
                          multiply-adds take */
} ends[] = {
    {44.0, 23.0},
    {106.0, 121.0},
    {95.0, 74.0},
};

struct limits {
    double ghz, peak, near; /* near: reads of L1 */
    char *memory;           /* LIMIT_FLOATS to read from */
};

/* One call of STEP_TIMESTEPS steps; is z made beside them? */
static bool job_run(struct step_job *job)
{
    const size_t inputs = job->input.inputs, stride = job->input.stride;
    const struct f32_sequence sequence = {
        .input = &job->input,
        .steps = STEP_TIMESTEPS,
        .x = job->x,
        .x_stride = inputs,
        .row = job->row,
    };
    size_t count;

    if (job->ukernels->sequence(&job->cell, &sequence, job->scratch))
        return true;
    for (size_t t = 0; t < STEP_TIMESTEPS; t += count) {
        count = STEP_TIMESTEPS - t < job->steps_at_once ? STEP_TIMESTEPS - t
                                                        : job->steps_at_once;
        job->ukernels->product(&job->input, count, job->x + t * inputs, inputs,
                               job->z, stride);
        job->ukernels->cell(&job->cell, 1, count, job->row, stride, 0,
                            job->scratch);
    }
    return false;
}

/* ns of processor time for a step of `turns` calls. */
static double job_sample(struct step_job *job, size_t turns)
{
    const double start = cpu_ns();

    for (size_t n = 0; n < turns; n++)
        job_run(job);
    return (cpu_ns() - start) / (double)(turns * STEP_TIMESTEPS);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void job_time(struct step_job *job, double *median, double *best)
{
    double sample[SAMPLES], once;
    size_t turns;

    job_run(job);
    once = job_sample(job, 1) * STEP_TIMESTEPS;
    turns = once < 1e6 ? (size_t)(1e6 / once) + 1 : 1;
    for (size_t i = 0; i < SAMPLES; i++)
        sample[i] = job_sample(job, turns);
    qsort(sample, SAMPLES, sizeof(sample[0]), compare);
    *median = sample[SAMPLES / 2];
    *best = sample[0];
}

/* ns for the sums of a step of `job`, with nothing else; 0: not measured. */
static double sums_limit(const struct step_job *job, enum rnn_isa isa,
                         const char *memory)
{
    const struct f32_product *u = &job->cell.recurrent;
    struct sums sums = {
        .vectors = u->stride / 16,
        .inputs = u->inputs,
        .chains = u->chains,
        .lines = job->cell.kind == F32_CELL_SIMPLE ? 8 : 16,
        .w = (const float *)memory,
    };
    struct arena arena;
    double ns;

    if (u->lanes != 16 || u->inputs * u->stride > LIMIT_FLOATS)
        return 0.0;
    arena_init(&arena, 0);
    sums.h = step_floats(&arena, u->inputs);
    sums.tables = step_floats(&arena, sums.lines * 16);
    sums.z = step_floats(&arena, SUMS_STEPS * u->stride);
    sums.out = step_floats(&arena, u->stride);
    ns = sums_ns(isa, &sums);
    arena_release(&arena);
    return ns;
}

/* What a step takes at best, the multiply-adds of its recurrent kernel taking
 * `sums` ns.  All of them and the ends take turns of two ports.  Where the
 * input's part is made beside the steps, nothing but that and the two ports
 * for reads (at the rate of L1) keeps all from running at once: weights, h and
 * x, each once a step (tables may stay in registers). */
static double step_limit(const struct step_job *job, const struct ends *end,
                         const struct limits *limits, double sums, bool ahead)
{
    const struct f32_product *u = &job->cell.recurrent;
    const double vectors = (double)u->stride / 16.0;
    const double panels = (double)u->panels;
    const double d = (double)job->input.inputs, m = (double)u->inputs;
    const double adds = vectors * (d + m), product = vectors * d;
    const double latency = end->latency_cycles / limits->ghz;
    const double add = 32.0 / limits->peak; /* ns for one */
    const double ports = (adds + panels * end->operations) * add;
    const double loads = 64.0 * (adds + d + m) / limits->near;
    const double apart = sums + product * add + latency;
    const double other = ahead ? loads : apart;

    return other > ports ? other : ports;
}

/* ns of bound B, in its parts. */
struct bound {
    double read, product, latency;
    double rested; /* `read` of a core that does nothing else */
};

static double read_ns(enum rnn_isa isa, enum core_state state,
                      const char *memory, size_t bytes)
{
    return bytes < 512 ? 0.0
                       : (double)bytes / read_rate(isa, state, memory, bytes);
}

static struct bound measure_bound(enum rnn_isa isa, size_t which,
                                  struct step_shape shape,
                                  const struct limits *limits)
{
    const size_t columns = step_kinds[which].gates * shape.units;
    const size_t bytes = shape.units * columns * sizeof(float);
    struct bound bound = {.latency = ends[which].latency_cycles / limits->ghz};

    if (limits->peak > 0.0) {
        bound.read = read_ns(isa, CORE_BUSY, limits->memory, bytes);
        bound.rested = read_ns(isa, CORE_RESTED, limits->memory, bytes);
        bound.product =
            2.0 * (double)shape.inputs * (double)columns / limits->peak;
    }
    return bound;
}

static void measure(enum rnn_isa isa, size_t which, struct step_shape shape,
                    const struct limits *limits, bool csv)
{
    const struct step_kind *kind = &step_kinds[which];
    double median, best, sums, ratio = 0.0, limit = 0.0;
    struct bound bound;
    struct step_job job;
    double all;

    step_job_make(&job, rnn_ukernels_find(isa, shape.units), kind, shape, 1,
                  LEAST_STEPS);
    job_time(&job, &median, &best);
    sums = sums_limit(&job, isa, limits->memory);
    bound = measure_bound(isa, which, shape, limits);
    all = bound.read + bound.product + bound.latency;
    if (limits->peak > 0.0)
        ratio = best / all;
    if (sums > 0.0)
        limit = step_limit(&job, &ends[which], limits, sums, job_run(&job));
    arena_release(&job.arena);
    printf(csv ? "%s,%s,%zu,%zu,1,%.1f,%.1f,%.1f,%.3f,%.1f,%.3f"
               : "%-7s %-10s %4zu %4zu %10.1f %10.1f %10.1f %7.3f %10.1f "
                 "%7.3f",
           rnn_isa_name(isa), kind->name, shape.inputs, shape.units, median,
           best, all, ratio, limit, limit > 0.0 ? best / limit : 0.0);
    if (csv)
        printf(",%.1f,%.1f,%.1f,%.1f,%.1f", bound.read, bound.product,
               bound.latency, sums, bound.rested);
    puts("");
    fflush(stdout);
}

static void measure_all(enum rnn_isa isa, struct limits *limits,
                        const struct step_choice *choice)
{
    limits->peak = fma_peak(isa);
    limits->near = read_rate(isa, CORE_BUSY, limits->memory, 1 << 14);
    for (size_t k = 0; k < STEP_COUNT(step_kinds); k++)
        for (size_t i = 0; i < STEP_COUNT(step_shapes); i++)
            if (!choice->cell || choice->cell == step_kinds[k].name)
                measure(isa, k, step_shapes[i], limits, choice->csv);
}

static void print_rates(enum rnn_isa isa, enum core_state state,
                        const char *memory)
{
    printf("# %s%s: 16K %.0f, 256K %.0f, 4M %.0f; peak %.0f\n",
           rnn_isa_name(isa), state == CORE_RESTED ? " rested" : "",
           read_rate(isa, state, memory, 1 << 14),
           read_rate(isa, state, memory, 1 << 18),
           read_rate(isa, state, memory, 1 << 22), fma_peak(isa));
}

static void print_head(struct limits *limits, bool csv)
{
    printf("# clock %.2f GHz; reads in GB/s, peaks in GFLOP/s:\n",
           limits->ghz);
    for (enum rnn_isa isa = RNN_ISA_AVX2; isa <= RNN_ISA_AVX512; isa++)
        if (rnn_isa_available(isa)) {
            print_rates(isa, CORE_RESTED, limits->memory);
            print_rates(isa, CORE_BUSY, limits->memory);
        }
    puts(csv ? "isa,cell,D,M,batch,median,best,bound,ratio,limit,over_limit,"
               "read,product,latency,sums,rested"
             : "# isa   cell          D    M  median ns    best ns    "
               "bound B   ratio      limit    over");
}

int main(int argc, char **argv)
{
    struct step_choice choice = {.isa = RNN_ISA_AUTO};
    struct limits limits = {.ghz = clock_ghz()};
    struct arena arena;

    if (!step_choose(argc, argv, &choice) || choice.batch) {
        fprintf(stderr, "usage: %s [--csv] [ISA] [CELL]\n", argv[0]);
        return 2;
    }
    arena_init(&arena, 0);
    limits.memory = (char *)step_floats(&arena, LIMIT_FLOATS);
    print_head(&limits, choice.csv);
    for (enum rnn_isa isa = RNN_ISA_SCALAR; isa <= RNN_ISA_NEON; isa++)
        if (step_takes_isa(&choice, isa))
            measure_all(isa, &limits, &choice);
    arena_release(&arena);
    return 0;
}
