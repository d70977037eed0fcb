/* model_list.h: the [NAME=]MODEL arguments of the command line.
 *
 * Only for config/ and its tests.
 *
 * Ownership  model_list_add() puts copies into the struct;
 *            model_list_clear() frees them.
 */
#ifndef CONFIG_MODEL_LIST_H
#define CONFIG_MODEL_LIST_H

#include "config/config.h"
#include "core/status.h"

#define MODEL_NAME_BYTES 128 /* longest name of a model */

/* Append what `argument` says.  What stands before the first = is a name,
 * unless a slash stands there too; without one the file's stem is the name.
 *
 * INVALID_ARGUMENT  no file, a name that another model has, or one that
 *                   cannot stand in a URL: empty, too long, . or .., a slash,
 *                   a control character, not UTF-8
 * NO_MEMORY
 */
RNN_CHECKED enum rnn_status model_list_add(const char *argument,
                                           struct config *config,
                                           struct rnn_error *err);
void model_list_clear(struct config *config);

#endif
