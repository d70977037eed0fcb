/* layout.h: where everything that a call needs lies in its scratch.
 *
 * To add it up takes several hundred instructions, a quarter of what a small
 * model takes for all of its timesteps: so for one short sequence of such a
 * model it has been done when the plan was settled.
 *
 * Threads  A settled plan is only read.
 * Units    Bytes; SIZE_MAX: too many.
 */
#ifndef CORE_LAYERS_LAYOUT_H
#define CORE_LAYERS_LAYOUT_H

#include "core/layers/plan.h"

/* For up to `rows` sequences at a time and chunks of up to `items` items. */
struct plan_layout plan_layout(const struct plan *plan, size_t rows,
                               size_t items);

/* What it takes.  Fewer sequences or items never take more: what is left of a
 * batch runs in the scratch of the whole. */
size_t plan_layout_bytes(const struct plan *plan, size_t rows, size_t items);

/* How many items make a chunk: enough to spread the reading of a kernel over
 * many rows and what stands around a chunk over many timesteps, few enough
 * that all they take stays in a core's second cache. */
size_t plan_choose_items(const struct plan *plan);

/* Once, at the end of a plan. */
void plan_lay_out_ahead(struct plan *plan);

#endif
