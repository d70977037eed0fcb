/* redis_protocol_parts.h: the states of redis_protocol.c, and what its events
 * do to them.
 *
 * Only for redis_protocol.c and redis_protocol_visit.c.
 */
#ifndef TESTS_SUPPORT_REDIS_PROTOCOL_PARTS_H
#define TESTS_SUPPORT_REDIS_PROTOCOL_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/support/redis_protocol.h"

#define TAGS     10 /* commits that are tried in one history; 0: none */
#define QUEUE    3
#define DEPTH    200
#define EXPIRED  15 /* in a set of what Redis was: nobody's tag */
#define BIT(tag) (uint16_t)(1u << (tag))

enum fate { LIVE, ENDED, DELETED };
enum phase { IDLE, READING, READ, WRITING };
enum reply { NO_REPLY, DONE, OTHER, LATE };
/* A write: once; once more with another UNTIL, after it was told that it is
 * late; again, since it was not answered. */
enum sending { ONCE, IN_TIME, AGAIN };

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
    uint8_t mine, sending, reply;
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

enum answer { OK, NO, UNKNOWN, UNCHANGED };

/* The first fault ends the visit. */
void protocol_fault(struct visit *v, const char *what);
enum protocol_call protocol_kind_of(const struct visit *v, unsigned call);

/* ---- Redis */
bool protocol_is_live(const struct state *s);
uint16_t protocol_present(const struct state *s);
/* Redis has become another: who waits has seen it. */
void protocol_changed(struct state *s);
/* Its tombstone lasts at least store_timeout: when that is forgotten, the time
 * of all writes has passed that were sent before. */
void protocol_died(struct state *s);
enum reply protocol_redis_write(struct visit *v, struct state *s,
                                unsigned tag);

/* ---- a replica, and who asks it */
void protocol_leave(const struct visit *v, struct client *client,
                    unsigned call);
/* Work on the first request, from the copy if there is one. */
void protocol_begin(struct visit *v, struct state *s, int r);
/* The first request is answered. */
void protocol_answer(struct visit *v, struct state *s, int r,
                     enum answer answer, unsigned tag);
/* Redis has answered. */
void protocol_take_read(struct visit *v, struct state *s, int r);
void protocol_take_write(struct visit *v, struct state *s, int r);
/* The write was late: may it be sent with another UNTIL? */
bool protocol_can_be_in_time(const struct visit *v, const struct state *s,
                             int r);
void protocol_be_in_time(struct state *s, int r);

#endif
