#include <stdlib.h>
#include <string.h>

#include <sys/random.h>

#include "server/session_internal.h"

/* The smallest ids found so far, the largest of them on top. */
struct heap {
    struct session_info *infos;
    size_t count, limit;
};

static bool comes_before(const struct session_info *a,
                         const struct session_info *b)
{
    return strcmp(a->id, b->id) < 0;
}

static void sift_down(struct heap *heap, size_t at)
{
    struct session_info moved = heap->infos[at];

    for (;;) {
        size_t child = 2 * at + 1;

        if (child >= heap->count)
            break;
        if (child + 1 < heap->count &&
            comes_before(&heap->infos[child], &heap->infos[child + 1]))
            child++;
        if (!comes_before(&moved, &heap->infos[child]))
            break;
        heap->infos[at] = heap->infos[child];
        at = child;
    }
    heap->infos[at] = moved;
}

static void add(struct heap *heap, const struct session *session)
{
    if (heap->count < heap->limit) {
        heap->infos[heap->count++] = session_info_of(session);
        if (heap->count == heap->limit)
            for (size_t i = heap->count; i-- > 0;)
                sift_down(heap, i);
    } else if (strcmp(session->id, heap->infos[0].id) < 0) {
        heap->infos[0] = session_info_of(session);
        sift_down(heap, 0);
    }
}

static int by_id(const void *a, const void *b)
{
    const struct session_info *left = a, *right = b;

    return strcmp(left->id, right->id);
}

static void list_shard(struct session_shard *shard, const char *after,
                       uint64_t now_ms, struct heap *heap)
{
    for (size_t i = 0; i < shard->bucket_count; i++) {
        const struct session *session = shard->buckets[i];

        for (; session; session = session->next)
            if (!session->is_new && strcmp(session->id, after) > 0 &&
                (session->borrower || !session_is_expired(session, now_ms)))
                add(heap, session);
    }
}

size_t session_store_list(struct session_store *store, const char *after,
                          size_t limit, uint64_t now_ms,
                          struct session_info *infos)
{
    struct heap heap = {.infos = infos, .limit = limit};

    if (!limit)
        return 0;
    for (size_t i = 0; i < SESSION_SHARDS; i++) {
        struct session_shard *shard = &store->shards[i];

        pthread_mutex_lock(&shard->lock);
        list_shard(shard, after, now_ms, &heap);
        pthread_mutex_unlock(&shard->lock);
    }
    qsort(infos, heap.count, sizeof(*infos), by_id);
    return heap.count;
}

bool session_id_make(char id[SESSION_ID_SIZE])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned char random[18] = {0}; /* 128 bits, and zeros to a multiple
                                       of 3 bytes */
    size_t length = 0;

    if (getrandom(random, 16, 0) != 16)
        return false;
    for (size_t i = 0; i < sizeof(random); i += 3) {
        uint32_t bits = (uint32_t)random[i] << 16 |
                        (uint32_t)random[i + 1] << 8 | random[i + 2];

        for (int shift = 18; shift >= 0; shift -= 6)
            id[length++] = digits[bits >> shift & 63];
    }
    id[22] = '\0'; /* ceil(128 / 6) */
    return true;
}
