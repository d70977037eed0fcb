#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "server/clock.h"
#include "server/model_registry.h"
#include "server/session_internal.h"
#include "server/store/record.h"
#include "server/store/store.h"

/* ---- beginning ---------------------------------------------------------- */

static bool is_word(const char *option, const char *word)
{
    return option && strcmp(option, word) == 0;
}

/* Which store is wanted: the one that there is a folder or a server for. */
static enum rnn_status choose(const struct config *config, const char **name,
                              struct rnn_error *err)
{
    *name = config->store;
    if (!*name && config->state_dir && config->redis_url)
        return rnn_fail(err, RNN_INVALID_ARGUMENT,
                        "state_dir and redis_url are two stores: say which "
                        "one with store = sqlite or store = redis");
    if (!*name)
        *name = config->state_dir   ? "sqlite"
                : config->redis_url ? "redis"
                                    : "memory";
    if (is_word(*name, "sqlite") && !config->state_dir)
        return rnn_fail(err, RNN_INVALID_ARGUMENT,
                        "store = sqlite needs state_dir, the folder of its "
                        "file");
    if (!is_word(*name, "redis"))
        return RNN_OK;
    if (!config->redis_url)
        return rnn_fail(err, RNN_INVALID_ARGUMENT,
                        "store = redis needs redis_url, as "
                        "redis://127.0.0.1:6379");
    if (!is_word(config->durability, "step"))
        return rnn_fail(err, RNN_INVALID_ARGUMENT,
                        "durability = %s is SQLite's: with store = redis a "
                        "step is always in Redis before its reply, and what "
                        "is safe there from power loss, Redis' appendfsync "
                        "says",
                        config->durability);
    return RNN_OK;
}

static void on_says(void *store, const char *why)
{
    session_behind_says(store, why);
}

enum rnn_status session_store_behind(struct session_store *store,
                                     const struct model_registry *models,
                                     const struct log *log,
                                     struct rnn_error *err)
{
    const struct config *config = store->config;
    struct store_settings settings = {
        .folder = config->state_dir,
        .survives_power = is_word(config->durability, "fsync"),
        .flush_interval_ms = config->flush_interval,
        .tombstones = config->tombstones,
        .redis_url = config->redis_url,
        .redis_ca = config->redis_ca,
        .redis_cert = config->redis_cert,
        .redis_key = config->redis_key,
        .timeout_ms = config->store_timeout,
        /* A create that was sent before a death and comes after it must find
         * the tombstone for as long as it may be carried out. */
        .remember_ms = config->tombstone_ttl > config->store_timeout
                           ? config->tombstone_ttl
                           : config->store_timeout,
        .owner = {.gather = session_gather, .says = on_says, .arg = store}};
    struct store *behind = NULL;
    const char *name;
    enum rnn_status status = choose(config, &name, err);

    if (status || is_word(name, "memory"))
        return status;
    store->models = models;
    store->log = log;
    store->writes_later = is_word(config->durability, "async");
    store->changes.clean_ms = clock_monotonic_ms();
    store->wall_ahead_ms =
        (int64_t)clock_wall_ms() - (int64_t)clock_monotonic_ms();
    settings.wall_ahead_ms = store->wall_ahead_ms;
    status = is_word(name, "redis")
                 ? store_redis_create(&settings, &behind, err)
                 : store_sqlite_create(&settings, &behind, err);
    if (status)
        return status;
    atomic_store(&store->has_rest, !behind->was_empty);
    store->behind = behind;
    return RNN_OK;
}

/* ---- how it does -------------------------------------------------------- */

void session_behind_says(struct session_store *store, const char *why)
{
    bool was_failing = atomic_exchange(&store->is_failing, why != NULL);

    if (why)
        session_metric(store, METRIC_STORE_FAILURES, 1);
    if (was_failing == (why != NULL) || !store->log)
        return;
    if (why)
        log_line(store->log, LOG_ERROR, "the store fails: %s", why);
    else
        log_line(store->log, LOG_INFO, "the store works again");
}

const char *session_store_name(const struct session_store *store)
{
    return store->behind ? store->behind->name : "memory";
}

bool session_store_is_shared(const struct session_store *store)
{
    return session_is_shared(store);
}

bool session_store_is_failing(struct session_store *store)
{
    return store && atomic_load(&store->is_failing);
}

uint64_t session_store_lag_ms(struct session_store *store, uint64_t now_ms)
{
    const struct session_changes *changes = &store->changes;
    uint64_t lag_ms = 0;

    pthread_mutex_lock(&store->changes.lock);
    if (changes->first || changes->writing)
        lag_ms = now_ms > changes->clean_ms ? now_ms - changes->clean_ms : 1;
    pthread_mutex_unlock(&store->changes.lock);
    return lag_ms;
}

/* ---- time --------------------------------------------------------------- */

/* Rows hold wall-clock times.  How far that clock is ahead of the monotonic
 * one is asked once, when the store is opened: one that jumps while we run
 * expires nothing, in memory or at rest.  One that went back between two
 * processes makes a session younger, never dead. */

uint64_t session_wall_of(const struct session_store *store,
                         uint64_t monotonic_ms)
{
    int64_t wall_ms = (int64_t)monotonic_ms + store->wall_ahead_ms;

    return wall_ms > 0 ? (uint64_t)wall_ms : 0;
}

uint64_t session_monotonic_of(const struct session_store *store,
                              uint64_t wall_ms)
{
    uint64_t now_ms = clock_monotonic_ms();
    int64_t then_ms = (int64_t)wall_ms - store->wall_ahead_ms;

    if (then_ms < 0)
        return 0;
    return (uint64_t)then_ms < now_ms ? (uint64_t)then_ms : now_ms;
}

static uint64_t add_ms(uint64_t a, uint64_t b)
{
    /* As far as SQL's whole numbers go. */
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

uint64_t session_record_expires(const struct record *record)
{
    return record->ttl_ms ? add_ms(record->used_ms, record->ttl_ms) : 0;
}

uint64_t session_record_until(const struct session_store *store,
                              const struct record *record)
{
    uint64_t ttl_ms = store->config->tombstone_ttl;

    if (record->fate != RECORD_LIVE)
        return add_ms(record->used_ms, ttl_ms);
    if (!record->ttl_ms)
        return 0;
    return add_ms(session_record_expires(record), ttl_ms);
}

/* ---- a session as a record ---------------------------------------------- */

static struct record_text text_of(const char *text)
{
    size_t length = strlen(text);

    return (struct record_text){.text = text,
                                .length = length < 255 ? length : 255};
}

void session_to_record(const struct session_store *store,
                       const struct session *session, struct record *record)
{
    struct session_plan plan = session_plan_of(session);

    *record =
        (struct record){.id = text_of(session->id),
                        .fingerprint = text_of(session->model->fingerprint),
                        .model = text_of(session->model->name),
                        .numerics = RNN_NUMERICS,
                        .mode = session->mode,
                        .window = session->window,
                        .filled = session->window_filled,
                        .step = session->step,
                        .ttl_ms = session->ttl_ms,
                        .created_ms = session->created_ms,
                        .used_ms = session_wall_of(store, session->used_ms),
                        .state = session_state((struct session *)session),
                        .state_length = session_state_bytes(&plan)};
    session_call_to_record(session->last, record);
}

void session_call_to_record(const struct session_call *call,
                            struct record *record)
{
    record->has_call = call != NULL;
    if (!call)
        return;
    record->step_before = call->step_before;
    record->step_after = call->step_after;
    record->filled_before = call->filled_before;
    record->reply_length = call->reply_length;
    memcpy(record->digest, call->digest, sizeof(record->digest));
    record->call = call->bytes;
    record->call_length = session_call_bytes(call) - sizeof(*call);
}

static bool is_text(const struct record_text *text, const char *other)
{
    return strlen(other) == text->length &&
           memcmp(text->text, other, text->length) == 0;
}

const struct served_model *session_record_model(
    const struct session_store *store, const struct record *record)
{
    const struct served_model *found = NULL;

    for (size_t i = 0; i < model_registry_count(store->models); i++) {
        const struct served_model *model = model_registry_at(store->models, i);

        if (!is_text(&record->fingerprint, model->fingerprint))
            continue;
        /* Two of one fingerprint compute the same: the name decides. */
        if (!found || is_text(&record->model, model->name))
            found = model;
    }
    return found;
}
