/* startup.h: small things that happen once, before serving.
 */
#ifndef SERVER_STARTUP_H
#define SERVER_STARTUP_H

#include <signal.h>
#include <stdbool.h>

struct app;
struct config;

/* Until a server takes the signals over, SIGTERM and SIGINT end the process:
 * also where it is PID 1 and the kernel would drop them.  SIGPIPE, SIGXFSZ
 * and SIGHUP never do.  SIGBUS, a model's file that loses its end while it is
 * read, ends it with a sentence. */
void startup_signals(void);

/* The models are read: SIGBUS is a fault again.
 * Block SIGTERM, SIGINT and SIGHUP in this thread and those that it makes
 * from here on, so that a server can receive them: what is blocked is never
 * lost, for a PID 1 neither.  They are put in `set`. */
void startup_hold_signals(sigset_t *set);

bool startup_log_is_json(const struct config *config);

/* Every bound of this server, in the log: what is bounded can be seen. */
void startup_log(const struct app *app);

#endif
