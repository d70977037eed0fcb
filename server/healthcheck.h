/* healthcheck.h: rnnd --healthcheck, for images that hold nothing else.
 *
 * Asks the server that has the same configuration for GET /livez.
 */
#ifndef SERVER_HEALTHCHECK_H
#define SERVER_HEALTHCHECK_H

#include "config/config.h"
#include "core/status.h"

/* OK: it answered 200.  IO: it did not, within two seconds, or `listen` has
 * no fixed port. */
RNN_CHECKED enum rnn_status healthcheck(const struct config *config,
                                        struct rnn_error *err);

#endif
