#include "server/store/redis_link.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <hiredis/hiredis.h>

#include "server/clock.h"
#include "server/store/store.h"

#define BACKOFF_FIRST_MS 50
#define BACKOFF_MOST_MS  2000
#define READ_BYTES       ((size_t)65536)

enum rnn_status redis_link_init(struct redis_link *link,
                                const struct store_settings *settings,
                                struct rnn_error *err)
{
    enum rnn_status status;

    *link = (struct redis_link){.timeout_ms = settings->timeout_ms,
                                .backoff_ms = BACKOFF_FIRST_MS,
                                .down_ms = clock_monotonic_ms()};
    snprintf(link->why, sizeof(link->why), "there is no connection yet");
    status = redis_url_read(settings->redis_url, &link->url, err);
    if (!status && link->url.is_tls)
        status = redis_tls_create(settings->redis_ca, settings->redis_cert,
                                  settings->redis_key, &link->tls, err);
    redis_wire_init(&link->wire, &link->url, link->tls);
    if (status)
        redis_link_release(link);
    return status;
}

static void close_link(struct redis_link *link)
{
    redis_wire_close(&link->wire);
    redis_out_clear(&link->out);
    if (link->reader)
        redisReaderFree(link->reader);
    link->reader = NULL;
    link->is_over = false;
    link->stage = LINK_DOWN;
}

void redis_link_release(struct redis_link *link)
{
    close_link(link);
    redis_out_release(&link->out);
    redis_tls_free(link->tls);
    link->tls = NULL;
    redis_url_release(&link->url);
}

/* Half of it and a random half more, so that replicas do not come all at
 * once. */
static uint64_t spread(uint64_t ms)
{
    uint32_t random = 0;

    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
        random = (uint32_t)clock_monotonic_ms();
    return ms / 2 + random % (ms / 2 + 1);
}

void redis_link_break(struct redis_link *link, const char *why,
                      uint64_t now_ms)
{
    char copy[sizeof(link->why)];

    snprintf(copy, sizeof(copy), "%s", why);
    memcpy(link->why, copy, sizeof(copy));
    if (link->stage == LINK_UP) { /* it worked: at once */
        link->down_ms = now_ms;
        link->retry_at_ms = now_ms;
        link->backoff_ms = BACKOFF_FIRST_MS;
    } else {
        link->retry_at_ms = now_ms + spread(link->backoff_ms);
        link->backoff_ms *= 2;
        if (link->backoff_ms > BACKOFF_MOST_MS)
            link->backoff_ms = BACKOFF_MOST_MS;
    }
    close_link(link);
}

/* ---- opening and greeting ----------------------------------------------- */

/* The script is called by its hash; it is told after the commands before. */
bool redis_link_load(struct redis_link *link)
{
    redis_out_begin(&link->out, 3);
    redis_out_text(&link->out, "SCRIPT");
    redis_out_text(&link->out, "LOAD");
    redis_out_text(&link->out, redis_script);
    return redis_out_end(&link->out);
}

static bool put_auth(struct redis_link *link)
{
    if (!link->url.password)
        return true;
    redis_out_begin(&link->out, link->url.user ? 3 : 2);
    redis_out_text(&link->out, "AUTH");
    if (link->url.user)
        redis_out_text(&link->out, link->url.user);
    redis_out_text(&link->out, link->url.password);
    return redis_out_end(&link->out);
}

static bool put_select(struct redis_link *link)
{
    redis_out_begin(&link->out, 2);
    redis_out_text(&link->out, "SELECT");
    redis_out_text(&link->out, link->url.db);
    return redis_out_end(&link->out);
}

static bool put_time(struct redis_link *link)
{
    redis_out_begin(&link->out, 1);
    redis_out_text(&link->out, "TIME");
    return redis_out_end(&link->out);
}

/* Answers of the greeting, in their order. */
enum { ANSWER_AUTH, ANSWER_SELECT, ANSWER_TIME, ANSWER_SCRIPT, ANSWER_END };

static void greet(struct redis_link *link, uint64_t now_ms)
{
    link->reader = redisReaderCreate();
    link->stage = LINK_GREETING;
    link->greeted = link->url.password ? ANSWER_AUTH : ANSWER_SELECT;
    if (!link->reader || !put_auth(link) || !put_select(link) ||
        !put_time(link) || !redis_link_load(link))
        redis_link_break(link, "out of memory for a connection to Redis",
                         now_ms);
    else
        redis_link_flush(link, now_ms);
}

/* The wire has got so far. */
static void proceed(struct redis_link *link, enum redis_progress progress,
                    uint64_t now_ms)
{
    if (progress == REDIS_BROKEN)
        redis_link_break(link, link->wire.why, now_ms);
    else if (progress == REDIS_DONE && link->stage == LINK_OPENING)
        greet(link, now_ms);
}

static bool take_time(struct redis_link *link, const redisReply *reply)
{
    uint64_t seconds, micros;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[1]->type != REDIS_REPLY_STRING)
        return false;
    seconds = strtoull(reply->element[0]->str, NULL, 10);
    micros = strtoull(reply->element[1]->str, NULL, 10);
    link->server_ahead = (int64_t)(seconds * 1000 + micros / 1000) -
                         (int64_t)clock_monotonic_ms();
    return true;
}

void redis_link_clock(struct redis_link *link, uint64_t server_ms)
{
    int64_t ahead = (int64_t)server_ms - (int64_t)clock_monotonic_ms();
    int64_t behind = link->server_ahead - ahead;

    /* An answer that took long makes its clock look slow: the largest of the
     * last ones is nearest.  But clocks are also set. */
    if (behind < 0 || behind > (int64_t)link->timeout_ms)
        link->server_ahead = ahead;
    else
        link->server_ahead -= behind / 16;
}

static bool take_hash(struct redis_link *link, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_STRING ||
        reply->len != sizeof(link->hash) - 1)
        return false;
    memcpy(link->hash, reply->str, sizeof(link->hash));
    return true;
}

static void take_greeting(struct redis_link *link, const redisReply *reply,
                          uint64_t now_ms)
{
    static const char *const names[] = {"AUTH", "SELECT", "TIME",
                                        "SCRIPT LOAD"};
    bool is_well = reply->type != REDIS_REPLY_ERROR;
    char why[256];

    if (is_well && link->greeted == ANSWER_TIME)
        is_well = take_time(link, reply);
    if (is_well && link->greeted == ANSWER_SCRIPT)
        is_well = take_hash(link, reply);
    if (!is_well) {
        snprintf(why, sizeof(why), "%s:%s answers %s with: %s", link->url.host,
                 link->url.port, names[link->greeted],
                 reply->type == REDIS_REPLY_ERROR ? reply->str
                                                  : "something unknown");
        redis_link_break(link, why, now_ms);
        return;
    }
    if (++link->greeted < ANSWER_END)
        return;
    link->stage = LINK_UP;
    link->backoff_ms = BACKOFF_FIRST_MS;
    link->down_ms = 0;
}

void redis_link_tick(struct redis_link *link, uint64_t now_ms)
{
    if (link->stage == LINK_DOWN && now_ms >= link->retry_at_ms) {
        link->stage = LINK_OPENING;
        link->begun_ms = now_ms;
        proceed(link, redis_wire_open(&link->wire), now_ms);
    } else if ((link->stage == LINK_OPENING || link->stage == LINK_GREETING) &&
               now_ms - link->begun_ms >= link->timeout_ms) {
        char why[256];

        snprintf(why, sizeof(why),
                 "%s:%s did not answer within store_timeout = %llu ms",
                 link->url.host, link->url.port,
                 (unsigned long long)link->timeout_ms);
        redis_link_break(link, why, now_ms);
    }
}

uint64_t redis_link_due(const struct redis_link *link)
{
    switch (link->stage) {
    case LINK_DOWN:
        return link->retry_at_ms;
    case LINK_OPENING:
    case LINK_GREETING:
        return link->begun_ms + link->timeout_ms;
    case LINK_UP:
        break;
    }
    return UINT64_MAX;
}

short redis_link_events(const struct redis_link *link)
{
    if (link->stage == LINK_DOWN)
        return 0;
    if (link->stage == LINK_OPENING)
        return link->wire.events;
    return link->out.length ? POLLIN | POLLOUT : POLLIN;
}

/* ---- in use ------------------------------------------------------------- */

void redis_link_flush(struct redis_link *link, uint64_t now_ms)
{
    enum redis_progress progress = REDIS_DONE;

    while (progress == REDIS_DONE && link->out.length) {
        size_t moved = 0;

        progress =
            redis_wire_write(&link->wire, link->out.bytes + link->out.from,
                             link->out.length - link->out.from, &moved);
        if (moved)
            redis_out_written(&link->out, moved);
    }
    proceed(link, progress, now_ms);
}

static void read_all(struct redis_link *link, uint64_t now_ms)
{
    enum redis_progress progress = REDIS_DONE;
    char bytes[READ_BYTES];

    while (progress == REDIS_DONE) {
        size_t moved = 0;

        progress = redis_wire_read(&link->wire, bytes, sizeof(bytes), &moved);
        if (!moved)
            break;
        link->heard_ms = now_ms;
        if (redisReaderFeed(link->reader, bytes, moved) != REDIS_OK) {
            redis_link_break(link, link->reader->errstr, now_ms);
            return;
        }
        if (moved < sizeof(bytes) && !link->tls)
            return;
    }
    /* What came before the end is still to be taken. */
    if (progress == REDIS_BROKEN && link->stage != LINK_DOWN)
        link->is_over = true;
}

void redis_link_go_on(struct redis_link *link, uint64_t now_ms)
{
    if (link->stage == LINK_OPENING)
        proceed(link, redis_wire_go_on(&link->wire), now_ms);
    if (link->stage == LINK_GREETING || link->stage == LINK_UP)
        redis_link_flush(link, now_ms);
    if (link->stage == LINK_GREETING || link->stage == LINK_UP)
        read_all(link, now_ms);
}

redisReply *redis_link_reply(struct redis_link *link, uint64_t now_ms)
{
    while (link->stage == LINK_GREETING || link->stage == LINK_UP) {
        void *reply = NULL;

        if (redisReaderGetReply(link->reader, &reply) != REDIS_OK) {
            redis_link_break(link, link->reader->errstr, now_ms);
            return NULL;
        }
        if (!reply)
            break;
        if (link->stage == LINK_UP)
            return reply;
        take_greeting(link, reply, now_ms);
        freeReplyObject(reply);
    }
    if (link->is_over)
        redis_link_break(link, link->wire.why, now_ms);
    return NULL;
}
