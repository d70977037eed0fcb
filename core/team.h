/* team.h: threads that may take a part of somebody's work while they have
 * none of their own.
 *
 * Who has a large call cuts it into parts, offers all but one, makes that one
 * and takes back what nobody has begun.  So nothing ever waits for a thread
 * that does not run: what was begun is waited for, the rest is made here.
 *
 * Ownership  A part and what it points to are the offerer's, until
 *            take_back() has returned for it.
 * Threads    Any may offer; each takes back what it has offered.
 */
#ifndef CORE_TEAM_H
#define CORE_TEAM_H

#include <stdbool.h>
#include <stddef.h>

struct rnn_team_part {
    void (*run)(void *arg);
    void *arg;

    /* The team's own. */
    struct rnn_team_part *next;
    bool is_taken, is_done;
};

/* What a team can do; server/http/workers.c is one. */
struct rnn_team {
    /* How many threads have nothing to do just now: a hint. */
    size_t (*idle)(struct rnn_team *team);
    void (*offer)(struct rnn_team *team, struct rnn_team_part *part);
    /* true: nobody has begun it, make it yourself; false: it has been made. */
    bool (*take_back)(struct rnn_team *team, struct rnn_team_part *part);
};

#endif
