#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/model_run.h"

static const char *const classes[] = {"Dropout",
                                      "AlphaDropout",
                                      "GaussianDropout",
                                      "GaussianNoise",
                                      "SpatialDropout1D",
                                      "Identity",
                                      "ActivityRegularization"};

/* At the input, between layers and at the output. */
static void layers_for_training_alone_change_no_bit(void **state)
{
    const float x[8] = {-1, 2, -3, 4, -5, 6, 7, -8};

    (void)state;
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        struct model_layer drop = {.class_name = classes[i],
                                   .name = "drop",
                                   .bare = true,
                                   .more = "\"rate\": 0.5"};
        struct model_layer cell = {.class_name = "LSTM", .units = 3};
        struct model_builder plain, dropped;
        struct rnn_model *a, *b;
        float *one, *other;

        model_builder_init(&plain, 0, 2);
        model_builder_add(&plain, &cell);
        model_builder_init(&dropped, 0, 2);
        model_builder_add(&dropped, &drop);
        model_builder_add(&dropped, &cell);
        drop.name = "drop_again";
        model_builder_add(&dropped, &drop);
        drop.name = "drop_once_more";
        model_builder_add(&dropped, &drop);
        a = model_load(&plain, RNN_ISA_AUTO);
        b = model_load(&dropped, RNN_ISA_AUTO);
        for (int every_step = 0; every_step < 2; every_step++) {
            one = model_run_one(a, x, 4, every_step, NULL);
            other = model_run_one(b, x, 4, every_step, NULL);
            assert_memory_equal(one, other,
                                model_output_floats(a, 4, every_step) *
                                    sizeof(float));
            free(one);
            free(other);
        }
        assert_string_equal(rnn_model_info(b)->outputs[0].name,
                            "drop_once_more");
        rnn_model_free(a);
        rnn_model_free(b);
        model_builder_release(&plain);
        model_builder_release(&dropped);
    }
}

static void a_model_of_nothing_else_gives_its_input_back(void **state)
{
    const float x[6] = {-1, 2, -3, 4, -5, 6};
    struct model_builder b;
    struct rnn_model *model;
    float *y;

    (void)state;
    model_builder_init(&b, 0, 3);
    model_builder_add(&b, &(struct model_layer){.class_name = "Dropout"});
    model = model_load(&b, RNN_ISA_AUTO);
    y = model_run_one(model, x, 2, false, NULL);
    assert_memory_equal(x, y, sizeof(x));
    free(y);
    rnn_model_free(model);
    model_builder_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_for_training_alone_change_no_bit),
        cmocka_unit_test(a_model_of_nothing_else_gives_its_input_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
