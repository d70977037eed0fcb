/* The protocol of docs/redis.md, in every history of a few calls and faults
 * (tests/support/redis_protocol.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/effort.h"
#include "tests/support/redis_protocol.h"

static struct protocol_result result;

/* One fault less where time is short: a tenth of the states. */
static void holds(struct protocol_case given)
{
    if (effort_is_quick())
        given.faults--;
    protocol_visit(&given, &result);
    if (result.fault[0])
        fail_msg("%s", result.fault);
    print_message("%zu states\n", result.states);
}

/* Without that rule it does not hold, and this is how it shows. */
static void breaks(struct protocol_case given, enum protocol_break rule,
                   const char *fault)
{
    given.break_it = rule;
    protocol_visit(&given, &result);
    if (strncmp(result.fault, fault, strlen(fault)) != 0)
        fail_msg("not \"%s\" but \"%s\"", fault, result.fault);
    print_message("%s\n", result.fault);
}

/* One client that repeats itself here and there. */
static const struct protocol_case alone = {
    .calls = {{CALL_START, CALL_STEP, CALL_END}}, .retries = 2, .faults = 3};
/* Two that step one session. */
static const struct protocol_case both = {
    .calls = {{CALL_START, CALL_STEP}, {CALL_STEP, CALL_STEP}},
    .retries = 1,
    .faults = 2};
/* One steps, the other deletes; or begins anew. */
static const struct protocol_case gone = {
    .calls = {{CALL_START, CALL_STEP}, {CALL_DELETE}},
    .retries = 1,
    .faults = 2};
static const struct protocol_case again = {
    .calls = {{CALL_START, CALL_STEP}, {CALL_DELETE, CALL_START}},
    .retries = 1,
    .faults = 1};
/* Calls without `step`. */
static const struct protocol_case bare = {
    .calls = {{CALL_START, CALL_BARE}, {CALL_STEP, CALL_BARE}},
    .retries = 1,
    .faults = 2};

static void one_client_that_repeats_itself(void **state)
{
    (void)state;
    holds(alone);
}

static void two_clients_of_one_session(void **state)
{
    (void)state;
    holds(both);
}

static void a_session_that_is_deleted_and_made_anew(void **state)
{
    (void)state;
    holds(gone);
    holds(again);
}

static void calls_without_step(void **state)
{
    (void)state;
    holds(bare);
}

static void no_rule_can_be_left_out(void **state)
{
    (void)state;
    breaks(both, BREAK_EXPECTED, "a commit overwrites one");
    breaks(alone, BREAK_GRAVE, "two answers to one call");
    breaks(again, BREAK_TAG, "a commit overwrites one");
    breaks(both, BREAK_RESENT_OTHER, "a refusal of what this request");
    breaks(alone, BREAK_UNTIL, "a write is done after its UNTIL");
    breaks(both, BREAK_CHECK, "a refusal that was not true");
    breaks(alone, BREAK_ORDER, "200 for what Redis has not done");
    breaks(both, BREAK_LATE, "«nothing has changed», but it has");
    breaks(both, BREAK_IN_TIME, "a refusal of what this request");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_client_that_repeats_itself),
        cmocka_unit_test(two_clients_of_one_session),
        cmocka_unit_test(a_session_that_is_deleted_and_made_anew),
        cmocka_unit_test(calls_without_step),
        cmocka_unit_test(no_rule_can_be_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
