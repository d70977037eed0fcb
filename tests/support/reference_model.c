#include "tests/support/reference_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *calloc_or_die(size_t count, size_t size)
{
    void *memory = calloc(count + 1, size);

    if (!memory)
        abort();
    return memory;
}

static double clip(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static double softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

static double elu(double x, double alpha)
{
    return x > 0 ? x : alpha * expm1(x);
}

static double hard_sigmoid(double x)
{
    return clip(x / 6 + 0.5, 0, 1);
}

static double gelu(double x)
{
    return 0.5 * x * (1 + erf(x / sqrt(2)));
}

static double activate_one(const char *name, unsigned keras_major, double x)
{
    if (!strcmp(name, "linear"))
        return x;
    if (!strcmp(name, "tanh"))
        return tanh(x);
    if (!strcmp(name, "sigmoid"))
        return sigmoid(x);
    if (!strcmp(name, "relu"))
        return fmax(x, 0);
    if (!strcmp(name, "hard_sigmoid"))
        return keras_major < 3 ? clip(0.2 * x + 0.5, 0, 1) : hard_sigmoid(x);
    if (!strcmp(name, "relu6"))
        return clip(x, 0, 6);
    if (!strcmp(name, "leaky_relu"))
        return x > 0 ? x : 0.2 * x;
    if (!strcmp(name, "elu") || !strcmp(name, "celu"))
        return elu(x, 1);
    if (!strcmp(name, "selu"))
        return 1.0507009873554805 * elu(x, 1.6732632423543772);
    if (!strcmp(name, "exponential"))
        return exp(x);
    if (!strcmp(name, "softplus"))
        return softplus(x);
    if (!strcmp(name, "softsign"))
        return x / (1 + fabs(x));
    if (!strcmp(name, "silu") || !strcmp(name, "swish"))
        return x * sigmoid(x);
    if (!strcmp(name, "gelu"))
        return gelu(x);
    if (!strcmp(name, "mish"))
        return x * tanh(softplus(x));
    if (!strcmp(name, "log_sigmoid"))
        return -softplus(-x);
    if (!strcmp(name, "hard_silu") || !strcmp(name, "hard_swish"))
        return x * hard_sigmoid(x);
    if (!strcmp(name, "hard_tanh"))
        return clip(x, -1, 1);
    if (!strcmp(name, "tanh_shrink"))
        return x - tanh(x);
    if (!strcmp(name, "soft_shrink"))
        return x > 0.5 ? x - 0.5 : x < -0.5 ? x + 0.5 : 0;
    if (!strcmp(name, "hard_shrink"))
        return fabs(x) > 0.5 ? x : 0;
    if (!strcmp(name, "squareplus"))
        return 0.5 * (x + sqrt(x * x + 4));
    if (!strcmp(name, "sparse_plus"))
        return x <= -1 ? 0 : x >= 1 ? x : 0.25 * (x + 1) * (x + 1);
    if (!strcmp(name, "sparse_sigmoid"))
        return clip(0.5 * (x + 1), 0, 1);
    fprintf(stderr, "reference_model: no activation \"%s\"\n", name);
    abort();
}

static int falling(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x < *y) - (*x > *y);
}

/* Keras' threshold: the running sums of the row in falling order, as far as
 * 1 + k z_k > c_k, all added up, less 1, over their number. */
static double sparsemax_threshold(const double *row, size_t units)
{
    double *sorted = calloc(units, sizeof(double));
    double sum = 0, sums = 0;
    size_t k = 0;

    if (!sorted)
        abort();
    memcpy(sorted, row, units * sizeof(double));
    qsort(sorted, units, sizeof(double), falling);
    for (size_t j = 0; j < units; j++) {
        sum += sorted[j];
        if (1 + (double)(j + 1) * sorted[j] <= sum)
            break;
        sums += sum;
        k = j + 1;
    }
    free(sorted);
    return (sums - 1) / (double)k;
}

void reference_activate(const char *name, unsigned keras_major, double *row,
                        size_t units)
{
    double largest = row[0], sum = 0;

    for (size_t j = 0; j < units; j++)
        largest = fmax(largest, row[j]);
    for (size_t j = 0; j < units; j++)
        sum += exp(row[j] - largest);
    if (!strcmp(name, "softmax")) {
        for (size_t j = 0; j < units; j++)
            row[j] = exp(row[j] - largest) / sum;
    } else if (!strcmp(name, "log_softmax")) {
        for (size_t j = 0; j < units; j++)
            row[j] = row[j] - largest - log(sum);
    } else if (!strcmp(name, "sparsemax")) {
        double threshold = sparsemax_threshold(row, units);

        for (size_t j = 0; j < units; j++)
            row[j] = fmax(row[j] - threshold, 0);
    } else {
        for (size_t j = 0; j < units; j++)
            row[j] = activate_one(name, keras_major, row[j]);
    }
}

/* ---- layers --------------------------------------------------------------*/

struct weights {
    const float *kernel, *recurrent_kernel, *bias;
    size_t features, units, columns;
    const char *activation, *recurrent_activation;
    unsigned keras_major;
    bool rounded;
};

static void round_row(const struct weights *w, double *row, size_t count)
{
    for (size_t j = 0; w->rounded && j < count; j++)
        row[j] = (float)row[j];
}

static const float *weight(struct model_builder *builder, size_t index,
                           const char *name)
{
    char full[128];

    snprintf(full, sizeof(full), "%s/%s", builder->names[index], name);
    return model_builder_tensor(builder, full)->data;
}

/* y[columns] += x[rows] . kernel */
static void multiply(const double *x, const float *kernel, size_t rows,
                     size_t columns, double *y)
{
    for (size_t k = 0; k < rows; k++)
        for (size_t j = 0; j < columns; j++)
            y[j] += x[k] * kernel[k * columns + j];
}

static void add_row(const float *row, size_t columns, double *y)
{
    for (size_t j = 0; row && j < columns; j++)
        y[j] += row[j];
}

static void activate(const struct weights *w, double *row)
{
    round_row(w, row, w->units);
    reference_activate(w->activation, w->keras_major, row, w->units);
    round_row(w, row, w->units);
}

static void gate(const struct weights *w, double *row)
{
    round_row(w, row, w->units);
    reference_activate(w->recurrent_activation, w->keras_major, row, w->units);
    round_row(w, row, w->units);
}

static void step_lstm(const struct weights *w, double *z, double *h, double *c)
{
    size_t u = w->units;
    double *i = z, *f = z + u, *g = z + 2 * u, *o = z + 3 * u;

    multiply(h, w->recurrent_kernel, u, 4 * u, z);
    gate(w, i);
    gate(w, f);
    activate(w, g);
    gate(w, o);
    for (size_t j = 0; j < u; j++)
        h[j] = c[j] = f[j] * c[j] + i[j] * g[j];
    round_row(w, c, u);
    activate(w, h);
    for (size_t j = 0; j < u; j++)
        h[j] *= o[j];
}

static void step_gru(const struct weights *w, bool reset_after, double *z,
                     double *h)
{
    size_t u = w->units;
    double *recurrent = calloc_or_die(3 * u, sizeof(double));
    double *reset = calloc_or_die(u, sizeof(double));
    double *zt = z, *r = z + u, *g = z + 2 * u;

    multiply(h, w->recurrent_kernel, u, 3 * u, recurrent);
    if (reset_after && w->bias)
        add_row(w->bias + 3 * u, 3 * u, recurrent);
    for (size_t j = 0; j < 2 * u; j++)
        z[j] += recurrent[j];
    gate(w, zt);
    gate(w, r);
    for (size_t j = 0; j < u; j++)
        reset[j] = r[j] * h[j];
    for (size_t j = 0; j < u; j++) {
        if (reset_after)
            g[j] += r[j] * recurrent[2 * u + j];
        for (size_t k = 0; !reset_after && k < u; k++)
            g[j] += reset[k] * w->recurrent_kernel[k * 3 * u + 2 * u + j];
    }
    activate(w, g);
    for (size_t j = 0; j < u; j++)
        h[j] = zt[j] * h[j] + (1 - zt[j]) * g[j];
    free(recurrent);
    free(reset);
}

/* One timestep: h (and c) from x. */
static void step(const struct model_layer *layer, const struct weights *w,
                 const double *x, double *h, double *c)
{
    double *z = calloc_or_die(w->columns, sizeof(double));

    add_row(w->bias, w->columns, z);
    multiply(x, w->kernel, w->features, w->columns, z);
    if (!strcmp(layer->class_name, "LSTM")) {
        step_lstm(w, z, h, c);
    } else if (!strcmp(layer->class_name, "GRU")) {
        step_gru(w, layer->reset_after, z, h);
    } else {
        multiply(h, w->recurrent_kernel, w->units, w->units, z);
        activate(w, z);
        memcpy(h, z, w->units * sizeof(double));
    }
    round_row(w, h, w->units);
    free(z);
}

/* y [items, units], all steps. */
static void run_recurrent(const struct model_layer *layer,
                          const struct weights *w, const double *x,
                          size_t timesteps, double *y)
{
    double *h = calloc_or_die(w->units, sizeof(double));
    double *c = calloc_or_die(w->units, sizeof(double));

    for (size_t t = 0; t < timesteps; t++) {
        step(layer, w, x + t * w->features, h, c);
        memcpy(y + t * w->units, h, w->units * sizeof(double));
    }
    free(h);
    free(c);
}

static void run_dense(const struct weights *w, const double *x, size_t items,
                      double *y)
{
    for (size_t i = 0; i < items; i++) {
        double *row = y + i * w->units;

        add_row(w->bias, w->units, row);
        multiply(x + i * w->features, w->kernel, w->features, w->units, row);
        activate(w, row);
    }
}

/* y = (x - mean) / sqrt(variance) * gamma + beta, for classes whose numbers
 * come from the row or from training. */
static void norm_row(struct model_builder *builder, size_t index, double *row,
                     size_t units)
{
    const char *class_name = builder->layers[index].class_name;
    bool batch = !strcmp(class_name, "BatchNormalization");
    const float *gamma = weight(builder, index, "gamma");
    const float *beta = weight(builder, index, "beta");
    const float *means = batch ? weight(builder, index, "moving_mean") : NULL;
    const float *variances =
        batch ? weight(builder, index, "moving_variance") : NULL;
    double mean = 0, variance = 0;

    for (size_t j = 0; j < units; j++)
        mean += row[j] / (double)units;
    for (size_t j = 0; j < units; j++)
        variance += (row[j] - mean) * (row[j] - mean) / (double)units;
    for (size_t j = 0; j < units; j++)
        row[j] = (row[j] - (batch ? means[j] : mean)) /
                     sqrt((batch ? variances[j] : variance) + 1e-3) *
                     gamma[j] +
                 beta[j];
}

static bool is_norm(const char *class_name)
{
    return !strcmp(class_name, "BatchNormalization") ||
           !strcmp(class_name, "LayerNormalization");
}

static struct weights weights_of(struct model_builder *builder, size_t index,
                                 bool recurrent, bool rounded)
{
    const struct model_layer *layer = &builder->layers[index];
    struct weights w = {
        .features = index ? builder->widths[index - 1] : builder->features,
        .units = builder->widths[index],
        .activation = layer->activation ? layer->activation
                      : recurrent       ? "tanh"
                                        : "linear",
        .recurrent_activation = layer->recurrent_activation
                                    ? layer->recurrent_activation
                                    : "sigmoid",
        .keras_major = builder->keras_version
                           ? (unsigned)(builder->keras_version[0] - '0')
                           : 0,
    };

    w.rounded = rounded;
    w.columns = w.units;
    if (!strcmp(layer->class_name, "LSTM"))
        w.columns = 4 * w.units;
    else if (!strcmp(layer->class_name, "GRU"))
        w.columns = 3 * w.units;
    if (!layer->units)
        return w;
    w.kernel = weight(builder, index, "kernel");
    if (recurrent)
        w.recurrent_kernel = weight(builder, index, "recurrent_kernel");
    if (!layer->no_bias)
        w.bias = weight(builder, index, "bias");
    return w;
}

struct how {
    bool every_step, rounded;
};

/* One layer over `*items` items; a new array, and their new number. */
static double *run_layer(struct model_builder *builder, size_t index,
                         const double *x, size_t *items, struct how how)
{
    const struct model_layer *layer = &builder->layers[index];
    bool dense = !strcmp(layer->class_name, "Dense");
    bool recurrent = layer->units && !dense;
    struct weights w = weights_of(builder, index, recurrent, how.rounded);
    double *y = calloc_or_die(*items * w.units, sizeof(double));

    if (recurrent) {
        run_recurrent(layer, &w, x, *items, y);
        if (!layer->return_sequences && !how.every_step) {
            memmove(y, y + (*items - 1) * w.units, w.units * sizeof(double));
            *items = 1;
        }
    } else if (dense) {
        run_dense(&w, x, *items, y);
    } else {
        memcpy(y, x, *items * w.units * sizeof(double));
        for (size_t i = 0; i < *items; i++) {
            if (is_norm(layer->class_name))
                norm_row(builder, index, y + i * w.units, w.units);
            activate(&w, y + i * w.units);
        }
    }
    return y;
}

static double *run_layers(struct model_builder *builder, const float *x,
                          size_t *items, struct how how)
{
    size_t floats = *items * builder->features;
    double *value = calloc_or_die(floats, sizeof(double));

    for (size_t i = 0; i < floats; i++)
        value[i] = x[i];
    for (size_t i = 0; i < builder->layer_count; i++) {
        double *next = run_layer(builder, i, value, items, how);

        free(value);
        value = next;
    }
    return value;
}

double *reference_model_run(struct model_builder *builder, const float *x,
                            size_t timesteps, bool every_step, size_t *items,
                            size_t *width)
{
    *items = timesteps;
    *width = builder->widths[builder->layer_count - 1];
    return run_layers(builder, x, items, (struct how){every_step, false});
}

double *reference_model_run_rounded(struct model_builder *builder,
                                    const float *x, size_t timesteps,
                                    bool every_step, size_t *items,
                                    size_t *width)
{
    *items = timesteps;
    *width = builder->widths[builder->layer_count - 1];
    return run_layers(builder, x, items, (struct how){every_step, true});
}
