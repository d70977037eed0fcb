/* test_health.c: probes, metrics, the health check and the Host rule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/daemon.h"
#include "tests/support/nap.h"
#include "tests/support/raw_http.h"

static struct daemon daemon_;
static struct raw_answer answer;

static void get(const char *path, const char *headers)
{
    char text[1024];

    snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n%s\r\n", path, headers);
    raw_request(daemon_.address, text, &answer);
}

/* rows: R10 R11 */
static void a_serving_daemon_is_alive_and_ready(void **state)
{
    static const char *const paths[] = {"/livez", "/readyz"};
    char value[64];

    (void)state;
    for (int i = 0; i < 2; i++) {
        get(paths[i], "Host: localhost\r\n");
        assert_int_equal(answer.status, 200);
        assert_string_equal(
            raw_header(&answer, "Content-Type", value, sizeof(value)),
            "application/json");
        assert_string_equal(raw_body(&answer),
                            "{\"status\":\"ok\",\"checks\":{\"models\":\"ok\","
                            "\"store\":\"ok\",\"draining\":false}}");
    }
}

/* rows: R20 R22 R23 R24 R25 */
static void metrics_name_what_is_counted(void **state)
{
    static const char in_flight[] = "\nrnnd_http_requests_in_flight ";
    static const char *const lines[] = {
        "\n# TYPE rnnd_http_requests_total counter\n",
        "\n# TYPE rnnd_http_request_duration_seconds histogram\n",
        "\nrnnd_http_requests_total{route=\"/livez\",method=\"GET\","
        "status=\"200\"} ",
        "\nrnnd_http_request_duration_seconds_bucket{route=\"/livez\","
        "le=\"+Inf\"} ",
        "\nrnnd_http_request_duration_seconds_sum{route=\"/livez\"} ",
        "\nrnnd_http_request_duration_seconds_count{route=\"/livez\"} ",
        in_flight,
        "\nrnnd_http_connections ",
        "\nrnnd_compute_duration_seconds_count{model=\"seed\"} ",
        "\nrnnd_timesteps_total{model=\"seed\"} ",
        "\nrnnd_sequences_total{model=\"seed\"} ",
        "\nrnnd_sessions{model=\"seed\"} ",
        "\nrnnd_sessions_created_total ",
        "\nrnnd_sessions_expired_total ",
        "\nrnnd_sessions_ended_total ",
        "\nrnnd_session_replays_total ",
        "\nrnnd_session_conflicts_total ",
        "\nrnnd_session_memory_bytes ",
        "\nrnnd_model_info{model=\"seed\",fingerprint=\"",
        "\",format=\"keras\"} 1\n",
        "\nrnnd_model_parameters{model=\"seed\"} 57\n",
        "\nrnnd_build_info{version=\"",
        "\nprocess_cpu_seconds_total ",
        "\nprocess_start_time_seconds ",
        "\nprocess_virtual_memory_bytes ",
        "\nprocess_resident_memory_bytes ",
        "\nprocess_open_fds ",
        "\nprocess_max_fds ",
    };
    char value[64];

    (void)state;
    get("/livez", "Host: localhost\r\n");
    get("/metrics", "Host: localhost\r\n");
    assert_int_equal(answer.status, 200);
    assert_non_null(
        strstr(raw_header(&answer, "Content-Type", value, sizeof(value)),
               "text/plain; version=0.0.4"));
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        if (!strstr(raw_body(&answer), lines[i]))
            fail_msg("there is no %s", lines[i]);
    /* This one; the one before it may not have been put away yet. */
    assert_in_range(
        strtoul(strstr(raw_body(&answer), in_flight) + sizeof(in_flight) - 1,
                NULL, 10),
        1, 2);
}

/* Every line of the text is a comment or `name{labels} number`. */
static void metrics_are_well_formed(void **state)
{
    char *line, *rest = NULL;

    (void)state;
    get("/metrics", "Host: localhost\r\n");
    for (line = strtok_r(answer.bytes + answer.head_length, "\n", &rest); line;
         line = strtok_r(NULL, "\n", &rest)) {
        char *blank = strrchr(line, ' ');
        char *end;

        if (strncmp(line, "# HELP ", 7) == 0 ||
            strncmp(line, "# TYPE ", 7) == 0)
            continue;
        assert_non_null(blank);
        strtod(blank + 1, &end);
        if (end == blank + 1 || *end)
            fail_msg("%s", line);
        if (strchr(line, '{') && blank[-1] != '}')
            fail_msg("%s", line);
    }
}

/* A request is counted when its answer has gone, which another loop may do a
 * moment after the client has it. */
static void wait_for_metric(const char *label)
{
    for (int tries = 0; tries < 1000; tries++) {
        get("/metrics", "Host: localhost\r\n");
        if (strstr(answer.bytes, label))
            return;
        nap_ms(5);
    }
    fail_msg("no metric has %s", label);
}

/* rows: R21 */
static void route_labels_are_patterns(void **state)
{
    (void)state;
    get("/sessions/my-secret-id", "Host: localhost\r\n");
    assert_int_equal(answer.status, 404);
    get("/some/secret/path", "Host: localhost\r\n");
    wait_for_metric("route=\"/sessions/{id}\"");
    wait_for_metric("route=\"none\"");
    assert_null(strstr(answer.bytes, "secret"));
}

/* rows: R50 */
static void our_own_pages_may_speak_to_us_and_get_no_cors_header(void **state)
{
    static const char *const hosts[] = {"localhost", "127.0.0.1", "[::1]",
                                        "app.localhost"};
    char headers[256], value[64];

    (void)state;
    for (int i = 0; i < 4; i++) {
        snprintf(headers, sizeof(headers),
                 "Host: localhost\r\nOrigin: http://%s:%u\r\n", hosts[i],
                 (unsigned)daemon_.port);
        get("/livez", headers);
        assert_int_equal(answer.status, 200);
        assert_null(raw_header(&answer, "Access-Control-Allow-Origin", value,
                               sizeof(value)));
        /* Another port or scheme is another origin. */
        snprintf(headers, sizeof(headers),
                 "Host: localhost\r\nOrigin: http://%s:%u\r\n", hosts[i],
                 (unsigned)daemon_.port ^ 1u);
        get("/livez", headers);
        assert_int_equal(answer.status, 403);
        snprintf(headers, sizeof(headers),
                 "Host: localhost\r\nOrigin: https://%s:%u\r\n", hosts[i],
                 (unsigned)daemon_.port);
        get("/livez", headers);
        assert_int_equal(answer.status, 403);
    }
}

/* rows: R51 E-origin-refused */
static void a_foreign_host_is_refused_on_loopback(void **state)
{
    static const struct {
        const char *host;
        int status;
    } cases[] = {
        {"localhost", 200},      {"LOCALHOST:1", 200},
        {"localhost.", 200},     {"a.localhost:80", 200},
        {"127.0.0.1", 200},      {"10.1.2.3:8080", 200},
        {"[::1]:8080", 200},     {"evil.example", 403},
        {"localhost.evil", 403}, {"notlocalhost", 403},
        {"rnnd.internal", 200},  {"RNND.internal:80", 200},
        {"127.0.0.1.evil", 403}, {"a b", 403},
        {"localhost:port", 400}, {"[::1", 400},
    };
    char headers[128];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(headers, sizeof(headers), "Host: %s\r\n", cases[i].host);
        get("/livez", headers);
        if (answer.status != cases[i].status)
            fail_msg("Host %s: status %d", cases[i].host, answer.status);
    }
}

static void several_addresses_are_served_each_by_its_own_rule(void **state)
{
    static const char *const options[] = {"--listen", "127.0.0.1:0",
                                          "--listen", "0.0.0.0:0", NULL};
    struct daemon before = daemon_;
    const char *second;

    (void)state;
    daemon_start(&daemon_, options);
    daemon_wait_for(&daemon_, "http://0.0.0.0:");
    get("/livez", "Host: evil.example\r\n");
    assert_int_equal(answer.status, 403);
    second = strstr(daemon_log(&daemon_), "http://0.0.0.0:");
    assert_non_null(second);
    snprintf(daemon_.address, sizeof(daemon_.address), "127.0.0.1:%d",
             atoi(second + strlen("http://0.0.0.0:")));
    get("/livez", "Host: example.org\r\n");
    assert_int_equal(answer.status, 200);
    daemon_stop(&daemon_);
    daemon_ = before;
}

static void the_health_check_is_0_or_1(void **state)
{
    const char *arguments[] = {"--healthcheck", "--listen", daemon_.address,
                               NULL};
    char output[1024];

    (void)state;
    assert_int_equal(daemon_run(arguments, output, sizeof(output)), 0);
    assert_string_equal(output, "");
    /* Nothing listens on the port of tcpmux. */
    arguments[2] = "127.0.0.1:1";
    assert_int_equal(daemon_run(arguments, output, sizeof(output)), 1);
    assert_non_null(strstr(output, "127.0.0.1:1"));
    arguments[2] = "127.0.0.1:0";
    assert_int_equal(daemon_run(arguments, output, sizeof(output)), 1);
}

static int start(void **state)
{
    static const char *const options[] = {"--allowed-hosts", "rnnd.internal",
                                          NULL};

    (void)state;
    daemon_start(&daemon_, options);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    daemon_stop(&daemon_);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_serving_daemon_is_alive_and_ready),
        cmocka_unit_test(metrics_name_what_is_counted),
        cmocka_unit_test(metrics_are_well_formed),
        cmocka_unit_test(route_labels_are_patterns),
        cmocka_unit_test(our_own_pages_may_speak_to_us_and_get_no_cors_header),
        cmocka_unit_test(a_foreign_host_is_refused_on_loopback),
        cmocka_unit_test(several_addresses_are_served_each_by_its_own_rule),
        cmocka_unit_test(the_health_check_is_0_or_1),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
