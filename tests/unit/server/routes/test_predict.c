/* test_predict.c: POST /predict with models that no file can describe yet:
 * several inputs and outputs, token ids, layers that need the whole
 * sequence; and without memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/routes/routes.h"
#include "tests/support/fail_malloc.h"
#include "tests/support/fake_engine.h"
#include "tests/support/route_world.h"

#define BINARY "application/octet-stream"

static struct route_world world;

static int set_up(void **state)
{
    (void)state;
    route_world_init(&world);
    fake_cost = 1;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    route_world_release(&world);
    return 0;
}

static void expect(const char *text, const char *answer)
{
    route_world_expect(&world, route_predict, text, answer);
}

static void refuse(const char *text, enum problem_type type,
                   const char *pointer)
{
    route_world_refuse(&world, route_predict, text, type, pointer);
}

/* rows: P5 P6 P31 */
static void several_outputs_are_an_object(void **state)
{
    (void)state;
    /* (1 + 2) + 2 * (1 + 1 + 1) = 9 */
    expect("{\"inputs\": {\"a\": [[1, 2]], \"b\": [1, 1, 1]}}",
           "{\"output\":{\"x\":[9.0,18.0],\"y\":[18.0]}}");
    expect("{\"inputs\": [{\"a\": [[1, 2]], \"b\": [1, 1, 1]},"
           "{\"b\": [0, 0, 0], \"a\": [[1, 2], [3, 4]]}]}",
           "{\"outputs\":[{\"x\":[9.0,18.0],\"y\":[18.0]},"
           "{\"x\":[10.0,20.0],\"y\":[20.0]}]}");
}

/* rows: P52 P51 E-shape-mismatch */
static void inputs_have_names_and_shapes(void **state)
{
    (void)state;
    refuse("{\"inputs\": {\"a\": [[1, 2]]}}", PROBLEM_SHAPE_MISMATCH,
           "/inputs");
    assert_non_null(strstr(world.problem.detail, "\"b\""));
    refuse("{\"inputs\": {\"a\": [[1, 2]], \"b\": [1, 1, 1], \"c\": [1]}}",
           PROBLEM_SHAPE_MISMATCH, "/inputs/c");
    refuse("{\"sequence\": [[1, 2]]}", PROBLEM_SHAPE_MISMATCH, "/sequence");
    assert_non_null(strstr(world.problem.detail, "2 inputs"));
    refuse("{\"inputs\": {\"a\": [[1, 2]], \"b\": [1, 1]}}",
           PROBLEM_SHAPE_MISMATCH, "/inputs/b");
    assert_string_equal(world.problem.detail,
                        "inputs.b has 2 numbers, the model \"two\" takes 3 "
                        "features");
    refuse("{\"inputs\": {\"a\": [[1, 2, 3]], \"b\": [1, 1, 1]}}",
           PROBLEM_SHAPE_MISMATCH, "/inputs/a/0");
    refuse("{\"inputs\": [{\"a\": [[1, 2]], \"b\": [1, 1, 1]}, {\"a\":"
           "[[1]], \"b\": [1, 1, 1]}]}",
           PROBLEM_SHAPE_MISMATCH, "/inputs/1/a/0");
    assert_string_equal(world.problem.detail,
                        "inputs[1].a[0] has 1 numbers, the model \"two\" "
                        "takes 2 features");
    refuse("{\"inputs\": {\"a\": [1, 2], \"b\": [1, 1, 1]}}",
           PROBLEM_SHAPE_MISMATCH, "/inputs/a");
    assert_string_equal(world.problem.detail,
                        "inputs.a is 1 arrays deep, the model \"two\" takes "
                        "T x 2 numbers");
}

/* rows: P51 */
static void timed_inputs_advance_together(void **state)
{
    (void)state;
    expect("{\"model\": \"pair\", \"inputs\": {\"l\": [1, 2], \"r\":"
           "[[1, 1], [1, 1]]}}",
           "{\"output\":[11.0]}");
    refuse("{\"model\": \"pair\", \"inputs\": {\"l\": [1, 2], \"r\":"
           "[[1, 1]]}}",
           PROBLEM_SHAPE_MISMATCH, "/inputs/r");
    assert_string_equal(world.problem.detail,
                        "inputs.r has 1 timestep, the inputs before it have "
                        "2");
    /* Where the model fixes both, each has its own. */
    expect("{\"model\": \"clash\", \"inputs\": {\"l\": [1, 1, 1], \"r\":"
           "[1, 1, 1, 1]}}",
           "{\"output\":[11.0]}");
    refuse("{\"model\": \"clash\", \"inputs\": {\"l\": [1, 1, 1], \"r\":"
           "[1, 1, 1, 1]}, \"every_step\": true}",
           PROBLEM_SHAPE_MISMATCH, "/inputs/r");
}

/* rows: P3 E-number-out-of-range */
static void token_ids_are_whole_numbers_of_the_vocabulary(void **state)
{
    (void)state;
    expect("{\"model\": \"words\", \"sequence\": [0, 9, 7.0, 1e0]}",
           "{\"output\":[17.0]}");
    refuse("{\"model\": \"words\", \"sequence\": [0, 10]}",
           PROBLEM_NUMBER_OUT_OF_RANGE, "/sequence/1");
    refuse("{\"model\": \"words\", \"sequence\": [-1]}",
           PROBLEM_NUMBER_OUT_OF_RANGE, "/sequence/0");
    refuse("{\"model\": \"words\", \"sequences\": [[1], [2, 1.5]]}",
           PROBLEM_NUMBER_OUT_OF_RANGE, "/sequences/1/1");
    assert_string_equal(world.problem.detail,
                        "sequences[1][1] is 1.5, a token id of the model "
                        "\"words\" is a whole number from 0 to 9");
    refuse("{\"model\": \"words\", \"sequence\": [[1]]}",
           PROBLEM_SHAPE_MISMATCH, "/sequence");
}

/* An output of which the width follows from the timesteps is bounded too.
 * rows: P57 */
static void wide_outputs_are_bounded(void **state)
{
    static const struct rnn_io wide[] = {
        {.name = "x", .rank = 1, .shape = {3}, .features = RNN_FREE}};
    static const char two[] =
        "{\"model\": \"words\", \"sequences\": [[1], [2]]}";
    const struct rnn_io *outputs = fake_models[1].info.outputs;
    size_t most = world.config.max_elements;

    (void)state;
    fake_models[1].info.outputs = wide;
    world.config.max_elements = 5;
    refuse(two, PROBLEM_TOO_LARGE, "");
    assert_string_equal(world.problem.detail,
                        "output \"x\" of the model \"words\" has 6 numbers "
                        "or more, max_elements is 5");
    world.config.max_elements = most;
    fake_models[1].info.outputs = outputs;
    expect(two, "{\"outputs\":[[1.0],[2.0]]}");
}

static enum route_result binary(const char *query, const void *body,
                                size_t length)
{
    return route_world_call(&world, route_predict, query, BINARY, body,
                            length);
}

/* rows: P71 */
static void token_ids_are_int32_in_binary(void **state)
{
    const int32_t ids[] = {1, 9, 3, 4}, bad[] = {1, -1}, high[] = {10};
    const float expected[] = {10, 7};

    (void)state;
    assert_int_equal(binary("model=words&batch=2", ids, sizeof(ids)),
                     ROUTE_REPLY);
    assert_string_equal(route_world_header(&world, "X-Shape"), "2,1");
    assert_memory_equal(world.response.body, expected, sizeof(expected));
    assert_int_equal(binary("model=words", bad, sizeof(bad)), ROUTE_PROBLEM);
    assert_int_equal(world.problem.type, PROBLEM_NUMBER_OUT_OF_RANGE);
    assert_int_equal(binary("model=words", high, sizeof(high)), ROUTE_PROBLEM);
    assert_int_equal(world.problem.type, PROBLEM_NUMBER_OUT_OF_RANGE);
}

/* rows: P77 */
static void binary_holds_one_tensor(void **state)
{
    static const char text[] =
        "{\"inputs\": {\"a\": [[1, 2]], \"b\": [1, 1, 1]}}";
    const float row[] = {1, 2};

    (void)state;
    assert_int_equal(binary("", row, sizeof(row)), ROUTE_PROBLEM);
    assert_int_equal(world.problem.type, PROBLEM_UNSUPPORTED_MEDIA_TYPE);
    world.request.accept = BINARY;
    assert_int_equal(route_world_call(&world, route_predict, "", NULL, text,
                                      sizeof(text) - 1),
                     ROUTE_PROBLEM);
    assert_int_equal(world.problem.type, PROBLEM_UNSUPPORTED_MEDIA_TYPE);
    assert_non_null(strstr(world.problem.detail, "2 outputs"));
}

/* rows: P8 S41 */
static void what_needs_the_whole_sequence_cannot_stream(void **state)
{
    (void)state;
    refuse("{\"inputs\": {\"a\": [[1, 2]], \"b\": [1, 1, 1]},"
           "\"every_step\": true}",
           PROBLEM_CANNOT_STREAM, "/every_step");
    assert_non_null(strstr(world.problem.detail, "the layer \"all\""));
    refuse("{\"inputs\": {\"a\": [[1, 2]], \"b\": [1, 1, 1]}, \"session\":"
           "\"a\", \"start\": true}",
           PROBLEM_CANNOT_STREAM, "/mode");
    assert_non_null(strstr(world.problem.detail, "the layer \"all\""));
}

/* rows: P9 S42 */
static void any_model_has_windows(void **state)
{
    (void)state;
    expect("{\"inputs\": {\"a\": [[1, 1]], \"b\": [1, 1, 1]}, \"session\":"
           "\"w\", \"start\": true, \"mode\": \"window\", \"window\": 2}",
           "{\"output\":null,\"session\":{\"id\":\"w\",\"step\":1,"
           "\"window\":2,\"window_filled\":1}}");
    /* Static inputs are those of the call: 2 + 4 + 2 * 3 * 10. */
    expect("{\"inputs\": {\"a\": [[2, 2]], \"b\": [10, 10, 10]},"
           "\"session\": \"w\"}",
           "{\"output\":{\"x\":[66.0,132.0],\"y\":[132.0]},\"session\":{"
           "\"id\":\"w\",\"step\":2,\"window\":2,\"window_filled\":2}}");
    fake_infer_sequences = 0;
    expect("{\"inputs\": {\"a\": [[3, 3], [4, 4], [5, 5]], \"b\": [0, 0,"
           "0]}, \"session\": \"w\", \"every_step\": true}",
           "{\"output\":{\"x\":[[10.0,20.0],[14.0,28.0],[18.0,36.0]],"
           "\"y\":[[20.0],[28.0],[36.0]]},\"session\":{\"id\":\"w\","
           "\"step\":5,\"window\":2,\"window_filled\":2}}");
    assert_int_equal(fake_infer_sequences, 3);
    expect("{\"inputs\": {\"a\": [[0, 0]], \"b\": [0, 0, 0]}, \"session\":"
           "\"v\", \"start\": true, \"mode\": \"window\", \"window\": 3,"
           "\"every_step\": true}",
           "{\"output\":{\"x\":[null],\"y\":[null]},\"session\":{\"id\":"
           "\"v\",\"step\":1,\"window\":3,\"window_filled\":1}}");
}

/* rows: S42 S43 */
static void all_timed_inputs_are_kept_together(void **state)
{
    (void)state;
    expect("{\"model\": \"pair\", \"inputs\": {\"l\": [1, 2, 3], \"r\":"
           "[[1, 0], [2, 0], [3, 0]]}, \"session\": \"p\", \"start\": true,"
           "\"mode\": \"window\", \"window\": 2}",
           "{\"output\":[15.0],\"session\":{\"id\":\"p\",\"step\":3,"
           "\"window\":2,\"window_filled\":2}}");
    expect("{\"inputs\": {\"l\": [10], \"r\": [[10, 100]]}, \"session\":"
           "\"p\"}",
           "{\"output\":[239.0],\"session\":{\"id\":\"p\",\"step\":4,"
           "\"window\":2,\"window_filled\":2}}");
    refuse("{\"inputs\": {\"l\": [10, 1], \"r\": [[10, 100]]}, \"session\":"
           "\"p\"}",
           PROBLEM_SHAPE_MISMATCH, "/inputs/r");
    refuse("{\"model\": \"clash\", \"inputs\": {\"l\": [10], \"r\": [10]},"
           "\"session\": \"c\", \"start\": true, \"mode\": \"window\"}",
           PROBLEM_SHAPE_MISMATCH, "/mode");
}

/* rows: S40 S51 */
static void a_carried_state_goes_on(void **state)
{
    (void)state;
    expect("{\"model\": \"words\", \"sequence\": [1, 2], \"session\": \"k\","
           "\"start\": true}",
           "{\"output\":[3.0],\"session\":{\"id\":\"k\",\"step\":2}}");
    expect("{\"sequence\": [4, 5], \"session\": \"k\", \"every_step\":"
           "true}",
           "{\"output\":[[7.0],[12.0]],\"session\":{\"id\":\"k\","
           "\"step\":4}}");
}

/* rows: S50 */
static void a_replay_runs_nothing(void **state)
{
    static const char text[] = "{\"model\": \"words\", \"sequence\": [1, 2],"
                               "\"session\": \"r\", \"start\": true,"
                               "\"step\": 0}";
    static const char answer[] =
        "{\"output\":[3.0],\"session\":{\"id\":\"r\",\"step\":2}}";

    (void)state;
    expect(text, answer);
    assert_null(route_world_header(&world, "Idempotent-Replayed"));
    fake_infer_calls = 0;
    expect(text, answer);
    assert_string_equal(route_world_header(&world, "Idempotent-Replayed"),
                        "true");
    assert_int_equal(fake_infer_calls, 0);
}

static void heavy_work_goes_to_a_worker_before_anything_is_held(void **state)
{
    (void)state;
    expect("{\"model\": \"words\", \"sequence\": [1]}", "{\"output\":[1.0]}");
    assert_int_equal(world.offloads, 0);
    fake_cost = 10000000;
    expect("{\"model\": \"words\", \"sequence\": [1]}", "{\"output\":[1.0]}");
    assert_int_equal(world.offloads, 1);
    expect("{\"model\": \"words\", \"sequence\": [1], \"session\": \"h\","
           "\"start\": true}",
           "{\"output\":[1.0],\"session\":{\"id\":\"h\",\"step\":1}}");
    assert_int_equal(world.offloads, 1);
    expect("{\"sequence\": [2], \"session\": \"h\"}",
           "{\"output\":[3.0],\"session\":{\"id\":\"h\",\"step\":2}}");
    assert_int_equal(world.offloads, 1);
}

/* The session "m" is at `step`, and its sum is that. */
static void assert_untouched(size_t step)
{
    char text[256];

    snprintf(text, sizeof(text),
             "{\"output\":[%zu.0],\"session\":{\"id\":\"m\",\"step\":%zu}}",
             step + 1, step);
    expect("{\"sequence\": [1], \"session\": \"m\", \"commit\": false}", text);
}

static enum route_result step_once(size_t step)
{
    char text[256];

    snprintf(text, sizeof(text),
             "{\"sequence\": [1], \"session\": \"m\", \"step\": %zu}", step);
    return route_world_call(&world, route_predict, "", NULL, text,
                            strlen(text));
}

/* At every allocation, and with an arena of every size: a call is answered,
 * or refused with nothing changed. */
static void without_memory_nothing_changes(void **state)
{
    size_t step = 1, refused = 0;

    (void)state;
    expect("{\"model\": \"words\", \"sequence\": [1], \"session\": \"m\","
           "\"start\": true}",
           "{\"output\":[1.0],\"session\":{\"id\":\"m\",\"step\":1}}");
    for (size_t n = 1;; n++) {
        world.fail_at = n;
        if (step_once(step) == ROUTE_REPLY) {
            step++;
        } else {
            assert_true(world.has_failed);
            assert_int_equal(world.problem.type, PROBLEM_OVERLOADED);
            refused++;
        }
        if (!world.has_failed)
            break;
        assert_untouched(step);
    }
    assert_true(refused > 0);
    for (size_t bytes = 64;; bytes += 64) {
        enum route_result result;

        world.arena.limit = bytes;
        result = step_once(step);
        world.arena.limit = 0;
        if (result == ROUTE_REPLY)
            break;
        assert_int_equal(world.problem.type, PROBLEM_OVERLOADED);
        assert_untouched(step);
        refused++;
    }
    assert_true(refused > 10);
}

static void warm_stateless_calls_allocate_nothing(void **state)
{
    static const char text[] =
        "{\"model\": \"words\", \"sequences\": [[1, 2, 3], [4]]}";

    (void)state;
    expect(text, "{\"outputs\":[[6.0],[4.0]]}");
    for (size_t i = 0; i < 1001; i++) {
        if (i == 1)
            fail_malloc_start(0);
        /* As the http loops do between two requests. */
        arena_reset(&world.arena, (size_t)1 << 20);
        world.request.task = NULL;
        assert_int_equal(route_predict(&world.app, &world.request,
                                       &world.response, &world.problem),
                         ROUTE_REPLY);
    }
    assert_int_equal(fail_malloc_stop(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(several_outputs_are_an_object),
        TEST(inputs_have_names_and_shapes),
        TEST(timed_inputs_advance_together),
        TEST(token_ids_are_whole_numbers_of_the_vocabulary),
        TEST(wide_outputs_are_bounded),
        TEST(token_ids_are_int32_in_binary),
        TEST(binary_holds_one_tensor),
        TEST(what_needs_the_whole_sequence_cannot_stream),
        TEST(any_model_has_windows),
        TEST(all_timed_inputs_are_kept_together),
        TEST(a_carried_state_goes_on),
        TEST(a_replay_runs_nothing),
        TEST(heavy_work_goes_to_a_worker_before_anything_is_held),
        TEST(without_memory_nothing_changes),
        TEST(warm_stateless_calls_allocate_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
