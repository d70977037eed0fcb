/* test_models.c: GET /models and GET /models/{model}. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/daemon.h"
#include "tests/support/model_builder.h"
#include "tests/support/raw_http.h"
#include "tests/support/scratch_file.h"

static struct daemon daemon_;
static struct raw_answer answer;

/* Two models: the seed as Keras saved it, and a free one as safetensors. */
static int set_up(void **state)
{
    static char seed[4096], other[256];
    static char path[SCRATCH_PATH_BYTES];
    struct model_builder builder;

    scratch_file("", 0, path);
    model_builder_init(&builder, 0, 2);
    builder.source_format = NULL;
    builder.keras_version = NULL;
    model_builder_add(&builder,
                      &(struct model_layer){.class_name = "LSTM",
                                            .name = "a\"b",
                                            .units = 3,
                                            .return_sequences = true});
    model_builder_write(&builder, path);
    model_builder_release(&builder);
    daemon_path("examples/seed.keras", seed + 5, sizeof(seed) - 5);
    memcpy(seed, "seed=", 5);
    snprintf(other, sizeof(other), "free=%s", path);
    daemon_start(&daemon_,
                 (const char *[]){"--max-batch", "77", "--max-session-memory",
                                  "1M", seed, other, NULL});
    *state = path;
    return 0;
}

static int tear_down(void **state)
{
    daemon_stop(&daemon_);
    scratch_file_remove(*state);
    return 0;
}

static const char *get(const char *path, int status)
{
    char request[256];

    snprintf(request, sizeof(request),
             "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
    raw_request(daemon_.address, request, &answer);
    assert_int_equal(answer.status, status);
    return raw_body(&answer);
}

static void assert_says(const char *body, const char *words)
{
    if (!strstr(body, words))
        fail_msg("%s is not in\n%s", words, body);
}

static void list_has_every_model_in_the_order_given(
    void **state) /* rows: R1 */
{
    const char *body = get("/models", 200), *seed, *other;
    char type[64];

    (void)state;
    assert_int_equal(strncmp(body, "{\"models\":[{\"name\":\"seed\",", 26), 0);
    seed = strstr(body, "\"name\":\"seed\"");
    other = strstr(body, "\"name\":\"free\"");
    assert_true(seed && other && seed < other);
    assert_string_equal(body + strlen(body) - 3, "}]}");
    assert_string_equal(
        raw_header(&answer, "Content-Type", type, sizeof(type)),
        "application/json");
}

static void one_model_is_what_the_list_says_of_it(void **state) /* rows: R2 */
{
    char *one = strdup(get("/models/seed", 200));
    const char *list = get("/models", 200);

    (void)state;
    assert_int_equal(strncmp(list + 11, one, strlen(one)), 0);
    free(one);
    assert_says(get("/models/seeds", 404), "/problems/no-such-model");
    assert_says(get("/models/SEED", 404), "no model is called");
    get("/models/", 404);
}

static void model_says_where_it_came_from(void **state) /* rows: R3 */
{
    const char *body = get("/models/seed", 200);
    const char *fingerprint = strstr(body, "\"fingerprint\":\"");

    (void)state;
    assert_non_null(fingerprint);
    assert_int_equal(strspn(fingerprint + 15, "0123456789abcdef"), 64);
    assert_int_equal(fingerprint[15 + 64], '"');
    assert_says(body, "\"format\":\"keras\",\"keras_version\":\"3.15.1\"");
    assert_says(body, "\"parameters\":57,");
    body = get("/models/free", 200);
    assert_says(body, "\"format\":\"safetensors\",\"keras_version\":null");
    assert_says(body, "\"parameters\":72,");
}

static void model_says_the_shapes_it_takes_and_gives(void **state)
/* rows: R4 */
{
    const char *body = get("/models/seed", 200);

    (void)state;
    assert_says(body, "\"inputs\":[{\"name\":\"sequence\",\"shape\":[10,3],"
                      "\"dtype\":\"float32\"}]");
    assert_says(body, "\"outputs\":[{\"name\":\"dense\",\"shape\":[2],"
                      "\"dtype\":\"float32\"}]");
    body = get("/models/free", 200);
    assert_says(body, "\"shape\":[null,2],");
    assert_says(body, "\"outputs\":[{\"name\":\"a\\\"b\",\"shape\":[null,3],");
}

static void model_says_whether_it_streams(void **state) /* rows: R5 */
{
    (void)state;
    assert_says(get("/models/seed", 200),
                "\"streams\":true,\"cannot_stream_because\":null,"
                "\"state_bytes\":20,");
    assert_says(get("/models/free", 200), "\"state_bytes\":24,");
}

static void model_lists_its_layers(void **state) /* rows: R6 */
{
    (void)state;
    assert_says(get("/models/seed", 200),
                "\"layers\":[{\"name\":\"simple_rnn\",\"class\":\"SimpleRNN\","
                "\"output_shape\":[5],\"parameters\":45,\"streams\":true,"
                "\"state_bytes\":20},{\"name\":\"dense\",\"class\":\"Dense\","
                "\"output_shape\":[2],\"parameters\":12,\"streams\":true,"
                "\"state_bytes\":0}]");
    assert_says(get("/models/free", 200), "\"output_shape\":[null,3]");
}

static void model_says_the_limits_a_request_meets(void **state) /* rows: R7 */
{
    const char *body = get("/models/free", 200);

    (void)state;
    assert_says(
        body,
        "\"limits\":{\"max_body\":8388608,\"max_elements\":2097152,"
        "\"max_timesteps\":65536,\"max_batch\":77,"
        "\"max_connections\":1024,\"max_sessions\":100000,"
        "\"max_session_memory\":1048576,\"max_stored_sessions\":1048576}}");
}

/* A daemon that cannot load its model ends at once, with a sentence. */
static void model_that_does_not_load_ends_the_daemon(void **state)
{
    char path[SCRATCH_PATH_BYTES], output[2048], expected[256];

    (void)state;
    scratch_file("version https://git-lfs.github.com/spec/v1\n", 43, path);
    assert_int_equal(
        daemon_run((const char *[]){"--listen", "127.0.0.1:0", path, NULL},
                   output, sizeof(output)),
        1);
    snprintf(expected, sizeof(expected), "rnnd: %s: this is a Git LFS", path);
    assert_int_equal(strncmp(output, expected, strlen(expected)), 0);
    assert_ptr_equal(strchr(output, '\n'), output + strlen(output) - 1);
    scratch_file_remove(path);
}

static void check_says_what_would_be_served(void **state)
{
    char seed[4096], output[4096];

    (void)state;
    daemon_path("examples/seed.keras", seed, sizeof(seed));
    assert_int_equal(daemon_run((const char *[]){"--check", seed, NULL},
                                output, sizeof(output)),
                     0);
    assert_says(output, "would serve \"seed\" (default) from ");
    assert_says(output, "would listen on 127.0.0.1:8080\n");
    assert_int_equal(daemon_run((const char *[]){"--summary", seed, NULL},
                                output, sizeof(output)),
                     0);
    assert_says(output, "Total params: 57 (228.00 B)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_has_every_model_in_the_order_given),
        cmocka_unit_test(one_model_is_what_the_list_says_of_it),
        cmocka_unit_test(model_says_where_it_came_from),
        cmocka_unit_test(model_says_the_shapes_it_takes_and_gives),
        cmocka_unit_test(model_says_whether_it_streams),
        cmocka_unit_test(model_lists_its_layers),
        cmocka_unit_test(model_says_the_limits_a_request_meets),
        cmocka_unit_test(model_that_does_not_load_ends_the_daemon),
        cmocka_unit_test(check_says_what_would_be_served),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
