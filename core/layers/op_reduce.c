/* Operators that make one number of all along some axes
 *
 *     y = sum x,  sum x / n,  max x,  min x,  max x - min x,  prod x
 *     y = sum (x - sum x / n)^2 / n,  and its root
 *     y = log sum e^x
 *     y = the place of the largest or the least, the first of several
 *     y = is one not 0, are all not 0, how many are not 0
 *     y = sum w x / sum w                            Average with weights
 *     y = sqrt sum x^2,  sum |x|,  max |x|,  min |x|           Norm
 *     y_0, y_1 = sum x / n, sum (x - y_0)^2 / n                Moments
 *
 * along `axis`, one or several; with `keepdims` they stay, of one.  All is
 * float64 in the order in which the numbers lie and is rounded once: each
 * number is taken to what is kept of its lane.  So it is along time too, whose
 * numbers come step by step, unless `keepdims` keeps it.  Those of a name with
 * Nan leave out what is no number; of nothing there is no largest (NaN), and
 * its place is -1.
 *
 * Keras: keras/src/ops/numpy.py, math.py, linalg.py; tf.math.reduce_sum and
 *        its kin
 */
#include <math.h>
#include <string.h>

#include "core/format/json.h"
#include "core/layers/plain_math.h"
#include "core/layers/reduce.h"

/* ---- what is kept --------------------------------------------------------*/

static double give_kept(const double *kept, double n)
{
    (void)n;
    return kept[0];
}

static void take_sum(double *kept, double x, double n)
{
    (void)n;
    kept[0] += x;
}

static double give_mean(const double *kept, double n)
{
    return kept[0] / n;
}

static void take_max(double *kept, double x, double n)
{
    kept[0] = n == 1 || kept[0] < x ? x : kept[0];
}

static void take_min(double *kept, double x, double n)
{
    kept[0] = n == 1 || x < kept[0] ? x : kept[0];
}

static void take_both(double *kept, double x, double n)
{
    take_max(kept, x, n);
    take_min(kept + 1, x, n);
}

static double give_range(const double *kept, double n)
{
    (void)n;
    return kept[0] - kept[1];
}

static void take_prod(double *kept, double x, double n)
{
    kept[0] = n == 1 ? x : kept[0] * x;
}

/* The mean so far, and the sum of the squares of what is beside it. */
static void take_var(double *kept, double x, double n)
{
    double apart = x - kept[0];

    kept[0] += apart / n;
    kept[1] += apart * (x - kept[0]);
}

static double give_var(const double *kept, double n)
{
    return kept[1] / n;
}

static double give_std(const double *kept, double n)
{
    return sqrt(kept[1] / n);
}

/* The largest so far, and the sum of e^(x - it). */
static void take_exp(double *kept, double x, double n)
{
    if (n == 1 || kept[0] < x) {
        kept[1] = 1 + (n == 1 ? 0 : kept[1] * plain_exp_of(kept[0] - x));
        kept[0] = x;
    } else {
        kept[1] += x == kept[0] ? 1 : plain_exp_of(x - kept[0]);
    }
}

static double give_log(const double *kept, double n)
{
    (void)n;
    return kept[0] + plain_log_of(kept[1]);
}

/* The number, and its place. */
static void take_argmax(double *kept, double x, double n)
{
    if (n != 1 && !(kept[0] < x))
        return;
    kept[0] = x;
    kept[1] = n - 1;
}

static void take_argmin(double *kept, double x, double n)
{
    if (n != 1 && !(x < kept[0]))
        return;
    kept[0] = x;
    kept[1] = n - 1;
}

static double give_place(const double *kept, double n)
{
    (void)n;
    return kept[1];
}

static void take_any(double *kept, double x, double n)
{
    (void)n;
    kept[0] = kept[0] != 0 || x != 0;
}

static void take_all(double *kept, double x, double n)
{
    kept[0] = (n == 1 || kept[0] != 0) && x != 0;
}

static void take_nonzero(double *kept, double x, double n)
{
    (void)n;
    kept[0] += x != 0;
}

static void take_squares(double *kept, double x, double n)
{
    (void)n;
    kept[0] += x * x;
}

static double give_root(const double *kept, double n)
{
    (void)n;
    return sqrt(kept[0]);
}

static void take_sizes(double *kept, double x, double n)
{
    take_sum(kept, fabs(x), n);
}

static void take_largest(double *kept, double x, double n)
{
    take_max(kept, fabs(x), n);
}

static void take_smallest(double *kept, double x, double n)
{
    take_min(kept, fabs(x), n);
}

/* ---- of what is a number -------------------------------------------------*/

static void take_nansum(double *kept, double x, double n)
{
    (void)n;
    kept[0] += isnan(x) ? 0 : x;
    kept[1] += !isnan(x);
}

static double give_nanmean(const double *kept, double n)
{
    (void)n;
    return kept[0] / kept[1];
}

static void take_nanprod(double *kept, double x, double n)
{
    take_prod(kept, isnan(x) ? 1 : x, n);
}

static void take_nanmax(double *kept, double x, double n)
{
    (void)n;
    if (!isnan(x))
        take_max(kept, x, ++kept[1]);
}

static void take_nanmin(double *kept, double x, double n)
{
    (void)n;
    if (!isnan(x))
        take_min(kept, x, ++kept[1]);
}

static double give_counted(const double *kept, double n)
{
    (void)n;
    return kept[1] > 0 ? kept[0] : (double)NAN;
}

static void take_nanvar(double *kept, double x, double n)
{
    (void)n;
    if (!isnan(x))
        take_var(kept, x, ++kept[2]);
}

static double give_nanvar(const double *kept, double n)
{
    (void)n;
    return kept[1] / kept[2];
}

static double give_nanstd(const double *kept, double n)
{
    return sqrt(give_nanvar(kept, n));
}

/* As if what is no number were as far away as can be. */
static void take_nanargmax(double *kept, double x, double n)
{
    take_argmax(kept, isnan(x) ? (double)-INFINITY : x, n);
    kept[2] += !isnan(x);
}

static void take_nanargmin(double *kept, double x, double n)
{
    take_argmin(kept, isnan(x) ? (double)INFINITY : x, n);
    kept[2] += !isnan(x);
}

static double give_nanplace(const double *kept, double n)
{
    (void)n;
    return kept[2] > 0 ? kept[1] : -1;
}

/* ---- norms ---------------------------------------------------------------*/

#define NORM(label, how, made)                                                \
    static const struct reduction norm_##label = {                            \
        .kept = 1, .take = (how), .give = (made)}
NORM(1, take_sizes, give_kept);
NORM(2, take_squares, give_root);
NORM(most, take_largest, give_kept);
NORM(least, take_smallest, give_kept);

/* Which norm: of a row of numbers, or of a matrix, the root of the squares
 * alone.  Python's infinity is a word in the file. */
static enum rnn_status read_norm(const struct node *node,
                                 struct reduce_call *call,
                                 struct plan_builder *builder,
                                 struct rnn_error *err)
{
    static const struct {
        const char *name;
        double order;
        const struct reduction *reduction;
    } norms[] = {
        {"euclidean", 2, &norm_2},
        {"fro", 2, &norm_2},
        {"Infinity", INFINITY, &norm_most},
        {"-Infinity", -INFINITY, &norm_least},
        {"1", 1, &norm_1},
    };
    const struct rnn_json *json = operator_setting(node, "ord", NULL);
    const char *name = rnn_json_text(json);
    size_t axes = call->lanes.count;
    struct value *x = NULL;
    double order = 2;
    enum rnn_status status = operator_only_input(node, &x, err);

    (void)builder;
    if (status)
        return status;
    if (json && !name && !rnn_json_number(json, &order))
        order = NAN;
    call->reduction = json && (name || axes != 1) ? NULL : &norm_2;
    for (size_t i = 0; json && i < sizeof(norms) / sizeof(norms[0]); i++)
        if ((name ? !strcmp(norms[i].name, name) : norms[i].order == order) &&
            (axes == 1 || (name && norms[i].order == 2))) {
            call->reduction = norms[i].reduction;
            return RNN_OK;
        }
    if (call->reduction && order == 2)
        return RNN_OK;
    return operator_refuse(
        node,
        "ord is none of 1, 2, infinity and minus infinity of one axis, or of "
        "two, the root of all squares",
        err);
}

/* ---- weights -------------------------------------------------------------*/

/* sum x w / sum w; the weights lie in a row, or behind x. */
static double average(const struct reduce_call *call, const float *x,
                      float *room, size_t width)
{
    const float *weights = call->row.count ? call->row.numbers : x + width;
    double sum = 0, weight = 0;

    (void)room;
    for (size_t i = 0; i < width; i++) {
        sum += (double)x[i] * (double)weights[i];
        weight += (double)weights[i];
    }
    return sum / weight;
}

static const struct reduction weighted = {.of_lane = average};

/* Weights of the same shape, or a constant one for each place of the axis. */
static enum rnn_status read_average(const struct node *node,
                                    struct reduce_call *call,
                                    struct plan_builder *builder,
                                    struct rnn_error *err)
{
    const struct call_argument *weights = call_keyword(node->given, "weights");
    const struct value *x = node->inputs[0];
    const struct value *w = node->inputs[node->input_count - 1];
    struct value *only = NULL;
    enum rnn_status status;

    if (!weights)
        weights = call_position(node->given, 1);
    if (!weights || (weights->json && rnn_json_is_null(weights->json)))
        return operator_only_input(node, &only, err);
    call->reduction = &weighted;
    if (call->lanes.count == 1 && weights->json && node->input_count == 1) {
        status = constant_read(weights->json, node->layer->name,
                               builder->arena, &call->row, err);
        if (status ||
            (call->row.shape.rank == 1 &&
             call->row.count == lanes_known_width(&call->lanes, &x->shape)))
            return status;
    }
    call->lanes.beside = node->input_count == 2;
    if (call->lanes.beside && call->lanes.count == 1 &&
        x->has_time == w->has_time && x->shape.rank == w->shape.rank &&
        (!x->has_time || plan_same_time(x, w)) &&
        !memcmp(x->shape.dim + x->has_time, w->shape.dim + x->has_time,
                (x->shape.rank - x->has_time) * sizeof(x->shape.dim[0])))
        return RNN_OK;
    return operator_refuse(node,
                           "its weights are neither as many constants as the "
                           "axis has places, nor a tensor of the same shape",
                           err);
}

/* ---- classes -------------------------------------------------------------*/

static const char *const words[] = {
    "axis",  "axes",    "keepdims", "output_type", "synchronized",
    "shift", "weights", "ord",      "name",        NULL};
#define REDUCE(label, keras, ...)                                             \
    static const struct reduction reduction_##label = {__VA_ARGS__};          \
    REDUCE_CLASS(label, keras, words, &reduction_##label)

REDUCE(sum, "Sum", .kept = 1, .take = take_sum, .give = give_kept);
REDUCE(mean, "Mean", .kept = 1, .take = take_sum, .give = give_mean);
REDUCE(max, "Max", .kept = 1, .take = take_max, .give = give_kept);
REDUCE(min, "Min", .kept = 1, .take = take_min, .give = give_kept);
REDUCE(ptp, "Ptp", .kept = 2, .take = take_both, .give = give_range);
REDUCE(prod, "Prod", .kept = 1, .take = take_prod, .give = give_kept);
REDUCE(var, "Var", .kept = 2, .take = take_var, .give = give_var);
REDUCE(std, "Std", .kept = 2, .take = take_var, .give = give_std);
REDUCE(logsumexp, "Logsumexp", .kept = 2, .take = take_exp, .give = give_log);
REDUCE(argmax, "Argmax", .kept = 2, .places = true, .take = take_argmax,
       .give = give_place);
REDUCE(argmin, "Argmin", .kept = 2, .places = true, .take = take_argmin,
       .give = give_place);
REDUCE(any, "Any", .kept = 1, .take = take_any, .give = give_kept);
REDUCE(all, "All", .kept = 1, .take = take_all, .give = give_kept);
REDUCE(count_nonzero, "CountNonzero", .kept = 1, .take = take_nonzero,
       .give = give_kept);
REDUCE(euclidean_norm, "ReduceEuclideanNorm", .kept = 1, .take = take_squares,
       .give = give_root);
REDUCE(nansum, "Nansum", .kept = 2, .take = take_nansum, .give = give_kept);
REDUCE(nanmean, "Nanmean", .kept = 2, .take = take_nansum,
       .give = give_nanmean);
REDUCE(nanprod, "Nanprod", .kept = 1, .take = take_nanprod, .give = give_kept);
REDUCE(nanmax, "Nanmax", .kept = 2, .take = take_nanmax, .give = give_counted);
REDUCE(nanmin, "Nanmin", .kept = 2, .take = take_nanmin, .give = give_counted);
REDUCE(nanvar, "Nanvar", .kept = 3, .take = take_nanvar, .give = give_nanvar);
REDUCE(nanstd, "Nanstd", .kept = 3, .take = take_nanvar, .give = give_nanstd);
REDUCE(nanargmax, "Nanargmax", .kept = 3, .places = true,
       .take = take_nanargmax, .give = give_nanplace);
REDUCE(nanargmin, "Nanargmin", .kept = 3, .places = true,
       .take = take_nanargmin, .give = give_nanplace);
REDUCE(moments, "Moments", .kept = 2, .take = take_var, .give = give_kept,
       .give_2 = give_var);
REDUCE(norm, "Norm", .read = read_norm);
REDUCE(average, "Average", .kept = 1, .take = take_sum, .give = give_mean,
       .read = read_average);
