/* crash.c: clients step, the daemon is killed, again and again.
 *
 * CLIENTS threads step a session each, one row a call, each call with its
 * `step`.  At a random moment the daemon gets SIGKILL; it is started again on
 * the same folder, and each client goes on with the call that had no answer.
 * Now and then a client hangs up before it has read its answer, and repeats
 * the call.  What was answered is written down.  In the end every answer must
 * be, digit by digit, that of a session which was never interrupted.
 *
 *     step, fsync   no call that was answered is ever lost: whatever a client
 *                   does is answered with 200
 *     async         what is lost was answered at most flush_interval before
 *                   the kill (and SLACK_MS, for a machine and a disk that are
 *                   busy with other things)
 *
 * RNND_TEST_ROUNDS  kills for each durability (200)
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/clock.h"
#include "tests/support/daemon.h"
#include "tests/support/nap.h"
#include "tests/support/raw_http.h"
#include "tests/support/scratch_folder.h"
#include "tests/support/stepper.h"
#include "tests/support/xorshift.h"

#define CLIENTS     8
#define MOST_STEPS  100000
#define INTERVAL_MS 50
#define SLACK_MS    2000
#define LAST_STEPS  3 /* of each client, after the last kill */

struct client {
    pthread_t thread;
    int index;
    uint64_t random;
    const char *address;
    bool may_lose; /* async */
    uint64_t killed_ms;
    int most; /* steps of this round; -1: until the end of the daemon */

    int next; /* the step of the next call */
    char (*outputs)[STEPPER_OUTPUT];
    uint64_t *answered_ms;
    struct raw_answer *answer;

    long calls, replays, hang_ups, lost;
    uint64_t oldest_lost_ms; /* before the kill */
    char fault[2000];        /* "": all is well */
};

static struct client clients[CLIENTS];

static uint64_t draw(uint64_t *random, uint64_t below)
{
    return xorshift(random) % below;
}

static void fault(struct client *client, const char *what)
{
    if (!client->fault[0])
        snprintf(client->fault, sizeof(client->fault),
                 "client %d at step %d: %s: %.1500s", client->index,
                 client->next, what, client->answer->bytes);
}

/* ---- one call ----------------------------------------------------------- */

/* The same step of the same client is the same call, byte for byte. */
static void write_call(const struct client *client, int step, char text[512])
{
    int row = step * 31 + client->index * 7;
    char body[256];

    snprintf(body, sizeof(body),
             "{\"sequence\":[[%.3f,%.3f]],\"session\":\"c%d\",\"step\":%d%s}",
             row % 101 / 101.0, row % 37 / -37.0, client->index, step,
             step ? "" : ",\"start\":true");
    snprintf(text, 512,
             "POST /predict HTTP/1.1\r\nHost: localhost\r\n"
             "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(body), body);
}

/* 200: write down, and it must be what it was if it was answered before. */
static void take_answer(struct client *client)
{
    char output[STEPPER_OUTPUT], value[16];
    int step = client->next;

    if (!stepper_output(client->answer, output)) {
        fault(client, "an answer without numbers");
        return;
    }
    if (client->outputs[step][0] && strcmp(client->outputs[step], output))
        fault(client, "another answer than before");
    strcpy(client->outputs[step], output);
    client->answered_ms[step] = clock_monotonic_ms();
    client->calls++;
    if (raw_header(client->answer, "Idempotent-Replayed", value,
                   sizeof(value)))
        client->replays++;
    client->next++;
}

/* The daemon knows less than it has answered: allowed in async, and no
 * further back than the interval. */
static void take_loss(struct client *client)
{
    const char *at = strstr(raw_body(client->answer), "\"step\":");
    int step = client->answer->status == 404 ? 0
               : at                          ? (int)strtol(at + 7, NULL, 10)
                                             : client->next + 1;

    if (!client->may_lose || step > client->next || step < 0) {
        fault(client, "a step is lost or was made twice");
        return;
    }
    for (int i = step; i < client->next; i++) {
        uint64_t age_ms = client->killed_ms > client->answered_ms[i]
                              ? client->killed_ms - client->answered_ms[i]
                              : 0;

        if (age_ms > client->oldest_lost_ms)
            client->oldest_lost_ms = age_ms;
        if (age_ms > INTERVAL_MS + SLACK_MS)
            fault(client, "a step is lost that was older than the interval");
    }
    client->lost += client->next - step;
    client->next = step;
}

/* false: the daemon has ended. */
static bool make_call(struct client *client, int *fd)
{
    char text[512];

    write_call(client, client->next, text);
    if (!raw_send_text(*fd, text))
        return false;
    if (draw(&client->random, 16) == 0) {
        client->hang_ups++;
        nap_ms((int)draw(&client->random, 3));
        close(*fd);
        *fd = raw_try_connect(client->address);
        return *fd >= 0;
    }
    raw_read(*fd, false, client->answer);
    switch (client->answer->status) {
    case 0:
        return false;
    case 200:
        take_answer(client);
        return true;
    case 404:
    case 409:
        take_loss(client);
        return true;
    default:
        fault(client, "a status that nothing here gives");
        return true;
    }
}

static void *client_main(void *arg)
{
    struct client *client = arg;
    int fd = raw_try_connect(client->address);
    int end = client->most < 0 ? MOST_STEPS - 1 : client->next + client->most;

    while (fd >= 0 && client->next < end && !client->fault[0] &&
           make_call(client, &fd))
        continue;
    if (client->most >= 0 && client->next < end)
        fault(client, "the daemon has ended by itself");
    if (fd >= 0)
        close(fd);
    return NULL;
}

/* ---- rounds ------------------------------------------------------------- */

static void start_clients(const struct daemon *daemon, int most)
{
    for (int i = 0; i < CLIENTS; i++) {
        clients[i].address = daemon->address;
        clients[i].most = most;
        assert_int_equal(
            pthread_create(&clients[i].thread, NULL, client_main, &clients[i]),
            0);
    }
}

static void end_clients(void)
{
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(clients[i].thread, NULL);
    for (int i = 0; i < CLIENTS; i++)
        if (clients[i].fault[0])
            fail_msg("%s", clients[i].fault);
}

static void start_daemon(struct daemon *daemon, const char *folder,
                         const char *durability, const char *model)
{
    daemon_start(daemon, (const char *[]){
                             "--state-dir", folder, "--durability", durability,
                             "--flush-interval", "50ms", "--store-timeout",
                             "60s", "--threads", "2", model, NULL});
}

static void play_round(const char *folder, const char *durability,
                       const char *model, uint64_t *random)
{
    struct daemon daemon;
    uint64_t now_ms;

    start_daemon(&daemon, folder, durability, model);
    start_clients(&daemon, -1);
    nap_ms((int)draw(random, 120));
    now_ms = clock_monotonic_ms();
    daemon_signal(&daemon, SIGKILL);
    daemon_wait(&daemon);
    end_clients();
    for (int i = 0; i < CLIENTS; i++)
        clients[i].killed_ms = now_ms;
}

/* The same calls of sessions that nothing interrupts. */
static void compare(const char *model)
{
    struct daemon daemon;

    daemon_start(&daemon, (const char *[]){model, NULL});
    for (int i = 0; i < CLIENTS; i++) {
        struct client *client = &clients[i];
        int fd = raw_try_connect(daemon.address);

        for (int step = 0; step < client->next; step++) {
            char text[512], output[STEPPER_OUTPUT];

            write_call(client, step, text);
            assert_true(raw_send_text(fd, text));
            raw_read(fd, false, client->answer);
            assert_int_equal(client->answer->status, 200);
            assert_true(stepper_output(client->answer, output));
            if (strcmp(output, client->outputs[step]) != 0)
                fail_msg("client %d, step %d: %s, uninterrupted %s", i, step,
                         client->outputs[step], output);
        }
        close(fd);
    }
    daemon_stop(&daemon);
}

static void set_up_clients(bool may_lose)
{
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){
            .index = i,
            .random = clock_monotonic_ns() ^ (uint64_t)i << 32,
            .may_lose = may_lose,
            .outputs = calloc(MOST_STEPS, STEPPER_OUTPUT),
            .answered_ms = calloc(MOST_STEPS, sizeof(uint64_t)),
            .answer = calloc(1, sizeof(struct raw_answer))};
        assert_non_null(clients[i].outputs);
        assert_non_null(clients[i].answered_ms);
        assert_non_null(clients[i].answer);
    }
}

static void report(const char *durability, int rounds)
{
    long calls = 0, replays = 0, hang_ups = 0, lost = 0;
    uint64_t oldest_ms = 0;

    for (int i = 0; i < CLIENTS; i++) {
        calls += clients[i].calls;
        replays += clients[i].replays;
        hang_ups += clients[i].hang_ups;
        lost += clients[i].lost;
        if (clients[i].oldest_lost_ms > oldest_ms)
            oldest_ms = clients[i].oldest_lost_ms;
        free(clients[i].outputs);
        free(clients[i].answered_ms);
        free(clients[i].answer);
    }
    print_message("%s: %d kills, %ld calls answered, %ld of them replays, %ld "
                  "replies not read, %ld lost (the oldest %d ms before its "
                  "kill), none twice, all bits equal\n",
                  durability, rounds, calls, replays, hang_ups, lost,
                  (int)oldest_ms);
}

static void kill_and_go_on(const char *durability, bool may_lose)
{
    char folder[SCRATCH_FOLDER_BYTES], file[SCRATCH_STORE_BYTES], model[64];
    const char *wish = getenv("RNND_TEST_ROUNDS");
    int rounds = wish ? (int)strtol(wish, NULL, 10) : 200;
    uint64_t random = clock_monotonic_ns();
    struct daemon daemon;

    scratch_folder(folder, file);
    snprintf(model, sizeof(model), "%s.safetensors", folder);
    stepper_model(model);
    set_up_clients(may_lose);
    for (int i = 0; i < rounds; i++)
        play_round(folder, durability, model, &random);
    start_daemon(&daemon, folder, durability, model);
    start_clients(&daemon, LAST_STEPS);
    end_clients();
    daemon_stop(&daemon);
    compare(model);
    report(durability, rounds);
    unlink(model);
    scratch_folder_remove(folder);
}

static void step_loses_nothing(void **state)
{
    (void)state;
    kill_and_go_on("step", false);
}

static void fsync_loses_nothing(void **state)
{
    (void)state;
    kill_and_go_on("fsync", false);
}

static void async_loses_no_more_than_its_interval(void **state)
{
    (void)state;
    kill_and_go_on("async", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(step_loses_nothing),
        cmocka_unit_test(fsync_loses_nothing),
        cmocka_unit_test(async_loses_no_more_than_its_interval),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
