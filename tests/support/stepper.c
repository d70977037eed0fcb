#include "tests/support/stepper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/clock.h"
#include "server/http/address.h"
#include "tests/support/model_builder.h"
#include "tests/support/nap.h"
#include "tests/support/raw_http.h"

#define MOST_ROWS  6
#define TRIES_MS   60000 /* for one call */
#define CALL_BYTES 1024

void stepper_model(const char *path)
{
    struct model_builder builder;

    model_builder_init(&builder, 0, 2);
    model_builder_add(&builder,
                      &(struct model_layer){.class_name = "LSTM", .units = 8});
    model_builder_add(
        &builder, &(struct model_layer){.class_name = "Dense", .units = 1});
    model_builder_write(&builder, path);
    model_builder_release(&builder);
}

static uint64_t draw(struct stepper *client, uint64_t below)
{
    uint64_t x = client->random;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    client->random = x;
    return (x >> 11) % below;
}

static void fault(struct stepper *client, const char *what)
{
    const struct stepper_call *call = &client->calls[client->count];

    if (!client->fault[0])
        snprintf(client->fault, sizeof(client->fault),
                 "client %d at step %u: %s: %d %.900s", client->index,
                 (unsigned)call->step, what, client->answer->status,
                 client->answer->bytes);
}

static size_t session_of(const struct stepper *client)
{
    return (size_t)client->index / client->world->sharers;
}

/* The session is at this step, if not further. */
static void advance(struct stepper *client, uint32_t step)
{
    atomic_uint *mark = &client->world->answered[session_of(client)];
    unsigned now = atomic_load(mark);

    while (now < step && !atomic_compare_exchange_weak(mark, &now, step))
        continue;
}

/* ---- one call ----------------------------------------------------------- */

static void hang_up(struct stepper *client)
{
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
}

/* false: nobody is there. */
static bool call_up(struct stepper *client)
{
    struct stepper_world *world = client->world;
    struct address parsed;
    char address[64];

    if (client->fd >= 0)
        return true;
    client->at = (int)draw(client, world->address_count);
    pthread_mutex_lock(&world->lock);
    memcpy(address, world->addresses[client->at], sizeof(address));
    pthread_mutex_unlock(&world->lock);
    if (!address_parse(address, &parsed))
        return false;
    client->fd =
        socket(parsed.of.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(client->fd, &parsed.of.any, parsed.length)) {
        hang_up(client);
        return false;
    }
    return true;
}

/* The same call is the same bytes, whenever it is made. */
static void write_call(size_t session, uint32_t step, uint32_t rows,
                       char text[CALL_BYTES])
{
    char body[512] = "";

    for (uint32_t row = step; row < step + rows; row++) {
        uint32_t mixed = row * 31 + (uint32_t)session * 7;

        snprintf(body + strlen(body), sizeof(body) - strlen(body),
                 "%s[%.3f,%.3f]", row > step ? "," : "", mixed % 101 / 101.0,
                 mixed % 37 / -37.0);
    }
    snprintf(body + strlen(body), sizeof(body) - strlen(body),
             "],\"session\":\"c%zu\",\"step\":%u%s}", session, (unsigned)step,
             step ? "" : ",\"start\":true");
    snprintf(text, CALL_BYTES,
             "POST /predict HTTP/1.1\r\nHost: localhost\r\n"
             "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n"
             "{\"sequence\":[%s",
             strlen(body) + strlen("{\"sequence\":["), body);
}

static bool read_output(const struct raw_answer *answer,
                        char output[STEPPER_OUTPUT])
{
    const char *at = strstr(raw_body(answer), "\"output\":");
    size_t length = at ? strcspn(at, "]") : 0;

    if (!at || length >= STEPPER_OUTPUT)
        return false;
    memcpy(output, at, length);
    output[length] = '\0';
    return true;
}

/* Another was faster: where is the session?  false: it does not say. */
static bool read_step(const struct raw_answer *answer, uint32_t *step)
{
    static const char *const marks[] = {"\"step\":", "session is at ",
                                        "already, at step "};
    const char *body = raw_body(answer);

    for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++) {
        const char *at = strstr(body, marks[i]);

        if (at) {
            *step = (uint32_t)strtoul(at + strlen(marks[i]), NULL, 10);
            return true;
        }
    }
    return false;
}

/* Not where we thought: that is right only where others go on, too. */
static void go_on_from_there(struct stepper *client)
{
    uint32_t step = 0;

    if (client->world->sharers == 1 || !read_step(client->answer, &step)) {
        fault(client, "a step is lost, or was made twice");
        return;
    }
    if (step < client->seen)
        fault(client, "a step is lost that was answered");
    advance(client, step);
    client->overtaken++;
    client->step = step;
}

/* true: it is over. */
static bool take_answer(struct stepper *client, struct stepper_call *call)
{
    char value[16];

    switch (client->answer->status) {
    case 0: /* it has gone */
        hang_up(client);
        return false;
    case 200:
        if (!read_output(client->answer, call->output))
            fault(client, "an answer without numbers");
        if (raw_header(client->answer, "Idempotent-Replayed", value,
                       sizeof(value)))
            client->replays++;
        client->step = call->step + call->rows;
        advance(client, client->step);
        client->count++;
        return true;
    case 503:
        client->refused++;
        nap_ms(2);
        return false;
    case 409:
        if (strstr(client->answer->bytes, "session-busy")) {
            client->refused++;
            return false;
        }
        go_on_from_there(client);
        return true;
    case 422:
        go_on_from_there(client);
        return true;
    default:
        fault(client, "a status that nothing here gives");
        return true;
    }
}

/* One sending.  true: the call is over. */
static bool try_call(struct stepper *client, struct stepper_call *call)
{
    char text[CALL_BYTES];

    if (draw(client, 8) == 0)
        hang_up(client); /* and go on with any of them */
    if (!call_up(client)) {
        nap_ms(2);
        return false;
    }
    write_call(session_of(client), call->step, call->rows, text);
    client->seen = atomic_load(&client->world->answered[session_of(client)]);
    if (!raw_send_text(client->fd, text)) {
        hang_up(client);
        return false;
    }
    if (draw(client, (uint64_t)client->world->hang_up_one_in) == 0) {
        client->hang_ups++;
        nap_ms((int)draw(client, 4));
        hang_up(client);
        return false;
    }
    raw_read(client->fd, false, client->answer);
    return take_answer(client, call);
}

static void make_call(struct stepper *client)
{
    struct stepper_call *call = &client->calls[client->count];
    uint64_t until_ms = clock_monotonic_ms() + TRIES_MS;

    call->step = client->step;
    call->rows = (uint8_t)(1 + draw(client, MOST_ROWS));
    while (!try_call(client, call)) {
        client->repeats++;
        if (clock_monotonic_ms() > until_ms) {
            fault(client, "no answer for a minute; the last one");
            return;
        }
    }
}

static void *client_main(void *arg)
{
    struct stepper *client = arg;
    struct stepper_world *world = client->world;

    while (!client->fault[0] && client->count < world->most_calls &&
           !atomic_load(&world->is_ending))
        make_call(client);
    hang_up(client);
    return NULL;
}

/* ---- all clients -------------------------------------------------------- */

void stepper_begin(struct stepper_world *world)
{
    pthread_mutex_init(&world->lock, NULL);
    atomic_init(&world->is_ending, false);
    world->clients = calloc(world->client_count, sizeof(*world->clients));
    world->answered = calloc(world->client_count, sizeof(*world->answered));
    assert_non_null(world->clients);
    assert_non_null(world->answered);
    for (size_t i = 0; i < world->client_count; i++) {
        struct stepper *client = &world->clients[i];

        *client = (struct stepper){
            .world = world,
            .index = (int)i,
            .random = (clock_monotonic_ns() + i) * 0x9e3779b97f4a7c15u | 1,
            .fd = -1,
            .calls = calloc(world->most_calls + 1, sizeof(*client->calls)),
            .answer = calloc(1, sizeof(*client->answer))};
        assert_non_null(client->calls);
        assert_non_null(client->answer);
        assert_int_equal(
            pthread_create(&client->thread, NULL, client_main, client), 0);
    }
}

void stepper_move(struct stepper_world *world, size_t which,
                  const char *address)
{
    pthread_mutex_lock(&world->lock);
    snprintf(world->addresses[which], sizeof(world->addresses[which]), "%s",
             address);
    pthread_mutex_unlock(&world->lock);
}

void stepper_wait(struct stepper_world *world, size_t calls)
{
    unsigned *wanted = calloc(world->client_count, sizeof(*wanted));
    bool is_done = false;

    assert_non_null(wanted);
    for (size_t i = 0; i < world->client_count / world->sharers; i++)
        wanted[i] =
            atomic_load(&world->answered[i]) + (unsigned)(calls * MOST_ROWS);
    for (int waited = 0; !is_done && waited < TRIES_MS; waited += 5) {
        is_done = true;
        for (size_t i = 0; i < world->client_count / world->sharers; i++)
            if (atomic_load(&world->answered[i]) < wanted[i])
                is_done = false;
        nap_ms(5);
    }
    free(wanted);
}

void stepper_end(struct stepper_world *world, int all)
{
    atomic_store(&world->is_ending, !all);
    for (size_t i = 0; i < world->client_count; i++)
        pthread_join(world->clients[i].thread, NULL);
    for (size_t i = 0; i < world->client_count; i++)
        if (world->clients[i].fault[0])
            fail_msg("%s", world->clients[i].fault);
}

/* ---- judging ------------------------------------------------------------ */

/* What a session answers after each of `steps` rows that nothing
 * interrupts. */
static char (*expect(size_t session, uint32_t steps, const char *reference,
                     struct raw_answer *answer))[STEPPER_OUTPUT]
{
    char(*outputs)[STEPPER_OUTPUT] = calloc(steps + 1, sizeof(*outputs));
    int fd = raw_connect(reference);
    char text[CALL_BYTES];

    assert_non_null(outputs);
    for (uint32_t step = 0; step < steps; step++) {
        write_call(session, step, 1, text);
        assert_true(raw_send_text(fd, text));
        raw_read(fd, false, answer);
        if (answer->status != 200)
            fail_msg("%s", answer->bytes);
        assert_true(read_output(answer, outputs[step + 1]));
    }
    close(fd);
    return outputs;
}

/* A replica that a fault has just left may say for a while that it cannot
 * reach the store. */
static void ask_patiently(const char *address, const char *text,
                          struct raw_answer *answer)
{
    uint64_t until = clock_monotonic_ms() + TRIES_MS;

    for (;;) {
        raw_request(address, text, answer);
        if (answer->status != 503 || clock_monotonic_ms() > until)
            return;
        nap_ms(20);
    }
}

/* All are at one step, not before `answered`; that step. */
static uint32_t check_step(const struct stepper_world *world, size_t session,
                           struct raw_answer *answer)
{
    uint32_t first = 0, step = 0;
    char text[256];

    snprintf(text, sizeof(text),
             "GET /sessions/c%zu HTTP/1.1\r\nHost: localhost\r\n"
             "Connection: close\r\n\r\n",
             session);
    for (size_t a = 0; a < world->address_count; a++) {
        ask_patiently(world->addresses[a], text, answer);
        if (answer->status != 200 || !read_step(answer, &step))
            fail_msg("session %zu: %s", session, answer->bytes);
        if (a && step != first)
            fail_msg("session %zu is at %u and at %u", session,
                     (unsigned)first, (unsigned)step);
        first = step;
    }
    if (first < atomic_load(&world->answered[session]))
        fail_msg("session %zu is at %u, answered was %u", session,
                 (unsigned)first,
                 (unsigned)atomic_load(&world->answered[session]));
    return first;
}

static void judge_session(struct stepper_world *world, size_t session,
                          const char *reference)
{
    struct stepper *clients = &world->clients[session * world->sharers];
    uint32_t steps = check_step(world, session, clients->answer);
    char(*outputs)[STEPPER_OUTPUT] =
        expect(session, steps, reference, clients->answer);

    for (size_t c = 0; c < world->sharers; c++)
        for (size_t i = 0; i < clients[c].count; i++) {
            const struct stepper_call *call = &clients[c].calls[i];

            if (strcmp(call->output, outputs[call->step + call->rows]) != 0)
                fail_msg("session %zu, steps %u to %u: %s, uninterrupted %s",
                         session, (unsigned)call->step,
                         (unsigned)(call->step + call->rows), call->output,
                         outputs[call->step + call->rows]);
        }
    free(outputs);
}

void stepper_judge(struct stepper_world *world, const char *reference)
{
    long calls = 0, hang_ups = 0, repeats = 0, replays = 0, refused = 0;
    long overtaken = 0;

    for (size_t i = 0; i < world->client_count / world->sharers; i++)
        judge_session(world, i, reference);
    for (size_t i = 0; i < world->client_count; i++) {
        const struct stepper *client = &world->clients[i];

        calls += (long)client->count;
        hang_ups += client->hang_ups;
        repeats += client->repeats;
        replays += client->replays;
        refused += client->refused;
        overtaken += client->overtaken;
    }
    print_message("%zu clients: %ld calls answered, %ld replies not read, "
                  "%ld repetitions, %ld of them replays, %ld times 503 or "
                  "busy, %ld times another was faster; none lost, none "
                  "twice, all bits equal\n",
                  world->client_count, calls, hang_ups, repeats, replays,
                  refused, overtaken);
}

void stepper_release(struct stepper_world *world)
{
    for (size_t i = 0; i < world->client_count; i++) {
        free(world->clients[i].calls);
        free(world->clients[i].answer);
    }
    free(world->clients);
    free(world->answered);
    pthread_mutex_destroy(&world->lock);
}
