/* Sessions and the store behind them: what comes back after an end, what is
 * refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "server/clock.h"
#include "server/session_internal.h"
#include "tests/support/nap.h"
#include "tests/support/store_world.h"

static struct store_world world;

static int set_up(void **state)
{
    (void)state;
    store_world_init(&world);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    store_world_release(&world);
    return 0;
}

static void reopen(void)
{
    store_world_close(&world);
    store_world_open(&world);
}

/* Run SQL on the file while nobody has it open. */
static void sql(const char *text)
{
    sqlite3 *db = NULL;
    char *why = NULL;

    assert_int_equal(sqlite3_open(world.file, &db), SQLITE_OK);
    if (sqlite3_exec(db, text, NULL, NULL, &why))
        fail_msg("%s", why);
    sqlite3_close(db);
}

/* ---- everything comes back ---------------------------------------------- */

static void comes_back(const char *durability)
{
    struct session_info before, after;

    world.config.durability = (char *)durability;
    store_world_open(&world);
    store_world_put(&world, "a", 3, 0.5f);
    store_world_put(&world, "a", 4, 0.75f);
    assert_int_equal(
        store_world_call(&world, &(struct store_call){.id = "w",
                                                      .want = SESSION_WANT_NEW,
                                                      .is_window = true,
                                                      .ttl_ms = 0,
                                                      .step = 7,
                                                      .number = 2.0f}),
        SESSION_OK);
    assert_int_equal(store_world_look(&world, "a", &before, NULL), SESSION_OK);
    reopen();
    store_world_assert(&world, "a", 4, 0.75f);
    assert_int_equal(store_world_look(&world, "a", &after, NULL), SESSION_OK);
    assert_true(after.created_ms == before.created_ms);
    assert_int_equal(after.plan.ttl_ms, 3600000);
    assert_int_equal(after.plan.mode, SESSION_CARRY);
    assert_true(after.used_ms + 1000 > before.used_ms &&
                after.used_ms < before.used_ms + 1000);
    assert_int_equal(store_world_look(&world, "w", &after, NULL), SESSION_OK);
    assert_int_equal(after.plan.mode, SESSION_WINDOW);
    assert_int_equal(after.plan.window, 10);
    assert_int_equal(after.window_filled, 7);
    assert_int_equal(after.step, 7);
    assert_int_equal(after.plan.ttl_ms, 0);
    store_world_assert(&world, "w", 7, 2.0f);
    store_world_refuse(&world, "x", PROBLEM_NO_SUCH_SESSION);
}

static void a_session_comes_back_in_step(void **state)
{
    (void)state;
    comes_back("step");
}

static void a_session_comes_back_in_fsync(void **state)
{
    (void)state;
    comes_back("fsync");
}

static void a_session_comes_back_in_async(void **state)
{
    (void)state;
    comes_back("async");
}

static void the_kept_call_comes_back(void **state)
{
    struct session_loan loan;
    enum session_result result;

    (void)state;
    store_world_open(&world);
    store_world_put(&world, "a", 3, 0.5f);
    reopen();
    loan = (struct session_loan){.store = world.store, .id = "a"};
    loan.wake = (void (*)(void *))abort; /* it has been read by then */
    store_world_assert(&world, "a", 3, 0.5f);
    result = session_acquire(&loan, clock_monotonic_ms(), &world.problem);
    assert_int_equal(result, SESSION_OK);
    assert_non_null(loan.last);
    assert_int_equal(loan.last->step_before, 0);
    assert_int_equal(loan.last->step_after, 3);
    assert_int_equal(loan.last->reply_length, 7);
    assert_memory_equal(loan.last->bytes, "a reply", 7);
    for (size_t i = 0; i < RNN_DIGEST_BYTES; i++)
        assert_int_equal(loan.last->digest[i], 7);
    session_release(&loan, false, clock_monotonic_ms());
}

static void tombstones_come_back_with_their_reason_and_call(void **state)
{
    unsigned char digest[RNN_DIGEST_BYTES];
    const struct session_call *call;

    (void)state;
    store_world_open(&world);
    store_world_put(&world, "ended", 3, 0.5f);
    store_world_put(&world, "deleted", 3, 0.5f);
    store_world_finish(&world, "ended", SESSION_ENDED, "the last");
    store_world_finish(&world, "deleted", SESSION_DELETED, NULL);
    reopen();
    store_world_refuse(&world, "ended", PROBLEM_SESSION_GONE);
    assert_string_equal(world.problem.reason, "ended");
    store_world_refuse(&world, "deleted", PROBLEM_SESSION_GONE);
    assert_string_equal(world.problem.reason, "deleted");
    memset(digest, 5, sizeof(digest));
    assert_int_equal(session_store_ended_call(
                         world.store, "ended", 3, digest, clock_monotonic_ms(),
                         &world.arena, &call, &world.problem),
                     SESSION_OK);
    assert_non_null(call);
    assert_memory_equal(call->bytes, "the last", 8);
    store_world_put(&world, "ended", 1, 0.25f); /* it can live again */
    reopen();
    store_world_assert(&world, "ended", 1, 0.25f);
}

static void what_expired_while_nobody_ran_is_410_then_404(void **state)
{
    (void)state;
    world.config.tombstone_ttl = 400;
    store_world_open(&world);
    assert_int_equal(
        store_world_call(&world, &(struct store_call){.id = "e",
                                                      .want = SESSION_WANT_NEW,
                                                      .ttl_ms = 100}),
        SESSION_OK);
    store_world_close(&world);
    nap_ms(150);
    store_world_open(&world);
    store_world_refuse(&world, "e", PROBLEM_SESSION_GONE);
    assert_string_equal(world.problem.reason, "expired");
    store_world_close(&world);
    nap_ms(400);
    store_world_open(&world);
    store_world_refuse(&world, "e", PROBLEM_NO_SUCH_SESSION);
}

/* A peek refreshes the ttl: that must come back too, though nothing else has
 * changed. */
static void a_ttl_that_began_anew_comes_back(void **state)
{
    struct session_loan loan = {.id = "p", .wake = (void (*)(void *))abort};

    (void)state;
    store_world_open(&world);
    assert_int_equal(
        store_world_call(&world, &(struct store_call){.id = "p",
                                                      .want = SESSION_WANT_NEW,
                                                      .ttl_ms = 2000}),
        SESSION_OK);
    nap_ms(1200);
    loan.store = world.store;
    assert_int_equal(
        session_acquire(&loan, clock_monotonic_ms(), &world.problem),
        SESSION_OK);
    session_release(&loan, true, clock_monotonic_ms());
    store_world_settle(&world);
    store_world_close(&world);
    nap_ms(1200);
    store_world_open(&world);
    store_world_assert(&world, "p", 0, 0.0f);
}

static void an_id_that_was_never_used_is_made_beside_those_at_rest(
    void **state)
{
    (void)state;
    store_world_open(&world);
    store_world_put(&world, "a", 1, 1.0f);
    reopen();
    store_world_put(&world, "b", 2, 2.0f);
    assert_int_equal(
        store_world_call(
            &world, &(struct store_call){.id = "a", .want = SESSION_WANT_NEW}),
        SESSION_REFUSED);
    assert_int_equal(world.problem.type, PROBLEM_SESSION_LIVE);
    reopen();
    store_world_assert(&world, "a", 1, 1.0f);
    store_world_assert(&world, "b", 2, 2.0f);
}

/* ---- what is refused ---------------------------------------------------- */

static void a_damaged_row_is_refused_for_its_session_alone(void **state)
{
    (void)state;
    store_world_open(&world);
    store_world_put(&world, "a", 1, 1.0f);
    store_world_put(&world, "b", 2, 2.0f);
    store_world_put(&world, "c", 3, 3.0f);
    store_world_close(&world);
    sql("UPDATE sessions SET body = zeroblob(length(body)) "
        "WHERE id = x'61'");
    sql("UPDATE sessions SET head = (SELECT head FROM sessions WHERE "
        "id = x'63'), body = (SELECT body FROM sessions WHERE id = x'63') "
        "WHERE id = x'62'");
    store_world_open(&world);
    store_world_refuse(&world, "a", PROBLEM_INTERNAL);
    assert_non_null(strstr(world.problem.detail, "\"a\" is damaged"));
    store_world_refuse(&world, "b", PROBLEM_INTERNAL);
    store_world_assert(&world, "c", 3, 3.0f);
    /* Nor is a new one made in its place. */
    assert_int_equal(
        store_world_call(
            &world, &(struct store_call){.id = "a", .want = SESSION_WANT_ANY}),
        SESSION_REFUSED);
    assert_int_equal(world.problem.type, PROBLEM_INTERNAL);
}

static void another_models_session_is_refused_and_kept(void **state)
{
    static const char name[] = "other";
    struct served_model *model;
    char digit;

    (void)state;
    store_world_open(&world);
    store_world_put(&world, "a", 1, 1.0f);
    store_world_close(&world);
    /* As if the file had been replaced by another. */
    model = (struct served_model *)model_registry_at(world.models, 0);
    digit = model->fingerprint[0];
    model->fingerprint[0] = digit == 'f' ? 'e' : 'f';
    model->name = name;
    store_world_open(&world);
    store_world_refuse(&world, "a", PROBLEM_OTHER_MODEL);
    assert_non_null(strstr(world.problem.detail, "the model \"seed\""));
    store_world_refuse(&world, "a", PROBLEM_OTHER_MODEL);
    store_world_close(&world);
    model->fingerprint[0] = digit;
    store_world_open(&world);
    store_world_assert(&world, "a", 1, 1.0f); /* under whatever name */
}

/* DELETE takes what nobody can use, before its ttl, or without one. */
static void forget(const char *id)
{
    if (store_world_call(&world, &(struct store_call){
                                     .id = id,
                                     .want = SESSION_WANT_GONE,
                                     .fate = SESSION_DELETED}) != SESSION_OK)
        fail_msg("%s: %s", id, world.problem.detail);
    store_world_refuse(&world, id, PROBLEM_SESSION_GONE);
    assert_string_equal(world.problem.reason, "deleted");
}

static void put_for_ever(const char *id)
{
    assert_int_equal(
        store_world_call(&world, &(struct store_call){.id = id,
                                                      .want = SESSION_WANT_NEW,
                                                      .step = 1,
                                                      .number = 1.0f}),
        SESSION_OK);
}

static void what_nobody_can_use_can_be_deleted(void **state)
{
    struct served_model *model;

    (void)state;
    store_world_open(&world);
    put_for_ever("head");
    put_for_ever("body");
    put_for_ever("alien");
    put_for_ever("well");
    store_world_close(&world);
    sql("UPDATE sessions SET head = zeroblob(9) WHERE id = x'68656164'");
    sql("UPDATE sessions SET body = x'00' WHERE id = x'626f6479'");
    model = (struct served_model *)model_registry_at(world.models, 0);
    model->fingerprint[0] ^= 1;
    store_world_open(&world);
    store_world_refuse(&world, "head", PROBLEM_INTERNAL);
    store_world_refuse(&world, "body", PROBLEM_INTERNAL);
    store_world_refuse(&world, "alien", PROBLEM_OTHER_MODEL);
    forget("head");
    forget("body");
    forget("alien");
    model->fingerprint[0] ^= 1;
    reopen();
    store_world_refuse(&world, "head", PROBLEM_SESSION_GONE);
    store_world_refuse(&world, "body", PROBLEM_SESSION_GONE);
    store_world_refuse(&world, "alien", PROBLEM_SESSION_GONE);
    store_world_assert(&world, "well", 1, 1.0f);
    /* The ids are free, and those that are well go the same way. */
    put_for_ever("alien");
    store_world_assert(&world, "alien", 1, 1.0f);
    forget("well");
    forget("alien");
    assert_int_equal(
        store_world_call(&world,
                         &(struct store_call){.id = "never",
                                              .want = SESSION_WANT_GONE,
                                              .fate = SESSION_DELETED}),
        SESSION_REFUSED);
    assert_int_equal(world.problem.type, PROBLEM_NO_SUCH_SESSION);
}

static void two_owners_of_a_folder_are_one_too_many(void **state)
{
    struct store_world second = world;
    struct rnn_error err;

    (void)state;
    store_world_open(&world);
    second.store = NULL;
    assert_int_equal(store_world_try(&second, &err), RNN_IO);
    assert_non_null(strstr(err.message, "in use by another rnnd (process "));
}

static void sqlite_without_a_folder_is_refused(void **state)
{
    struct rnn_error err;

    (void)state;
    world.config.state_dir = NULL;
    world.config.store = (char *)"sqlite";
    assert_int_equal(store_world_try(&world, &err), RNN_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "needs state_dir"));
    world.config.store = (char *)"memory";
    store_world_open(&world);
    assert_string_equal(session_store_name(world.store), "memory");
    store_world_close(&world);
    world.config.state_dir = world.folder; /* what is said counts */
    store_world_open(&world);
    assert_string_equal(session_store_name(world.store), "memory");
    store_world_close(&world);
    world.config.store = NULL;
    store_world_open(&world);
    assert_string_equal(session_store_name(world.store), "sqlite");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_session_comes_back_in_step),
        TEST(a_session_comes_back_in_fsync),
        TEST(a_session_comes_back_in_async),
        TEST(the_kept_call_comes_back),
        TEST(tombstones_come_back_with_their_reason_and_call),
        TEST(what_expired_while_nobody_ran_is_410_then_404),
        TEST(a_ttl_that_began_anew_comes_back),
        TEST(an_id_that_was_never_used_is_made_beside_those_at_rest),
        TEST(a_damaged_row_is_refused_for_its_session_alone),
        TEST(another_models_session_is_refused_and_kept),
        TEST(what_nobody_can_use_can_be_deleted),
        TEST(two_owners_of_a_folder_are_one_too_many),
        TEST(sqlite_without_a_folder_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
