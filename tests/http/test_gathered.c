/* test_gathered.c: many clients at once, whose calls of the engine are made
 * together; each gets the answer that it would get alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/daemon.h"
#include "tests/support/model_builder.h"
#include "tests/support/raw_http.h"
#include "tests/support/scratch_file.h"

#define CLIENTS    24
#define FEATURES   8
#define STEPS_LOOP 64  /* 1.4 million multiply-adds: on the loop */
#define STEPS_MORE 320 /* 7 million: on a worker */
#define ROUNDS     8
#define ROUNDS_MAX 400 /* until some were made together */
#define BODY_BYTES (STEPS_MORE * FEATURES * 8 + 1024)

static struct daemon server;
static char model[SCRATCH_PATH_BYTES + 16];

struct client {
    int fd;
    char *requests[2];
    char alone[ROUNDS][64]; /* the outputs of the first rounds */
    bool has_session;
};

static struct client clients[CLIENTS];

static void make_model(void)
{
    char path[SCRATCH_PATH_BYTES];
    struct model_builder b;

    model_builder_init(&b, 0, FEATURES);
    model_builder_add(
        &b, &(struct model_layer){.class_name = "LSTM", .units = 64});
    model_builder_add(
        &b, &(struct model_layer){.class_name = "Dense", .units = 2});
    model_builder_finish(&b);
    scratch_file(b.bytes, b.size, path);
    snprintf(model, sizeof(model), "%s.safetensors", path);
    assert_int_equal(rename(path, model), 0);
    model_builder_release(&b);
}

static char *make_request(size_t client, const char *session)
{
    size_t steps = client % 3 ? STEPS_LOOP : STEPS_MORE;
    char *text = malloc(BODY_BYTES + 256), *body = malloc(BODY_BYTES);
    char *at = body;

    assert_true(text && body);
    at += sprintf(at, "{%s\"sequence\":", session);
    for (size_t i = 0; i < steps * FEATURES; i++)
        at +=
            sprintf(at, "%s%.3f", i == 0 ? "[[" : (i % FEATURES ? "," : "],["),
                    (double)((client + 1) * 7919 * (i + 3) % 2001) / 1000 - 1);
    at += sprintf(at, "]]}");
    sprintf(text,
            "POST /predict HTTP/1.1\r\nHost: localhost\r\n"
            "Content-Type: application/json\r\n"
            "Content-Length: %zu\r\n\r\n%s",
            (size_t)(at - body), body);
    free(body);
    return text;
}

static void read_output(const struct client *client, char output[64])
{
    static struct raw_answer answer;
    const char *start, *end;

    raw_read(client->fd, false, &answer);
    assert_int_equal(answer.status, 200);
    start = strchr(raw_body(&answer), '[');
    end = start ? strchr(start, ']') : NULL;
    if (!end || end - start >= 63) {
        fail_msg("no output: %s", raw_body(&answer));
        return;
    }
    memcpy(output, start, (size_t)(end - start));
    output[end - start] = '\0';
}

/* The requests of a client: the first, and those that follow. */
static void make_requests(struct client *client, size_t index,
                          const char *session)
{
    char field[64] = "";

    for (int r = 0; r < 2; r++) {
        if (client->has_session)
            sprintf(field, "\"session\":\"%s%zu\",%s", session, index,
                    r ? "" : "\"start\":true,");
        free(client->requests[r]);
        client->requests[r] = make_request(index, field);
    }
}

static void send_request(const struct client *client, size_t round)
{
    assert_true(raw_send_text(client->fd, client->requests[round > 0]));
}

/* What each gets alone: one client after the other, in sessions of their
 * own. */
static void make_client(struct client *client, size_t index)
{
    client->has_session = index % 2;
    client->fd = raw_connect(server.address);
    make_requests(client, index, "alone-");
    for (size_t r = 0; r < ROUNDS; r++) {
        send_request(client, r);
        read_output(client, client->alone[r]);
    }
    make_requests(client, index, "together-");
}

static void check_round(size_t round)
{
    char output[64];

    for (size_t i = 0; i < CLIENTS; i++)
        send_request(&clients[i], round);
    for (size_t i = 0; i < CLIENTS; i++) {
        const struct client *client = &clients[i];

        read_output(client, output);
        if (round < ROUNDS)
            assert_string_equal(output, client->alone[round]);
        else if (!client->has_session)
            assert_string_equal(output, client->alone[0]);
    }
}

static double metric(const char *name)
{
    static struct raw_answer answer;
    const char *at;

    raw_request(server.address,
                "GET /metrics HTTP/1.1\r\nHost: localhost\r\n"
                "Connection: close\r\n\r\n",
                &answer);
    at = strstr(raw_body(&answer), name);
    at = at ? strchr(at, ' ') : NULL;
    return at ? strtod(at, NULL) : -1;
}

static void each_gets_what_it_would_get_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < CLIENTS; i++)
        make_client(&clients[i], i);
    assert_true(metric("rnnd_sequences_total{") ==
                metric("rnnd_compute_duration_seconds_count{"));
    for (size_t r = 0; r < ROUNDS_MAX; r++) {
        check_round(r);
        if (r + 1 >= ROUNDS &&
            metric("rnnd_sequences_total{") >
                metric("rnnd_compute_duration_seconds_count{"))
            return;
    }
    fail_msg("no two calls were made together");
}

static int set_up(void **state)
{
    (void)state;
    make_model();
    daemon_start(&server, (const char *[]){model, "--threads", "1", NULL});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < CLIENTS; i++) {
        close(clients[i].fd);
        free(clients[i].requests[0]);
        free(clients[i].requests[1]);
    }
    daemon_stop(&server);
    scratch_file_remove(model);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_gets_what_it_would_get_alone),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
