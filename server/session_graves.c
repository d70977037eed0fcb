#include "server/session_graves.h"

#include <stdlib.h>
#include <string.h>

#include "server/session_internal.h"

#define MAX_BUCKETS ((size_t)1 << 20)

struct grave {
    struct grave *next; /* in its bucket */
    struct grave *older, *newer;
    struct session_call *call; /* of a session that ended; NULL: none */
    uint64_t died_ms;
    uint32_t hash;
    uint8_t reason;
    char id[]; /* NUL-terminated */
};

/* A grave fits into the block that its session had. */
_Static_assert(sizeof(struct grave) <= sizeof(struct session),
               "a grave is made from a session's block");

static const char *const reasons[] = {"expired", "ended", "deleted"};

bool session_graves_init(struct session_graves *graves, size_t max_count,
                         uint64_t ttl_ms, struct session_store *store)
{
    size_t buckets = 16;

    while (buckets < max_count && buckets < MAX_BUCKETS)
        buckets *= 2;
    *graves = (struct session_graves){.bucket_count = buckets,
                                      .max_count = max_count,
                                      .ttl_ms = ttl_ms,
                                      .store = store};
    graves->buckets = calloc(buckets, sizeof(struct grave *));
    if (!graves->buckets)
        return false;
    if (pthread_mutex_init(&graves->lock, NULL)) {
        free(graves->buckets);
        graves->buckets = NULL;
        return false;
    }
    return true;
}

static struct grave **bucket(struct session_graves *graves, uint32_t hash)
{
    return &graves->buckets[hash & (graves->bucket_count - 1)];
}

static void drop(struct session_graves *graves, struct grave *grave)
{
    struct grave **place = bucket(graves, grave->hash);

    while (*place != grave)
        place = &(*place)->next;
    *place = grave->next;
    if (grave == graves->oldest)
        graves->oldest = grave->newer;
    else
        grave->older->newer = grave->newer;
    if (grave == graves->newest)
        graves->newest = grave->older;
    else
        grave->newer->older = grave->older;
    graves->count--;
    if (grave->call) {
        graves->call_count--;
        session_discharge(graves->store, session_call_bytes(grave->call));
    }
    free(grave->call);
    free(grave);
}

void session_graves_release(struct session_graves *graves)
{
    if (!graves->buckets)
        return;
    while (graves->oldest)
        drop(graves, graves->oldest);
    free(graves->buckets);
    pthread_mutex_destroy(&graves->lock);
}

/* The grave of `id`, NULL when there is none or its time is over. */
static struct grave *find(struct session_graves *graves, uint32_t hash,
                          const char *id, uint64_t now_ms)
{
    struct grave *grave = *bucket(graves, hash);

    while (grave && (grave->hash != hash || strcmp(grave->id, id) != 0))
        grave = grave->next;
    if (grave && now_ms > grave->died_ms &&
        now_ms - grave->died_ms >= graves->ttl_ms)
        return NULL;
    return grave;
}

/* The session's block, made into a grave and shrunk. */
static struct grave *make_grave(struct session *session,
                                enum session_reason reason, uint64_t now_ms)
{
    struct grave made = {.call = session->last,
                         .died_ms = now_ms,
                         .hash = session->hash,
                         .reason = (uint8_t)reason};
    size_t id_bytes = session->id_length + (size_t)1;
    struct grave *grave = (struct grave *)(void *)session;
    struct grave *shrunk;

    memmove(grave->id, session->id, id_bytes);
    memcpy(grave, &made, offsetof(struct grave, id));
    shrunk = realloc(grave, sizeof(*grave) + id_bytes);
    if (!shrunk) /* then it stays as large as it was */
        return grave;
    return shrunk;
}

void session_graves_bury(struct session_graves *graves,
                         struct session *session, enum session_reason reason,
                         uint64_t now_ms)
{
    struct grave *grave = make_grave(session, reason, now_ms);
    struct grave *former;

    pthread_mutex_lock(&graves->lock);
    former = find(graves, grave->hash, grave->id, 0);
    if (former)
        drop(graves, former);
    grave->next = *bucket(graves, grave->hash);
    *bucket(graves, grave->hash) = grave;
    grave->older = graves->newest;
    if (graves->newest)
        graves->newest->newer = grave;
    else
        graves->oldest = grave;
    graves->newest = grave;
    graves->count++;
    if (grave->call)
        graves->call_count++;
    while (graves->count > graves->max_count)
        drop(graves, graves->oldest);
    pthread_mutex_unlock(&graves->lock);
}

void session_graves_open(struct session_graves *graves, uint32_t hash,
                         const char *id)
{
    struct grave *grave;

    pthread_mutex_lock(&graves->lock);
    grave = find(graves, hash, id, 0);
    if (grave)
        drop(graves, grave);
    pthread_mutex_unlock(&graves->lock);
}

const char *session_graves_reason(struct session_graves *graves, uint32_t hash,
                                  const char *id, uint64_t now_ms)
{
    const struct grave *grave;
    const char *reason = NULL;

    pthread_mutex_lock(&graves->lock);
    grave = find(graves, hash, id, now_ms);
    if (grave)
        reason = reasons[grave->reason];
    pthread_mutex_unlock(&graves->lock);
    return reason;
}

bool session_graves_call(struct session_graves *graves, uint32_t hash,
                         const char *id, uint64_t step,
                         const unsigned char digest[RNN_DIGEST_BYTES],
                         uint64_t now_ms, struct arena *arena,
                         const struct session_call **call)
{
    const struct session_call *kept;
    struct session_call *copy = NULL;
    const struct grave *grave;
    bool is_same;

    pthread_mutex_lock(&graves->lock);
    grave = find(graves, hash, id, now_ms);
    kept = grave ? grave->call : NULL;
    is_same = kept && kept->step_before == step &&
              !memcmp(kept->digest, digest, RNN_DIGEST_BYTES);
    if (is_same) {
        copy = arena_alloc(arena, session_call_bytes(kept), 1, 8);
        if (copy)
            memcpy(copy, kept, session_call_bytes(kept));
    }
    pthread_mutex_unlock(&graves->lock);
    if (is_same && !copy)
        return false;
    *call = copy;
    return true;
}

void session_graves_sweep(struct session_graves *graves, uint64_t now_ms,
                          size_t most)
{
    pthread_mutex_lock(&graves->lock);
    while (most-- && graves->oldest && now_ms > graves->oldest->died_ms &&
           now_ms - graves->oldest->died_ms >= graves->ttl_ms)
        drop(graves, graves->oldest);
    pthread_mutex_unlock(&graves->lock);
}

bool session_graves_make_room(struct session_graves *graves, size_t bytes)
{
    size_t freed = 0;

    pthread_mutex_lock(&graves->lock);
    while (graves->call_count && freed < bytes) {
        if (graves->oldest->call)
            freed += session_call_bytes(graves->oldest->call);
        drop(graves, graves->oldest);
    }
    pthread_mutex_unlock(&graves->lock);
    return freed > 0;
}

size_t session_call_bytes(const struct session_call *call)
{
    struct session_plan plan = {
        .model = call->model, .mode = call->mode, .window = call->window};

    return sizeof(*call) + (call->reply_length ? call->reply_length
                                               : session_state_bytes(&plan));
}
