/* stepper.h: clients that step sessions over an unreliable way, and a judge of
 * what they were answered.
 *
 * Each client is a thread with one session, its own or shared with others.
 * It cuts the session's stream at random and sends every call with its
 * `step`; now and then it hangs up before it has read the answer.  Whatever
 * has no answer (nobody there, hung up, 503, in use) is sent again, byte for
 * byte the same, to any of the addresses.  When it is told that another was
 * faster it goes on from there; which must not be before what anybody of them
 * was answered when the call was sent.  Row i of a session is always the
 * same: so is its output, whoever made which step, if each was made once.
 *
 *     stepper_begin(&world, clients, count);
 *     ... whatever is to happen meanwhile ...
 *     stepper_end(&world);                  faults end the test
 *     stepper_judge(&world, address);       of a server that nothing befalls
 *     stepper_release(&world);
 *
 * The model is stepper_model(): 2 features, T free.
 */
#ifndef TESTS_SUPPORT_STEPPER_H
#define TESTS_SUPPORT_STEPPER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/support/raw_http.h"

#define STEPPER_ADDRESSES 3
#define STEPPER_CALLS     20000 /* of one client, at most */
#define STEPPER_OUTPUT    40

struct stepper_call {
    uint32_t step;
    uint8_t rows;
    char output[STEPPER_OUTPUT]; /* "": not answered yet */
};

struct stepper {
    struct stepper_world *world;
    pthread_t thread;
    int index;
    uint64_t random;
    int fd, at; /* the connection, and to which address; -1: none */
    struct stepper_call *calls;
    size_t count;  /* answered */
    uint32_t step; /* of the next call */
    uint32_t seen; /* what its session had answered when it was sent */
    struct raw_answer *answer;
    long hang_ups, repeats, replays, refused, overtaken;
    char fault[1500]; /* "": all is well */
};

struct stepper_world {
    /* Filled by the caller. */
    size_t client_count;
    size_t most_calls; /* of each; then they stop by themselves */
    int hang_up_one_in;
    size_t sharers; /* clients of one session */

    pthread_mutex_t lock; /* of the addresses */
    char addresses[STEPPER_ADDRESSES][64];
    size_t address_count;
    atomic_bool is_ending;
    struct stepper *clients;
    atomic_uint
        *answered; /* [of a session] its step, as far as anybody knows */
};

/* A small LSTM, in a file of this name. */
void stepper_model(const char *path);

/* The numbers of an answer, as they are written; false: it has none. */
bool stepper_output(const struct raw_answer *answer,
                    char output[STEPPER_OUTPUT]);

void stepper_begin(struct stepper_world *world);
/* One of them has another address from now on. */
void stepper_move(struct stepper_world *world, size_t which,
                  const char *address);
/* Until every client has `calls` answers more than now. */
void stepper_wait(struct stepper_world *world, size_t calls);
/* Let them finish the call they are at (all of most_calls with `all`). */
void stepper_end(struct stepper_world *world, int all);
/* Every answer is, digit by digit, that of a session which nothing
 * interrupts; and at each of the addresses every session is at one step, and
 * not before what was answered. */
void stepper_judge(struct stepper_world *world, const char *reference);
void stepper_release(struct stepper_world *world);

#endif
