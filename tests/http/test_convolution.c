/* test_convolution.c: models with convolutions: one that remembers its last
 * inputs from call to call, and one whose timesteps must be enough. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/api.h"
#include "tests/support/daemon.h"
#include "tests/support/graph_builder.h"

#define T 60

static char folder[] = "/tmp/rnnd-test-XXXXXX";
static char arguments[2][96];
static struct daemon served;
static struct api client;
static struct api *const api = &client;
static char rows[T][48];

static void add_conv(struct model_builder *b, const char *name,
                     const char *fields, const char *calls)
{
    size_t kernel[] = {3, 3, 3}, bias[] = {3};
    char text[160], path[64];

    snprintf(text, sizeof(text),
             "\"filters\": 3, \"kernel_size\": [3], \"activation\": "
             "\"tanh\", %s",
             fields);
    graph_layer(b, "Conv1D", name, text, calls);
    snprintf(path, sizeof(path), "%s/kernel", name);
    model_builder_add_tensor(b, path, 3, kernel, 0.5);
    snprintf(path, sizeof(path), "%s/bias", name);
    model_builder_add_tensor(b, path, 1, bias, 0.5);
}

/* causal, dilated, then a GRU */
static void make_stack(const char *path)
{
    struct model_builder b;

    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", "null, 3");
    add_conv(&b, "one", "\"padding\": \"causal\"", "x,0,0");
    add_conv(&b, "two", "\"padding\": \"causal\", \"dilation_rate\": [4]",
             "one,0,0");
    graph_layer(&b, "GRU", "gru",
                "\"units\": 4, \"recurrent_activation\": \"sigmoid\"",
                "two,0,0");
    graph_recurrent(&b, "gru", 3, 3, 4);
    graph_layer(&b, "Dense", "out", "\"units\": 2", "gru,0,0");
    graph_dense(&b, "out", 4, 2);
    graph_end(&b, "x,0,0", "out,0,0", NULL);
    model_builder_write(&b, path);
    model_builder_release(&b);
}

/* valid: needs five timesteps */
static void make_short(const char *path)
{
    struct model_builder b;

    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", "null, 3");
    add_conv(&b, "one", "\"padding\": \"valid\"", "x,0,0");
    add_conv(&b, "two", "\"padding\": \"valid\"", "one,0,0");
    graph_end(&b, "x,0,0", "two,0,0", NULL);
    model_builder_write(&b, path);
    model_builder_release(&b);
}

static int set_up(void **state)
{
    static const char *const names[] = {"stack", "short"};
    const char *all[] = {arguments[0], arguments[1], NULL};

    (void)state;
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < 2; i++)
        snprintf(arguments[i], sizeof(arguments[i]), "%s=%s/%s.safetensors",
                 names[i], folder, names[i]);
    make_stack(strchr(arguments[0], '=') + 1);
    make_short(strchr(arguments[1], '=') + 1);
    daemon_start(&served, all);
    api_init(api, served.url);
    for (int t = 0; t < T; t++)
        snprintf(rows[t], sizeof(rows[t]), "[0.%d,%d.5,-0.%d]", t, t % 7 - 3,
                 t * 13 % 100);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    api_release(api);
    daemon_stop(&served);
    for (size_t i = 0; i < 2; i++)
        unlink(strchr(arguments[i], '=') + 1);
    rmdir(folder);
    return 0;
}

/* Rows [from, end) as a JSON array, in a buffer that the next overwrites. */
static const char *some_rows(int from, int end)
{
    static char text[T * 50 + 3];
    size_t used = 0;

    text[used++] = '[';
    for (int t = from; t < end; t++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
                                 t > from ? "," : "", rows[t]);
    snprintf(text + used, sizeof(text) - used, "]");
    return text;
}

/* Is the output of the last call that of a stateless one over rows [0, t)? */
static void assert_as_whole(int t)
{
    char output[512];

    api_keep(api, "output", output, sizeof(output));
    api_post(api, "/predict", "{\"model\": \"stack\", \"sequence\": %s}",
             some_rows(0, t));
    api_assert_status(api, 200);
    assert_string_equal(api_raw(api, "output"), output);
}

static void random_cuts_have_the_bits_of_the_whole(void **state)
{
    uint64_t seed = 8;

    (void)state;
    for (int turn = 0; turn < 12; turn++) {
        for (int t = 0, end; t < T; t = end) {
            end = t + 1 + (int)(model_random(&seed) % (turn % 2 ? 3 : 20));
            end = end < T ? end : T;
            api_post(api, "/predict",
                     "{\"model\": \"stack\", \"sequence\": %s, \"session\": "
                     "\"cut-%d\"%s}",
                     some_rows(t, end), turn, t ? "" : ", \"start\": true");
            api_assert_status(api, 200);
            assert_as_whole(end);
        }
    }
}

/* One state taken out, put in under another name, and gone on with. */
static void past_inputs_go_out_and_in(void **state)
{
    char *text;

    (void)state;
    api_post(api, "/predict",
             "{\"model\": \"stack\", \"sequence\": %s, \"session\": \"out\", "
             "\"start\": true}",
             some_rows(0, 9));
    api_assert_status(api, 200);
    api_get(api, "/sessions/out/state");
    api_assert_status(api, 200);
    assert_true(api_has(api, "state.one/past"));
    assert_true(api_has(api, "state.two/past"));
    text = strdup(api->body);
    assert_non_null(strstr(text, "\"one/past\":[["));
    api_call(api, "PUT", "/sessions/in/state", text, strlen(text));
    api_assert_status(api, 201);
    free(text);
    api_post(api, "/predict", "{\"sequence\": %s, \"session\": \"in\"}",
             some_rows(9, 20));
    api_assert_status(api, 200);
    assert_as_whole(20);
}

/* rows: P43 */
static void too_few_timesteps_are_named(void **state)
{
    (void)state;
    api_post(api, "/predict", "{\"model\": \"short\", \"sequence\": %s}",
             some_rows(0, 4));
    api_assert_problem(api, 422, "shape-mismatch", "/sequence");
    assert_non_null(strstr(api_text(api, "detail"),
                           "has 4 timesteps, the layer \"two\" of the model "
                           "\"short\" needs 5 or more"));
    api_post(api, "/predict",
             "{\"model\": \"short\", \"sequences\": [%s, [[1,2,3]]]}",
             some_rows(0, 5));
    api_assert_problem(api, 422, "shape-mismatch", "/sequences/1");
    api_post(api, "/predict", "{\"model\": \"short\", \"sequence\": %s}",
             some_rows(0, 5));
    api_assert_status(api, 200);
    api_post(api, "/sessions", "{\"model\": \"short\"}");
    api_assert_problem(api, 422, "cannot-stream", "/mode");
    assert_non_null(strstr(api_text(api, "detail"), "\"one\" (Conv1D)"));
}

/* rows: S49 */
static void a_window_may_be_too_small(void **state)
{
    char output[512];

    (void)state;
    api_post(api, "/sessions",
             "{\"model\": \"short\", \"mode\": \"window\", \"window\": 4}");
    api_assert_problem(api, 422, "shape-mismatch", "/window");
    api_post(api, "/sessions",
             "{\"id\": \"w\", \"model\": \"short\", \"mode\": \"window\", "
             "\"window\": 6}");
    api_assert_status(api, 201);
    for (int t = 0; t < 12; t += 2) {
        api_post(api, "/predict", "{\"session\": \"w\", \"sequence\": %s}",
                 some_rows(t, t + 2));
        api_assert_status(api, 200);
        if (t < 4) {
            assert_true(api_is_null(api, "output"));
            continue;
        }
        api_keep(api, "output", output, sizeof(output));
        api_post(api, "/predict", "{\"model\": \"short\", \"sequence\": %s}",
                 some_rows(t - 4, t + 2));
        assert_string_equal(api_raw(api, "output"), output);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_cuts_have_the_bits_of_the_whole),
        cmocka_unit_test(past_inputs_go_out_and_in),
        cmocka_unit_test(too_few_timesteps_are_named),
        cmocka_unit_test(a_window_may_be_too_small),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
