/* redis_url.h: the option redis_url, taken apart.
 *
 *     redis://[[user]:password@]host[:port][/db]
 *     rediss://...                               the same in TLS
 *
 * User and password are percent-decoded; an IPv6 address stands in brackets.
 *
 * Ownership  The struct owns its texts, in one block.
 * Errors     A sentence that never shows the password.
 */
#ifndef SERVER_STORE_REDIS_URL_H
#define SERVER_STORE_REDIS_URL_H

#include <stdbool.h>

#include "core/status.h"

struct redis_url {
    char *block;                 /* all texts */
    const char *user, *password; /* NULL: not given */
    const char *host, *port;
    const char *db; /* a number; "0" unless given */
    bool is_tls;
};

/* INVALID_ARGUMENT, NO_MEMORY */
RNN_CHECKED enum rnn_status redis_url_read(const char *text,
                                           struct redis_url *url,
                                           struct rnn_error *err);
void redis_url_release(struct redis_url *url);

#endif
