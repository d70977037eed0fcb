/* States that go into a recurrent layer and come out of it: a sequence in two
 * pieces, the state between them as a tensor, is the sequence in one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/graph_builder.h"
#include "tests/support/graph_check.h"
#include "tests/support/model_refusal.h"
#include "tests/support/model_run.h"

#define T   9
#define CUT 4
#define D   4
#define U   5

static const struct cell {
    const char *class_name;
    size_t gates, states;
} cells[] = {{"SimpleRNN", 1, 1}, {"LSTM", 4, 2}, {"GRU", 3, 1}};

static const char *const versions[] = {"3.15.1", "2.15.0"};

static const char *const fields =
    "\"units\": 5, \"return_sequences\": true, \"return_state\": true";

static float *some_x(void)
{
    uint64_t seed = 8;

    return model_random_floats(&seed, T * D, 1);
}

/* All outputs of one sequence. */
struct answer {
    float *y, *states[4];
};

static void answer_init(struct answer *answer)
{
    answer->y = calloc(T * 2 * U, sizeof(float));
    for (size_t i = 0; i < 4; i++)
        answer->states[i] = calloc(U, sizeof(float));
}

static void answer_release(struct answer *answer)
{
    free(answer->y);
    for (size_t i = 0; i < 4; i++)
        free(answer->states[i]);
}

/* Run x, and behind it `given`. */
static void run(struct model_builder *b, const float *x, size_t timesteps,
                float *const *given, struct answer *answer)
{
    struct rnn_model *model = model_load(b, RNN_ISA_AUTO);
    const float *inputs[5] = {x};
    float *outputs[5] = {answer->y};
    struct rnn_sequence sequence = {
        .timesteps = timesteps, .inputs = inputs, .outputs = outputs};

    for (size_t i = 0; i < 4; i++) {
        inputs[1 + i] = given ? given[i] : NULL;
        outputs[1 + i] = answer->states[i];
    }
    model_run_many(model, &sequence, 1, NULL);
    rnn_model_free(model);
}

/* The layer "r" over x, with states as inputs or without, and its weights. */
static void build(struct model_builder *b, const char *version,
                  const struct cell *cell, bool given)
{
    char inputs[80], outputs[80];

    snprintf(inputs, sizeof(inputs), "x,0,0%s%s", given ? " h,0,0" : "",
             given && cell->states > 1 ? " c,0,0" : "");
    snprintf(outputs, sizeof(outputs), "r,0,0 r,0,1%s",
             cell->states > 1 ? " r,0,2" : "");
    graph_begin(b, version);
    graph_input(b, "x", "null, 4");
    if (given)
        graph_input(b, "h", "5");
    if (given && cell->states > 1)
        graph_input(b, "c", "5");
    graph_layer(b, cell->class_name, "r", fields, given ? inputs : "x,0,0");
    graph_end(b, inputs, outputs, NULL);
    b->seed = 77;
    graph_recurrent(b, "r", cell->gates, D, U);
}

static void a_state_between_two_pieces_joins_them(void **state)
{
    float *x = some_x();

    (void)state;
    for (size_t c = 0; c < 3; c++)
        for (size_t v = 0; v < 2; v++) {
            struct model_builder alone, given;
            struct answer whole, head, tail;

            answer_init(&whole);
            answer_init(&head);
            answer_init(&tail);
            build(&alone, versions[v], &cells[c], false);
            build(&given, versions[v], &cells[c], true);
            run(&alone, x, T, NULL, &whole);
            run(&alone, x, CUT, NULL, &head);
            run(&given, x + CUT * D, T - CUT, head.states, &tail);
            assert_memory_equal(whole.y, head.y, CUT * U * sizeof(float));
            assert_memory_equal(whole.y + CUT * U, tail.y,
                                (T - CUT) * U * sizeof(float));
            assert_memory_equal(whole.y + (T - 1) * U, whole.states[0],
                                U * sizeof(float));
            for (size_t i = 0; i < cells[c].states; i++)
                assert_memory_equal(whole.states[i], tail.states[i],
                                    U * sizeof(float));
            answer_release(&whole);
            answer_release(&head);
            answer_release(&tail);
            model_builder_release(&alone);
            model_builder_release(&given);
        }
    free(x);
}

/* What does not stream says why. */
static void a_state_that_is_given_is_named(void **state)
{
    (void)state;
    for (size_t c = 0; c < sizeof(cells) / sizeof(cells[0]); c++) {
        struct model_builder b;
        struct rnn_model *model;
        const char *because;

        build(&b, versions[0], &cells[c], true);
        model = model_load(&b, RNN_ISA_AUTO);
        because = rnn_model_info(model)->cannot_stream_because;
        assert_non_null(strstr(because, "\"r\" ("));
        assert_non_null(strstr(because, "needs the whole sequence: it is "
                                        "called with initial_state"));
        rnn_model_free(model);
        model_builder_release(&b);
    }
}

/* The same call with the states under their keyword. */
static void states_may_be_named_by_keyword(void **state)
{
    static const char *const places[][2] = {
        {"\"kwargs\": {\"training\": null}",
         "\"kwargs\": {\"initial_state\": [{\"class_name\": "
         "\"__keras_tensor__\", \"config\": {\"keras_history\": [\"h\", 0, "
         "0]}}, {\"class_name\": \"__keras_tensor__\", \"config\": "
         "{\"keras_history\": [\"c\", 0, 0]}}]}"},
        {"[\"x\", 0, 0, {}]",
         "[\"x\", 0, 0, {\"initial_state\": [[\"h\", 0, 0], [\"c\", 0, "
         "0]]}]"}};
    float *x = some_x(), *given[4] = {x + 3, x + 11, NULL, NULL};

    (void)state;
    for (size_t v = 0; v < 2; v++) {
        struct model_builder b, named;
        struct answer one, other;

        answer_init(&one);
        answer_init(&other);
        build(&b, versions[v], &cells[1], true);
        graph_begin(&named, versions[v]);
        graph_input(&named, "x", "null, 4");
        graph_input(&named, "h", "5");
        graph_input(&named, "c", "5");
        graph_layer(&named, "LSTM", "r", fields, "x,0,0");
        graph_end(&named, "x,0,0 h,0,0 c,0,0", "r,0,0 r,0,1 r,0,2", NULL);
        model_builder_replace(&named, places[v][0], places[v][1]);
        named.seed = 77;
        graph_recurrent(&named, "r", 4, D, U);
        run(&b, x, T, given, &one);
        run(&named, x, T, given, &other);
        assert_memory_equal(one.y, other.y, T * U * sizeof(float));
        assert_memory_equal(one.states[1], other.states[1], U * sizeof(float));
        answer_release(&one);
        answer_release(&other);
        model_builder_release(&b);
        model_builder_release(&named);
    }
    free(x);
}

/* An encoder's states, one of them through a Dense, into a decoder; and the
 * states of a layer that streams: each cut, each step, each batch. */
static void states_obey_the_second_law(void **state)
{
    (void)state;
    for (size_t c = 0; c < 3; c++) {
        struct model_builder b;
        char call[80];

        graph_begin(&b, "3.15.1");
        graph_input(&b, "x", "null, 4");
        graph_layer(&b, cells[c].class_name, "e", fields, "x,0,0");
        graph_recurrent(&b, "e", cells[c].gates, D, U);
        graph_end(&b, "x,0,0",
                  cells[c].states > 1 ? "e,0,0 e,0,1 e,0,2" : "e,0,0 e,0,1",
                  NULL);
        graph_check_bits(&b, 0);
        model_builder_release(&b);

        graph_begin(&b, "3.15.1");
        graph_input(&b, "x", "null, 4");
        graph_layer(&b, cells[c].class_name, "e", fields, "x,0,0");
        graph_recurrent(&b, "e", cells[c].gates, D, U);
        graph_layer(&b, "Dense", "d", "\"units\": 5", "e,0,1");
        graph_dense(&b, "d", U, U);
        snprintf(call, sizeof(call), "x,0,0 d,0,0%s",
                 cells[c].states > 1 ? " e,0,2" : "");
        graph_layer(&b, cells[c].class_name, "r", fields, call);
        graph_recurrent(&b, "r", cells[c].gates, D, U);
        graph_end(&b, "x,0,0", "r,0,0 r,0,1", NULL);
        graph_check_bits(&b, 0);
        model_builder_release(&b);
    }
}

static bool go_on(void *arg)
{
    ++*(size_t *)arg;
    return true;
}

/* Steps so long that the caller is asked in the middle of each. */
static void long_steps_return_their_states_too(void **state)
{
    enum { LARGE = 150, STEPS = 3 };
    struct model_builder b;
    struct rnn_model *model;
    uint64_t seed = 5;
    float *x = model_random_floats(&seed, STEPS * D, 1);
    float *y[2][3];
    size_t asked = 0;

    (void)state;
    graph_begin(&b, "3.15.1");
    graph_input(&b, "x", "null, 4");
    graph_layer(&b, "LSTM", "e", "\"units\": 150, \"return_state\": true",
                "x,0,0");
    graph_recurrent(&b, "e", 4, D, LARGE);
    graph_end(&b, "x,0,0", "e,0,0 e,0,1 e,0,2", NULL);
    model = model_load(&b, RNN_ISA_SCALAR);
    for (int i = 0; i < 2; i++) {
        struct rnn_infer_options options = {
            .every_step = true, .keep_going = i ? go_on : NULL, .arg = &asked};
        struct rnn_sequence sequence = {.timesteps = STEPS,
                                        .inputs = (const float *const *)&x,
                                        .outputs = y[i]};

        for (size_t o = 0; o < 3; o++)
            y[i][o] = calloc(STEPS * LARGE, sizeof(float));
        model_run_many(model, &sequence, 1, &options);
    }
    assert_true(asked > 2 * STEPS);
    /* Without return_sequences, y is h. */
    assert_memory_equal(y[0][0], y[0][1], STEPS * LARGE * sizeof(float));
    for (size_t o = 0; o < 3; o++) {
        assert_memory_equal(y[0][o], y[1][o], STEPS * LARGE * sizeof(float));
        free(y[0][o]);
        free(y[1][o]);
    }
    rnn_model_free(model);
    model_builder_release(&b);
    free(x);
}

static void build_both_ways(struct model_builder *b, const struct cell *cell)
{
    bool two = cell->states > 1;
    char layer[300];

    snprintf(layer, sizeof(layer),
             "\"merge_mode\": null, \"layer\": {\"class_name\": \"%s\", "
             "\"config\": {\"name\": \"i\", %s}}",
             cell->class_name, fields);
    graph_begin(b, "3.15.1");
    graph_input(b, "x", "null, 4");
    graph_input(b, "h", "5");
    if (two)
        graph_input(b, "c", "5");
    graph_input(b, "bh", "5");
    if (two)
        graph_input(b, "bc", "5");
    graph_layer(b, "Bidirectional", "r", layer,
                two ? "x,0,0 h,0,0 c,0,0 bh,0,0 bc,0,0"
                    : "x,0,0 h,0,0 bh,0,0");
    graph_end(
        b, two ? "x,0,0 h,0,0 c,0,0 bh,0,0 bc,0,0" : "x,0,0 h,0,0 bh,0,0",
        two ? "r,0,0 r,0,2 r,0,3 r,0,4 r,0,5" : "r,0,0 r,0,2 r,0,3", NULL);
    b->seed = 77;
    graph_recurrent(b, "r/forward_layer", cell->gates, D, U);
    b->seed = 77;
    graph_recurrent(b, "r/backward_layer", cell->gates, D, U);
}

/* Forward and backward have the same weights here, so that each is the layer
 * by itself, over x or over x turned around. */
static void bidirectional_splits_its_states(void **state)
{
    float *x = some_x(), back[T * D];
    float *given[4 + 2] = {x + 1, x + 7, x + 13, x + 21};

    (void)state;
    for (size_t t = 0; t < T; t++)
        memcpy(back + t * D, x + (T - 1 - t) * D, D * sizeof(float));
    for (size_t c = 0; c < 3; c++) {
        size_t states = cells[c].states;
        struct model_builder both, one;
        struct answer all, forward, backward;

        answer_init(&all);
        answer_init(&forward);
        answer_init(&backward);
        build_both_ways(&both, &cells[c]);
        build(&one, "3.15.1", &cells[c], true);
        run(&both, x, T, given, &all);
        run(&one, x, T, given, &forward);
        run(&one, back, T, given + states, &backward);
        assert_memory_equal(all.y, forward.y, T * U * sizeof(float));
        for (size_t i = 0; i < states; i++) {
            assert_memory_equal(all.states[i], forward.states[i],
                                U * sizeof(float));
            assert_memory_equal(all.states[states + i], backward.states[i],
                                U * sizeof(float));
        }
        answer_release(&all);
        answer_release(&forward);
        answer_release(&backward);
        model_builder_release(&both);
        model_builder_release(&one);
    }
    free(x);
}

static void states_that_do_not_fit_are_named(void **state)
{
    static const struct {
        const char *class_name, *fields, *call, *says;
    } cases[] = {
        {"LSTM", "\"units\": 5", "x,0,0 h,0,0", "with 2 states"},
        {"GRU", "\"units\": 5", "x,0,0 h,0,0 h,0,0", "with 1 state"},
        {"GRU", "\"units\": 6", "x,0,0 h,0,0",
         "initial state 0 should be [6], it is [5]"},
        {"GRU", "\"units\": 4", "x,0,0 x,0,0", "with time"},
        {"GRU", "\"units\": 5", "h,0,0 x,0,0", "takes [timesteps, features]"},
        {"Bidirectional",
         "\"layer\": {\"class_name\": \"GRU\", \"config\": {\"name\": \"i\", "
         "\"units\": 5}}",
         "x,0,0 h,0,0", "the states of both directions"},
        {"Bidirectional",
         "\"layer\": {\"class_name\": \"GRU\", \"config\": {\"name\": \"i\", "
         "\"units\": 5, \"return_state\": true}}, \"backward_layer\": "
         "{\"class_name\": \"GRU\", \"config\": {\"name\": \"j\", "
         "\"units\": 5, \"go_backwards\": true}}",
         "x,0,0", "return_state of its layers differ"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct model_builder b;

        graph_begin(&b, "3.15.1");
        graph_input(&b, "x", "null, 4");
        graph_input(&b, "h", "5");
        graph_layer(&b, cases[i].class_name, "r", cases[i].fields,
                    cases[i].call);
        graph_end(&b, "x,0,0 h,0,0", "r,0,0", NULL);
        assert_int_equal(model_assert_refused(&b, cases[i].says),
                         RNN_BAD_MODEL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_between_two_pieces_joins_them),
        cmocka_unit_test(states_may_be_named_by_keyword),
        cmocka_unit_test(a_state_that_is_given_is_named),
        cmocka_unit_test(states_obey_the_second_law),
        cmocka_unit_test(long_steps_return_their_states_too),
        cmocka_unit_test(bidirectional_splits_its_states),
        cmocka_unit_test(states_that_do_not_fit_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
