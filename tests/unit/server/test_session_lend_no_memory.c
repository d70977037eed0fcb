/* Out of memory at every allocation of a session's life: a clear refusal,
 * nothing changed, and service goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/session_internal.h"
#include "tests/support/fail_malloc.h"
#include "tests/support/session_world.h"

/* Begin at zero, step twice (a short reply, a long one), copy, end, and look
 * back.  Returns false as soon as something was refused. */
static bool live(struct session_world *world)
{
    static const unsigned char digest[RNN_DIGEST_BYTES];
    static unsigned char reply[SESSION_REPLY_BYTES + 1];
    const size_t lengths[] = {100, sizeof(reply), 50};
    const struct session_call *call;
    struct session_loan loan;

    if (session_world_create(world, "a", 0, 1000) != SESSION_OK)
        return false;
    for (size_t i = 0; i < 3; i++) {
        struct session_change change = {.step = i + 1,
                                        .fate = i == 2 ? SESSION_ENDED
                                                       : SESSION_GOES_ON,
                                        .digest = digest,
                                        .step_before = i,
                                        .reply = reply,
                                        .reply_length = lengths[i]};

        loan = session_world_loan(world, "a", SESSION_WANT_LIVE);
        if (session_world_acquire(world, &loan, 1000) != SESSION_OK)
            return false;
        assert_int_equal(loan.info.step, i);
        change.state_before = loan.state;
        if (!session_prepare(&loan, lengths[i], &world->problem)) {
            session_release(&loan, false, 1000);
            assert_int_equal(session_world_step(world, "a", 1000), i);
            return false;
        }
        assert_int_equal(session_commit(&loan, &change, 1000, &world->problem),
                         SESSION_OK);
    }
    return session_store_ended_call(world->store, "a", 2, digest, 1000,
                                    &world->arena, &call,
                                    &world->problem) == SESSION_OK &&
           call;
}

static void a_session_survives_any_failed_allocation(void **state)
{
    struct session_world world;
    bool has_failed = true;
    size_t n;

    (void)state;
    for (n = 1; has_failed; n++) {
        bool went_well;

        session_world_init(&world);
        session_world_open(&world);
        fail_malloc_start(n);
        went_well = live(&world);
        fail_malloc_stop();
        has_failed = fail_malloc_happened();
        if (!went_well) {
            assert_true(has_failed);
            assert_int_equal(world.problem.type, PROBLEM_OVERLOADED);
        }
        /* All of it works when there is memory again. */
        if (session_world_step(&world, "a", 1000) != UINT64_MAX) {
            struct session_loan loan =
                session_world_loan(&world, "a", SESSION_WANT_LIVE);

            assert_int_equal(session_world_acquire(&world, &loan, 1000),
                             SESSION_OK);
            session_world_commit(&world, &loan, 0, 0.0f, SESSION_DELETED,
                                 1000);
        }
        assert_true(live(&world));
        session_graves_make_room(&world.store->graves, SIZE_MAX);
        assert_int_equal(world.store->memory, 0);
        assert_int_equal(world.store->count, 0);
        session_world_release(&world);
    }
    assert_true(n > 5); /* there was something to fail */
}

static void a_store_that_cannot_be_made_says_so(void **state)
{
    struct session_world world;
    struct session_store *store = NULL;
    struct rnn_error err;
    bool has_failed = true;

    (void)state;
    session_world_init(&world);
    for (size_t n = 1; has_failed; n++) {
        enum rnn_status status;

        fail_malloc_start(n);
        status = session_store_create(&world.config, NULL, &store, &err);
        fail_malloc_stop();
        has_failed = fail_malloc_happened();
        assert_int_equal(status, has_failed ? RNN_NO_MEMORY : RNN_OK);
        if (has_failed)
            assert_null(store);
    }
    session_store_free(store);
    session_world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_survives_any_failed_allocation),
        cmocka_unit_test(a_store_that_cannot_be_made_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
