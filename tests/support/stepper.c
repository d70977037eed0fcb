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
static void write_call(const struct stepper *client,
                       const struct stepper_call *call, char text[CALL_BYTES])
{
    char body[512] = "";

    for (uint32_t row = call->step; row < call->step + call->rows; row++) {
        uint32_t mixed = row * 31 + (uint32_t)client->index * 7;

        snprintf(body + strlen(body), sizeof(body) - strlen(body),
                 "%s[%.3f,%.3f]", row > call->step ? "," : "",
                 mixed % 101 / 101.0, mixed % 37 / -37.0);
    }
    snprintf(body + strlen(body), sizeof(body) - strlen(body),
             "],\"session\":\"c%d\",\"step\":%u%s}", client->index,
             (unsigned)call->step, call->step ? "" : ",\"start\":true");
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

/* true: it is answered, or there is a fault. */
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
        break;
    default:
        break;
    }
    fault(client, "a step is lost, or was made twice");
    return true;
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
    write_call(client, call, text);
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
    const struct stepper_call *last = client->count ? call - 1 : NULL;

    call->step = last ? last->step + last->rows : 0;
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
           !atomic_load(&world->is_ending)) {
        make_call(client);
        __atomic_add_fetch(&client->count, client->fault[0] ? 0 : 1,
                           __ATOMIC_RELEASE);
    }
    hang_up(client);
    return NULL;
}

/* ---- all clients -------------------------------------------------------- */

void stepper_begin(struct stepper_world *world)
{
    pthread_mutex_init(&world->lock, NULL);
    atomic_init(&world->is_ending, false);
    world->clients = calloc(world->client_count, sizeof(*world->clients));
    assert_non_null(world->clients);
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

static size_t count_of(const struct stepper *client)
{
    return __atomic_load_n(&client->count, __ATOMIC_ACQUIRE);
}

void stepper_wait(struct stepper_world *world, size_t calls)
{
    size_t *wanted = calloc(world->client_count, sizeof(*wanted));
    bool is_done = false;

    assert_non_null(wanted);
    for (size_t i = 0; i < world->client_count; i++)
        wanted[i] = count_of(&world->clients[i]) + calls;
    for (int waited = 0; !is_done && waited < TRIES_MS; waited += 5) {
        is_done = true;
        for (size_t i = 0; i < world->client_count; i++)
            if (count_of(&world->clients[i]) < wanted[i])
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

static void judge_client(struct stepper *client, const char *reference)
{
    int fd = raw_connect(reference);

    for (size_t i = 0; i < client->count; i++) {
        const struct stepper_call *call = &client->calls[i];
        char text[CALL_BYTES], output[STEPPER_OUTPUT];

        write_call(client, call, text);
        assert_true(raw_send_text(fd, text));
        raw_read(fd, false, client->answer);
        if (client->answer->status != 200)
            fail_msg("%s", client->answer->bytes);
        assert_true(read_output(client->answer, output));
        if (strcmp(output, call->output) != 0)
            fail_msg("client %d, step %u: %s, uninterrupted %s", client->index,
                     (unsigned)call->step, call->output, output);
    }
    close(fd);
}

/* Where the client is, everywhere. */
static void check_step(struct stepper *client, const char *address)
{
    const struct stepper_call *last = &client->calls[client->count - 1];
    char text[256], wanted[32];

    snprintf(text, sizeof(text),
             "GET /sessions/c%d HTTP/1.1\r\nHost: localhost\r\n"
             "Connection: close\r\n\r\n",
             client->index);
    raw_request(address, text, client->answer);
    snprintf(wanted, sizeof(wanted), "\"step\":%u,",
             (unsigned)(last->step + last->rows));
    if (client->answer->status != 200 ||
        !strstr(client->answer->bytes, wanted))
        fail_msg("client %d: not %s but %s", client->index, wanted,
                 client->answer->bytes);
}

void stepper_judge(struct stepper_world *world, const char *reference)
{
    long calls = 0, hang_ups = 0, repeats = 0, replays = 0, refused = 0;

    for (size_t i = 0; i < world->client_count; i++) {
        struct stepper *client = &world->clients[i];

        for (size_t a = 0; client->count && a < world->address_count; a++)
            check_step(client, world->addresses[a]);
        judge_client(client, reference);
        calls += (long)client->count;
        hang_ups += client->hang_ups;
        repeats += client->repeats;
        replays += client->replays;
        refused += client->refused;
    }
    print_message("%zu clients: %ld calls answered, %ld replies not read, "
                  "%ld repetitions, %ld of them replays, %ld times 503 or "
                  "busy; none lost, none twice, all bits equal\n",
                  world->client_count, calls, hang_ups, repeats, replays,
                  refused);
}

void stepper_release(struct stepper_world *world)
{
    for (size_t i = 0; i < world->client_count; i++) {
        free(world->clients[i].calls);
        free(world->clients[i].answer);
    }
    free(world->clients);
    pthread_mutex_destroy(&world->lock);
}
