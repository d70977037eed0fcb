/* test_lost_replies.c: docs/api-2-sessions.md, «Exactly once», by many clients
 * at once whose connections end before they have read.
 *
 * Knows nothing of stores: `make crash` runs it with each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/daemon.h"
#include "tests/support/effort.h"
#include "tests/support/scratch_file.h"
#include "tests/support/stepper.h"

#define CLIENTS 64

/* rows: S50 S51 S63 */
static void many_clients_that_do_not_read_their_replies(void **state)
{
    struct stepper_world world = {.client_count = CLIENTS,
                                  .sharers = 1,
                                  .most_calls = effort_count(60),
                                  .hang_up_one_in = 4,
                                  .address_count = 1};
    char model[SCRATCH_PATH_BYTES];
    struct daemon daemon, reference;

    (void)state;
    scratch_file("", 0, model);
    stepper_model(model);
    daemon_start(&daemon,
                 (const char *[]){"--session-wait", "30s", "--store-timeout",
                                  "30s", "--threads", "2", model, NULL});
    daemon_start(&reference, (const char *[]){model, NULL});
    strcpy(world.addresses[0], daemon.address);
    stepper_begin(&world);
    stepper_end(&world, 1);
    stepper_judge(&world, reference.address);
    stepper_release(&world);
    daemon_stop(&daemon);
    daemon_stop(&reference);
    scratch_file_remove(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_clients_that_do_not_read_their_replies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
