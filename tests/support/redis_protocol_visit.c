#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/redis_protocol_parts.h"

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
    protocol_leave(v, &s->clients[c],
                   (unsigned)(1 + 3 * c + s->clients[c].next));
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
        client->step =
            protocol_kind_of(v, call) == CALL_START ? 0 : client->believes;
    client->issued = 1;
    client->at = (uint8_t)(r + 1);
    replica->queue[replica->count++] =
        (struct entry){.call = (uint8_t)call,
                       .step = client->step,
                       .seen = protocol_present(s)};
    if (replica->count == 1)
        protocol_begin(v, s, r);
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
            protocol_leave(v, &s->clients[c],
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
    replica->sending = AGAIN;
    s->faults--;
}

static void give_up(struct visit *v, struct state *s, int r)
{
    struct replica *replica = &s->replicas[r];

    if (!replica->reply)
        s->stray |= BIT(replica->mine);
    replica->copy = 0;
    s->faults--;
    protocol_answer(v, s, r, UNKNOWN, 0);
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
        EVENT("has read: replica", r, protocol_take_read(v, &next, r));
        break;
    case WRITING:
        if (!replica->mine)
            break;
        if (!replica->reply)
            EVENT("write: replica", r,
                  next.replicas[r].reply =
                      (uint8_t)protocol_redis_write(v, &next, replica->mine));
        else
            EVENT("has written: replica", r, protocol_take_write(v, &next, r));
        if (protocol_can_be_in_time(v, s, r))
            EVENT("is in time: replica", r, protocol_be_in_time(&next, r));
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
                  protocol_redis_write(v, &next, (unsigned)tag));
        if (s->faults && !(s->late & BIT(tag)) &&
            (is_stray || s->replicas[0].mine == tag ||
             s->replicas[1].mine == tag))
            EVENT("UNTIL passes: write", tag, next.late |= BIT(tag),
                  next.faults--);
    }
    if (s->faults && protocol_is_live(s))
        EVENT("expires:", 0, next.is_expired = 1, next.faults--,
              next.calls_done = 0, protocol_died(&next),
              protocol_changed(&next));
    if (s->faults && s->now && !protocol_is_live(s))
        EVENT("is forgotten:", 0, next.is_expired = 0, next.now = 0,
              next.late |= next.older, next.faults--, protocol_changed(&next));
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
    hash ^= hash >> 32;
    return hash ? hash : 1;
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
