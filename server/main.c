/* main.c: rnnd from its first line to its last.
 *
 * What is made on the way down is taken apart on the way up, in the reverse
 * order.  Exit: 0 after a drain, 1 a model, a store or a socket failed, 2
 * wrong usage.
 */
#include <stdio.h>
#include <unistd.h>

#include "config/config.h"
#include "server/app.h"
#include "server/healthcheck.h"
#include "server/http/server.h"
#include "server/metrics.h"
#include "server/model_registry.h"
#include "server/move/move.h"
#include "server/session_store.h"
#include "server/startup.h"
#include "server/summary.h"

#define EXIT_FAILED 1
#define EXIT_USAGE  2

static int complain(const struct rnn_error *err, int exit_code)
{
    fprintf(stderr, "rnnd: %s\n", err->message);
    return exit_code;
}

static void print_line(void *file, const char *line)
{
    fprintf(file, "%s\n", line);
}

static void command_check(const struct app *app)
{
    const struct config_list *listen = &app->config->listen;

    summary_write_check(stdout, app->models);
    for (size_t i = 0; i < listen->count; i++)
        printf("would listen on %s\n", listen->items[i]);
}

/* --summary and --check: what was to be said, or that it could not be. */
static int command_print(const struct app *app, struct rnn_error *err)
{
    if (app->config->action == CONFIG_SUMMARY)
        summary_write_all(stdout, app->models);
    else
        command_check(app);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    rnn_fail(err, RNN_IO, "standard output cannot be written");
    return complain(err, EXIT_FAILED);
}

static int serve(struct app *app, struct rnn_error *err)
{
    struct http_server *server = NULL;
    enum rnn_status status;
    sigset_t held;

    startup_hold_signals(&held); /* before there is another thread */
    status = metrics_create(app->models, &app->metrics, err);
    if (status)
        goto out;
    status =
        session_store_create(app->config, app->metrics, &app->sessions, err);
    if (status)
        goto out;
    status = session_store_behind(app->sessions, app->models, &app->log, err);
    if (status)
        goto out;
    status = http_server_create(app, &server, err);
    if (status)
        goto out;
    startup_log(app);
    status = http_server_run(server, err);
out:
    http_server_free(server);
    session_store_free(app->sessions);
    metrics_free(app->metrics);
    if (status)
        return complain(err, status == RNN_INVALID_ARGUMENT ? EXIT_USAGE
                                                            : EXIT_FAILED);
    return 0;
}

/* --export-sessions and --import-sessions: what was left out is a failure. */
static int move(struct app *app, struct rnn_error *err)
{
    bool is_whole = false;
    enum rnn_status status = move_command(app, &is_whole, err);

    if (status)
        return complain(err, status == RNN_INVALID_ARGUMENT ? EXIT_USAGE
                                                            : EXIT_FAILED);
    return is_whole ? 0 : EXIT_FAILED;
}

static int run_action(struct app *app, struct rnn_error *err)
{
    enum config_action action = app->config->action;

    if (action == CONFIG_SERVE)
        return serve(app, err);
    if (action == CONFIG_EXPORT || action == CONFIG_IMPORT)
        return move(app, err);
    return command_print(app, err);
}

static int with_models(const struct config *config, struct rnn_error *err)
{
    struct app app = {.config = config};
    int exit_code;

    log_level_parse(config->log_level, &app.log.level);
    app.log.json = startup_log_is_json(config);
    if (model_registry_create(config, &app.log, &app.models, err))
        return complain(err, EXIT_FAILED);
    exit_code = run_action(&app, err);
    model_registry_free(app.models);
    return exit_code;
}

int main(int argc, char **argv)
{
    struct config config;
    struct rnn_error err;
    int exit_code = 0;

    startup_signals();
    if (config_load(argc, argv, environ, &config, &err))
        return complain(&err, err.status == RNN_INVALID_ARGUMENT
                                  ? EXIT_USAGE
                                  : EXIT_FAILED);
    switch (config.action) {
    case CONFIG_HELP:
        config_help(print_line, stdout);
        break;
    case CONFIG_VERSION:
        printf("rnnd %s\n", RNND_VERSION);
        break;
    case CONFIG_HEALTHCHECK:
        if (healthcheck(&config, &err))
            exit_code = complain(&err, EXIT_FAILED);
        break;
    case CONFIG_CHECK:
    case CONFIG_SUMMARY:
    case CONFIG_EXPORT:
    case CONFIG_IMPORT:
    case CONFIG_SERVE:
        exit_code = with_models(&config, &err);
        break;
    }
    config_release(&config);
    return exit_code;
}
