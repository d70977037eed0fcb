/* store_daemon.h: the real rnnd with a state directory, and a stream of
 * inputs for it.
 *
 *     store_daemon_open(&d);                    models, a folder
 *     store_daemon_start(&d, "step", NULL, NULL);
 *     store_daemon_step(&d, "a", 0, 3, ", \"start\": true");
 *     store_daemon_kill(&d);                    kill -9
 *     store_daemon_start(&d, "step", NULL, NULL);
 *     ...
 *     store_daemon_close(&d);
 *
 * The stream is of the model "free": row i is always the same.
 */
#ifndef TESTS_SUPPORT_STORE_DAEMON_H
#define TESTS_SUPPORT_STORE_DAEMON_H

#include "tests/support/api.h"
#include "tests/support/api_models.h"
#include "tests/support/scratch_folder.h"

struct store_daemon {
    struct api_models models;
    struct daemon daemon;
    struct api api;
    char folder[SCRATCH_FOLDER_BYTES], file[SCRATCH_STORE_BYTES];
};

/* Not where another program is started in the place of rnnd (a container):
 * it has other folders, and no process that we could kill.  Says so. */
bool store_daemon_is_possible(void);

void store_daemon_open(struct store_daemon *d);
/* Kills it if a test has left it. */
void store_daemon_close(struct store_daemon *d);

/* With durability and one more option (NULL: none). */
void store_daemon_start(struct store_daemon *d, const char *durability,
                        const char *option, const char *value);
void store_daemon_stop(struct store_daemon *d); /* SIGTERM, exit 0 */
void store_daemon_kill(struct store_daemon *d); /* SIGKILL */

/* Rows `from` to `to`, as a call of the session at step `from`; `more` is
 * further fields, from a comma on. */
void store_daemon_step(struct store_daemon *d, const char *id, int from,
                       int to, const char *more);

/* What a stateless call over these rows answers. */
void store_daemon_reference(struct store_daemon *d, int from, int to,
                            char *text, size_t size);
/* The last answer was 200 with this output. */
void store_daemon_assert(struct store_daemon *d, const char *output);

double store_daemon_metric(struct store_daemon *d, const char *name);
/* Until nothing waits to be written. */
void store_daemon_settle(struct store_daemon *d);

#endif
