#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "server/clock.h"
#include "server/session_internal.h"
#include "server/store/record.h"
#include "server/store/store.h"

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

/* Is there room for this id, or is it smaller than the largest? */
static bool wants(const struct heap *heap, const char *id)
{
    return heap->count < heap->limit || strcmp(id, heap->infos[0].id) < 0;
}

static void add(struct heap *heap, const struct session_info *info)
{
    if (heap->count < heap->limit) {
        heap->infos[heap->count++] = *info;
        if (heap->count == heap->limit)
            for (size_t i = heap->count; i-- > 0;)
                sift_down(heap, i);
    } else {
        heap->infos[0] = *info;
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
                wants(heap, session->id) &&
                (session->borrower || !session_is_expired(session, now_ms))) {
                struct session_info info = session_info_of(session);

                add(heap, &info);
            }
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

/* ---- all that there are ------------------------------------------------- */

/* A page that the store behind is asked for. */
struct session_page_job {
    struct store_job io;
    struct session_page *page;
    struct session_store *store;
    struct heap heap; /* of a shared store, which gives them in any order */
    bool is_done;     /* under changes.lock */
    bool is_failed;
    char why[256];
};

/* false: it is damaged (who asks for it is told), or belongs to a model that
 * is not served. */
static bool read_info(const struct session_store *store,
                      const struct store_row *row, struct session_info *info)
{
    struct record record;

    return !record_decode(row->head, row->head_length, NULL, 0, &record) &&
           record.id.length == strlen(row->id) &&
           record.id.length < sizeof(info->id) &&
           session_record_info(store, &record, info);
}

bool session_record_info(const struct session_store *store,
                         const struct record *record,
                         struct session_info *info)
{
    const struct served_model *model = session_record_model(store, record);

    if (!model)
        return false;
    *info = (struct session_info){
        .plan = {.model = model,
                 .mode = (enum session_mode)record->mode,
                 .window = record->window,
                 .ttl_ms = record->ttl_ms},
        .step = record->step,
        .window_filled = record->filled,
        .created_ms = record->created_ms,
        .used_ms = session_monotonic_of(store, record->used_ms),
        .state_bytes = record->state_length};
    memcpy(info->id, record->id.text, record->id.length);
    return true;
}

static bool on_row(struct store_job *io, const struct store_row *row)
{
    struct session_page_job *job = (struct session_page_job *)io;
    struct session_page *page = job->page;

    if (!read_info(job->store, row, &page->infos[page->count]))
        return true;
    return ++page->count < page->limit;
}

/* A shared store asks before it looks at one: it may come twice. */
static bool wants_id(const struct store_job *io, const char *id)
{
    const struct session_page_job *job = (const struct session_page_job *)io;

    if (strcmp(id, job->page->after) <= 0 || !wants(&job->heap, id))
        return false;
    for (size_t i = 0; i < job->heap.count; i++)
        if (!strcmp(job->heap.infos[i].id, id))
            return false;
    return true;
}

static bool on_shared_row(struct store_job *io, const struct store_row *row)
{
    struct session_page_job *job = (struct session_page_job *)io;
    uint64_t now_ms = clock_monotonic_ms();
    struct session_info info;

    if (!wants_id(io, row->id) || !read_info(job->store, row, &info))
        return true;
    info.used_ms = now_ms > row->share.age_ms ? now_ms - row->share.age_ms : 0;
    add(&job->heap, &info);
    return true;
}

static void on_listed(struct store_job *io)
{
    struct session_page_job *job = (struct session_page_job *)io;
    struct session_store *store = job->store;

    job->is_failed = io->result != STORE_OK;
    if (store->behind->is_shared) {
        job->page->count = job->heap.count;
        qsort(job->page->infos, job->heap.count, sizeof(*job->page->infos),
              by_id);
    }
    snprintf(job->why, sizeof(job->why), "%s", io->why);
    session_behind_says(store, job->is_failed ? io->why : NULL);
    /* Whoever looks waits until we have let go of the page. */
    pthread_mutex_lock(&store->changes.lock);
    job->is_done = true;
    job->page->wake(job->page->arg);
    pthread_mutex_unlock(&store->changes.lock);
}

static enum session_result ask_for_page(struct session_page *page,
                                        struct problem *problem)
{
    struct store *behind = page->store->behind;
    struct session_page_job *job = calloc(1, sizeof(*job));

    if (!job) {
        problem_set(problem, PROBLEM_OVERLOADED, "out of memory for the list");
        return SESSION_REFUSED;
    }
    job->page = page;
    job->store = page->store;
    job->heap = (struct heap){.infos = page->infos, .limit = page->limit};
    job->io = (struct store_job){
        .task = STORE_LIST,
        .row = {.id = page->after},
        .on_row = behind->is_shared ? on_shared_row : on_row,
        .wants = wants_id,
        .now_ms = session_wall_of(page->store, clock_monotonic_ms()),
        .done = on_listed};
    page->count = 0;
    page->job = job;
    behind->ops->submit(behind, &job->io);
    return SESSION_WAIT;
}

enum session_result session_store_page(struct session_page *page,
                                       uint64_t now_ms,
                                       struct problem *problem)
{
    struct session_store *store = page->store;
    struct session_page_job *job = page->job;
    enum session_result result = SESSION_OK;
    bool is_done;

    if (!store->behind) {
        page->count = session_store_list(store, page->after, page->limit,
                                         now_ms, page->infos);
        return SESSION_OK;
    }
    if (!job)
        return ask_for_page(page, problem);
    pthread_mutex_lock(&store->changes.lock);
    is_done = job->is_done;
    pthread_mutex_unlock(&store->changes.lock);
    if (!is_done)
        return SESSION_WAIT;
    if (job->is_failed) {
        problem_set(problem, PROBLEM_STORE_UNREACHABLE,
                    "the sessions cannot be listed: %s", job->why);
        result = SESSION_REFUSED;
    }
    page->job = NULL;
    free(job);
    return result;
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
