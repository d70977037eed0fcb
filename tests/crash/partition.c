/* partition.c: replicas and Redis, each in a network namespace of its own
 * (tests/support/cut_world.h).
 *
 * Clients step sessions, two one session, through both replicas
 * (tests/support/stepper.h), and never lose their way to them; the way from a
 * replica to Redis is cut by the kernel itself:
 *
 *     the link is down, at the replica's end or at Redis'
 *     packets of the replica vanish (a blackhole route)
 *     requests arrive, and packets of Redis vanish
 *     the link is down for moments, so that packets are late
 *     all of them are late (netem, where the kernel has it)
 *
 * While it is cut, a replica answers 503 store-unreachable with Retry-After
 * to calls of sessions, soon, and 200 to those without; the other one goes
 * on.  Healed, it comes back by itself: the call that was 503 is made, once.
 * In the end every answer that anybody had is, digit by digit, that of a
 * session which nothing interrupts: no step lost, none made twice.
 *
 * RNND_TEST_ROUNDS  a tenth of these (200) is how often, after each of those
 *                   for each replica, both are befallen at once
 *
 * Skipped where the kernel allows no namespaces (root, or CAP_SYS_ADMIN and
 * CAP_NET_ADMIN).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/clock.h"
#include "tests/support/cut_world.h"
#include "tests/support/daemon.h"
#include "tests/support/nap.h"
#include "tests/support/raw_http.h"
#include "tests/support/scratch_file.h"
#include "tests/support/stepper.h"

#define REPLICAS CUT_REPLICAS
#define CLIENTS  8
#define LAST     5     /* calls of each client after the last event */
#define SOON_MS  5000  /* store_timeout is 400 ms; a busy machine */
#define BACK_MS  20000 /* from the heal to the first answer */

static struct cut_world world;
static struct stepper_world clients = {.client_count = CLIENTS,
                                       .sharers = 2,
                                       .most_calls = STEPPER_CALLS,
                                       .hang_up_one_in = 24,
                                       .address_count = REPLICAS};
static char model[SCRATCH_PATH_BYTES];
static struct raw_answer answer;
static char stateless[STEPPER_OUTPUT]; /* what the rows of call() give */
static uint64_t longest_refusal_ms, longest_back_ms;
static unsigned probes;

static size_t draw(size_t below)
{
    return cut_world_draw(&world, below);
}

/* ---- what they answer --------------------------------------------------- */

/* One call over two rows: `session` NULL is stateless, else its first.  How
 * long it took. */
static uint64_t call(size_t i, const char *session)
{
    uint64_t begin_ms = clock_monotonic_ms();
    char body[256], text[512];

    snprintf(body, sizeof(body),
             "{\"sequence\":[[0.25,-0.5],[0.75,0.125]]%s%s%s}",
             session ? ",\"step\":0,\"start\":true,\"session\":\"" : "",
             session ? session : "", session ? "\"" : "");
    snprintf(text, sizeof(text),
             "POST /predict HTTP/1.1\r\nHost: localhost\r\n"
             "Content-Type: application/json\r\nContent-Length: %zu\r\n"
             "Connection: close\r\n\r\n%s",
             strlen(body), body);
    raw_request(world.replicas[i].daemon.address, text, &answer);
    return clock_monotonic_ms() - begin_ms;
}

/* The last answer is 200 with an output: that one. */
static void read_output(char output[STEPPER_OUTPUT])
{
    const char *at = strstr(raw_body(&answer), "\"output\":");
    size_t length = at ? strcspn(at, "]") : 0;

    if (answer.status != 200 || !at || length >= STEPPER_OUTPUT) {
        fail_msg("%.2000s", answer.bytes);
        return;
    }
    memcpy(output, at, length);
    output[length] = '\0';
}

static void assert_right(void)
{
    char output[STEPPER_OUTPUT];

    read_output(output);
    assert_string_equal(output, stateless);
}

static void assert_refused(uint64_t took_ms)
{
    char value[16];

    if (answer.status != 503 ||
        !strstr(raw_body(&answer), "store-unreachable") ||
        !raw_header(&answer, "Retry-After", value, sizeof(value)))
        fail_msg("cut off, it answers %.2000s", answer.bytes);
    if (took_ms > SOON_MS)
        fail_msg("503 after %u ms", (unsigned)took_ms);
    if (took_ms > longest_refusal_ms)
        longest_refusal_ms = took_ms;
}

/* Cut off: `session` cannot be started there, and whatever needs no store
 * goes on. */
static void check_cut(size_t i, const char *session)
{
    char other[32];

    for (int n = 0; n < 3; n++) {
        assert_refused(call(i, session));
        assert_true(call(i, NULL) < SOON_MS);
        assert_right();
        snprintf(other, sizeof(other), "o%u", probes++);
        assert_true(call((i + 1) % REPLICAS, other) < SOON_MS);
        assert_right();
        nap_ms((int)draw(400));
    }
}

/* Healed: it comes back by itself. */
static void wait_back(size_t i, const char *session)
{
    uint64_t begin_ms = clock_monotonic_ms(), took_ms = 0;

    for (;;) {
        call(i, session);
        took_ms = clock_monotonic_ms() - begin_ms;
        if (answer.status != 503)
            break;
        if (took_ms > BACK_MS)
            fail_msg("healed, it still answers %.2000s", answer.bytes);
        nap_ms(10);
    }
    assert_right();
    if (took_ms > longest_back_ms)
        longest_back_ms = took_ms;
}

/* The call of `session` that may have been made long ago has been made once,
 * for every replica; both may have been cut off. */
static void check_back(size_t i, const char *session)
{
    char value[16];

    wait_back(i, session);
    wait_back((i + 1) % REPLICAS, session);
    assert_non_null(
        raw_header(&answer, "Idempotent-Replayed", value, sizeof(value)));
}

/* ---- the test ----------------------------------------------------------- */

static void befall_one(size_t which, size_t i)
{
    char session[32];

    snprintf(session, sizeof(session), "p%u", probes++);
    cut_ways[which].befall(&world, i, true);
    if (cut_ways[which].is_cut)
        check_cut(i, session);
    else
        nap_ms((int)(400 + draw(400)));
    cut_ways[which].befall(&world, i, false);
    check_back(i, session);
    nap_ms((int)draw(120));
}

/* For a moment, or longer than store_timeout. */
static void befall_both(size_t count)
{
    size_t which[REPLICAS];
    char session[32];

    for (size_t i = 0; i < REPLICAS; i++) {
        which[i] = draw(count);
        cut_ways[which[i]].befall(&world, i, true);
        nap_ms((int)draw(20));
    }
    nap_ms((int)draw(draw(2) ? 900 : 60));
    for (size_t i = 0; i < REPLICAS; i++) {
        cut_ways[which[i]].befall(&world, i, false);
        snprintf(session, sizeof(session), "p%u", probes++);
        if (i + 1 == REPLICAS)
            check_back(i, session);
        else
            nap_ms((int)draw(200));
    }
}

static void befall(int rounds)
{
    size_t count = cut_world_ways(&world);

    if (count < CUT_WAYS)
        print_message("no netem here: late are only packets of bad links\n");
    for (size_t which = 0; which < count; which++) {
        for (size_t i = 0; i < REPLICAS; i++)
            befall_one(which, i);
        print_message("to each replica: %s\n", cut_ways[which].name);
    }
    for (int n = 0; n < rounds; n++)
        befall_both(count);
    print_message("%d times two of these at once; 503 within %u ms, back "
                  "within %u ms\n",
                  rounds, (unsigned)longest_refusal_ms,
                  (unsigned)longest_back_ms);
}

static int clean_up(void **state)
{
    (void)state;
    cut_world_clean_up(&world);
    scratch_file_remove(model);
    return 0;
}

static void a_partition_loses_no_step_and_makes_none_twice(void **state)
{
    const char *wish = getenv("RNND_TEST_ROUNDS");
    int rounds = wish ? (int)strtol(wish, NULL, 10) : 200;
    struct daemon reference;
    char why[256];

    (void)state;
    scratch_file("", 0, model);
    stepper_model(model);
    if (!cut_world_open(&world, model, why, sizeof(why))) {
        print_message("partition: not run, since %s\n", why);
        skip();
    }
    for (size_t i = 0; i < REPLICAS; i++)
        stepper_move(&clients, i, world.replicas[i].daemon.address);
    call(0, NULL);
    read_output(stateless);
    stepper_begin(&clients);
    befall((rounds + 9) / 10);
    stepper_wait(&clients, LAST);
    stepper_end(&clients, 0);
    daemon_start(&reference, (const char *[]){model, NULL});
    stepper_judge(&clients, reference.address);
    stepper_release(&clients);
    daemon_stop(&reference);
    cut_world_stop(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(
            a_partition_loses_no_step_and_makes_none_twice, clean_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
