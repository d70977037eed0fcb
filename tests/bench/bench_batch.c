/* bench_batch.c: nanoseconds for a timestep of a whole batch, beside what this
 * core can do at most.
 *
 * Prints a table (or --csv) of all cells, or of those that the arguments
 * name: an instruction set, a cell, a batch size (avx2 LSTM 32).  Columns:
 *
 *   median, best  ns for a step, the input's product included
 *   fma %         the useful multiply-adds of the best over the peak
 *   products %    the same for nothing but the two products, without ends;
 *                 for one product of all inputs where a cell has but that
 *   ends          ns for the ends (activations and what joins gates) alone
 *   most          what the ends leave of the peak: they take turns of the
 *                 same ports, each operation of theirs one
 *   limit         what is left with the products as fast as they are alone
 *                 and ends of nothing but their operations; no less than what
 *                 was reached (a product goes through its kernel one way, a
 *                 cell back and forth, which leaves more of it in the caches)
 *
 * Samples are short, the peak's (a bare loop of multiply-adds) and the four
 * kinds in turns, and the best of each kind stands for it: on a virtual
 * machine whoever has the core's other thread takes up to half of its decoder
 * and window for milliseconds to minutes, which a bare loop of multiply-adds
 * does not feel.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/limits.h"
#include "tests/bench/step_job.h"

/* Samples of a cell: at least and at most, and how long they may take. */
#define LEAST  15
#define MOST   400
#define BUDGET 0.25e9 /* ns */

/* Steps that are timed in one piece. */
#define PIECE_STEPS 8

static const size_t batches[] = {8, 32};
#define MOST_ROWS 32

/* What is timed in turns. */
enum what { PEAK, WHOLE, PRODUCTS, ENDS, KINDS };

struct batch {
    struct step_job job;
    enum rnn_isa isa;
    size_t steps;    /* of a sample */
    float *h, *sums; /* for products alone */
    bool at_once;    /* both products are one, as they are for `cell` */
    struct f32_product both;
    struct f32_cell_row from_x[MOST_ROWS];
};

/* Operations of a cell's end, for a vector of units, that only the ports of
 * multiply-adds take: in AVX-512 all, 23 for a tanh (math_tanh_many()), in
 * AVX2 no look-ups and no logic, 14; one more for a gate. */
static double end_operations(enum f32_cell_kind kind, enum rnn_isa isa)
{
    const double tanh_ = isa == RNN_ISA_AVX512 ? 23.0 : 14.0;
    const double gate = tanh_ + 1.0;

    switch (kind) {
    case F32_CELL_LSTM:
        return 3.0 * gate + 2.0 * tanh_ + 3.0;
    case F32_CELL_GRU_RESET_AFTER:
    case F32_CELL_GRU_RESET_BEFORE:
        return 2.0 * gate + tanh_ + 3.0;
    case F32_CELL_SIMPLE:
        break;
    }
    return tanh_;
}

static void make_z(struct batch *batch)
{
    struct step_job *job = &batch->job;
    const size_t inputs = job->input.inputs, stride = job->input.stride;

    for (size_t t = 0; t < batch->steps; t++)
        job->ukernels->product(&job->input, job->rows, job->x + t * inputs,
                               STEP_TIMESTEPS * inputs, job->z + t * stride,
                               job->steps_at_once * stride);
}

static void run_cell(struct batch *batch, const struct f32_cell *cell)
{
    struct step_job *job = &batch->job;

    job->ukernels->cell(cell, job->rows, batch->steps, job->row,
                        job->input.stride, 0, job->scratch);
}

/* From the inputs on. */
static void run_whole(struct batch *batch)
{
    struct step_job *job = &batch->job;
    const struct f32_batch all = {
        .input = &job->input,
        .rows = job->rows,
        .steps = batch->steps,
        .row = batch->from_x,
        .x_stride = job->input.inputs,
    };

    if (batch->at_once) {
        job->ukernels->batch(&job->cell, &all, job->scratch);
        return;
    }
    make_z(batch);
    run_cell(batch, &job->cell);
}

/* The ends of a cell whose sums have one input. */
static void run_ends(struct batch *batch)
{
    struct f32_cell few = batch->job.cell;

    few.recurrent.inputs = 1;
    run_cell(batch, &few);
}

static void run_products(struct batch *batch)
{
    const struct f32_product *u =
        batch->at_once ? &batch->both : &batch->job.cell.recurrent;

    if (!batch->at_once)
        make_z(batch);
    for (size_t t = 0; t < batch->steps; t++)
        batch->job.ukernels->product(u, batch->job.rows, batch->h, u->inputs,
                                     batch->sums, u->stride);
}

/* False: cannot be. */
static bool run(struct batch *batch, enum what what, double *units)
{
    *units = (double)batch->steps;
    switch (what) {
    case WHOLE:
        run_whole(batch);
        break;
    case PRODUCTS:
        run_products(batch);
        break;
    case ENDS:
        run_ends(batch);
        break;
    case PEAK:
    case KINDS:
        return run_fma(batch->isa, 2000, units);
    }
    return true;
}

/* ns of a step; of PEAK: for one multiply-add, counted twice.  What the kind
 * before has left in the caches does not count. */
static double sample(struct batch *batch, enum what what)
{
    double start, units;

    if (!run(batch, what, &units))
        return 0.0;
    start = now_ns();
    run(batch, what, &units);
    return (now_ns() - start) / units;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

struct result {
    double median, best[KINDS];
};

static struct result take_turns(struct batch *batch)
{
    static double samples[MOST];
    struct result result;
    const double start = now_ns();
    size_t count = 0;

    for (int what = 0; what < KINDS; what++)
        result.best[what] = sample(batch, (enum what)what);
    while (count < LEAST || (count < MOST && now_ns() - start < BUDGET)) {
        for (int what = 0; what < KINDS; what++) {
            const double ns = sample(batch, (enum what)what);

            if (ns < result.best[what])
                result.best[what] = ns;
            if (what == WHOLE)
                samples[count] = ns;
        }
        count++;
    }
    qsort(samples, count, sizeof(samples[0]), compare);
    result.median = samples[count / 2];
    return result;
}

/* The rest of what is timed. */
static void prepare(struct batch *batch, struct step_shape shape)
{
    struct step_job *job = &batch->job;
    const struct f32_product *u = &job->cell.recurrent;
    const size_t inputs = shape.inputs + shape.units;

    batch->steps =
        job->steps_at_once < PIECE_STEPS ? job->steps_at_once : PIECE_STEPS;
    batch->h = step_random(&job->arena, job->rows * inputs, 1.0f);
    batch->sums = step_floats(&job->arena, job->rows * u->stride);
    batch->at_once = rnn_cell_takes_batch(&job->cell, &job->input, job->rows);
    make_z(batch); /* the ends' sums are never of numbers slow to add */
    if (!batch->at_once)
        return;
    step_pack(job, inputs, shape.units, u->gates, &batch->both);
    for (size_t r = 0; r < job->rows; r++) {
        batch->from_x[r] = job->row[r];
        batch->from_x[r].z = job->x + r * STEP_TIMESTEPS * shape.inputs;
    }
}

static void measure(enum rnn_isa isa, const struct step_kind *kind,
                    struct step_shape shape, size_t rows, bool csv)
{
    const double m = (double)shape.units, d = (double)shape.inputs;
    const double gates = (double)kind->gates, sums = gates * (d + m);
    const double flops = 2.0 * sums * m * (double)rows;
    const double share = end_operations(kind->kind, isa) / sums;
    struct batch batch = {.isa = isa};
    struct result result;
    double whole = 0.0, products = 0.0, limit = 0.0;

    step_job_make(&batch.job, rnn_ukernels_find(isa, shape.units), kind, shape,
                  rows, 1);
    prepare(&batch, shape);
    result = take_turns(&batch);
    arena_release(&batch.job.arena);
    if (result.best[PEAK] > 0.0) {
        whole = flops * result.best[PEAK] / result.best[WHOLE];
        products = flops * result.best[PEAK] / result.best[PRODUCTS];
        limit = 1.0 / (1.0 / products + share);
        limit = limit > whole ? limit : whole;
    }
    printf(csv ? "%s,%s,%zu,%zu,%zu,%.1f,%.1f,%.1f,%.1f,%.1f,%.1f,%.1f\n"
               : "%-7s %-10s %4zu %4zu %3zu %10.1f %10.1f %7.1f %9.1f "
                 "%10.1f %7.1f %7.1f\n",
           rnn_isa_name(isa), kind->name, shape.inputs, shape.units, rows,
           result.median, result.best[WHOLE], 100.0 * whole, 100.0 * products,
           result.best[ENDS], 100.0 / (1.0 + share), 100.0 * limit);
    fflush(stdout);
}

static void measure_all(enum rnn_isa isa, const struct step_choice *choice)
{
    for (size_t k = 0; k < STEP_COUNT(step_kinds); k++)
        for (size_t b = 0; b < STEP_COUNT(batches); b++)
            for (size_t s = 0; s < STEP_COUNT(step_shapes); s++)
                if ((!choice->cell || choice->cell == step_kinds[k].name) &&
                    (!choice->batch || choice->batch == batches[b]))
                    measure(isa, &step_kinds[k], step_shapes[s], batches[b],
                            choice->csv);
}

int main(int argc, char **argv)
{
    struct step_choice choice = {.isa = RNN_ISA_AUTO};

    if (!step_choose(argc, argv, &choice)) {
        fprintf(stderr, "usage: %s [--csv] [ISA] [CELL] [BATCH]\n", argv[0]);
        return 2;
    }
    puts(choice.csv ? "isa,cell,D,M,batch,median,best,fma_percent,"
                      "products_percent,ends,most_percent,limit_percent"
                    : "# isa   cell          D    M   B  median ns    best ns"
                      "   fma %  products       ends    most   limit");
    for (enum rnn_isa isa = RNN_ISA_SCALAR; isa <= RNN_ISA_NEON; isa++)
        if (step_takes_isa(&choice, isa))
            measure_all(isa, &choice);
    return 0;
}
