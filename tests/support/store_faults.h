/* store_faults.h: sessions go on although their store fails now and then: what
 * is refused is refused as it should be, has not happened, and can be done
 * once nothing fails any more.
 *
 * The world is the test's, as are the faults; heal() ends them, and is called
 * after each refusal, with the store open.  Every surprise ends the test.
 */
#ifndef TESTS_SUPPORT_STORE_FAULTS_H
#define TESTS_SUPPORT_STORE_FAULTS_H

#include <stdbool.h>

#include "tests/support/store_world.h"

struct store_faults {
    struct store_world *world;
    void (*heal)(void);
    bool is_out_of_memory; /* then a call may be refused as overload, too */
};

/* The last call's problem is one that a fault may lead to. */
void store_faults_assert_refusal(const struct store_faults *faults);

/* `call` has an id, a step, a fate: the session goes on from `step` - 1 (0: is
 * made) to `step`, in the end; when that was refused it is as it was. */
void store_faults_go_on(const struct store_faults *faults,
                        struct store_call call);

#endif
