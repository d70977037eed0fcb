/* long_steps.c: each thread has its panels, for all steps, so that their
 * part of the kernel stays in its core's cache.
 *
 * A step (of GRU with reset before: each of its two phases) is a turn.  The
 * caller opens it for each helper, makes its own panels, and then closes it:
 * a helper that has not taken its turn by then is not there, and the caller
 * makes those panels, too.  One that has taken it is waited for, which can
 * take long only if its thread was stopped amid them; then it gets no other.
 */
#include "core/layers/long_steps.h"

#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "core/team.h"

/* Below this many weights one core's cache is as good as two. */
#define LEAST_FLOATS ((uint64_t)1 << 19)
/* A helper's are at least so many; to wake one takes some 50 microseconds,
 * which so many multiply-adds have to pay. */
#define SHARE_FLOATS ((uint64_t)1 << 18)
#define LEAST_WORK   ((uint64_t)1 << 22)
#define HELPERS_MOST 7

/* So that turns can go through them both ways. */
#define LEAST_PIECES 4

/* Looks at a turn before the core is left to others. */
#define LOOKS 2000

/* A share's turns are numbered from 1; `turn` is twice the number of one that
 * is open, one more once it is taken. */
#define TURN_NONE ((size_t)1)
#define TURN_OVER SIZE_MAX

struct share {
    /* Written by both sides at each turn: a cache line of its own. */
    alignas(64) atomic_size_t turn;
    atomic_size_t made; /* number of the last turn that a helper has made */
    size_t first, end;  /* panels */
    bool is_left;       /* it gets no other turn */
    const struct job *job;
    struct rnn_team_part offered;
};

/* What all read; written between turns. */
struct job {
    const struct long_cell *cell;
    const struct f32_cell_row *row; /* [cell->rows], each with a y */
    size_t phases;
    size_t pieces; /* of a share's turn; the caller is asked before each */
    uint64_t piece_work;
    size_t helpers;
    struct share share[1 + HELPERS_MOST]; /* the first is the caller's own */
};

static uint64_t count_floats(const struct f32_cell *cell)
{
    return (uint64_t)cell->recurrent.inputs *
           (cell->recurrent.stride + cell->candidate.stride);
}

/* How many helpers would pay? */
static size_t count_helpers(const struct f32_cell *cell, const struct run *run,
                            size_t rows, size_t steps)
{
    uint64_t floats = count_floats(cell), most = floats / SHARE_FLOATS;
    size_t idle;

    if (!run->team || rows != 1 || floats < LEAST_FLOATS ||
        steps < LEAST_WORK / floats || rnn_cell_takes_rows(cell))
        return 0;
    idle = run->team->idle(run->team);
    most = most - 1 < HELPERS_MOST ? most - 1 : HELPERS_MOST;
    return idle < most ? idle : (size_t)most;
}

bool long_steps_pay(const struct f32_cell *cell, const struct run *run,
                    size_t rows, size_t steps, uint64_t work)
{
    return (run->keep_going && work > run->work_limit / 2) ||
           count_helpers(cell, run, rows, steps) > 0;
}

static void look_again(size_t looks)
{
    if (looks % LOOKS == LOOKS - 1)
        sched_yield();
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- a share at a turn ---------------------------------------------------*/

/* Piece `index` of turn `number`. */
static void make_piece(const struct job *job, const struct share *share,
                       size_t number, size_t index)
{
    const struct long_cell *at = job->cell;
    size_t panels = share->end - share->first;
    size_t phase = (number - 1) % job->phases;

    if ((number - 1) / job->phases % 2)
        index = job->pieces - 1 - index;
    at->ukernels->cell_part(at->cell, at->rows, job->row, phase,
                            share->first + panels * index / job->pieces,
                            share->first + panels * (index + 1) / job->pieces,
                            at->scratch);
}

/* A helper, until there is no other turn. */
static void help(void *arg)
{
    struct share *share = arg;
    size_t looks = 0;

    for (;;) {
        size_t turn = atomic_load_explicit(&share->turn, memory_order_acquire);

        if (turn == TURN_OVER)
            return;
        if (turn % 2 || !atomic_compare_exchange_strong_explicit(
                            &share->turn, &turn, turn + 1,
                            memory_order_acquire, memory_order_relaxed)) {
            look_again(looks++);
            continue;
        }
        looks = 0;
        for (size_t i = 0; i < share->job->pieces; i++)
            make_piece(share->job, share, turn / 2, i);
        atomic_store_explicit(&share->made, turn / 2, memory_order_release);
    }
}

/* Make a share of turn `number` here.  False: stopped. */
static bool make_here(const struct job *job, const struct share *share,
                      struct run *run, size_t number)
{
    for (size_t i = 0; i < job->pieces; i++) {
        if (!run_may_go_on(run, job->piece_work))
            return false;
        make_piece(job, share, number, i);
    }
    return true;
}

static void open_turn(struct job *job, size_t number)
{
    for (size_t i = 1; i <= job->helpers; i++)
        if (!job->share[i].is_left)
            atomic_store_explicit(&job->share[i].turn, 2 * number,
                                  memory_order_release);
}

/* Has nobody taken this turn of the share?  Then nobody will. */
static bool close_turn(struct share *share, size_t number)
{
    size_t open = 2 * number;

    return share->is_left || atomic_compare_exchange_strong_explicit(
                                 &share->turn, &open, open + 1,
                                 memory_order_relaxed, memory_order_relaxed);
}

/* A helper has taken the turn.  Half a millisecond for the thread, a
 * nanosecond for a weight: else it was stopped. */
static void await_turn(const struct job *job, struct share *share,
                       size_t number)
{
    uint64_t patience = 500000 + job->piece_work * job->pieces, end = 0;
    size_t looks = 0;

    while (atomic_load_explicit(&share->made, memory_order_acquire) !=
           number) {
        look_again(looks++);
        if (looks % LOOKS)
            continue;
        if (!end)
            end = now_ns() + patience;
        else if (now_ns() > end)
            share->is_left = true;
    }
}

/* One turn of all.  False: stopped. */
static bool make_turn(struct job *job, struct run *run, size_t number)
{
    bool goes_on;

    open_turn(job, number);
    goes_on = make_here(job, &job->share[0], run, number);
    for (size_t i = 1; i <= job->helpers; i++) {
        struct share *share = &job->share[i];

        if (!close_turn(share, number))
            await_turn(job, share, number);
        else if (goes_on)
            goes_on = make_here(job, share, run, number);
    }
    return goes_on;
}

/* ---- the whole -----------------------------------------------------------*/

static void cut(struct job *job, const struct run *run, uint64_t work)
{
    const struct f32_cell *cell = job->cell->cell;
    size_t panels = cell->recurrent.panels, shares = job->helpers + 1;

    for (size_t i = 0; i < shares; i++)
        job->share[i] = (struct share){
            .job = job,
            .first = panels * i / shares,
            .end = panels * (i + 1) / shares,
            .offered = {.run = help, .arg = &job->share[i]},
            .turn = TURN_NONE,
        };
    job->pieces = (size_t)(work / shares / run->work_limit) + 1;
    if (job->pieces < LEAST_PIECES)
        job->pieces = LEAST_PIECES;
    if (job->pieces > panels / shares)
        job->pieces = panels / shares;
    if (rnn_cell_takes_rows(cell))
        job->pieces = 1;
    job->piece_work = work / shares / job->pieces / job->phases;
}

/* All helpers leave. */
static void end(struct job *job, struct run *run)
{
    bool was_left = false;

    for (size_t i = 1; i <= job->helpers; i++) {
        struct share *share = &job->share[i];

        atomic_store_explicit(&share->turn, TURN_OVER, memory_order_release);
        /* What nobody has begun has no turn left to make. */
        (void)run->team->take_back(run->team, &share->offered);
        was_left = was_left || share->is_left;
    }
    if (was_left)
        run->team = NULL;
}

/* Step `index` of all rows, whose new h grows in y or, without one, in
 * `next`, since all panels read the old one.  False: stopped. */
static bool run_step(struct job *job, struct run *run, size_t index)
{
    const struct long_cell *at = job->cell;
    size_t units = at->cell->recurrent.inputs;
    struct f32_cell_row *row = run->cell_rows;
    bool has_y = row[0].y, goes_on = true;

    for (size_t r = 0; r < at->rows && !has_y; r++)
        row[r].y = at->next + r * plan_stride(units);
    for (size_t phase = 0; phase < job->phases && goes_on; phase++)
        goes_on = make_turn(job, run, index * job->phases + phase + 1);
    for (size_t r = 0; r < at->rows; r++) {
        memcpy(row[r].h, row[r].y, at->cell->recurrent.inputs * sizeof(float));
        row[r].z += at->z_stride;
        row[r].y = has_y ? row[r].y + at->y_stride : NULL;
    }
    return goes_on;
}

bool long_steps_run(const struct long_cell *cell, struct run *run,
                    size_t steps, uint64_t work)
{
    bool goes_on = true;
    struct job job = {
        .cell = cell,
        .row = run->cell_rows,
        .phases = rnn_cell_phases(cell->cell),
        .helpers = count_helpers(cell->cell, run, cell->rows, steps),
    };

    cut(&job, run, work);
    for (size_t i = 1; i <= job.helpers; i++)
        run->team->offer(run->team, &job.share[i].offered);
    for (size_t t = 0; t < steps && goes_on; t++)
        goes_on = run_step(&job, run, t);
    end(&job, run);
    return goes_on;
}
