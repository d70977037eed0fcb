/* summary.h: a loaded model in words, for people at a terminal.
 *
 * --summary prints the table of Keras' model.summary() and, beside it, what
 * Keras does not say: which layers can take their timesteps in pieces and how
 * much each of them remembers.  --check prints one line for each model.
 */
#ifndef SERVER_SUMMARY_H
#define SERVER_SUMMARY_H

#include <stdio.h>

#include "core/model.h"

struct model_registry;

/* The table of one model. */
void summary_write(FILE *out, const char *name,
                   const struct rnn_model_info *info);

/* The tables of all models (--summary). */
void summary_write_all(FILE *out, const struct model_registry *models);

/* "would serve ..." for each model (--check). */
void summary_write_check(FILE *out, const struct model_registry *models);

#endif
