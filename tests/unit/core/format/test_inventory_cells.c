/* The cells of an RNN: which weights they have, and where. */
#include "core/format/inventory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/fail_malloc.h"

#define CELL(class, name)                                                     \
    "{\"class_name\":\"" class "\",\"config\":{\"name\":\"" name "\"}}"
#define STACK(cells)                                                          \
    "{\"class_name\":\"StackedRNNCells\",\"config\":{\"name\":\"s\","         \
    "\"cells\":[" cells "]}}"
#define RNN(cell)                                                             \
    "{\"class_name\":\"RNN\",\"config\":{\"name\":\"r\",\"cell\":" cell "}}"
#define BOTH(layer)                                                           \
    "{\"class_name\":\"Bidirectional\",\"config\":{\"name\":\"b\","           \
    "\"layer\":" layer "}}"

static enum rnn_status read_layer(const char *layer,
                                  struct rnn_inventory *inventory,
                                  struct rnn_error *err)
{
    char text[1200];

    snprintf(text, sizeof(text),
             "{\"class_name\":\"Sequential\",\"config\":{\"layers\":[%s]}}",
             layer);
    return rnn_inventory_init(text, strlen(text), inventory, err);
}

static void each_part_is_an_entry(void **state)
{
    static const struct {
        const char *layer;
        size_t count;
        struct {
            const char *name, *inside, *cell, *side;
        } entries[4];
    } cases[] = {
        {RNN(CELL("LSTMCell", "c")), 1, {{"r/cell", "cell", NULL, NULL}}},
        {RNN(STACK(CELL("LSTMCell", "a") "," CELL("GRUCell", "b") "," CELL(
             "LSTMCell", "c"))),
         3,
         {{"r/cell_0", "cell/cells/lstm_cell", "a", NULL},
          {"r/cell_1", "cell/cells/gru_cell", "b", NULL},
          {"r/cell_2", "cell/cells/lstm_cell_1", "c", NULL}}},
        {RNN(STACK(STACK(CELL("LSTMCell", "a")) "," CELL(
             "LSTMCell", "b") "," STACK(STACK(CELL("LSTMCell", "a"))))),
         3,
         {{"r/cell_0", "cell/cells/stacked_rnn_cells/cells/lstm_cell", "a",
           NULL},
          {"r/cell_1", "cell/cells/lstm_cell", "b", NULL},
          {"r/cell_2",
           "cell/cells/stacked_rnn_cells_1/cells/stacked_rnn_cells/cells/"
           "lstm_cell",
           "a", NULL}}},
        {BOTH(CELL("LSTM", "l")),
         2,
         {{"b/forward_layer", "forward_layer/cell", NULL, "forward_"},
          {"b/backward_layer", "backward_layer/cell", NULL, NULL}}},
        {BOTH(RNN(CELL("GRUCell", "c"))),
         2,
         {{"b/forward_layer/cell", "forward_layer/cell", NULL, "forward_"},
          {"b/backward_layer/cell", "backward_layer/cell", NULL, NULL}}},
        {BOTH(RNN(STACK(CELL("GRUCell", "c") "," CELL("GRUCell", "d")))),
         4,
         {{"b/forward_layer/cell_0", "forward_layer/cell/cells/gru_cell", "c",
           "forward_"},
          {"b/forward_layer/cell_1", "forward_layer/cell/cells/gru_cell_1",
           "d", "forward_"},
          {"b/backward_layer/cell_0", "backward_layer/cell/cells/gru_cell",
           "c", NULL},
          {"b/backward_layer/cell_1", "backward_layer/cell/cells/gru_cell_1",
           "d", NULL}}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rnn_inventory inventory = {0};
        struct rnn_error err;

        if (read_layer(cases[i].layer, &inventory, &err))
            fail_msg("%s: %s", cases[i].layer, err.message);
        assert_int_equal(inventory.layer_count, cases[i].count);
        for (size_t e = 0; e < cases[i].count; e++) {
            const struct rnn_layer_weights *entry = &inventory.layers[e];

            assert_string_equal(entry->name, cases[i].entries[e].name);
            assert_string_equal(entry->inside, cases[i].entries[e].inside);
            assert_int_equal(entry->is_second, e > 0);
            assert_int_equal(entry->weight_count, 3);
            assert_int_equal(!entry->cell, !cases[i].entries[e].cell);
            if (entry->cell)
                assert_string_equal(entry->cell, cases[i].entries[e].cell);
            assert_int_equal(!entry->side, !cases[i].entries[e].side);
        }
        rnn_inventory_release(&inventory);
    }
}

static void what_is_not_there_is_named(void **state)
{
    static const struct {
        const char *layer, *says;
    } cases[] = {
        {"{\"class_name\":\"RNN\",\"config\":{\"name\":\"r\"}}",
         "has no cell"},
        {RNN(CELL("MyCell", "c")), "is a MyCell"},
        {RNN(STACK(CELL("MyCell", "c"))), "is a MyCell"},
        {RNN(STACK("{\"class_name\":\"GRUCell\",\"config\":{}}")),
         "cell 0 has no class_name or no name"},
        {RNN(STACK("{\"config\":{\"name\":\"a\"}}")),
         "cell 0 has no class_name or no name"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rnn_inventory inventory = {0};
        struct rnn_error err = {.message = ""};

        assert_int_not_equal(read_layer(cases[i].layer, &inventory, &err),
                             RNN_OK);
        if (!strstr(err.message, cases[i].says))
            fail_msg("%s does not say %s", err.message, cases[i].says);
    }
}

/* The arena may try again with less, and then it goes well. */
static void without_memory_nothing_is_left(void **state)
{
    size_t failures = 0;
    bool ran_dry = true;

    (void)state;
    for (size_t n = 1; ran_dry; n++) {
        struct rnn_inventory inventory = {0};
        enum rnn_status status;

        fail_malloc_start(n);
        status = read_layer(
            BOTH(RNN(STACK(CELL("GRUCell", "c") "," CELL("GRUCell", "d")))),
            &inventory, NULL);
        rnn_inventory_release(&inventory);
        fail_malloc_stop();
        ran_dry = fail_malloc_happened();
        assert_int_equal(fail_malloc_live(), 0);
        failures += status == RNN_NO_MEMORY;
        assert_true(status == RNN_OK || (ran_dry && status == RNN_NO_MEMORY));
    }
    assert_true(failures > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_part_is_an_entry),
        cmocka_unit_test(what_is_not_there_is_named),
        cmocka_unit_test(without_memory_nothing_is_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
