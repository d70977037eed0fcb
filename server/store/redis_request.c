#include "server/store/redis_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

/* Keys that one SCAN looks at. */
#define SCAN_COUNT 500

#define KEY_SIZE 160 /* of an id of 128 characters */

/* ---- asking ------------------------------------------------------------- */

static void begin_call(const struct redis_call *call, size_t keys,
                       size_t arguments)
{
    redis_out_begin(call->out, 3 + keys + arguments);
    redis_out_text(call->out, "EVALSHA");
    redis_out_text(call->out, call->hash);
    redis_out_number(call->out, keys);
}

static void begin_job(const struct redis_call *call,
                      const struct store_job *job, size_t arguments)
{
    char key[KEY_SIZE];

    begin_call(call, 2, arguments);
    snprintf(key, sizeof(key), "rnnd:{%s}", job->row.id);
    redis_out_text(call->out, key);
    snprintf(key, sizeof(key), "rnnd:{%s}:rows", job->row.id);
    redis_out_text(call->out, key);
}

static void put_write(const struct redis_call *call,
                      const struct store_job *job)
{
    const struct store_share *share = &job->row.share;
    int64_t latest = (int64_t)job->due_ms + call->server_ahead;

    begin_job(call, job, 12 + share->row_count);
    redis_out_text(call->out, "write");
    redis_out_tag(call->out, share->tag);
    if (share->former_is_dead && share->former_tag)
        redis_out_grave(call->out, share->former_tag);
    else
        redis_out_tag(call->out, share->former_tag);
    redis_out_number(call->out, latest > 0 ? (uint64_t)latest : 0);
    redis_out_text(call->out, share->fate);
    redis_out_number(call->out, share->ttl_ms);
    redis_out_number(call->out, call->remember_ms);
    redis_out_number(call->out, share->step);
    redis_out_bytes(call->out, job->row.head, job->row.head_length);
    redis_out_bytes(call->out, job->row.body, job->row.body_length);
    redis_out_number(call->out, share->rows_kept);
    redis_out_text(call->out, share->appends ? "append" : "replace");
    for (size_t i = 0; i < share->row_count; i++)
        redis_out_bytes(call->out,
                        (const char *)share->rows + i * share->row_bytes,
                        share->row_bytes);
}

bool redis_request_job(const struct redis_call *call,
                       const struct store_job *job)
{
    switch (job->task) {
    case STORE_WRITE:
        put_write(call, job);
        break;
    case STORE_READ:
    case STORE_TOUCH:
        begin_job(call, job, 2);
        redis_out_text(call->out, job->task == STORE_READ ? "read" : "touch");
        redis_out_tag(call->out, job->row.share.tag);
        break;
    case STORE_LIST: /* in parts, below */
        return false;
    }
    return redis_out_end(call->out);
}

bool redis_request_scan(const struct redis_call *call, const char *cursor)
{
    redis_out_begin(call->out, 6);
    redis_out_text(call->out, "SCAN");
    redis_out_text(call->out, cursor);
    redis_out_text(call->out, "MATCH");
    redis_out_text(call->out, "rnnd:{*}");
    redis_out_text(call->out, "COUNT");
    redis_out_number(call->out, SCAN_COUNT);
    return redis_out_end(call->out);
}

bool redis_request_look(const struct redis_call *call,
                        const struct redisReply *const *keys, size_t count)
{
    begin_call(call, count, 1);
    for (size_t i = 0; i < count; i++)
        redis_out_bytes(call->out, keys[i]->str, keys[i]->len);
    redis_out_text(call->out, "look");
    return redis_out_end(call->out);
}

bool redis_request_id(const struct redisReply *key, char *id, size_t size)
{
    const size_t frame = sizeof("rnnd:{}") - 1;
    size_t length;

    if (key->type != REDIS_REPLY_STRING || key->len <= frame ||
        key->len - frame >= size || memcmp(key->str, "rnnd:{", 6) != 0 ||
        key->str[key->len - 1] != '}')
        return false;
    length = key->len - frame;
    if (memchr(key->str + 6, '}', length) || memchr(key->str, 0, key->len))
        return false;
    memcpy(id, key->str + 6, length);
    id[length] = '\0';
    return true;
}

/* ---- answers ------------------------------------------------------------ */

static const redisReply *element(const redisReply *reply, size_t index,
                                 int type)
{
    if (index >= reply->elements || reply->element[index]->type != type)
        return NULL;
    return reply->element[index];
}

static bool is_word(const redisReply *reply, const char *word)
{
    const redisReply *first = element(reply, 0, REDIS_REPLY_STRING);

    return first && first->len == strlen(word) &&
           !memcmp(first->str, word, first->len);
}

static void fail(struct store_job *job, const char *why, char *room,
                 size_t size)
{
    /* What was sent before may have been done then. */
    job->result = job->task == STORE_WRITE && job->is_again ? STORE_UNKNOWN
                                                            : STORE_FAILED;
    snprintf(room, size, "%s", why);
    job->why = room;
}

/* Age, tag, head: what every row has. */
static bool read_row(const redisReply *reply, struct store_row *row)
{
    const redisReply *age = element(reply, 1, REDIS_REPLY_INTEGER);
    const redisReply *tag = element(reply, 2, REDIS_REPLY_STRING);
    const redisReply *head = element(reply, 3, REDIS_REPLY_STRING);

    row->share.tag = tag ? strtoull(tag->str, NULL, 16) : 0;
    if (!age || !head)
        return false;
    row->share.age_ms = age->integer > 0 ? (uint64_t)age->integer : 0;
    row->head = head->str;
    row->head_length = head->len;
    return row->share.tag != 0;
}

/* The rows in one piece.  NULL: that is all right, `*joined` has them; else
 * what is wrong. */
static const char *join_rows(const redisReply *list, struct store_share *share,
                             void **joined)
{
    size_t bytes = list->elements ? list->element[0]->len : 0;
    char *rows;

    share->row_count = list->elements;
    share->row_bytes = bytes;
    if (!bytes)
        return NULL;
    if (list->elements > SIZE_MAX / bytes)
        return "its rows are too many";
    rows = malloc(list->elements * bytes);
    if (!rows)
        return "";
    *joined = rows;
    share->rows = rows;
    for (size_t i = 0; i < list->elements; i++) {
        const redisReply *row = element(list, i, REDIS_REPLY_STRING);

        if (!row || row->len != bytes)
            return "its rows are of different lengths";
        memcpy(rows + i * bytes, row->str, bytes);
    }
    return NULL;
}

static void answer_read(struct store_job *job, const redisReply *reply,
                        void **joined, char *room, size_t size)
{
    const redisReply *age = element(reply, 1, REDIS_REPLY_INTEGER);
    const redisReply *body = element(reply, 4, REDIS_REPLY_STRING);
    const redisReply *rows = element(reply, 5, REDIS_REPLY_ARRAY);
    const char *fault = "a field is missing";

    if (is_word(reply, "none")) {
        job->result = STORE_ABSENT;
        return;
    }
    if (is_word(reply, "same") && age) {
        job->result = STORE_SAME;
        job->row.share.age_ms = age->integer > 0 ? (uint64_t)age->integer : 0;
        return;
    }
    job->row.share.is_expired = is_word(reply, "expired");
    if (read_row(reply, &job->row) && body && rows)
        fault = join_rows(rows, &job->row.share, joined);
    if (fault && !*fault) {
        fail(job, "out of memory for the rows", room, size);
        return;
    }
    job->result = fault ? STORE_DAMAGED : STORE_OK;
    if (fault) {
        job->why = fault;
        return;
    }
    job->row.body = body->str;
    job->row.body_length = body->len;
}

void redis_request_answer(struct store_job *job, const redisReply *reply,
                          void **joined, char *why, size_t size)
{
    if (reply->type == REDIS_REPLY_ERROR) {
        fail(job, reply->str, why, size);
    } else if (reply->type != REDIS_REPLY_ARRAY || !reply->elements) {
        fail(job, "Redis answered something else than was asked", why, size);
    } else if (job->task == STORE_READ) {
        answer_read(job, reply, joined, why, size);
    } else if (is_word(reply, "done")) {
        job->result = STORE_OK;
    } else if (is_word(reply, "late")) {
        fail(job, "Redis carried the write out later than store_timeout", why,
             size);
    } else if (job->is_again) {
        fail(job, "the connection broke, and the session is another one since",
             why, size);
    } else {
        job->result = STORE_OVERTAKEN;
    }
}

bool redis_request_clock(const redisReply *reply, uint64_t *server_ms)
{
    const redisReply *clock;

    if (reply->type != REDIS_REPLY_ARRAY ||
        !(is_word(reply, "done") || is_word(reply, "late") ||
          is_word(reply, "other")))
        return false;
    clock = element(reply, 1, REDIS_REPLY_INTEGER);
    if (!clock || clock->integer <= 0)
        return false;
    *server_ms = (uint64_t)clock->integer;
    return true;
}

bool redis_request_is_late(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_ARRAY && is_word(reply, "late");
}

bool redis_request_looked(const redisReply *reply, const char *id,
                          struct store_row *row)
{
    *row = (struct store_row){.id = id};
    return reply->type == REDIS_REPLY_ARRAY && is_word(reply, "live") &&
           read_row(reply, row);
}
