/* test_seq2seq.c: an encoder and a decoder over HTTP: two inputs of different
 * length in one call, states in and out, and Keras' numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/api.h"
#include "tests/support/daemon.h"
#include "tests/support/golden_case.h"

#define MODELS 3
#define TEXT   ((size_t)1 << 16)

/* What the outputs are called, in the order of the models. */
static const struct served {
    const char *name, *outputs[3];
} served[MODELS] = {
    {"seq2seq_lstm", {"word", "the_decoder", "the_decoder_1"}},
    {"step_decoder", {"word", "cell", "cell_1"}},
    {"two_lengths", {NULL}},
};

static struct {
    struct daemon daemon;
    struct api api;
    struct golden_case cases[MODELS];
    char text[TEXT];
} world;

static int set_up(void **state)
{
    char arguments[MODELS][512];
    const char *options[MODELS + 1] = {0};

    (void)state;
    for (size_t i = 0; i < MODELS; i++) {
        char path[400], name[100];

        snprintf(name, sizeof(name), "tests/golden/models/%s.json",
                 served[i].name);
        daemon_path(name, path, sizeof(path));
        golden_case_init(&world.cases[i], path);
        snprintf(name, sizeof(name), "tests/golden/models/%s.k3.keras",
                 served[i].name);
        daemon_path(name, path, sizeof(path));
        snprintf(arguments[i], sizeof(arguments[i]), "%s=%s", served[i].name,
                 path);
        options[i] = arguments[i];
    }
    daemon_start(&world.daemon, options);
    api_init(&world.api, world.daemon.url);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    api_release(&world.api);
    daemon_stop(&world.daemon);
    for (size_t i = 0; i < MODELS; i++)
        golden_case_release(&world.cases[i]);
    return 0;
}

__attribute__((format(printf, 1, 2))) static void append(const char *format,
                                                         ...)
{
    size_t used = strlen(world.text);
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(world.text + used, TEXT - used, format, args);
    va_end(args);
    assert_true(length >= 0 && (size_t)length < TEXT - used);
}

/* Row `n` of a tensor [N, ...] as arrays in arrays. */
static void append_row(const struct golden_tensor *tensor, size_t axis,
                       size_t *next)
{
    if (axis == tensor->rank) {
        append("%.9g", tensor->values[(*next)++]);
        return;
    }
    append("[");
    for (size_t i = 0; i < tensor->shape[axis]; i++) {
        append(i ? "," : "");
        append_row(tensor, axis + 1, next);
    }
    append("]");
}

static void append_inputs(const struct golden_case *golden, size_t n)
{
    append("{");
    for (size_t i = 0; i < golden->input_count; i++) {
        const struct golden_tensor *x = &golden->inputs[i].tensor;
        size_t next = n * (x->count / x->shape[0]);

        append("%s\"%s\": ", i ? ", " : "", golden->inputs[i].name);
        append_row(x, 1, &next);
    }
    append("}");
}

/* The numbers at `path` of the answer, in their order. */
static void read_numbers(char *path, const struct golden_tensor *shape,
                         size_t axis, float **to)
{
    size_t length = strlen(path);

    if (axis == shape->rank) {
        *(*to)++ = (float)api_number(&world.api, path);
        return;
    }
    for (size_t i = 0; i < shape->shape[axis]; i++) {
        sprintf(path + length, ".%zu", i);
        read_numbers(path, shape, axis + 1, to);
    }
    path[length] = '\0';
}

/* Output `index` of all sequences, which the answer holds as `outputs`. */
static void check_output(const struct golden_case *golden, size_t index,
                         const char *name)
{
    const struct golden_answer *answer = &golden->outputs[index].last;
    const struct golden_tensor *shape = &answer->reference;
    float *numbers = malloc(shape->count * sizeof(float)), *next = numbers;

    for (size_t n = 0; n < shape->shape[0]; n++) {
        char path[200];

        snprintf(path, sizeof(path), "outputs.%zu%s%s", n, name ? "." : "",
                 name ? name : "");
        read_numbers(path, shape, 1, &next);
    }
    golden_assert_close(numbers, shape->count, answer, name ? name : "output");
    free(numbers);
}

static void ask_all(size_t model)
{
    const struct golden_case *golden = &world.cases[model];

    world.text[0] = '\0';
    for (size_t n = 0; n < golden->inputs[0].tensor.shape[0]; n++) {
        append(n ? ", " : "");
        append_inputs(golden, n);
    }
    api_post(&world.api, "/predict", "{\"model\": \"%s\", \"inputs\": [%s]}",
             served[model].name, world.text);
    api_assert_status(&world.api, 200);
}

/* rows: P44 */
static void an_encoder_and_a_decoder_have_their_own_lengths(void **state)
{
    (void)state;
    assert_int_not_equal(world.cases[0].inputs[0].tensor.shape[1],
                         world.cases[0].inputs[1].tensor.shape[1]);
    for (size_t model = 0; model < MODELS; model++) {
        ask_all(model);
        for (size_t o = 0; o < world.cases[model].output_count; o++)
            check_output(&world.cases[model], o, served[model].outputs[o]);
    }
}

/* A client that holds the states: what comes out of one step goes into the
 * next. */
static void states_go_in_where_they_came_out(void **state)
{
    static const char *const x = "[[0.5, -0.25, 1]]";
    char h[400], c[400], first[400];
    struct api *api = &world.api;

    (void)state;
    api_post(api, "/predict",
             "{\"model\": \"step_decoder\", \"inputs\": {\"x\": %s, \"h\": "
             "[0,0,0,0], \"c\": [0,0,0,0]}}",
             x);
    api_assert_status(api, 200);
    snprintf(first, sizeof(first), "%s", api_raw(api, "output"));
    snprintf(
        h, sizeof(h), "[%.9g,%.9g,%.9g,%.9g]",
        api_number(api, "output.cell.0"), api_number(api, "output.cell.1"),
        api_number(api, "output.cell.2"), api_number(api, "output.cell.3"));
    snprintf(c, sizeof(c), "[%.9g,%.9g,%.9g,%.9g]",
             api_number(api, "output.cell_1.0"),
             api_number(api, "output.cell_1.1"),
             api_number(api, "output.cell_1.2"),
             api_number(api, "output.cell_1.3"));
    api_post(api, "/predict",
             "{\"model\": \"step_decoder\", \"inputs\": {\"x\": %s, \"h\": "
             "%s, \"c\": %s}}",
             x, h, c);
    api_assert_status(api, 200);
    assert_string_not_equal(first, api_raw(api, "output"));
}

static void what_cannot_advance_together_is_refused(void **state)
{
    struct api *api = &world.api;

    (void)state;
    /* A decoder begins where the encoder ends: nothing to carry. */
    api_post(api, "/sessions",
             "{\"model\": \"seq2seq_lstm\", \"mode\": \"carry\"}");
    api_assert_problem(api, 422, "cannot-stream", "/mode");
    api_post(api, "/sessions",
             "{\"model\": \"step_decoder\", \"mode\": \"carry\"}");
    api_assert_problem(api, 422, "cannot-stream", "/mode");
    /* Two branches stream, as long as both get as much. */
    api_post(api, "/sessions",
             "{\"model\": \"two_lengths\", \"id\": \"two\", \"mode\": "
             "\"carry\"}");
    api_assert_status(api, 201);
    api_post(api, "/predict",
             "{\"session\": \"two\", \"inputs\": {\"a\": [[1,2,3]], \"b\": "
             "[[1,2],[3,4]]}}");
    api_assert_problem(api, 422, "shape-mismatch", "/inputs/b");
    api_post(api, "/predict",
             "{\"session\": \"two\", \"inputs\": {\"a\": [[1,2,3]], \"b\": "
             "[[1,2]]}}");
    api_assert_status(api, 200);
    api_post(api, "/predict",
             "{\"model\": \"two_lengths\", \"every_step\": true, \"inputs\": "
             "{\"a\": [[1,2,3]], \"b\": [[1,2],[3,4]]}}");
    api_assert_problem(api, 422, "shape-mismatch", "/inputs/b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_encoder_and_a_decoder_have_their_own_lengths),
        cmocka_unit_test(states_go_in_where_they_came_out),
        cmocka_unit_test(what_cannot_advance_together_is_refused),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
