/* The table «Exactly once», all of it: every combination of what a call says
 * and what a session is, against the table written down once more in the
 * plainest way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/session_once.h"

/* What is expected, in the order of the table. */
static const char *by_the_table(const struct session_claim *claim,
                                bool is_live, uint64_t server_step,
                                const struct session_call *last)
{
    bool before = last && claim->has_step && claim->step == last->step_before;
    bool same = last && !memcmp(claim->digest, last->digest, 32);

    if (before && same)
        return "replay";
    if (claim->start != SESSION_START_NO && claim->has_step && claim->step)
        return "step-mismatch";
    if (claim->start == SESSION_START_TRUE && is_live)
        return "session-live";
    if (claim->start != SESSION_START_NO)
        return "run";
    if (!claim->has_step)
        return "run";
    if (claim->step == server_step)
        return "run";
    if (before)
        return "step-reused";
    return "step-mismatch";
}

static const char *verdict_name(enum session_verdict verdict,
                                const struct problem *problem)
{
    if (verdict == SESSION_RUN)
        return "run";
    if (verdict == SESSION_REPLAY)
        return "replay";
    return problem_type_name(problem->type);
}

static void check(const struct session_claim *claim, bool is_live,
                  uint64_t step, const struct session_call *last)
{
    struct problem problem = {0};
    enum session_verdict verdict =
        session_judge(claim, is_live, step, last, &problem);

    assert_string_equal(verdict_name(verdict, &problem),
                        by_the_table(claim, is_live, step, last));
    if (verdict == SESSION_FORBID && problem.type == PROBLEM_STEP_MISMATCH) {
        assert_true(problem.has_step);
        assert_int_equal(problem.step,
                         claim->start == SESSION_START_NO ? step : 0);
    }
}

static struct session_call *call_at(uint64_t before, uint64_t after,
                                    unsigned char digest)
{
    struct session_call *call = calloc(1, sizeof(*call));

    assert_non_null(call);
    call->step_before = before;
    call->step_after = after;
    memset(call->digest, digest, sizeof(call->digest));
    return call;
}

static void every_case_is_as_the_table_says(void **state)
{
    struct session_call *lasts[] = {NULL, call_at(0, 3, 1), call_at(3, 5, 1)};
    size_t count = 0;

    (void)state;
    for (int start = 0; start < 3; start++)
        for (int has_step = 0; has_step < 2; has_step++)
            for (uint64_t step = 0; step <= (has_step ? 7 : 0); step++)
                for (unsigned char digest = 1; digest <= 2; digest++)
                    for (size_t l = 0; l < 3; l++)
                        for (int live = 0; live < 2; live++) {
                            struct session_claim claim = {
                                .start = (enum session_start)start,
                                .has_step = has_step,
                                .step = step};

                            memset(claim.digest, digest, 32);
                            check(&claim, live,
                                  live && lasts[l] ? lasts[l]->step_after : 0,
                                  lasts[l]);
                            count++;
                        }
    assert_int_equal(count, 3 * 9 * 2 * 3 * 2);
    for (size_t l = 0; l < 3; l++)
        free(lasts[l]);
}

static void a_repetition_needs_step_and_every_bit_of_the_digest(void **state)
{
    struct session_call *last = call_at(3, 5, 7);
    struct session_claim claim = {.has_step = true, .step = 3};

    (void)state;
    memset(claim.digest, 7, sizeof(claim.digest));
    assert_true(session_is_repeated(&claim, last));
    for (size_t bit = 0; bit < 256; bit++) {
        claim.digest[bit / 8] ^= (unsigned char)(1u << bit % 8);
        assert_false(session_is_repeated(&claim, last));
        claim.digest[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    claim.has_step = false;
    assert_false(session_is_repeated(&claim, last));
    free(last);
}

static void a_replay_wins_over_a_live_session(void **state)
{
    struct session_call *last = call_at(0, 4, 9);
    struct session_claim claim = {
        .start = SESSION_START_TRUE, .has_step = true, .step = 0};
    struct problem problem;

    (void)state;
    memset(claim.digest, 9, sizeof(claim.digest));
    assert_int_equal(session_judge(&claim, true, 4, last, &problem),
                     SESSION_REPLAY);
    claim.digest[0] ^= 1;
    assert_int_equal(session_judge(&claim, true, 4, last, &problem),
                     SESSION_FORBID);
    assert_int_equal(problem.type, PROBLEM_SESSION_LIVE);
    free(last);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_is_as_the_table_says),
        cmocka_unit_test(a_repetition_needs_step_and_every_bit_of_the_digest),
        cmocka_unit_test(a_replay_wins_over_a_live_session),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
