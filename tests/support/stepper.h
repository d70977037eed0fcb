/* stepper.h: clients that step sessions of their own over an unreliable way,
 * and a judge of what they were answered.
 *
 * Each client is a thread with one session.  It cuts its stream at random and
 * sends every call with its `step`; now and then it hangs up before it has
 * read the answer.  Whatever has no answer (nobody there, hung up, 503, in
 * use) is sent again, byte for byte the same, to any of the addresses.  An
 * answer other than 200 is a fault: a step was lost, or made twice.
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
#include <stddef.h>
#include <stdint.h>

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
    size_t count; /* answered */
    struct raw_answer *answer;
    long hang_ups, repeats, replays, refused;
    char fault[1500]; /* "": all is well */
};

struct stepper_world {
    /* Filled by the caller. */
    size_t client_count;
    size_t most_calls; /* of each; then they stop by themselves */
    int hang_up_one_in;

    pthread_mutex_t lock; /* of the addresses */
    char addresses[STEPPER_ADDRESSES][64];
    size_t address_count;
    atomic_bool is_ending;
    struct stepper *clients;
};

/* A small LSTM, in a file of this name. */
void stepper_model(const char *path);

void stepper_begin(struct stepper_world *world);
/* One of them has another address from now on. */
void stepper_move(struct stepper_world *world, size_t which,
                  const char *address);
/* Until every client has `calls` answers more than now. */
void stepper_wait(struct stepper_world *world, size_t calls);
/* Let them finish the call they are at (all of most_calls with `all`). */
void stepper_end(struct stepper_world *world, int all);
/* Every answer is, digit by digit, that of a session which nothing
 * interrupts; and every session at `addresses` is where its client is. */
void stepper_judge(struct stepper_world *world, const char *reference);
void stepper_release(struct stepper_world *world);

#endif
