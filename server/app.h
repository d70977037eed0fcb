/* app.h: all that a handler can reach.
 *
 * Made by main.c in the order of these fields and taken down in the reverse
 * order.  Handlers get it as their first parameter; there are no globals.
 */
#ifndef SERVER_APP_H
#define SERVER_APP_H

#include <stdatomic.h>
#include <stdbool.h>

#include "config/config.h"
#include "server/log.h"

struct model_registry;
struct session_store;
struct metrics;

struct app {
    const struct config *config;
    struct log log;
    struct model_registry *models;
    struct metrics *metrics;
    struct session_store *sessions;
    atomic_bool draining; /* from SIGTERM on; readyz answers 503 */
};

#endif
