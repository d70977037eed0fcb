#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "server/model_registry.h"
#include "server/session_internal.h"
#include "server/store/store.h"

/* ---- the queue behind a borrower; the shard's lock is held -------------- */

void session_join_queue(struct session *session, struct session_loan *loan)
{
    struct session_loan *borrower = session->borrower;

    borrower->newest->next = loan;
    borrower->newest = loan;
    loan->next = NULL;
    loan->session = session;
    loan->is_waiting = true;
}

static void leave_queue(struct session *session, struct session_loan *loan)
{
    struct session_loan *borrower = session->borrower;
    struct session_loan *before = borrower;

    while (before->next != loan)
        before = before->next;
    before->next = loan->next;
    if (borrower->newest == loan)
        borrower->newest = before;
    loan->session = NULL;
    loan->is_waiting = false;
}

static void lend(struct session *session, struct session_loan *loan)
{
    session->borrower = loan;
    loan->session = session;
    loan->next = NULL;
    loan->newest = loan;
}

void session_hand_on(struct session *session)
{
    struct session_loan *done = session->borrower;
    struct session_loan *next = done->next;

    session->borrower = next;
    done->session = NULL;
    done->next = NULL;
    if (!next)
        return;
    next->newest = done->newest;
    next->wake(next->arg);
}

void session_take_over(struct session *session, struct session_loan *loan)
{
    struct session_loan *before = session->borrower;

    loan->session = session;
    loan->next = before->next;
    loan->newest = before->newest == before ? loan : before->newest;
    session->borrower = loan;
    before->session = NULL;
    before->next = NULL;
}

void session_stand_before(struct session *session, struct session_loan *loan)
{
    struct session_loan *before = session->borrower;

    loan->session = session;
    loan->next = before;
    loan->newest = before ? before->newest : loan;
    session->borrower = loan;
}

void session_replace(struct session_shard *shard, struct session *place,
                     struct session *made)
{
    struct session_loan *loan = place->borrower;

    session_shard_remove(shard, place);
    session_shard_insert(shard, made);
    made->borrower = loan;
    for (; loan; loan = loan->next)
        loan->session = made;
}

/* ---- borrowing ---------------------------------------------------------- */

static enum session_result refuse_busy(struct session_loan *loan,
                                       struct problem *problem)
{
    problem_set(problem, PROBLEM_SESSION_BUSY,
                "the session \"%s\" is still in use by another call after "
                "session_wait = %llu ms",
                loan->id,
                (unsigned long long)loan->store->config->session_wait);
    return SESSION_REFUSED;
}

static enum session_result refuse_slow(struct session_loan *loan,
                                       struct problem *problem)
{
    problem_set(problem, PROBLEM_STORE_UNREACHABLE,
                "the store did not give the session \"%s\" within "
                "store_timeout = %llu ms",
                loan->id,
                (unsigned long long)loan->store->config->store_timeout);
    return SESSION_REFUSED;
}

static enum session_result refuse_live(struct session_loan *loan,
                                       struct problem *problem)
{
    problem_set(problem, PROBLEM_SESSION_LIVE,
                "the session \"%s\" exists already", loan->id);
    return SESSION_REFUSED;
}

/* The session is ours: tell the borrower what it is. */
static enum session_result lent(struct session_loan *loan)
{
    struct session *session = loan->session;

    loan->is_waiting = false;
    loan->info = session_info_of(session);
    loan->state = session_state(session);
    loan->last = session->last;
    loan->is_new = session->is_new;
    loan->is_copy = !session->is_new && !loan->is_checked &&
                    session_is_shared(loan->store);
    session->is_recent = true;
    return SESSION_OK;
}

/* Who waits for the store waits as long as it may take. */
static void wait_for_store(struct session_loan *loan, uint64_t now_ms)
{
    uint64_t until_ms = now_ms + loan->store->config->store_timeout;

    if (loan->wake_at_ms < until_ms)
        loan->wake_at_ms = until_ms;
}

/* Must the store behind be asked whether this copy is right? */
static bool must_check(const struct session_loan *loan)
{
    return session_is_shared(loan->store) && !loan->trusts_copy &&
           !loan->is_checked;
}

static enum session_result seek(struct session_loan *loan,
                                const struct session_place *at,
                                struct session *copy, uint64_t now_ms,
                                struct problem *problem)
{
    wait_for_store(loan, now_ms);
    loan->is_checked = true;
    return session_seek(loan, at->shard, at->hash, copy, problem)
               ? SESSION_WAIT
               : SESSION_REFUSED;
}

/* A session was found in its shard: take it, queue, or leave it. */
static enum session_result lend_found(struct session_loan *loan,
                                      const struct session_place *at,
                                      struct session *session, uint64_t now_ms,
                                      struct problem *problem)
{
    bool is_doubtful = must_check(loan);

    if (is_doubtful && !session->borrower)
        return seek(loan, at, session, now_ms, problem);
    if (!is_doubtful && loan->want == SESSION_WANT_NEW && !session->is_new)
        return refuse_live(loan, problem);
    if (!session->borrower) {
        lend(session, loan);
        return lent(loan);
    }
    if (session->place == SESSION_IS_SOUGHT)
        wait_for_store(loan, now_ms);
    if (now_ms >= loan->wake_at_ms)
        return refuse_busy(loan, problem);
    session_join_queue(session, loan);
    return SESSION_WAIT;
}

static bool must_exist(const struct session_loan *loan)
{
    return loan->want == SESSION_WANT_LIVE || loan->want == SESSION_WANT_GONE;
}

/* Does the place hold the id of a row that can be deleted, and no more? */
static bool is_only_to_go(const struct session_loan *loan,
                          struct session *place)
{
    const struct problem *why = session_state(place);

    return loan->want == SESSION_WANT_GONE &&
           place->place == SESSION_IS_REFUSED &&
           (why->type == PROBLEM_INTERNAL || why->type == PROBLEM_OTHER_MODEL);
}

/* The store has answered, and there is no such session in it that can be
 * lent.  WAIT: it may be made, and the id is ours until then.  OK: the place
 * itself is lent. */
static enum session_result take_place(struct session_loan *loan,
                                      struct session_shard *shard,
                                      uint64_t now_ms, struct problem *problem)
{
    struct session *place = loan->session;

    loan->is_waiting = false;
    if (place->place == SESSION_IS_ABSENT && !must_exist(loan))
        return SESSION_WAIT;
    if (is_only_to_go(loan, place)) {
        snprintf(loan->info.id, sizeof(loan->info.id), "%s", loan->id);
        place->is_new = false;
        return SESSION_OK;
    }
    if (place->place == SESSION_IS_ABSENT)
        session_missing(loan->store, place->hash, loan->id, now_ms, problem);
    else
        memcpy(problem, session_state(place), sizeof(*problem));
    session_drop_place(shard, place);
    loan->session = NULL;
    return SESSION_REFUSED;
}

/* It is our turn, but what the store was asked for another call is no answer
 * to ours. */
static enum session_result ask_again(struct session_loan *loan,
                                     const struct session_place *at,
                                     uint64_t now_ms, struct problem *problem)
{
    struct session *session = loan->session;

    if (!session->place)
        return seek(loan, at, session, now_ms, problem);
    session_drop_place(at->shard, session);
    loan->session = NULL;
    loan->is_waiting = false;
    return seek(loan, at, NULL, now_ms, problem);
}

/* We waited for `loan->session`: is it our turn, or too late?  OK: it is
 * ours; WAIT: neither, or with `must_make` it is ours to be made. */
static enum session_result end_wait(struct session_loan *loan,
                                    const struct session_place *at,
                                    uint64_t now_ms, bool *must_make,
                                    struct problem *problem)
{
    struct session *session = loan->session;
    bool is_sought = session->place == SESSION_IS_SOUGHT;
    enum session_result result;

    if (session->borrower == loan &&
        (session->place ? session_is_shared(loan->store) && !loan->is_checked
                        : must_check(loan)))
        return ask_again(loan, at, now_ms, problem);
    if (session->borrower == loan && session->place) {
        result = take_place(loan, at->shard, now_ms, problem);
        *must_make = result == SESSION_WAIT;
        return result;
    }
    if (session->borrower == loan) {
        if (loan->want != SESSION_WANT_NEW)
            return lent(loan);
        /* What we waited for was being made, and now it is. */
        loan->is_waiting = false;
        session_hand_on(session);
        return refuse_live(loan, problem);
    }
    if (now_ms < loan->wake_at_ms)
        return SESSION_WAIT;
    leave_queue(session, loan);
    return is_sought ? refuse_slow(loan, problem) : refuse_busy(loan, problem);
}

/* The live session in its shard, buried if it just expired. */
static struct session *find_live(struct session_loan *loan,
                                 const struct session_place *place,
                                 uint64_t now_ms)
{
    struct session *session =
        session_shard_find(place->shard, place->hash, loan->id);

    /* Ours alone counts as not borrowed: nobody has used it since. */
    if (!session || !session_is_expired(session, now_ms) ||
        (session->borrower && session->borrower != loan))
        return session;
    session_expire(loan->store, place->shard, session, now_ms);
    loan->session = NULL;
    loan->is_waiting = false;
    return NULL;
}

/* The id was ours, but nothing can be made of it. */
static void leave_place(struct session_loan *loan, struct session_shard *shard)
{
    if (!loan->session)
        return;
    pthread_mutex_lock(&shard->lock);
    session_drop_place(shard, loan->session);
    loan->session = NULL;
    pthread_mutex_unlock(&shard->lock);
}

/* Put what was made into its shard, unless somebody was faster: then `*made`
 * stays.  The shard's lock is held. */
static enum session_result bring_in(struct session_loan *loan,
                                    const struct session_place *at,
                                    struct session **made, uint64_t now_ms,
                                    struct problem *problem)
{
    struct session *place = loan->session;
    struct session *session = place ? NULL : find_live(loan, at, now_ms);

    if (session)
        return lend_found(loan, at, session, now_ms, problem);
    if (place) {
        if (session_is_shared(loan->store))
            (*made)->tag = place->tag; /* of the tombstone it replaces */
        session_replace(at->shard, place, *made);
        session_free(place);
    } else if (session_must_seek(loan->store, at->hash, loan->id, now_ms)) {
        return seek(loan, at, NULL, now_ms, problem);
    } else {
        session_shard_insert(at->shard, *made);
        lend(*made, loan);
    }
    *made = NULL;
    return lent(loan);
}

/* A new one adds a row; those that are there go on whatever their number. */
static bool has_row(const struct session_store *store, struct problem *problem)
{
    size_t most = store->config->max_stored_sessions;
    size_t rows = store->behind ? atomic_load(&store->behind->rows) : 0;

    return !most || rows < most ||
           problem_set(problem, PROBLEM_TOO_MANY_SESSIONS,
                       "there is no room for another session: the store "
                       "holds %zu of max_stored_sessions = %zu",
                       rows, most);
}

/* Make the session. */
static enum session_result make(struct session_loan *loan,
                                const struct session_place *at,
                                uint64_t now_ms, struct problem *problem)
{
    struct session *made = NULL;
    enum session_result result;

    if (has_row(loan->store, problem))
        made = session_reserve(loan->store, &loan->plan, loan->id, at->hash,
                               now_ms, problem);
    if (!made) {
        leave_place(loan, at->shard);
        return SESSION_REFUSED;
    }
    pthread_mutex_lock(&at->shard->lock);
    result = bring_in(loan, at, &made, now_ms, problem);
    pthread_mutex_unlock(&at->shard->lock);
    if (made)
        session_unreserve(loan->store, made);
    return result;
}

enum session_result session_acquire(struct session_loan *loan, uint64_t now_ms,
                                    struct problem *problem)
{
    struct session_place place = session_place_of(loan->store, loan->id);
    enum session_result result = SESSION_REFUSED;
    bool must_make = false;
    struct session *session;

    if (!loan->wake_at_ms)
        loan->wake_at_ms = now_ms + loan->store->config->session_wait;
    pthread_mutex_lock(&place.shard->lock);
    session = find_live(loan, &place, now_ms);
    if (loan->session) {
        result = end_wait(loan, &place, now_ms, &must_make, problem);
    } else if (session) {
        result = lend_found(loan, &place, session, now_ms, problem);
    } else if (session_must_seek(loan->store, place.hash, loan->id, now_ms)) {
        result = seek(loan, &place, NULL, now_ms, problem);
    } else if (must_exist(loan)) {
        session_missing(loan->store, place.hash, loan->id, now_ms, problem);
    } else {
        must_make = true;
    }
    pthread_mutex_unlock(&place.shard->lock);
    return must_make ? make(loan, &place, now_ms, problem) : result;
}
