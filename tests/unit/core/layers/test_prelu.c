/* PReLU: a slope for each feature, or for all that share an axis. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/model_run.h"
#include "tests/support/step_check.h"

#define TIMESTEPS 43

static float *build(struct model_builder *b, size_t features,
                    const char *fields, size_t rank, const size_t *alpha)
{
    model_builder_init(b, 0, features);
    model_builder_add(b, &(struct model_layer){.class_name = "PReLU",
                                               .name = "bend",
                                               .bare = true,
                                               .more = fields});
    return model_builder_add_tensor(b, "bend/alpha", rank, alpha, 1)->data;
}

static void each_feature_has_its_slope(void **state)
{
    (void)state;
    for (size_t d = 1; d < 70; d += 11) {
        const size_t shape[] = {1, d};
        uint64_t seed = d;
        float *x = model_random_floats(&seed, TIMESTEPS * d, 2);
        double *ref = calloc(TIMESTEPS * d, sizeof(*ref));
        struct model_builder b;
        const float *alpha = build(&b, d, "\"shared_axes\": [1]", 2, shape);

        for (size_t i = 0; i < TIMESTEPS * d; i++)
            ref[i] = x[i] > 0 ? x[i] : (double)alpha[i % d] * x[i];
        step_check(&b, x, TIMESTEPS, ref, 1e-7);
        free(x);
        free(ref);
        model_builder_release(&b);
    }
}

/* [T, 2, 3] with one axis or the other shared. */
static void shared_axes_share_a_slope(void **state)
{
    static const struct {
        const char *fields;
        size_t shape[3];
        size_t place[6];
    } cases[] = {
        {"\"shared_axes\": [1]", {1, 2, 3}, {0, 1, 2, 3, 4, 5}},
        {"\"shared_axes\": [1, 2]", {1, 1, 3}, {0, 1, 2, 0, 1, 2}},
        {"\"shared_axes\": [1, 3]", {1, 2, 1}, {0, 0, 0, 1, 1, 1}},
        {"\"shared_axes\": [3, 1, 2]", {1, 1, 1}, {0, 0, 0, 0, 0, 0}},
    };
    const float x[6] = {-1, -2, -3, -4, -5, -6};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct model_builder b;
        const float *alpha = build(&b, 3, cases[i].fields, 3, cases[i].shape);
        struct rnn_model *model;
        float *y;

        model_builder_replace(&b, "[null, null, 3]", "[null, null, 2, 3]");
        model = model_load(&b, RNN_ISA_AUTO);
        y = model_run_one(model, x, 1, false, NULL);
        for (size_t k = 0; k < 6; k++)
            assert_float_equal(y[k], alpha[cases[i].place[k]] * x[k], 0);
        free(y);
        rnn_model_free(model);
        model_builder_release(&b);
    }
}

/* Behind a recurrent layer there is no time to share. */
static void without_time_nothing_is_shared(void **state)
{
    const float x[4] = {1, -2, 3, -4};
    const size_t shape[] = {3};
    struct model_builder b;
    struct rnn_model *model;
    const float *alpha;
    float *bent, *plain;
    struct model_layer cell = {.class_name = "GRU", .units = 3};

    (void)state;
    model_builder_init(&b, 0, 2);
    model_builder_add(&b, &cell);
    model = model_load(&b, RNN_ISA_AUTO);
    plain = model_run_one(model, x, 2, false, NULL);
    rnn_model_free(model);
    model_builder_release(&b);
    model_builder_init(&b, 0, 2);
    model_builder_add(&b, &cell);
    model_builder_add(&b, &(struct model_layer){.class_name = "PReLU",
                                                .name = "bend",
                                                .bare = true});
    alpha = model_builder_add_tensor(&b, "bend/alpha", 1, shape, 1)->data;
    model = model_load(&b, RNN_ISA_AUTO);
    bent = model_run_one(model, x, 2, false, NULL);
    for (size_t k = 0; k < 3; k++)
        assert_float_equal(bent[k],
                           plain[k] > 0 ? plain[k] : alpha[k] * plain[k], 0);
    free(bent);
    free(plain);
    rnn_model_free(model);
    model_builder_release(&b);
}

static void each_timestep_has_its_slope(void **state)
{
    const size_t shape[] = {5, 3};
    uint64_t seed = 4;
    float *x = model_random_floats(&seed, 15, 2), *y;
    struct model_builder b;
    struct rnn_model *model;
    const float *alpha;

    (void)state;
    alpha = build(&b, 3, "\"shared_axes\": null", 2, shape);
    model_builder_replace(&b, "[null, null, 3]", "[null, 5, 3]");
    model = model_load(&b, RNN_ISA_AUTO);
    assert_false(rnn_model_info(model)->streams);
    y = model_run_one(model, x, 5, false, NULL);
    for (size_t i = 0; i < 15; i++)
        assert_float_equal(y[i], x[i] > 0 ? x[i] : alpha[i] * x[i], 0);
    free(x);
    free(y);
    rnn_model_free(model);
    model_builder_release(&b);
}

static void a_slope_for_unknown_timesteps_is_refused(void **state)
{
    const size_t shape[] = {5, 3};
    struct model_builder b;
    struct rnn_model *model = NULL;
    struct rnn_error err = {.message = ""};

    (void)state;
    build(&b, 3, "\"shared_axes\": null", 2, shape);
    model_builder_finish(&b);
    assert_int_equal(rnn_model_load(b.bytes, b.size, NULL, &model, &err),
                     RNN_UNSUPPORTED);
    assert_non_null(strstr(err.message, "\"bend\" (PReLU)"));
    assert_non_null(strstr(err.message, "shared_axes=[1]"));
    model_builder_release(&b);
    build(&b, 3, "\"shared_axes\": [0]", 2, shape);
    model_builder_finish(&b);
    assert_int_equal(rnn_model_load(b.bytes, b.size, NULL, &model, &err),
                     RNN_BAD_MODEL);
    assert_non_null(strstr(err.message, "shared_axes is [0]"));
    model_builder_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_feature_has_its_slope),
        cmocka_unit_test(shared_axes_share_a_slope),
        cmocka_unit_test(without_time_nothing_is_shared),
        cmocka_unit_test(each_timestep_has_its_slope),
        cmocka_unit_test(a_slope_for_unknown_timesteps_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
