/* daemon.h: the real rnnd, started for a test and stopped after it.
 *
 * The program is the one built beside the test (build/asan/tests/... uses
 * build/asan/rnnd).  It listens on 127.0.0.1, on a port that the kernel
 * picks, and dies with the test.  RNND_TEST_PROGRAM names another program to
 * start in its place (docker/rnnd.sh).  When RNND_TEST_ADDRESS names a running
 * server ("127.0.0.1:8080", a container), daemon_find() takes that one.
 *
 * Errors   Whatever goes wrong fails the test (cmocka) and shows the log.
 */
#ifndef TESTS_SUPPORT_DAEMON_H
#define TESTS_SUPPORT_DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define DAEMON_LOG_SIZE ((size_t)65536)

struct daemon {
    pid_t pid; /* 0: not ours, or over */
    int log_fd;
    uint16_t port;
    char address[64]; /* "127.0.0.1:40001" */
    char url[72];     /* "http://127.0.0.1:40001" */
    char log[DAEMON_LOG_SIZE];
};

/* A file of the source tree, as a path that can be opened. */
void daemon_path(const char *name, char *path, size_t size);

/* Start rnnd and wait until it listens.  `options` (NULL: none) ends with
 * NULL and holds what stands on its command line.  Where no model (*.keras,
 * *.h5, *.safetensors) is among them, the seed of examples/ is added, and
 * `--listen 127.0.0.1:0` likewise. */
void daemon_start(struct daemon *daemon, const char *const *options);

/* The server of RNND_TEST_ADDRESS, else daemon_start(daemon, NULL). */
void daemon_find(struct daemon *daemon);

/* SIGTERM; wait; its exit code must be 0.  Nothing for one that is not ours
 * or over. */
void daemon_stop(struct daemon *daemon);

void daemon_signal(const struct daemon *daemon, int number);

/* Wait for its end: the exit code, or 256 + the signal that killed it. */
int daemon_wait(struct daemon *daemon);

/* Run rnnd with these arguments to its end: the exit code as above; stdout
 * and stderr go to `output`. */
int daemon_run(const char *const *arguments, char *output, size_t size);

/* What it has logged so far, or all that it has when it is over. */
const char *daemon_log(struct daemon *daemon);

/* Wait until the log holds `text`. */
void daemon_wait_for(struct daemon *daemon, const char *text);

#endif
