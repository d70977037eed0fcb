/* graph_check.h: does a Functional model obey law 2?
 *
 * All sequences of a batch, of different lengths, against each alone; every
 * instruction set against scalar; and, where the model streams, every cut
 * into two pieces and every step: the same bits.  Where time is short
 * (effort.h), each sixth of these.  A failure ends the test.
 */
#ifndef TESTS_SUPPORT_GRAPH_CHECK_H
#define TESTS_SUPPORT_GRAPH_CHECK_H

#include "tests/support/model_builder.h"

/* Models of one input, of up to 8 outputs.  `timesteps`: the only number
 * that it takes; 0: any. */
void graph_check_bits(struct model_builder *builder, size_t timesteps);

/* Output `index` after `timesteps` of x, alone, by scalar code; free() it. */
float *graph_run(struct model_builder *builder, const float *x,
                 size_t timesteps, size_t index);

#endif
