#include "server/store/redis_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#define ID_SIZE 129

struct part {
    char cursor[24];
    redisReply *found;       /* of SCAN, while its keys are looked at */
    const redisReply **keys; /* those of them that are wanted */
    size_t key_count;        /* 0: SCAN is next */
};

static void drop_keys(struct part *part)
{
    if (part->found)
        freeReplyObject(part->found);
    free(part->keys);
    part->found = NULL;
    part->keys = NULL;
    part->key_count = 0;
}

void redis_list_end(struct store_job *job)
{
    struct part *part = job->part;

    if (!part)
        return;
    drop_keys(part);
    free(part);
    job->part = NULL;
}

bool redis_list_ask(const struct redis_call *call, struct store_job *job)
{
    struct part *part = job->part;

    if (!part) {
        part = calloc(1, sizeof(*part));
        if (!part)
            return false;
        memcpy(part->cursor, "0", 2);
        job->part = part;
    }
    if (part->key_count)
        return redis_request_look(call, part->keys, part->key_count);
    return redis_request_scan(call, part->cursor);
}

static bool over(struct store_job *job, const char *fault, char *why,
                 size_t size)
{
    job->result = fault ? STORE_FAILED : STORE_OK;
    if (fault)
        snprintf(why, size, "%s", fault);
    job->why = fault ? why : "";
    return false;
}

/* A look has been answered. */
static const char *take_rows(struct store_job *job, const redisReply *reply)
{
    struct part *part = job->part;

    if (reply->elements != part->key_count)
        return "Redis looked at something else than was asked";
    for (size_t i = 0; i < part->key_count; i++) {
        struct store_row row;
        char id[ID_SIZE];

        if (redis_request_id(part->keys[i], id, sizeof(id)) &&
            redis_request_looked(reply->element[i], id, &row))
            job->on_row(job, &row);
    }
    drop_keys(part);
    return NULL;
}

/* SCAN has been answered; which of the keys are wanted? */
static const char *take_keys(struct store_job *job, redisReply *reply)
{
    struct part *part = job->part;
    redisReply *cursor = reply->elements == 2 ? reply->element[0] : NULL;
    redisReply *keys = cursor ? reply->element[1] : NULL;

    part->found = reply;
    if (!keys || cursor->type != REDIS_REPLY_STRING ||
        cursor->len >= sizeof(part->cursor) || keys->type != REDIS_REPLY_ARRAY)
        return "Redis answered SCAN with something else";
    memcpy(part->cursor, cursor->str, cursor->len + 1);
    if (!keys->elements)
        return NULL;
    part->keys = malloc(keys->elements * sizeof(redisReply *));
    if (!part->keys)
        return "out of memory for the list";
    for (size_t i = 0; i < keys->elements; i++) {
        char id[ID_SIZE];

        if (redis_request_id(keys->element[i], id, sizeof(id)) &&
            job->wants(job, id))
            part->keys[part->key_count++] = keys->element[i];
    }
    return NULL;
}

bool redis_list_take(struct store_job *job, redisReply *reply, char *why,
                     size_t size)
{
    struct part *part = job->part;
    const char *fault = NULL;

    if (reply->type != REDIS_REPLY_ARRAY) {
        over(job,
             reply->type == REDIS_REPLY_ERROR
                 ? reply->str
                 : "Redis answered something else than was asked",
             why, size);
        freeReplyObject(reply);
        return false;
    }
    if (part->key_count) {
        fault = take_rows(job, reply);
        freeReplyObject(reply);
    } else {
        fault = take_keys(job, reply);
        if (!part->key_count)
            drop_keys(part);
    }
    if (fault)
        return over(job, fault, why, size);
    if (!part->key_count && !strcmp(part->cursor, "0"))
        return over(job, NULL, why, size);
    return true;
}
