/* startup.h: small things that happen once, before serving.
 */
#ifndef SERVER_STARTUP_H
#define SERVER_STARTUP_H

#include <stdbool.h>
#include <stdio.h>

struct app;
struct config;

/* Until a server takes the signals over, SIGTERM and SIGINT end the process:
 * also where it is PID 1 and the kernel would drop them.  SIGPIPE and SIGHUP
 * never do. */
void startup_signals(void);

bool startup_log_is_json(const struct config *config);

/* Every bound of this server, in the log: what is bounded can be seen. */
void startup_log(const struct app *app);

/* rnnd --check: what would be served. */
void startup_print_check(const struct app *app, FILE *out);

#endif
