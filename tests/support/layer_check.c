#include "tests/support/layer_check.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/model_run.h"
#include "tests/support/reference_model.h"

#define TIMESTEPS 25

/* Largest difference, and the larger of 1 and the largest number. */
static double difference(const double *a, const double *ref, size_t count,
                         double *scale)
{
    double largest = 0;

    *scale = 1;
    for (size_t i = 0; i < count; i++) {
        double apart = fabs(a[i] - ref[i]);

        if (isnan(apart))
            return INFINITY;
        largest = fmax(largest, apart);
        *scale = fmax(*scale, fabs(ref[i]));
    }
    return largest;
}

static void check_on(struct model_builder *builder, enum rnn_isa isa,
                     const float *x, const double *ref, double allowed,
                     size_t count)
{
    const struct model_layer *layer = &builder->layers[0];
    struct rnn_model *model = model_load(builder, isa);
    float *y = model_run_one(model, x, TIMESTEPS, true, NULL);
    double *wide = calloc(count, sizeof(*wide)), scale, error;

    for (size_t i = 0; i < count; i++)
        wide[i] = y[i];
    error = difference(wide, ref, count, &scale);
    if (!(error <= allowed))
        fail_msg("%s(%zu, %s, %s) over %zu features, %s: error %.3g, "
                 "allowed %.3g",
                 layer->class_name, layer->units,
                 layer->activation ? layer->activation : "-",
                 layer->recurrent_activation ? layer->recurrent_activation
                                             : "-",
                 builder->features, rnn_isa_name(isa), error, allowed);
    free(wide);
    free(y);
    rnn_model_free(model);
}

void layer_check(const struct model_layer *layer, size_t features,
                 const char *keras_version)
{
    static const enum rnn_isa isas[] = {RNN_ISA_SCALAR, RNN_ISA_AVX2,
                                        RNN_ISA_AVX512, RNN_ISA_NEON};
    struct model_builder b;
    size_t items, width, count;
    uint64_t seed = 11;
    double *ref, *rounded, scale, allowed;
    float *x;

    model_builder_init(&b, 0, features);
    b.keras_version = keras_version;
    b.spelling = keras_version[0] == '3' ? MODEL_KERAS_3 : MODEL_KERAS_2;
    b.seed = features + 100 * layer->units;
    model_builder_add(&b, layer);
    x = model_random_floats(&seed, TIMESTEPS * features, 1.5);
    ref = reference_model_run(&b, x, TIMESTEPS, true, &items, &width);
    rounded =
        reference_model_run_rounded(&b, x, TIMESTEPS, true, &items, &width);
    count = items * width;
    assert_int_equal(items, TIMESTEPS);
    allowed = 4 * difference(rounded, ref, count, &scale);
    allowed = fmax(allowed, 1e-6 * scale);
    assert_true(isfinite(allowed) && allowed < 0.01 * scale);
    for (size_t i = 0; i < sizeof(isas) / sizeof(isas[0]); i++)
        if (rnn_isa_available(isas[i]))
            check_on(&b, isas[i], x, ref, allowed, count);
    free(x);
    free(ref);
    free(rounded);
    model_builder_release(&b);
}
