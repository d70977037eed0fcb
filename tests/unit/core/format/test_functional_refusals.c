/* Functional models that do not fit together: each is refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/graph_builder.h"
#include "tests/support/model_run.h"

#define D 4 /* features of every value, so that layers can be shared */
#define LSTM                                                                  \
    "\"units\": 4, \"return_sequences\": true, \"recurrent_activation\": "    \
    "\"sigmoid\""
#define DENSE "\"units\": 4, \"activation\": \"tanh\", \"use_bias\": true"

/* The same random numbers whatever else the model has. */
static void add_weights(struct model_builder *b, const char *lstm,
                        const char *dense)
{
    b->seed = 77;
    graph_recurrent(b, lstm, 4, D, D);
    graph_dense(b, dense, D, D);
}

static void begin_chain(struct model_builder *b, const char *version)
{
    graph_begin(b, version);
    graph_input(b, "x", "null, 4");
    graph_layer(b, "LSTM", "a", LSTM, "x,0,0");
    graph_layer(b, "Dense", "b", DENSE, "a,0,0");
    graph_end(b, "x,0,0", "b,0,0", NULL);
    add_weights(b, "a", "b");
}

struct change {
    const char *version, *from, *to;
    enum rnn_status status;
    const char *says[2];
};

static const struct change refusals[] = {
    {"3.15.1",
     "\"keras_history\": [\"a\", 0, 0]",
     "\"keras_history\": [\"q\", 0, 0]",
     RNN_BAD_MODEL,
     {"\"b\"", "\"q\""}},
    {"3.15.1",
     "\"keras_history\": [\"a\", 0, 0]",
     "\"keras_history\": [\"a\", 1, 0]",
     RNN_BAD_MODEL,
     {"call 1 of \"a\"", "called 1 times"}},
    {"3.15.1",
     "\"keras_history\": [\"a\", 0, 0]",
     "\"keras_history\": [\"a\", 0, 2]",
     RNN_BAD_MODEL,
     {"output 2 of layer \"a\"", "it has 1"}},
    {"3.15.1",
     "\"keras_history\": [\"x\", 0, 0]",
     "\"keras_history\": [\"b\", 0, 0]",
     RNN_BAD_MODEL,
     {"waits for its own output", NULL}},
    {"3.15.1",
     "\"keras_history\": [\"a\", 0, 0]",
     "\"keras_history\": [\"a\", 0]",
     RNN_BAD_MODEL,
     {"\"b\"", "[layer, node, tensor]"}},
    {"3.15.1",
     "\"kwargs\": {\"training\": null}",
     "\"kwargs\": {\"initial_state\": [1]}",
     RNN_UNSUPPORTED,
     {"\"a\"", "initial_state [1]"}},
    {"3.15.1",
     "\"kwargs\": {\"training\": null}",
     "\"kwargs\": {\"constants\": [1]}",
     RNN_UNSUPPORTED,
     {"\"a\"", "constants"}},
    {"3.15.1",
     "{\"args\": [{",
     "{\"args\": [7, {",
     RNN_UNSUPPORTED,
     {"\"a\"", "no tensor: 7"}},
    {"3.15.1",
     "\"kwargs\": {\"training\": null}",
     "\"kwargs\": {\"training\": true}",
     RNN_UNSUPPORTED,
     {"\"a\"", "training=True"}},
    {"2.15.0",
     "[[\"a\", 0, 0, {}]]",
     "[[\"a\", 0, 0, {\"training\": true}]]",
     RNN_UNSUPPORTED,
     {"\"b\"", "training=True"}},
    {"3.15.1", "\"args\"", "\"arg\"", RNN_BAD_MODEL, {"\"a\"", "no args"}},
    {"2.15.0",
     "[[\"a\", 0, 0, {}]]",
     "[[\"a\", 0, 0, {\"guess\": [\"x\", 0, 0]}]]",
     RNN_UNSUPPORTED,
     {"\"b\"", "guess"}},
    {"2.15.0",
     "[[\"a\", 0, 0, {}]]",
     "[[\"_CONSTANT_VALUE\", -1, 2.5, {}]]",
     RNN_UNSUPPORTED,
     {"\"b\"", "constant"}},
    {"3.15.1",
     "\"kwargs\": {\"training\": null}",
     "\"kwargs\": {\"guess\": [{\"class_name\": \"__keras_tensor__\", "
     "\"config\": {\"keras_history\": [\"x\", 0, 0]}}, 7]}",
     RNN_UNSUPPORTED,
     {"\"a\"", "list of tensors in which"}},
    {"3.15.1",
     "\"kwargs\": {\"training\": null}",
     "\"kwargs\": {\"guess\": [{\"class_name\": \"__keras_tensor__\", "
     "\"config\": {\"keras_history\": [\"x\", 0, 0]}}]}",
     RNN_UNSUPPORTED,
     {"\"a\"", "called with guess"}},
    {"3.15.1",
     "\"kwargs\": {\"training\": null}",
     "\"kwargs\": {\"guess\": [{\"class_name\": \"__keras_tensor__\", "
     "\"config\": {\"keras_history\": [\"q\", 0, 0]}}]}",
     RNN_BAD_MODEL,
     {"\"a\"", "\"q\""}},
    {"2.15.0",
     "[[\"a\", 0, 0, {}]]",
     "[[\"a\", 0, 0, {\"guess\": [\"q\", 0, 0]}]]",
     RNN_BAD_MODEL,
     {"\"b\"", "\"q\""}},
    {"2.15.0",
     "[[\"a\", 0, 0, {}]]",
     "[[\"a\", \"0\", 0, {}]]",
     RNN_BAD_MODEL,
     {"\"b\"", "[layer, node, tensor]"}},
    {"2.15.0",
     "[[\"a\", 0, 0, {}]]",
     "[[\"a\", 0, 0, {}], [\"_CONSTANT_VALUE\", -1, 2.5, {}]]",
     RNN_UNSUPPORTED,
     {"\"b\"", "constant among tensors"}},
    {"2.15.0",
     "[[\"a\", 0, 0, {}]]",
     "[[\"_CONSTANT_VALUE\"]]",
     RNN_BAD_MODEL,
     {"\"b\"", "nothing"}},
    {"2.15.0",
     "[[\"a\", 0, 0, {}]]",
     "[]",
     RNN_BAD_MODEL,
     {"\"b\"", "nothing"}},
    {"2.15.0",
     "[[[\"a\", 0, 0, {}]]]",
     "[]",
     RNN_BAD_MODEL,
     {"\"b\"", "never called"}},
    {"2.15.0",
     "[[\"a\", 0, 0, {}]]",
     "[[\"a\", 0, 0, {}], [\"x\", 0, 0, {}]]",
     RNN_BAD_MODEL,
     {"\"b\" (Dense)", "given 2"}},
    {"3.15.1",
     "\"input_layers\": [[\"x\", 0, 0]]",
     "\"input_layers\": [[\"a\", 0, 0]]",
     RNN_BAD_MODEL,
     {"\"a\"", "no InputLayer"}},
    {"3.15.1",
     "\"input_layers\": [[\"x\", 0, 0]]",
     "\"input_layers\": [[\"x\", 0, 0], [\"x\", 0, 0]]",
     RNN_BAD_MODEL,
     {"\"x\"", "twice"}},
    {"3.15.1",
     "\"input_layers\": [[\"x\", 0, 0]]",
     "\"input_layers\": 0",
     RNN_BAD_MODEL,
     {"input_layers", NULL}},
    {"3.15.1",
     ", \"output_layers\": [[\"b\", 0, 0]]",
     "",
     RNN_BAD_MODEL,
     {"output_layers", NULL}},
    {"3.15.1",
     "\"config\": {\"name\": \"b\"",
     "\"config\": {\"name\": \"a\"",
     RNN_BAD_MODEL,
     {"two layers", "\"a\""}},
};

static void what_does_not_fit_together_is_named(void **state)
{

    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct model_builder b;
        struct rnn_model *model = NULL;
        struct rnn_error err;
        enum rnn_status status;

        begin_chain(&b, refusals[i].version);
        model_builder_replace(&b, refusals[i].from, refusals[i].to);
        model_builder_finish(&b);
        status = rnn_model_load(b.bytes, b.size, NULL, &model, &err);
        if (status != refusals[i].status)
            fail_msg("%s: status %d, %s", refusals[i].to, (int)status,
                     status ? err.message : "");
        for (size_t w = 0; w < 2 && refusals[i].says[w]; w++)
            if (!strstr(err.message, refusals[i].says[w]))
                fail_msg("%s: \"%s\" does not say \"%s\"", refusals[i].to,
                         err.message, refusals[i].says[w]);
        assert_null(model);
        model_builder_release(&b);
    }
}

/* Each model calls the one inside it twice: 2^20 calls of one layer. */
static void calls_that_multiply_are_refused(void **state)
{
    struct model_builder b;
    struct rnn_model *model = NULL;
    struct rnn_error err;
    char name[24], calls[64];

    (void)state;
    graph_begin(&b, "2.15.0");
    graph_input(&b, "x", "null, 4");
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof(name), "m%d", i);
        graph_begin_nested(&b, "Model", name);
        graph_input(&b, "x", "null, 4");
    }
    graph_layer(&b, "Dropout", "b", "\"rate\": 0.5", "x,0,0");
    graph_end(&b, "x,0,0", "b,0,0", "x,0,0|m19,1,0");
    for (int i = 19; i > 0; i--) {
        snprintf(name, sizeof(name), "m%d,2,0", i);
        snprintf(calls, sizeof(calls), "x,0,0|m%d,1,0", i - 1);
        graph_end(&b, "x,0,0", name, calls);
    }
    graph_end(&b, "x,0,0", "m0,2,0", NULL);
    model_builder_finish(&b);
    assert_int_equal(rnn_model_load(b.bytes, b.size, NULL, &model, &err),
                     RNN_UNSUPPORTED);
    assert_non_null(strstr(err.message, "more than 20000 times"));
    model_builder_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_does_not_fit_together_is_named),
        cmocka_unit_test(calls_that_multiply_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
