#include "server/session_table.h"

#include <stdlib.h>
#include <string.h>

#include "core/state.h"
#include "server/model_registry.h"

#define FIRST_BUCKETS ((size_t)16)
#define LOAD          ((size_t)2) /* sessions for each bucket, at most */

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

uint64_t session_hash(const struct session_key *key, const char *id,
                      size_t length)
{
    uint64_t v[4] = {
        key->k0 ^ 0x736f6d6570736575u, key->k1 ^ 0x646f72616e646f6du,
        key->k0 ^ 0x6c7967656e657261u, key->k1 ^ 0x7465646279746573u};
    size_t whole = length & ~(size_t)7;

    for (size_t i = 0; i <= whole; i += 8) {
        uint64_t m = i < whole ? 0 : (uint64_t)length << 56;
        size_t bytes = i < whole ? 8 : length & 7;

        for (size_t b = 0; b < bytes; b++)
            m |= (uint64_t)(unsigned char)id[i + b] << (8 * b);
        v[3] ^= m;
        sip_round(v);
        v[0] ^= m;
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

bool session_shard_init(struct session_shard *shard)
{
    *shard = (struct session_shard){.bucket_count = FIRST_BUCKETS};
    shard->buckets = calloc(FIRST_BUCKETS, sizeof(struct session *));
    if (!shard->buckets)
        return false;
    if (pthread_mutex_init(&shard->lock, NULL)) {
        free(shard->buckets);
        shard->buckets = NULL;
        return false;
    }
    return true;
}

void session_shard_release(struct session_shard *shard)
{
    if (!shard->buckets)
        return;
    for (size_t i = 0; i < shard->bucket_count; i++) {
        struct session *session = shard->buckets[i];

        while (session) {
            struct session *next = session->next;

            session_free(session);
            session = next;
        }
    }
    free(shard->buckets);
    pthread_mutex_destroy(&shard->lock);
}

static struct session **bucket(const struct session_shard *shard,
                               uint32_t hash)
{
    return &shard->buckets[hash & (shard->bucket_count - 1)];
}

struct session *session_shard_find(const struct session_shard *shard,
                                   uint32_t hash, const char *id)
{
    struct session *session = *bucket(shard, hash);

    while (session && (session->hash != hash || strcmp(session->id, id) != 0))
        session = session->next;
    return session;
}

static void grow(struct session_shard *shard)
{
    size_t old_count = shard->bucket_count;
    struct session **old = shard->buckets;
    struct session **buckets = calloc(2 * old_count, sizeof(struct session *));

    if (!buckets)
        return;
    shard->buckets = buckets;
    shard->bucket_count = 2 * old_count;
    shard->sweep_at = 0;
    for (size_t i = 0; i < old_count; i++) {
        struct session *session = old[i];

        while (session) {
            struct session *next = session->next;
            struct session **place = bucket(shard, session->hash);

            session->next = *place;
            *place = session;
            session = next;
        }
    }
    free(old);
}

void session_shard_insert(struct session_shard *shard, struct session *session)
{
    struct session **place;

    if (shard->session_count >= LOAD * shard->bucket_count)
        grow(shard);
    place = bucket(shard, session->hash);
    session->next = *place;
    *place = session;
    shard->session_count++;
}

void session_shard_remove(struct session_shard *shard, struct session *session)
{
    struct session **place = bucket(shard, session->hash);

    while (*place != session)
        place = &(*place)->next;
    *place = session->next;
    shard->session_count--;
}

/* Where the state begins. */
static size_t state_offset(size_t id_length)
{
    return (offsetof(struct session, id) + id_length + 1 + 7) & ~(size_t)7;
}

size_t session_block_bytes(size_t id_length, size_t state_bytes)
{
    return state_offset(id_length) + state_bytes;
}

static struct session *make_block(const char *id, uint32_t hash,
                                  size_t state_bytes)
{
    size_t length = strlen(id);
    struct session *session =
        calloc(1, session_block_bytes(length, state_bytes));

    if (!session)
        return NULL;
    session->hash = hash;
    session->id_length = (uint8_t)length;
    memcpy(session->id, id, length);
    return session;
}

struct session *session_make_place(const char *id, uint32_t hash)
{
    struct session *place = make_block(id, hash, sizeof(struct problem));

    if (place) {
        place->place = SESSION_IS_SOUGHT;
        place->is_new = true;
    }
    return place;
}

struct session *session_make(const struct session_plan *plan, const char *id,
                             uint32_t hash)
{
    size_t state_bytes = session_state_bytes(plan);
    struct session *session;

    if (state_bytes > SIZE_MAX / 4)
        return NULL;
    session = make_block(id, hash, state_bytes);
    if (!session)
        return NULL;
    session->model = plan->model;
    session->mode = (uint8_t)plan->mode;
    session->window = (uint32_t)plan->window;
    session->ttl_ms = plan->ttl_ms;
    if (plan->mode == SESSION_CARRY)
        rnn_state_zero(plan->model->model, session_state(session));
    return session;
}

void session_free(struct session *session)
{
    if (!session)
        return;
    free(session->last);
    free(session);
}

void *session_state(struct session *session)
{
    return (unsigned char *)session + state_offset(session->id_length);
}

struct session_plan session_plan_of(const struct session *session)
{
    return (struct session_plan){.model = session->model,
                                 .mode = (enum session_mode)session->mode,
                                 .window = session->window,
                                 .ttl_ms = session->ttl_ms};
}

struct session_info session_info_of(const struct session *session)
{
    struct session_info info = {.plan = session_plan_of(session),
                                .step = session->step,
                                .window_filled = session->window_filled,
                                .created_ms = session->created_ms,
                                .used_ms = session->used_ms};

    memcpy(info.id, session->id, session->id_length + (size_t)1);
    info.state_bytes = session_state_bytes(&info.plan);
    return info;
}

bool session_is_expired(const struct session *session, uint64_t now_ms)
{
    return session->ttl_ms && now_ms > session->used_ms &&
           now_ms - session->used_ms >= session->ttl_ms;
}

size_t session_state_bytes(const struct session_plan *plan)
{
    const struct rnn_model_info *info = plan->model->info;
    size_t floats = 0;

    if (plan->mode == SESSION_CARRY)
        return info->state_bytes;
    for (size_t i = 0; i < info->input_count; i++)
        if (info->inputs[i].has_time)
            floats += info->inputs[i].features;
    if (floats && plan->window > SIZE_MAX / sizeof(float) / floats)
        return SIZE_MAX;
    return plan->window * floats * sizeof(float);
}
