/* long_steps.h: timesteps through a cell so large that the caller may not wait
 * for two of them, or that one core should not have them alone.
 *
 * A step goes in pieces of panels, with a question between them whether to go
 * on; every other step goes through them the other way, so that it begins
 * with weights that are still in the cache.
 *
 * A step of a single sequence is one reading of the recurrent kernel.  Where
 * that does not fit the second-level cache of a core, the next level's
 * bandwidth is the limit; in halves it fits those of two cores.  So idle
 * threads of the team take a share of the panels.  Panels do not depend on
 * each other: no bit changes.
 *
 * Threads  The caller's; helpers from its team come and go (core/team.h).
 */
#ifndef CORE_LAYERS_LONG_STEPS_H
#define CORE_LAYERS_LONG_STEPS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/layers/run.h"

struct long_cell {
    const struct rnn_ukernels *ukernels;
    const struct f32_cell *cell;
    size_t rows;               /* the first of run->cell_rows */
    size_t z_stride, y_stride; /* from one timestep to the next */
    float *next;    /* [rows, plan_stride(units)] for each h that has no y */
    float *scratch; /* of the cell */
};

/* Is a step of `work` (run_work()) one of these, more than half of what the
 * caller may wait for, or would it pay to share `steps` of them with a thread
 * that has nothing to do? */
bool long_steps_pay(const struct f32_cell *cell, const struct run *run,
                    size_t rows, size_t steps, uint64_t work);

/* `steps` timesteps of the rows, which move on.  A thread that kept the
 * others waiting ends the sharing for this run.  False: stopped. */
bool long_steps_run(const struct long_cell *cell, struct run *run,
                    size_t steps, uint64_t work);

#endif
