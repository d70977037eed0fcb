#include "server/startup.h"

#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "server/app.h"
#include "server/session_store.h"

static void end_now(int number)
{
    _exit(128 + number);
}

/* Models are read where they lie in their files, before anything is served;
 * whoever cuts one short meanwhile takes the bytes away. */
static void end_cut_short(int number)
{
    static const char sentence[] =
        "rnnd: a model's file was cut short while it was read; write a new "
        "file beside it and rename that, then start again\n";

    (void)number;
    (void)!write(STDERR_FILENO, sentence, sizeof(sentence) - 1);
    _exit(1);
}

void startup_signals(void)
{
    struct sigaction ends = {.sa_handler = end_now};
    struct sigaction cut = {.sa_handler = end_cut_short};
    struct sigaction ignored = {.sa_handler = SIG_IGN};

    sigaction(SIGTERM, &ends, NULL);
    sigaction(SIGINT, &ends, NULL);
    sigaction(SIGBUS, &cut, NULL);
    sigaction(SIGPIPE, &ignored, NULL);
    sigaction(SIGXFSZ, &ignored, NULL); /* a write that fails says so */
    sigaction(SIGHUP, &ignored, NULL);
}

void startup_hold_signals(sigset_t *set)
{
    struct sigaction usual = {.sa_handler = SIG_DFL};

    sigaction(SIGBUS, &usual, NULL); /* the models are read */
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, set, NULL);
}

bool startup_log_is_json(const struct config *config)
{
    return strcmp(config->log_format, "json") == 0;
}

#define NUMBER(field) #field, NULL, (int64_t)config->field

/* What keeps the sessions, and for how long a call may wait for it. */
static void log_store(const struct app *app)
{
    const struct config *config = app->config;
    const char *name = session_store_name(app->sessions);

    if (strcmp(name, "memory") == 0) {
        log_event(&app->log, LOG_INFO, "store",
                  (struct log_field[]){{"store", name, 0}, {NULL, NULL, 0}});
        return;
    }
    log_event(&app->log, LOG_INFO, "store",
              (struct log_field[]){
                  {"store", name, 0},
                  {"state_dir", config->state_dir, 0},
                  {"durability", config->durability, 0},
                  {"flush_interval_ms", NULL, (int64_t)config->flush_interval},
                  {"store_timeout_ms", NULL, (int64_t)config->store_timeout},
                  {NULL, NULL, 0}});
}

void startup_log(const struct app *app)
{
    const struct config *config = app->config;

    log_event(&app->log, LOG_INFO, "limits_request",
              (struct log_field[]){{NUMBER(max_body)},
                                   {NUMBER(max_elements)},
                                   {NUMBER(max_timesteps)},
                                   {NUMBER(max_batch)},
                                   {"request_timeout_ms", NULL,
                                    (int64_t)config->request_timeout},
                                   {NULL, NULL, 0}});
    log_event(&app->log, LOG_INFO, "limits_connections",
              (struct log_field[]){
                  {NUMBER(max_connections)},
                  {"idle_timeout_ms", NULL, (int64_t)config->idle_timeout},
                  {"drain_delay_ms", NULL, (int64_t)config->drain_delay},
                  {"drain_timeout_ms", NULL, (int64_t)config->drain_timeout},
                  {NULL, NULL, 0}});
    log_event(&app->log, LOG_INFO, "limits_sessions",
              (struct log_field[]){
                  {NUMBER(max_sessions)},
                  {NUMBER(max_session_memory)},
                  {NUMBER(max_stored_sessions)},
                  {"session_ttl_ms", NULL, (int64_t)config->session_ttl},
                  {"session_wait_ms", NULL, (int64_t)config->session_wait},
                  {NUMBER(tombstones)},
                  {"tombstone_ttl_ms", NULL, (int64_t)config->tombstone_ttl},
                  {NULL, NULL, 0}});
    log_store(app);
}
