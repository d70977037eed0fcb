/* test_metrics.c: what is counted, and how it is written (metrics_text.c). */
#include "server/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "server/http/route.h"
#include "tests/support/fail_malloc.h"
#include "tests/support/two_models.h"

static const struct rnn_model_info info = {
    .format = "keras", .parameters = 57, .isa = RNN_ISA_SCALAR};
static struct served_model models[2] = {
    {.name = "seed", .info = &info, .fingerprint = "abc", .index = 0},
    {.name = "a\"b\\c\n", .info = &info, .fingerprint = "def", .index = 1},
};

static struct metrics *metrics;
static struct arena arena;
static const char *text;

static int make(void **state)
{
    struct rnn_error err;

    (void)state;
    arena_init(&arena, 0);
    return metrics_create(NULL, &metrics, &err) ? -1 : 0;
}

static int drop(void **state)
{
    (void)state;
    metrics_free(metrics);
    arena_release(&arena);
    return 0;
}

static void write_text(void)
{
    size_t length = 0;
    const char *bytes = metrics_text(metrics, &arena, &length);

    assert_non_null(bytes);
    assert_int_equal(bytes[length - 1], '\n');
    text = arena_copy_text(&arena, bytes, length);
    assert_non_null(text);
}

static void has(const char *line)
{
    if (!strstr(text, line))
        fail_msg("there is no %s in\n%s", line, text);
}

static size_t route_of(const char *path, enum http_method method)
{
    size_t i = 0;

    while (strcmp(http_routes[i].path, path) != 0 ||
           http_routes[i].method != method)
        i++;
    return i;
}

static void count(struct metrics_tally *tally, size_t route,
                  enum http_method method, unsigned status, uint64_t ns)
{
    const struct metrics_answer answer = {route, method, status};

    metrics_count(metrics, tally, &answer, ns);
}

static void a_request_is_counted_by_route_method_and_status(void **state)
{
    struct metrics_tally tally = {.count = 0};
    size_t post = route_of("/sessions", HTTP_POST);
    size_t get = route_of("/sessions", HTTP_GET);

    (void)state;
    count(&tally, post, HTTP_POST, 201, 15000);
    count(&tally, post, HTTP_POST, 201, 15000);
    count(&tally, get, HTTP_HEAD, 200, 2000000000);
    count(&tally, HTTP_ROUTE_COUNT, HTTP_OTHER, 501, 1);
    count(&tally, get, HTTP_GET, 418, 99000000000);
    write_text(); /* those before are told, since they are not like it */
    has("{route=\"none\",method=\"other\",status=\"501\"} 1\n");
    if (strstr(text, "status=\"other\""))
        fail_msg("told too early:\n%s", text);
    metrics_tell(metrics, &tally);
    metrics_tell(metrics, &tally); /* there is nothing more to tell */
    write_text();
    has("\nrnnd_http_requests_total{route=\"/sessions\",method=\"POST\","
        "status=\"201\"} 2\n");
    has("{route=\"/sessions\",method=\"HEAD\",status=\"200\"} 1\n");
    has("{route=\"/sessions\",method=\"GET\",status=\"other\"} 1\n");
    has("{route=\"none\",method=\"other\",status=\"501\"} 1\n");
    /* One path is one histogram, whatever its methods. */
    has("_duration_seconds_bucket{route=\"/sessions\",le=\"2e-05\"} 2\n");
    has("_duration_seconds_bucket{route=\"/sessions\",le=\"1\"} 2\n");
    has("_duration_seconds_bucket{route=\"/sessions\",le=\"5\"} 3\n");
    has("_duration_seconds_bucket{route=\"/sessions\",le=\"30\"} 3\n");
    has("_duration_seconds_bucket{route=\"/sessions\",le=\"+Inf\"} 4\n");
    has("_duration_seconds_sum{route=\"/sessions\"} 101.000030000\n");
    has("_duration_seconds_count{route=\"/sessions\"} 4\n");
}

static void runs_of_models_are_counted_for_each(void **state)
{
    (void)state;
    metrics_compute(metrics, NULL, 1, 3, 30, 1000);
    metrics_compute(metrics, NULL, 1, 1, 10, 1000);
    metrics_sessions(metrics, 0, 5);
    metrics_sessions(metrics, 0, -2);
    write_text();
    has("\nrnnd_timesteps_total{model=\"seed\"} 0\n");
    has("\nrnnd_timesteps_total{model=\"a\\\"b\\\\c\\n\"} 40\n");
    has("\nrnnd_sequences_total{model=\"a\\\"b\\\\c\\n\"} 4\n");
    has("\nrnnd_sessions{model=\"seed\"} 3\n");
    has("\nrnnd_compute_duration_seconds_count{model=\"a\\\"b\\\\c\\n\"} "
        "2\n");
    has("\nrnnd_model_info{model=\"seed\",fingerprint=\"abc\","
        "format=\"keras\"} 1\n");
    has("\nrnnd_model_parameters{model=\"seed\"} 57\n");
    has("isa=\"scalar\"} 1\n");
}

static void runs_of_models_are_told_with_the_tally(void **state)
{
    struct metrics_tally tally = {.count = 0};

    (void)state;
    metrics_compute(metrics, &tally, 1, 3, 30, 1000);
    metrics_compute(metrics, &tally, 1, 1, 10, 2000);
    write_text();
    has("\nrnnd_timesteps_total{model=\"a\\\"b\\\\c\\n\"} 40\n");
    /* One that took longer, and one of another model: those before first. */
    metrics_compute(metrics, &tally, 1, 1, 10, 30000);
    write_text();
    has("\nrnnd_timesteps_total{model=\"a\\\"b\\\\c\\n\"} 80\n");
    metrics_compute(metrics, &tally, 0, 1, 7, 30000);
    write_text();
    has("\nrnnd_timesteps_total{model=\"a\\\"b\\\\c\\n\"} 90\n");
    has("\nrnnd_timesteps_total{model=\"seed\"} 0\n");
    metrics_tell(metrics, &tally);
    metrics_tell(metrics, &tally); /* there is nothing more to tell */
    write_text();
    has("\nrnnd_timesteps_total{model=\"seed\"} 7\n");
    has("\nrnnd_sequences_total{model=\"a\\\"b\\\\c\\n\"} 9\n");
    has("_duration_seconds_bucket{model=\"a\\\"b\\\\c\\n\",le=\"2e-05\"} "
        "4\n");
    has("_duration_seconds_sum{model=\"a\\\"b\\\\c\\n\"} 0.000035000\n");
    has("\nrnnd_compute_duration_seconds_count{model=\"a\\\"b\\\\c\\n\"} "
        "5\n");
}

static void gauges_go_up_and_down(void **state)
{
    (void)state;
    metrics_add(metrics, METRIC_SESSION_MEMORY, 4096);
    metrics_add(metrics, METRIC_SESSION_MEMORY, -96);
    metrics_add(metrics, METRIC_SESSIONS_CREATED, 1);
    write_text();
    has("\n# TYPE rnnd_session_memory_bytes gauge\n"
        "rnnd_session_memory_bytes 4000\n");
    has("\n# TYPE rnnd_sessions_created_total counter\n"
        "rnnd_sessions_created_total 1\n");
}

static void a_family_is_announced_once(void **state)
{
    const char *first;

    (void)state;
    write_text();
    first = strstr(text, "# TYPE rnnd_http_request_duration_seconds ");
    assert_non_null(first);
    assert_null(
        strstr(first + 1, "# TYPE rnnd_http_request_duration_seconds "));
}

static void an_arena_that_is_out_is_null(void **state)
{
    struct arena tiny;
    size_t length;

    (void)state;
    arena_init(&tiny, 4096);
    assert_null(metrics_text(metrics, &tiny, &length));
    arena_release(&tiny);
}

static void out_of_memory_is_said(void **state)
{
    struct metrics *none = NULL;
    struct rnn_error err;

    (void)state;
    fail_malloc_start(1);
    assert_int_equal(metrics_create(NULL, &none, &err), RNN_NO_MEMORY);
    fail_malloc_stop();
    assert_true(fail_malloc_happened());
    assert_null(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_counted_by_route_method_and_status),
        cmocka_unit_test(runs_of_models_are_counted_for_each),
        cmocka_unit_test(runs_of_models_are_told_with_the_tally),
        cmocka_unit_test(gauges_go_up_and_down),
        cmocka_unit_test(a_family_is_announced_once),
        cmocka_unit_test(an_arena_that_is_out_is_null),
        cmocka_unit_test(out_of_memory_is_said),
    };

    return cmocka_run_group_tests(tests, make, drop);
}
