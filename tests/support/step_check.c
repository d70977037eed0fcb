#include "tests/support/step_check.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/model_run.h"

#define BATCH 37

struct check {
    const struct rnn_model *model;
    const float *x;
    const float *whole; /* the first run's output */
    size_t timesteps;
    size_t in, out; /* floats of a timestep */
    const char *isa;
};

static void assert_bits(const struct check *check, const float *y,
                        size_t first, size_t count, const char *what)
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(&y[i], &check->whole[first + i], sizeof(y[i])))
            fail_msg("%s, %s: number %zu is %.9g, in one call %.9g",
                     check->isa, what, first + i, (double)y[i],
                     (double)check->whole[first + i]);
}

static void assert_close(const float *y, const double *ref, size_t count,
                         double allowed, const char *isa)
{
    double scale = 1;

    for (size_t i = 0; i < count; i++)
        scale = fmax(scale, fabs(ref[i]));
    for (size_t i = 0; i < count; i++)
        if (!(fabs(y[i] - ref[i]) <= allowed * scale))
            fail_msg("%s: number %zu is %.9g, not %.9g", isa, i, (double)y[i],
                     ref[i]);
}

static void check_pieces(const struct check *check)
{
    for (size_t piece = 1; piece <= check->timesteps; piece += 3) {
        struct rnn_state *state = model_new_state(check->model);

        for (size_t t = 0, steps; t < check->timesteps; t += steps) {
            size_t left = check->timesteps - t;
            float *y;

            steps = piece < left ? piece : left;
            y = model_run_one(check->model, check->x + t * check->in, steps,
                              piece % 2, state);
            assert_bits(check, y, t * check->out, steps * check->out,
                        "in pieces");
            free(y);
        }
        free(state);
    }
}

static void check_batch(const struct check *check)
{
    struct rnn_sequence sequences[BATCH];
    float *y[BATCH];

    for (size_t i = 0; i < BATCH; i++) {
        size_t steps = 1 + i * 7 % check->timesteps;

        y[i] = malloc(steps * check->out * sizeof(float));
        sequences[i] = (struct rnn_sequence){
            .timesteps = steps,
            .inputs = (const float *const *)&check->x,
            .outputs = &y[i],
        };
    }
    model_run_many(check->model, sequences, BATCH, NULL);
    for (size_t i = 0; i < BATCH; i++) {
        assert_bits(check, y[i], 0, sequences[i].timesteps * check->out,
                    "in a batch");
        free(y[i]);
    }
}

void step_check(struct model_builder *builder, const float *x,
                size_t timesteps, const double *ref, double allowed)
{
    static const enum rnn_isa isas[] = {RNN_ISA_SCALAR, RNN_ISA_AVX2,
                                        RNN_ISA_AVX512, RNN_ISA_NEON};
    float *whole = NULL;

    for (size_t i = 0; i < sizeof(isas) / sizeof(isas[0]); i++) {
        struct rnn_model *model;
        struct check check = {.x = x, .timesteps = timesteps};
        size_t floats;
        float *y;

        if (!rnn_isa_available(isas[i]))
            continue;
        model = model_load(builder, isas[i]);
        floats = model_output_floats(model, timesteps, false);
        y = model_run_one(model, x, timesteps, false, NULL);
        if (!whole)
            whole = y;
        check.model = model;
        check.whole = whole;
        check.in = rnn_model_info(model)->inputs[0].features;
        check.out = floats / timesteps;
        check.isa = rnn_isa_name(isas[i]);
        assert_true(rnn_model_info(model)->streams);
        assert_true(rnn_model_info(model)->outputs[0].has_time);
        assert_close(y, ref, floats, allowed, check.isa);
        assert_bits(&check, y, 0, floats, "another instruction set");
        check_pieces(&check);
        check_batch(&check);
        if (y != whole)
            free(y);
        rnn_model_free(model);
    }
    free(whole);
}
