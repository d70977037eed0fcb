#include "tests/support/redis_protocol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TAGS     10 /* commits that are tried in one history; 0: none */
#define QUEUE    3
#define DEPTH    200
#define EXPIRED  15 /* in a set of what Redis was: nobody's tag */
#define BIT(tag) (uint16_t)(1u << (tag))

enum fate { LIVE, ENDED, DELETED };
enum phase { IDLE, READING, READ, WRITING };
enum reply { NO_REPLY, DONE, OTHER, LATE };

/* A commit that was tried: all that is known of a state is its tag. */
struct commit {
    uint8_t parent; /* EXPECTED, that lives; 0: none */
    uint8_t over;   /* without a parent: the dead one, 0: nothing at all */
    uint8_t call;   /* who makes it */
    uint8_t kept;   /* the call that can be replayed, 0: none */
    uint8_t step_before, step;
    uint8_t fate;
};

/* A request in a replica. */
struct entry {
    uint16_t seen; /* what Redis was since it came */
    uint16_t tags; /* of its writes */
    uint8_t call, step;
    uint8_t is_orphan; /* nobody waits for its answer */
    uint8_t zero;
};

struct replica {
    uint8_t copy; /* 0: none */
    uint8_t phase;
    uint8_t count; /* requests; the first is worked on */
    uint8_t mine, is_resent, reply;
    uint8_t found, found_expired; /* by its read */
    struct entry queue[QUEUE];
};

struct client {
    uint8_t next;     /* of its calls */
    uint8_t at;       /* the replica it waits for, from 1; 0: none */
    uint8_t issued;   /* the call was sent before */
    uint8_t step;     /* of the call */
    uint8_t believes; /* the session's step */
    uint8_t retries;
};

/* Without padding: it is hashed as bytes. */
struct state {
    uint16_t executed; /* tags that Redis has taken */
    uint16_t late;     /* tags whose UNTIL has passed */
    uint16_t stray;    /* writes in some socket of nobody's */
    uint16_t never;    /* tags of which it was said they are not */
    uint16_t older;    /* tags from before the session died */
    struct replica replicas[2];
    struct client clients[2];
    struct commit commits[TAGS + 1];
    uint8_t tags;
    uint8_t now, is_expired; /* Redis */
    uint8_t calls_done;      /* of this life of the session */
    uint8_t answered[7];     /* by which tag, for each call */
    uint8_t faults;
    uint8_t zero;
};
_Static_assert(sizeof(struct state) ==
                   10 + 2 * (8 + 8 * QUEUE) + 2 * 6 + 7 * (TAGS + 1) + 13,
               "a state has no padding");

struct visit {
    const struct protocol_case *given;
    struct protocol_result *result;
    uint64_t *seen; /* hashes of states; 0: free */
    size_t capacity;
    const char *path[DEPTH];
    int who[DEPTH];
    int depth;
    bool is_over;
};

/* ---- finding a fault ---------------------------------------------------- */

static void fault(struct visit *v, const char *what)
{
    char *text = v->result->fault;
    size_t room = sizeof(v->result->fault);

    if (v->is_over)
        return;
    v->is_over = true;
    snprintf(text, room, "%s, after:", what);
    for (int i = 0; i < v->depth; i++)
        snprintf(text + strlen(text), room - strlen(text), " %s %d%s",
                 v->path[i], v->who[i], i + 1 < v->depth ? "," : "");
}

static enum protocol_call kind_of(const struct visit *v, unsigned call)
{
    return v->given->calls[(call - 1) / 3][(call - 1) % 3];
}

/* ---- Redis -------------------------------------------------------------- */

static bool is_live(const struct state *s)
{
    return s->now && !s->is_expired && s->commits[s->now].fate == LIVE;
}

static uint16_t present(const struct state *s)
{
    return BIT(s->is_expired ? EXPIRED : s->now);
}

/* Redis has become another: who waits has seen it. */
static void changed(struct state *s)
{
    for (int r = 0; r < 2; r++)
        for (int i = 0; i < s->replicas[r].count; i++)
            s->replicas[r].queue[i].seen |= present(s);
}

/* Its tombstone lasts at least store_timeout: when that is forgotten, the time
 * of all writes has passed that were sent before. */
static void died(struct state *s)
{
    s->older = (uint16_t)((1u << (s->tags + 1)) - 1);
}

static bool fits(const struct visit *v, const struct state *s, unsigned tag)
{
    unsigned expected = s->commits[tag].parent;

    if (v->given->break_it == BREAK_EXPECTED)
        return true;
    if (!expected)
        return !is_live(s) && (v->given->break_it == BREAK_GRAVE ||
                               s->now == s->commits[tag].over);
    if (v->given->break_it == BREAK_TAG)
        return is_live(s) &&
               s->commits[s->now].step == s->commits[expected].step;
    return is_live(s) && s->now == expected;
}

static void take(struct visit *v, struct state *s, unsigned tag)
{
    const struct commit *commit = &s->commits[tag];
    unsigned before = is_live(s) ? s->now : 0;
    uint8_t bit = (uint8_t)(1u << commit->call);

    if (s->late & BIT(tag))
        fault(v, "a write is done after its UNTIL");
    if (s->never & BIT(tag))
        fault(v, "what was said not to be is done");
    if (commit->parent != before)
        fault(v, "a commit overwrites one that it does not know");
    if (!before)
        s->calls_done = 0; /* another life: the same start may begin it */
    if (s->calls_done & bit)
        fault(v, "a call is executed twice");
    s->calls_done |= bit;
    s->executed |= BIT(tag);
    s->now = (uint8_t)tag;
    s->is_expired = 0;
    if (commit->fate != LIVE)
        died(s);
    changed(s);
}

static enum reply redis_write(struct visit *v, struct state *s, unsigned tag)
{
    if (s->now == tag && !s->is_expired)
        return DONE;
    if (s->late & BIT(tag) && v->given->break_it != BREAK_UNTIL)
        return LATE;
    if (!fits(v, s, tag))
        return OTHER;
    take(v, s, tag);
    return DONE;
}

/* ---- a replica ---------------------------------------------------------- */

enum verdict { RUN, REPLAY, REFUSE };

static enum verdict judge(const struct visit *v, const struct state *s,
                          const struct entry *entry, unsigned tag)
{
    const struct commit *commit = &s->commits[tag];

    switch (kind_of(v, entry->call)) {
    case CALL_BARE:
    case CALL_DELETE:
        return RUN;
    case CALL_START:
        return commit->kept == entry->call ? REPLAY : REFUSE;
    case CALL_STEP:
    case CALL_END:
    case CALL_NONE:
        break;
    }
    if (commit->kept == entry->call && commit->step_before == entry->step)
        return REPLAY;
    return commit->step == entry->step ? RUN : REFUSE;
}

static void begin(struct visit *v, struct state *s, int r);

enum answer { OK, NO, UNKNOWN, UNCHANGED };

/* The client has no answer, or none that says what has happened: it repeats
 * the call, if that is one that may be repeated. */
static void leave(const struct visit *v, struct client *client, unsigned call)
{
    client->at = 0;
    if (kind_of(v, call) == CALL_BARE) {
        client->next++;
        client->issued = 0;
    }
}

static void tell(struct visit *v, struct state *s, const struct entry *entry,
                 enum answer answer, unsigned step)
{
    struct client *client = &s->clients[(entry->call - 1) / 3];

    if (entry->is_orphan)
        return;
    if (answer == UNKNOWN || answer == UNCHANGED) {
        leave(v, client, entry->call);
        return;
    }
    client->at = 0;
    client->believes = (uint8_t)step;
    client->next++;
    client->issued = 0;
}

/* With which commit did the life begin that this one belongs to? */
static unsigned birth_of(const struct state *s, unsigned tag)
{
    while (s->commits[tag].parent)
        tag = s->commits[tag].parent;
    return tag;
}

/* The first request is answered. */
static void answer(struct visit *v, struct state *s, int r, enum answer answer,
                   unsigned tag)
{
    struct replica *replica = &s->replicas[r];
    struct entry entry = replica->queue[0];
    unsigned step = s->commits[tag].step;

    if (answer == OK) {
        if (!(s->executed & BIT(tag)))
            fault(v, "200 for what Redis has not done");
        if (s->answered[entry.call] && s->answered[entry.call] != tag &&
            birth_of(s, s->answered[entry.call]) == birth_of(s, tag))
            fault(v, "two answers to one call");
        s->answered[entry.call] = (uint8_t)tag;
    }
    if (answer == NO && entry.tags & s->executed)
        fault(v, "a refusal of what this request has executed");
    if (answer == UNCHANGED) {
        if (s->executed & BIT(replica->mine))
            fault(v, "«nothing has changed», but it has");
        s->never |= BIT(replica->mine);
    }
    if (s->commits[tag].fate != LIVE)
        step = 0;
    tell(v, s, &entry, answer, step);
    replica->count--;
    memmove(replica->queue, replica->queue + 1,
            replica->count * sizeof(*replica->queue));
    memset(&replica->queue[replica->count], 0, sizeof(*replica->queue));
    replica->phase = IDLE;
    replica->mine = replica->is_resent = replica->reply = 0;
    replica->found = replica->found_expired = 0;
    if (replica->count)
        begin(v, s, r);
}

static void send_write(struct visit *v, struct state *s, int r,
                       unsigned parent, unsigned over)
{
    struct replica *replica = &s->replicas[r];
    struct entry *entry = &replica->queue[0];
    enum protocol_call kind = kind_of(v, entry->call);
    bool is_step = kind != CALL_DELETE;
    unsigned step = parent ? s->commits[parent].step : 0;

    if (s->tags == TAGS) { /* no further: the histories up to here are seen */
        replica->phase = WRITING;
        replica->mine = 0;
        return;
    }
    replica->mine = ++s->tags;
    s->commits[replica->mine] = (struct commit){
        .parent = (uint8_t)parent,
        .over = (uint8_t)over,
        .call = entry->call,
        .kept = kind == CALL_BARE || kind == CALL_DELETE ? 0 : entry->call,
        .step_before = (uint8_t)step,
        .step = (uint8_t)(step + is_step),
        .fate = kind == CALL_DELETE ? DELETED
                : kind == CALL_END  ? ENDED
                                    : LIVE};
    entry->tags |= BIT(replica->mine);
    replica->phase = WRITING;
    replica->is_resent = 0;
    replica->reply = NO_REPLY;
    if (v->given->break_it == BREAK_ORDER) {
        s->stray |= BIT(replica->mine);
        answer(v, s, r, OK, replica->mine);
    }
}

/* A refusal that is true, if Redis was like that since the call came. */
static void refuse(struct visit *v, struct state *s, int r, unsigned tag,
                   bool is_expired)
{
    const struct entry *entry = &s->replicas[r].queue[0];

    if (!(entry->seen & BIT(is_expired ? EXPIRED : tag)))
        fault(v, "a refusal that was not true while the call was there");
    answer(v, s, r, NO, is_expired ? 0 : tag);
}

/* Work on the first request, from the copy if there is one. */
static void begin(struct visit *v, struct state *s, int r)
{
    struct replica *replica = &s->replicas[r];
    const struct entry *entry = &replica->queue[0];
    enum verdict verdict = REFUSE;

    replica->phase = READING;
    if (!replica->copy || kind_of(v, entry->call) == CALL_DELETE)
        return;
    verdict = judge(v, s, entry, replica->copy);
    if (verdict == RUN)
        send_write(v, s, r, replica->copy, 0);
    else if (verdict == REFUSE && v->given->break_it == BREAK_CHECK)
        refuse(v, s, r, replica->copy, false);
}

static void take_read(struct visit *v, struct state *s, int r)
{
    struct replica *replica = &s->replicas[r];
    struct entry *entry = &replica->queue[0];
    unsigned found = replica->found;
    bool is_dead =
        replica->found_expired || !found || s->commits[found].fate != LIVE;

    replica->copy = is_dead ? 0 : (uint8_t)found;
    if (is_dead && kind_of(v, entry->call) == CALL_START) {
        send_write(v, s, r, 0, found);
    } else if (is_dead) {
        if (!replica->found_expired && found &&
            s->commits[found].fate == ENDED &&
            s->commits[found].kept == entry->call)
            answer(v, s, r, OK, found);
        else
            refuse(v, s, r, found, replica->found_expired);
    } else {
        switch (judge(v, s, entry, found)) {
        case RUN:
            send_write(v, s, r, found, 0);
            break;
        case REPLAY:
            answer(v, s, r, OK, found);
            break;
        case REFUSE:
            refuse(v, s, r, found, false);
            break;
        }
    }
}

static void take_write(struct visit *v, struct state *s, int r)
{
    struct replica *replica = &s->replicas[r];
    enum protocol_break broken = v->given->break_it;

    switch ((enum reply)replica->reply) {
    case NO_REPLY:
        break;
    case DONE:
        replica->copy =
            s->commits[replica->mine].fate == LIVE ? replica->mine : 0;
        answer(v, s, r, OK, replica->mine);
        break;
    case OTHER:
        replica->copy = 0;
        if (replica->is_resent && broken != BREAK_RESENT_OTHER) {
            answer(v, s, r, UNKNOWN, 0);
            break;
        }
        replica->phase = READING; /* begun again on a checked copy */
        replica->mine = replica->is_resent = replica->reply = 0;
        break;
    case LATE:
        if (replica->is_resent && broken != BREAK_LATE) {
            replica->copy = 0;
            answer(v, s, r, UNKNOWN, 0);
        } else {
            answer(v, s, r, UNCHANGED, 0);
        }
        break;
    }
}

/* ---- events ------------------------------------------------------------- */

static void visit(struct visit *v, const struct state *s);

/* The last arguments make `next`, the state after it. */
#define EVENT(event, number, ...)                                             \
    do {                                                                      \
        struct state next = *s;                                               \
        v->path[v->depth - 1] = event;                                        \
        v->who[v->depth - 1] = number;                                        \
        __VA_ARGS__;                                                          \
        visit(v, &next);                                                      \
    } while (0)

static void orphan(const struct visit *v, struct state *s, int c)
{
    struct replica *replica = &s->replicas[s->clients[c].at - 1];

    for (int i = 0; i < replica->count; i++)
        if ((replica->queue[i].call - 1) / 3 == c)
            replica->queue[i].is_orphan = 1;
    leave(v, &s->clients[c], (unsigned)(1 + 3 * c + s->clients[c].next));
    s->faults--;
}

static void issue(struct visit *v, struct state *s, int c, int r)
{
    struct client *client = &s->clients[c];
    struct replica *replica = &s->replicas[r];
    unsigned call = (unsigned)(1 + 3 * c + client->next);

    if (client->issued)
        client->retries--;
    else
        client->step = kind_of(v, call) == CALL_START ? 0 : client->believes;
    client->issued = 1;
    client->at = (uint8_t)(r + 1);
    replica->queue[replica->count++] = (struct entry){
        .call = (uint8_t)call, .step = client->step, .seen = present(s)};
    if (replica->count == 1)
        begin(v, s, r);
}

static void visit_client(struct visit *v, const struct state *s, int c)
{
    const struct client *client = &s->clients[c];
    bool has_call =
        client->next < 3 && v->given->calls[c][client->next] != CALL_NONE;

    if (client->at && s->faults)
        EVENT("hang up: client", c, orphan(v, &next, c));
    if (client->at || !has_call || (client->issued && !client->retries))
        return;
    for (int r = 0; r < 2; r++)
        if (s->replicas[r].count < QUEUE)
            EVENT(r ? "call at B: client" : "call at A: client", c,
                  issue(v, &next, c, r));
}

static void die(const struct visit *v, struct state *s, int r)
{
    struct replica *replica = &s->replicas[r];

    for (int c = 0; c < 2; c++)
        if (s->clients[c].at == r + 1)
            leave(v, &s->clients[c],
                  (unsigned)(1 + 3 * c + s->clients[c].next));
    if (replica->phase == WRITING && replica->mine && !replica->reply)
        s->stray |= BIT(replica->mine);
    memset(replica, 0, sizeof(*replica));
    s->faults--;
}

/* The connection breaks: what was sent may come yet, and is sent again. */
static void send_again(struct state *s, int r)
{
    struct replica *replica = &s->replicas[r];

    if (!replica->reply)
        s->stray |= BIT(replica->mine);
    replica->reply = NO_REPLY;
    replica->is_resent = 1;
    s->faults--;
}

static void give_up(struct visit *v, struct state *s, int r)
{
    struct replica *replica = &s->replicas[r];

    if (!replica->reply)
        s->stray |= BIT(replica->mine);
    replica->copy = 0;
    s->faults--;
    answer(v, s, r, UNKNOWN, 0);
}

static void visit_replica(struct visit *v, const struct state *s, int r)
{
    const struct replica *replica = &s->replicas[r];

    if (s->faults && (replica->count || replica->copy))
        EVENT("dies: replica", r, die(v, &next, r));
    switch ((enum phase)replica->phase) {
    case IDLE:
        break;
    case READING:
        EVENT("read: replica", r, next.replicas[r].phase = READ,
              next.replicas[r].found = s->now,
              next.replicas[r].found_expired = s->is_expired);
        break;
    case READ:
        EVENT("has read: replica", r, take_read(v, &next, r));
        break;
    case WRITING:
        if (!replica->mine)
            break;
        if (!replica->reply)
            EVENT("write: replica", r,
                  next.replicas[r].reply =
                      (uint8_t)redis_write(v, &next, replica->mine));
        else
            EVENT("has written: replica", r, take_write(v, &next, r));
        if (s->faults) {
            EVENT("connection breaks: replica", r, send_again(&next, r));
            EVENT("gives up: replica", r, give_up(v, &next, r));
        }
        break;
    }
}

static void visit_messages(struct visit *v, const struct state *s)
{
    for (int tag = 1; tag <= s->tags; tag++) {
        bool is_stray = s->stray & BIT(tag);

        if (is_stray)
            EVENT("comes late: write", tag, next.stray &= (uint16_t)~BIT(tag),
                  redis_write(v, &next, (unsigned)tag));
        if (s->faults && !(s->late & BIT(tag)) &&
            (is_stray || s->replicas[0].mine == tag ||
             s->replicas[1].mine == tag))
            EVENT("UNTIL passes: write", tag, next.late |= BIT(tag),
                  next.faults--);
    }
    if (s->faults && is_live(s))
        EVENT("expires:", 0, next.is_expired = 1, next.faults--,
              next.calls_done = 0, died(&next), changed(&next));
    if (s->faults && s->now && !is_live(s))
        EVENT("is forgotten:", 0, next.is_expired = 0, next.now = 0,
              next.late |= next.older, next.faults--, changed(&next));
}

/* ---- all states --------------------------------------------------------- */

static uint64_t hash_of(const struct state *s)
{
    const unsigned char *bytes = (const unsigned char *)s;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < sizeof(*s); i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    hash ^= hash >> 29;
    hash *= UINT64_C(0xbf58476d1ce4e5b9);
    return hash ^ hash >> 32 ? hash ^ hash >> 32 : 1;
}

/* false: it was there. */
static bool add(uint64_t *seen, size_t capacity, uint64_t hash)
{
    size_t at = hash & (capacity - 1);

    for (; seen[at]; at = (at + 1) & (capacity - 1))
        if (seen[at] == hash)
            return false;
    seen[at] = hash;
    return true;
}

static void grow(struct visit *v)
{
    size_t capacity = v->capacity ? 2 * v->capacity : (size_t)1 << 16;
    uint64_t *seen = calloc(capacity, sizeof(*seen));

    assert_non_null(seen);
    for (size_t i = 0; i < v->capacity; i++)
        if (v->seen[i])
            add(seen, capacity, v->seen[i]);
    free(v->seen);
    v->seen = seen;
    v->capacity = capacity;
}

static void visit(struct visit *v, const struct state *s)
{
    if (v->is_over)
        return;
    if (2 * v->result->states >= v->capacity)
        grow(v);
    if (!add(v->seen, v->capacity, hash_of(s)))
        return;
    v->result->states++;
    assert_true(v->depth < DEPTH);
    v->depth++;
    for (int i = 0; i < 2; i++) {
        visit_client(v, s, i);
        visit_replica(v, s, i);
    }
    visit_messages(v, s);
    v->depth--;
}

void protocol_visit(const struct protocol_case *given,
                    struct protocol_result *result)
{
    struct visit v = {.given = given, .result = result};
    struct state first;

    memset(&first, 0, sizeof(first));
    memset(result, 0, sizeof(*result));
    first.faults = (uint8_t)given->faults;
    for (int c = 0; c < 2; c++)
        first.clients[c].retries = (uint8_t)given->retries;
    visit(&v, &first);
    free(v.seen);
}
