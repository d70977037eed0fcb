#include "tests/support/store_daemon.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/nap.h"

#define ROWS_BYTES 4096

bool store_daemon_is_possible(void)
{
    bool is_possible = !getenv("RNND_TEST_PROGRAM");

    if (!is_possible)
        puts("not in the place of rnnd: docker/container.sh has its own");
    return is_possible;
}

void store_daemon_open(struct store_daemon *d)
{
    *d = (struct store_daemon){.daemon = {.log_fd = -1}};
    api_models_make(&d->models);
    scratch_folder(d->folder, d->file);
}

void store_daemon_close(struct store_daemon *d)
{
    if (d->daemon.pid > 0)
        store_daemon_kill(d);
    scratch_folder_remove(d->folder);
    api_models_remove(&d->models);
}

void store_daemon_start(struct store_daemon *d, const char *durability,
                        const char *option, const char *value)
{
    const char *options[] = {"--state-dir",
                             d->folder,
                             "--durability",
                             durability,
                             "--flush-interval",
                             "50ms",
                             "--list-sessions",
                             "yes",
                             option,
                             value,
                             NULL};

    api_models_serve(&d->models, options, &d->daemon);
    api_init(&d->api, d->daemon.url);
}

void store_daemon_stop(struct store_daemon *d)
{
    api_release(&d->api);
    daemon_stop(&d->daemon);
}

void store_daemon_kill(struct store_daemon *d)
{
    api_release(&d->api);
    daemon_signal(&d->daemon, SIGKILL);
    assert_int_equal(daemon_wait(&d->daemon), 256 + SIGKILL);
}

/* Row `i` of a stream of inputs. */
static void row_of(int i, char text[64])
{
    snprintf(text, 64, "[%.6f,%.6f,%.6f]", (i * 37 % 100) / 100.0,
             (i * 71 % 100) / 100.0 - 0.5, -(i * 13 % 100) / 100.0);
}

static void rows_of(int from, int to, char rows[ROWS_BYTES])
{
    char row[64];

    rows[0] = '\0';
    for (int i = from; i < to; i++) {
        row_of(i, row);
        snprintf(rows + strlen(rows), ROWS_BYTES - strlen(rows), "%s%s",
                 i > from ? "," : "", row);
    }
}

void store_daemon_step(struct store_daemon *d, const char *id, int from,
                       int to, const char *more)
{
    char rows[ROWS_BYTES];

    rows_of(from, to, rows);
    api_post(&d->api, "/predict",
             "{\"sequence\": [%s], \"session\": \"%s\", \"model\": \"free\", "
             "\"step\": %d%s}",
             rows, id, from, more);
}

void store_daemon_reference(struct store_daemon *d, int from, int to,
                            char *text, size_t size)
{
    char rows[ROWS_BYTES];

    rows_of(from, to, rows);
    api_post(&d->api, "/predict", "{\"sequence\": [%s], \"model\": \"free\"}",
             rows);
    api_keep(&d->api, "output", text, size);
}

void store_daemon_assert(struct store_daemon *d, const char *output)
{
    char text[256];

    assert_string_equal(api_keep(&d->api, "output", text, sizeof(text)),
                        output);
}

double store_daemon_metric(struct store_daemon *d, const char *name)
{
    char line[128];
    const char *at;

    api_get(&d->api, "/metrics");
    snprintf(line, sizeof(line), "\n%s ", name);
    at = strstr(d->api.body, line);
    assert_non_null(at);
    return strtod(at + strlen(line), NULL);
}

void store_daemon_settle(struct store_daemon *d)
{
    for (int i = 0; i < 2000; i++) {
        if (store_daemon_metric(d, "rnnd_store_lag_seconds") == 0.0)
            return;
        nap_ms(5);
    }
    fail_msg("changes are not written");
}
