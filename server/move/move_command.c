#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "server/move/move.h"
#include "server/session_internal.h"

/* An export makes no store: a state_dir that is not there was misspelled. */
static enum rnn_status check_store(const struct config *config,
                                   struct rnn_error *err)
{
    if (config->action == CONFIG_EXPORT && config->state_dir &&
        access(config->state_dir, F_OK))
        return rnn_fail(err, RNN_IO, "state_dir %.200s cannot be opened: %s",
                        config->state_dir, strerror(errno));
    return RNN_OK;
}

static enum rnn_status open_store(struct app *app, struct rnn_error *err)
{
    enum rnn_status status = check_store(app->config, err);

    if (!status)
        status = session_store_create(app->config, NULL, &app->sessions, err);
    if (!status)
        status =
            session_store_behind(app->sessions, app->models, &app->log, err);
    if (!status && !app->sessions->behind)
        status = rnn_fail(err, RNN_INVALID_ARGUMENT,
                          "sessions in memory end with their process: to "
                          "move them give their store (state_dir)");
    return status;
}

static enum rnn_status say(const struct config *config,
                           const struct move_tally *tally,
                           struct rnn_error *err)
{
    bool is_export = config->action == CONFIG_EXPORT;

    printf("%s %zu sessions and %zu tombstones %s %s",
           is_export ? "exported" : "imported", tally->sessions,
           tally->tombstones, is_export ? "to" : "from", config->move_folder);
    if (!is_export)
        printf(", %zu were there already", tally->present);
    printf(", %zu left out\n", tally->left_out);
    if (fflush(stdout) || ferror(stdout))
        return rnn_fail(err, RNN_IO, "standard output cannot be written");
    return RNN_OK;
}

enum rnn_status move_command(struct app *app, bool *is_whole,
                             struct rnn_error *err)
{
    const struct config *config = app->config;
    struct move_tally tally = {0};
    enum rnn_status status = open_store(app, err);

    if (!status)
        status = config->action == CONFIG_EXPORT
                     ? move_export(app, config->move_folder, &tally, err)
                     : move_import(app, config->move_folder, &tally, err);
    session_store_free(app->sessions);
    app->sessions = NULL;
    if (!status)
        status = say(config, &tally, err);
    *is_whole = tally.left_out == 0;
    return status;
}
