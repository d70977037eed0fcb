/* session_share.c: a store behind that other processes change, too.
 *
 * Then what is in memory is a copy, right as of its tag.  Whoever commits on
 * it learns from the write whether it was; whoever only looks has it checked
 * first (docs/redis.md).
 */
#include <stdlib.h>
#include <string.h>

#include "server/model_registry.h"
#include "server/session_job.h"

bool session_is_shared(const struct session_store *store)
{
    return store->behind && store->behind->is_shared;
}

/* 64 bits that no other commit has: a bijection of a count that begins
 * anywhere (SplitMix64's, by Steele, Lea and Flood, 2014). */
uint64_t session_new_tag(struct session_store *store)
{
    uint64_t x = atomic_fetch_add(&store->tags, 0x9e3779b97f4a7c15u);

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    x ^= x >> 31;
    return x ? x : session_new_tag(store);
}

/* Of one that is in no shard any more. */
static size_t drop(struct session_store *store, struct session *session)
{
    size_t bytes = session_reserved_bytes(session);

    if (session->last)
        bytes += session->last->extra_bytes;
    session_free(session);
    session_discharge(store, bytes);
    atomic_fetch_sub(&store->count, 1);
    return bytes;
}

size_t session_drop_copy(struct session_store *store,
                         struct session_shard *shard, struct session *session)
{
    if (store->metrics)
        metrics_sessions(store->metrics, session->model->index, -1);
    session_shard_remove(shard, session);
    session_scatter(session->borrower);
    return drop(store, session);
}

void session_drop_aside(struct session_store *store, struct session *copy)
{
    if (copy)
        drop(store, copy);
}

/* ---- a ttl that begins anew --------------------------------------------- */

struct touch {
    struct store_job io;
    char id[SESSION_ID_SIZE];
};

static void on_touched(struct store_job *io)
{
    free(io);
}

void session_touch(struct session_store *store, const struct session *session)
{
    struct touch *touch = calloc(1, sizeof(*touch));

    if (!touch) /* then its ttl does not begin anew: so does a lost one's */
        return;
    memcpy(touch->id, session->id, session->id_length + (size_t)1);
    touch->io = (struct store_job){
        .task = STORE_TOUCH,
        .row = {.id = touch->id, .share = {.tag = session->tag}},
        .done = on_touched};
    store->behind->ops->submit(store->behind, &touch->io);
}

/* ---- rows of a window --------------------------------------------------- */

/* Copies `count` rows between where the session has them, input after input,
 * and one row after the other. */
static void copy_rows(const struct session_plan *plan, unsigned char *state,
                      size_t from, size_t count, unsigned char *rows,
                      bool unpacks)
{
    const struct rnn_model_info *info = plan->model->info;
    size_t row_bytes = session_state_bytes(plan) / plan->window;
    size_t before = 0;

    for (size_t i = 0; i < info->input_count; i++) {
        size_t width = info->inputs[i].has_time
                           ? info->inputs[i].features * sizeof(float)
                           : 0;

        for (size_t r = 0; r < count && width; r++) {
            unsigned char *place =
                state + plan->window * before + (from + r) * width;
            unsigned char *row = rows + r * row_bytes + before;

            memcpy(unpacks ? place : row, unpacks ? row : place, width);
        }
        before += width;
    }
}

void session_rows_pack(const struct session_plan *plan, const void *state,
                       size_t from, size_t count, void *rows)
{
    copy_rows(plan, (unsigned char *)state, from, count, rows, false);
}

void session_rows_unpack(const struct session_plan *plan, const void *rows,
                         size_t count, void *state)
{
    copy_rows(plan, state, 0, count, (unsigned char *)rows, true);
}

struct session_rows session_rows_of(const struct record *record)
{
    uint64_t steps = record->step_after - record->step_before;
    struct session_rows rows = {.before = 0, .fresh = record->filled};

    if (!record->has_call || record->reply_length)
        return rows;
    rows.before = record->filled_before;
    if (steps < rows.fresh)
        rows.fresh = (size_t)steps;
    return rows;
}

void session_rows_clean(const struct session_plan *plan, size_t filled,
                        void *state)
{
    const struct rnn_model_info *info = plan->model->info;
    unsigned char *block = state;

    for (size_t i = 0; i < info->input_count; i++) {
        size_t width = info->inputs[i].has_time
                           ? info->inputs[i].features * sizeof(float)
                           : 0;

        memset(block + filled * width, 0, (plan->window - filled) * width);
        block += plan->window * width;
    }
}

/* The rows that are written: those that were `added`; 0: all. */
static void put_rows(struct session_job *job, const struct record *record,
                     const struct session_plan *plan, size_t added)
{
    struct session_rows rows = session_rows_of(record);
    struct store_share *share = &job->io.row.share;
    unsigned char *to = job->body + record_body_length(record);
    size_t fresh = rows.fresh, old = rows.before;

    share->rows = to;
    share->row_bytes = session_state_bytes(plan) / plan->window;
    share->rows_kept = old + fresh;
    share->appends = added > 0;
    if (added && added < fresh)
        fresh = added;
    if (added)
        old = 0;
    if (old)
        session_rows_pack(plan, record->call, 0, old, to);
    session_rows_pack(plan, record->state, record->filled - fresh, fresh,
                      to + old * share->row_bytes);
    share->row_count = old + fresh;
}

size_t session_share_bytes(const struct record *record)
{
    /* No more rows are written than the window has, twice. */
    return record->mode == SESSION_WINDOW && record->fate == RECORD_LIVE
               ? 2 * record->state_length
               : 0;
}

void session_share_job(struct session_job *job, const struct record *record,
                       const struct session *session, size_t added)
{
    static const char *const fates[] = {"live", "live", "ended", "deleted"};
    struct session_plan plan = session_plan_of(session);
    struct store_row *row = &job->io.row;

    row->share.tag = session_new_tag(job->store);
    row->share.former_tag = session->tag;
    row->share.former_is_dead = session->is_new && !session->place;
    row->share.fate = fates[record->fate];
    row->share.step = record->step;
    row->share.ttl_ms = record->ttl_ms;
    if (record->mode != SESSION_WINDOW || record->fate != RECORD_LIVE)
        return;
    put_rows(job, record, &plan, session->is_new ? 0 : added);
    row->body = job->body + record->state_length;
    row->body_length =
        record->has_call && record->reply_length ? record->call_length : 0;
}

/* ---- reading ------------------------------------------------------------ */

static bool has_right_rows(const struct store_share *share,
                           const struct record *record,
                           const struct session_plan *plan)
{
    struct session_rows rows = session_rows_of(record);
    size_t row_bytes = session_state_bytes(plan) / plan->window;

    return record->filled <= plan->window &&
           record->filled_before <= plan->window &&
           record->state_length == session_state_bytes(plan) &&
           share->row_count == rows.before + rows.fresh &&
           share->row_count >= record->filled &&
           (!share->row_count || share->row_bytes == row_bytes);
}

void *session_share_body(const struct store_row *row,
                         const struct record *head,
                         const struct session_plan *plan, size_t *length,
                         const char **fault)
{
    const struct store_share *share = &row->share;
    size_t skipped = share->row_count - head->filled;
    size_t call_length = head->has_call ? head->call_length : 0;
    unsigned char *body;

    *fault = NULL;
    if (!has_right_rows(share, head, plan) ||
        call_length > SESSION_REPLY_BYTES + head->state_length) {
        *fault = "its rows are not those that its head tells of";
        return NULL;
    }
    *length = head->state_length + call_length;
    body = calloc(1, *length ? *length : 1);
    if (!body)
        return NULL;
    if (share->row_count)
        session_rows_unpack(
            plan, (const char *)share->rows + skipped * share->row_bytes,
            head->filled, body);
    if (head->has_call && !head->reply_length &&
        call_length == head->state_length && share->row_count)
        session_rows_unpack(plan, share->rows, head->filled_before,
                            body + head->state_length);
    else if (row->body_length == call_length && call_length)
        memcpy(body + head->state_length, row->body, call_length);
    return body;
}
