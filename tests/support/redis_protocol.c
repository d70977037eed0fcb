#include <stdio.h>
#include <string.h>

#include "tests/support/redis_protocol_parts.h"

/* ---- finding a fault ---------------------------------------------------- */

void protocol_fault(struct visit *v, const char *what)
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

enum protocol_call protocol_kind_of(const struct visit *v, unsigned call)
{
    return v->given->calls[(call - 1) / 3][(call - 1) % 3];
}

/* ---- Redis -------------------------------------------------------------- */

bool protocol_is_live(const struct state *s)
{
    return s->now && !s->is_expired && s->commits[s->now].fate == LIVE;
}

uint16_t protocol_present(const struct state *s)
{
    return BIT(s->is_expired ? EXPIRED : s->now);
}

/* Redis has become another: who waits has seen it. */
void protocol_changed(struct state *s)
{
    for (int r = 0; r < 2; r++)
        for (int i = 0; i < s->replicas[r].count; i++)
            s->replicas[r].queue[i].seen |= protocol_present(s);
}

/* Its tombstone lasts at least store_timeout: when that is forgotten, the time
 * of all writes has passed that were sent before. */
void protocol_died(struct state *s)
{
    s->older = (uint16_t)((1u << (s->tags + 1)) - 1);
}

static bool fits(const struct visit *v, const struct state *s, unsigned tag)
{
    unsigned expected = s->commits[tag].parent;

    if (v->given->break_it == BREAK_EXPECTED)
        return true;
    if (!expected)
        return !protocol_is_live(s) && (v->given->break_it == BREAK_GRAVE ||
                                        s->now == s->commits[tag].over);
    if (v->given->break_it == BREAK_TAG)
        return protocol_is_live(s) &&
               s->commits[s->now].step == s->commits[expected].step;
    return protocol_is_live(s) && s->now == expected;
}

static void take(struct visit *v, struct state *s, unsigned tag)
{
    const struct commit *commit = &s->commits[tag];
    unsigned before = protocol_is_live(s) ? s->now : 0;
    uint8_t bit = (uint8_t)(1u << commit->call);

    if (s->late & BIT(tag))
        protocol_fault(v, "a write is done after its UNTIL");
    if (s->never & BIT(tag))
        protocol_fault(v, "what was said not to be is done");
    if (commit->parent != before)
        protocol_fault(v, "a commit overwrites one that it does not know");
    if (!before)
        s->calls_done = 0; /* another life: the same start may begin it */
    if (s->calls_done & bit)
        protocol_fault(v, "a call is executed twice");
    s->calls_done |= bit;
    s->executed |= BIT(tag);
    s->now = (uint8_t)tag;
    s->is_expired = 0;
    if (commit->fate != LIVE)
        protocol_died(s);
    protocol_changed(s);
}

enum reply protocol_redis_write(struct visit *v, struct state *s, unsigned tag)
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

    switch (protocol_kind_of(v, entry->call)) {
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

/* The client has no answer, or none that says what has happened: it repeats
 * the call, if that is one that may be repeated. */
void protocol_leave(const struct visit *v, struct client *client,
                    unsigned call)
{
    client->at = 0;
    if (protocol_kind_of(v, call) == CALL_BARE) {
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
        protocol_leave(v, client, entry->call);
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
void protocol_answer(struct visit *v, struct state *s, int r,
                     enum answer answer, unsigned tag)
{
    struct replica *replica = &s->replicas[r];
    struct entry entry = replica->queue[0];
    unsigned step = s->commits[tag].step;

    if (answer == OK) {
        if (!(s->executed & BIT(tag)))
            protocol_fault(v, "200 for what Redis has not done");
        if (s->answered[entry.call] && s->answered[entry.call] != tag &&
            birth_of(s, s->answered[entry.call]) == birth_of(s, tag))
            protocol_fault(v, "two answers to one call");
        s->answered[entry.call] = (uint8_t)tag;
    }
    if (answer == NO && entry.tags & s->executed)
        protocol_fault(v, "a refusal of what this request has executed");
    if (answer == UNCHANGED) {
        if (s->executed & BIT(replica->mine))
            protocol_fault(v, "«nothing has changed», but it has");
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
    replica->mine = replica->sending = replica->reply = 0;
    replica->found = replica->found_expired = 0;
    if (replica->count)
        protocol_begin(v, s, r);
}

static void send_write(struct visit *v, struct state *s, int r,
                       unsigned parent, unsigned over)
{
    struct replica *replica = &s->replicas[r];
    struct entry *entry = &replica->queue[0];
    enum protocol_call kind = protocol_kind_of(v, entry->call);
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
    replica->sending = ONCE;
    replica->reply = NO_REPLY;
    if (v->given->break_it == BREAK_ORDER) {
        s->stray |= BIT(replica->mine);
        protocol_answer(v, s, r, OK, replica->mine);
    }
}

/* A refusal that is true, if Redis was like that since the call came. */
static void refuse(struct visit *v, struct state *s, int r, unsigned tag,
                   bool is_expired)
{
    const struct entry *entry = &s->replicas[r].queue[0];

    if (!(entry->seen & BIT(is_expired ? EXPIRED : tag)))
        protocol_fault(v,
                       "a refusal that was not true while the call was there");
    protocol_answer(v, s, r, NO, is_expired ? 0 : tag);
}

/* Work on the first request, from the copy if there is one. */
void protocol_begin(struct visit *v, struct state *s, int r)
{
    struct replica *replica = &s->replicas[r];
    const struct entry *entry = &replica->queue[0];
    enum verdict verdict = REFUSE;

    replica->phase = READING;
    if (!replica->copy || protocol_kind_of(v, entry->call) == CALL_DELETE)
        return;
    verdict = judge(v, s, entry, replica->copy);
    if (verdict == RUN)
        send_write(v, s, r, replica->copy, 0);
    else if (verdict == REFUSE && v->given->break_it == BREAK_CHECK)
        refuse(v, s, r, replica->copy, false);
}

void protocol_take_read(struct visit *v, struct state *s, int r)
{
    struct replica *replica = &s->replicas[r];
    struct entry *entry = &replica->queue[0];
    unsigned found = replica->found;
    bool is_dead =
        replica->found_expired || !found || s->commits[found].fate != LIVE;

    replica->copy = is_dead ? 0 : (uint8_t)found;
    if (is_dead && protocol_kind_of(v, entry->call) == CALL_START) {
        send_write(v, s, r, 0, found);
    } else if (is_dead) {
        if (!replica->found_expired && found &&
            s->commits[found].fate == ENDED &&
            s->commits[found].kept == entry->call)
            protocol_answer(v, s, r, OK, found);
        else
            refuse(v, s, r, found, replica->found_expired);
    } else {
        switch (judge(v, s, entry, found)) {
        case RUN:
            send_write(v, s, r, found, 0);
            break;
        case REPLAY:
            protocol_answer(v, s, r, OK, found);
            break;
        case REFUSE:
            refuse(v, s, r, found, false);
            break;
        }
    }
}

void protocol_take_write(struct visit *v, struct state *s, int r)
{
    struct replica *replica = &s->replicas[r];
    enum protocol_break broken = v->given->break_it;

    switch ((enum reply)replica->reply) {
    case NO_REPLY:
        break;
    case DONE:
        replica->copy =
            s->commits[replica->mine].fate == LIVE ? replica->mine : 0;
        protocol_answer(v, s, r, OK, replica->mine);
        break;
    case OTHER:
        replica->copy = 0;
        if (replica->sending == AGAIN && broken != BREAK_RESENT_OTHER) {
            protocol_answer(v, s, r, UNKNOWN, 0);
            break;
        }
        replica->phase = READING; /* begun again on a checked copy */
        replica->mine = replica->sending = replica->reply = 0;
        break;
    case LATE:
        if (replica->sending == AGAIN && broken != BREAK_LATE) {
            replica->copy = 0;
            protocol_answer(v, s, r, UNKNOWN, 0);
        } else {
            protocol_answer(v, s, r, UNCHANGED, 0);
        }
        break;
    }
}

bool protocol_can_be_in_time(const struct visit *v, const struct state *s,
                             int r)
{
    const struct replica *replica = &s->replicas[r];

    return replica->reply == LATE &&
           (replica->sending == ONCE || (replica->sending == AGAIN &&
                                         v->given->break_it == BREAK_IN_TIME));
}

void protocol_be_in_time(struct state *s, int r)
{
    struct replica *replica = &s->replicas[r];

    s->late &= (uint16_t)~BIT(replica->mine);
    replica->sending = IN_TIME;
    replica->reply = NO_REPLY;
}
