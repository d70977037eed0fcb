/* bench_step.c: nanoseconds for a timestep of each cell, beside the limits of
 * this core, measured in the same run.
 *
 * Prints a table (or --csv) of all cells, or of those that the arguments
 * name: an instruction set, a cell, a batch size (avx2 LSTM 32).  Columns:
 * median and best ns for a step (of all rows of the batch), then at batch 1
 * the best over "bound B": the recurrent kernel read once at the measured rate
 * for its size, plus the input's product at the measured peak, plus the
 * latency that no step can hide (44, 106, 95 cycles for SimpleRNN, LSTM, GRU);
 * and over the "limit" (AVX-512, M >= 16): the same with multiply-adds instead
 * of mere reads (limit_sums.h), or what more the ports take: step_limit().
 * At larger batches the useful multiply-adds over the measured peak, in per
 * cent, and what they could be at most, since a cell's end (activations and
 * what joins gates) takes turns of the same two ports.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ukernels/ukernels.h"
#include "tests/bench/limit_sums.h"
#include "tests/bench/limits.h"

#define TIMESTEPS 100
#define SAMPLES   15

/* What limits are read from: 16 MiB. */
#define LIMIT_FLOATS ((size_t)4 << 20)

struct shape {
    size_t inputs, units;
};

static const struct shape shapes[] = {{3, 5},    {16, 32},   {32, 64},
                                      {64, 128}, {128, 256}, {256, 512}};
static const size_t batches[] = {1, 8, 32};

static const struct kind {
    const char *name;
    enum f32_cell_kind kind;
    size_t gates;
    double latency_cycles;
    double end_512, end_256; /* operations of a cell's end, for a vector of
                                units, that only the ports of multiply-adds
                                take: in AVX-512 all, in AVX2 no look-ups and
                                no logic (25 and 14 for a tanh, one more for a
                                gate) */
    double look_ups;         /* in tables, of a cell's end */
} kinds[] = {
    {"SimpleRNN", F32_CELL_SIMPLE, 1, 44.0, 25.0, 14.0, 8.0},
    {"LSTM", F32_CELL_LSTM, 4, 106.0, 131.0, 76.0, 40.0},
    {"GRU", F32_CELL_GRU_RESET_AFTER, 3, 95.0, 80.0, 47.0, 24.0},
};

struct job {
    const struct rnn_ukernels *ukernels;
    struct arena arena;
    struct f32_product input;
    struct f32_cell cell;
    size_t rows, steps_at_once;
    bool ahead; /* z is made beside the steps */
    float *x, *z, *scratch;
    struct f32_cell_row *row;
};

struct limits {
    double ghz, peak, near; /* near: reads of L1 */
    char *memory;           /* LIMIT_FLOATS to read from */
};

static float *floats(struct arena *arena, size_t count)
{
    float *made = arena_zalloc(arena, count, sizeof(*made), 64);

    if (!made)
        exit(1);
    return made;
}

static float *random_floats(struct arena *arena, size_t count, float scale)
{
    static unsigned seed = 1;
    float *made = floats(arena, count);

    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525 + 1013904223;
        made[i] = ((float)(seed >> 8) * 0x1p-23f - 1.0f) * scale;
    }
    return made;
}

static void job_make(struct job *job, const struct rnn_ukernels *ukernels,
                     const struct kind *kind, struct shape shape, size_t rows)
{
    struct arena *arena = &job->arena;
    const size_t columns = kind->gates * shape.units;
    const float *w, *u;
    size_t padded;

    memset(job, 0, sizeof(*job));
    arena_init(arena, 0);
    w = random_floats(arena, shape.inputs * columns, 0.1f);
    u = random_floats(arena, shape.units * columns, 0.1f);
    job->ukernels = ukernels;
    job->rows = rows;
    job->cell.kind = kind->kind;
    job->cell.activation.kind = RNN_ACT_TANH;
    job->cell.recurrent_activation.kind = RNN_ACT_SIGMOID;
    if (!rnn_product_pack(ukernels, shape.inputs, shape.units, kind->gates, 0,
                          kind->gates, w, NULL, arena, &job->input) ||
        !rnn_product_pack(ukernels, shape.units, shape.units, kind->gates, 0,
                          kind->gates, u, NULL, arena, &job->cell.recurrent))
        exit(1);
    padded = job->cell.recurrent.panels * ukernels->lanes;
    /* As many timesteps as keep z in the nearer caches, yet enough rows for
     * full tiles. */
    job->steps_at_once = 65536 / (rows * job->input.stride) + 1;
    if (rows == 1 && job->steps_at_once < 24)
        job->steps_at_once = 24;
    if (job->steps_at_once > TIMESTEPS)
        job->steps_at_once = TIMESTEPS;
    job->x = random_floats(arena, rows * TIMESTEPS * shape.inputs, 1.0f);
    job->z = floats(arena, rows * job->steps_at_once * job->input.stride);
    job->scratch = floats(arena, rnn_cell_scratch_floats(&job->cell, rows));
    job->row = arena_zalloc(arena, rows, sizeof(*job->row), 64);
    if (!job->row)
        exit(1);
    for (size_t r = 0; r < rows; r++) {
        job->row[r].h = floats(arena, padded);
        job->row[r].c = floats(arena, padded);
        job->row[r].z = job->z + r * job->steps_at_once * job->input.stride;
    }
}

/* One call of TIMESTEPS steps. */
static void job_run(struct job *job)
{
    const size_t inputs = job->input.inputs, stride = job->input.stride;
    const struct f32_sequence sequence = {
        .input = &job->input,
        .steps = TIMESTEPS,
        .x = job->x,
        .x_stride = inputs,
        .row = job->row,
    };
    size_t count;

    job->ahead = job->rows == 1 &&
                 job->ukernels->sequence(&job->cell, &sequence, job->scratch);
    if (job->ahead)
        return;
    for (size_t t = 0; t < TIMESTEPS; t += count) {
        count = TIMESTEPS - t < job->steps_at_once ? TIMESTEPS - t
                                                   : job->steps_at_once;
        if (job->rows == 1)
            job->ukernels->product(&job->input, count, job->x + t * inputs,
                                   inputs, job->z, stride);
        for (size_t i = 0; job->rows > 1 && i < count; i++)
            job->ukernels->product(&job->input, job->rows,
                                   job->x + (t + i) * inputs,
                                   TIMESTEPS * inputs, job->z + i * stride,
                                   job->steps_at_once * stride);
        job->ukernels->cell(&job->cell, job->rows, count, job->row, stride, 0,
                            job->scratch);
    }
}

/* ns of processor time for a step of `turns` calls. */
static double job_sample(struct job *job, size_t turns)
{
    const double start = cpu_ns();

    for (size_t n = 0; n < turns; n++)
        job_run(job);
    return (cpu_ns() - start) / (double)(turns * TIMESTEPS);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void job_time(struct job *job, double *median, double *best)
{
    double sample[SAMPLES], once;
    size_t turns;

    job_run(job);
    once = job_sample(job, 1) * TIMESTEPS;
    turns = once < 1e6 ? (size_t)(1e6 / once) + 1 : 1;
    for (size_t i = 0; i < SAMPLES; i++)
        sample[i] = job_sample(job, turns);
    qsort(sample, SAMPLES, sizeof(sample[0]), compare);
    *median = sample[SAMPLES / 2];
    *best = sample[0];
}

/* ns for the sums of a step of `job`, with nothing else; 0: not measured. */
static double sums_limit(const struct job *job, enum rnn_isa isa,
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
    sums.h = floats(&arena, u->inputs);
    sums.tables = floats(&arena, sums.lines * 16);
    sums.z = floats(&arena, SUMS_STEPS * u->stride);
    sums.out = floats(&arena, u->stride);
    ns = sums_ns(isa, &sums);
    arena_release(&arena);
    return ns;
}

/* What a step takes at best, the multiply-adds of its recurrent kernel taking
 * `sums` ns.  All of them and the ends take turns of two ports.  Where the
 * input's part is made beside the steps, nothing but that and the two ports
 * for reads (at the rate of L1) keeps all from running at once: weights, h, x
 * and look-ups, each once a step. */
static double step_limit(const struct job *job, const struct kind *kind,
                         const struct limits *limits, double sums)
{
    const struct f32_product *u = &job->cell.recurrent;
    const double vectors = (double)u->stride / 16.0;
    const double panels = (double)u->panels;
    const double d = (double)job->input.inputs, m = (double)u->inputs;
    const double adds = vectors * (d + m), product = vectors * d;
    const double latency = kind->latency_cycles / limits->ghz;
    const double add = 32.0 / limits->peak; /* ns for one */
    const double ports = (adds + panels * kind->end_512) * add;
    const double loads =
        64.0 * (adds + d + m + panels * kind->look_ups) / limits->near;
    const double apart = sums + product * add + latency;
    const double other = job->ahead ? loads : apart;

    return other > ports ? other : ports;
}

static void measure(const struct rnn_ukernels *ukernels, enum rnn_isa isa,
                    const struct kind *kind, struct shape shape, size_t rows,
                    const struct limits *limits, bool csv)
{
    const double m = (double)shape.units, d = (double)shape.inputs;
    const double gates = (double)kind->gates;
    const double flops = 2.0 * gates * m * (d + m) * (double)rows;
    const size_t bytes = kind->gates * shape.units * shape.units * 4;
    double median, best, read = 0.0, product = 0.0, bound = 0.0;
    double adds = 0.0, limit = 0.0;
    const double latency = kind->latency_cycles / limits->ghz;
    const double sums = gates * (d + m); /* for a vector of units */
    const double end = isa == RNN_ISA_AVX512 ? kind->end_512 : kind->end_256;
    struct job job;

    job_make(&job, ukernels, kind, shape, rows);
    job_time(&job, &median, &best);
    if (rows == 1)
        adds = sums_limit(&job, isa, limits->memory);
    arena_release(&job.arena);
    if (limits->peak > 0.0) {
        if (bytes >= 512)
            read = (double)bytes / read_rate(isa, limits->memory, bytes);
        product = 2.0 * gates * m * d / limits->peak;
        bound = read + product + latency;
    }
    if (adds > 0.0)
        limit = step_limit(&job, kind, limits, adds);
    printf(csv ? "%s,%s,%zu,%zu,%zu,%.1f,%.1f,%.1f,%.3f,%.1f,%.1f"
               : "%-7s %-10s %4zu %4zu %3zu %10.1f %10.1f %10.1f %7.3f "
                 "%6.1f %6.1f",
           rnn_isa_name(isa), kind->name, shape.inputs, shape.units, rows,
           median, best, bound, bound > 0.0 && rows == 1 ? best / bound : 0.0,
           limits->peak > 0.0 ? 100.0 * flops / limits->peak / best : 0.0,
           limits->peak > 0.0 ? 100.0 * sums / (sums + end) : 0.0);
    printf(csv ? ",%.1f,%.3f" : " %10.1f %7.3f", limit,
           limit > 0.0 ? best / limit : 0.0);
    if (csv)
        printf(",%.1f,%.1f,%.1f,%.1f", read, product, latency, adds);
    puts("");
    fflush(stdout);
}

/* What to run; AUTO, NULL and 0 stand for all. */
struct choice {
    enum rnn_isa isa;
    const char *cell;
    size_t batch;
    bool csv;
};

static bool choose(int argc, char **argv, struct choice *choice)
{
    for (int i = 1; i < argc; i++) {
        bool known = rnn_isa_parse(argv[i], &choice->isa);

        for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
            if (strcmp(argv[i], kinds[k].name) == 0) {
                choice->cell = kinds[k].name;
                known = true;
            }
        if (strcmp(argv[i], "--csv") == 0)
            choice->csv = known = true;
        if (strtoul(argv[i], NULL, 10) > 0) {
            choice->batch = strtoul(argv[i], NULL, 10);
            known = true;
        }
        if (!known)
            return false;
    }
    return true;
}

static void measure_all(enum rnn_isa isa, struct limits *limits,
                        const struct choice *choice)
{
    limits->peak = fma_peak(isa);
    limits->near = read_rate(isa, limits->memory, 1 << 14);
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
        for (size_t b = 0; b < sizeof(batches) / sizeof(batches[0]); b++)
            for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++)
                if ((!choice->cell || choice->cell == kinds[k].name) &&
                    (!choice->batch || choice->batch == batches[b]))
                    measure(rnn_ukernels_find(isa, shapes[s].units), isa,
                            &kinds[k], shapes[s], batches[b], limits,
                            choice->csv);
}

static void print_head(struct limits *limits, bool csv)
{
    printf("# clock %.2f GHz; reads in GB/s, peaks in GFLOP/s:\n",
           limits->ghz);
    for (enum rnn_isa isa = RNN_ISA_AVX2; isa <= RNN_ISA_AVX512; isa++)
        if (rnn_isa_available(isa))
            printf("# %s: 16K %.0f, 256K %.0f, 4M %.0f; peak %.0f\n",
                   rnn_isa_name(isa), read_rate(isa, limits->memory, 1 << 14),
                   read_rate(isa, limits->memory, 1 << 18),
                   read_rate(isa, limits->memory, 1 << 22), fma_peak(isa));
    puts(csv ? "isa,cell,D,M,batch,median,best,bound,ratio,fma_percent,"
               "most_percent,limit,over_limit,read,product,latency,sums"
             : "# isa   cell          D    M   B  median ns    best ns    "
               "bound B   ratio  fma %   most      limit    over");
}

int main(int argc, char **argv)
{
    struct choice choice = {.isa = RNN_ISA_AUTO};
    struct limits limits = {.ghz = clock_ghz()};
    struct arena arena;

    if (!choose(argc, argv, &choice)) {
        fprintf(stderr, "usage: %s [--csv] [ISA] [CELL] [BATCH]\n", argv[0]);
        return 2;
    }
    arena_init(&arena, 0);
    limits.memory = (char *)floats(&arena, LIMIT_FLOATS);
    print_head(&limits, choice.csv);
    for (enum rnn_isa isa = RNN_ISA_SCALAR; isa <= RNN_ISA_NEON; isa++)
        if (rnn_isa_available(isa) &&
            (choice.isa == isa ||
             (choice.isa == RNN_ISA_AUTO && isa != RNN_ISA_SCALAR)))
            measure_all(isa, &limits, &choice);
    arena_release(&arena);
    return 0;
}
