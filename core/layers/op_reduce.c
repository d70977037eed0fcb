/* Operators that make one number of all along some axes
 *
 *     y = sum x,  sum x / n,  max x,  min x,  max x - min x,  prod x
 *     y = sum (x - sum x / n)^2 / n,  and its root
 *     y = log sum e^x
 *     y = the place of the largest or the least, the first of several
 *     y = is one not 0, are all not 0, how many are not 0
 *     y = sqrt sum x^2,  sum |x|,  max |x|,  min |x|           Norm
 *
 * along `axis`, one or several; with `keepdims` they stay, of one.  All is
 * float64 in the order in which the numbers lie and is rounded once: each
 * number is taken to what is kept of its lane.  So it is along time too, whose
 * numbers come step by step, unless `keepdims` keeps it.
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

/* ---- norms ---------------------------------------------------------------*/

static const struct reduction norm_1 = {1, false, take_sizes, give_kept};
static const struct reduction norm_2 = {1, false, take_squares, give_root};
static const struct reduction norm_most = {1, false, take_largest, give_kept};
static const struct reduction norm_least = {1, false, take_smallest,
                                            give_kept};

/* Which norm: of a row of numbers, or of a matrix, the root of the squares
 * alone.  Python's infinity is a word in the file. */
enum rnn_status reduce_find_norm(const struct node *node, size_t axes,
                                 const struct reduction **reduction,
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
    double order = 2;

    if (json && !name && !rnn_json_number(json, &order))
        order = NAN;
    *reduction = json && (name || axes != 1) ? NULL : &norm_2;
    for (size_t i = 0; json && i < sizeof(norms) / sizeof(norms[0]); i++)
        if ((name ? !strcmp(norms[i].name, name) : norms[i].order == order) &&
            (axes == 1 || (name && norms[i].order == 2))) {
            *reduction = norms[i].reduction;
            return RNN_OK;
        }
    if (*reduction && order == 2)
        return RNN_OK;
    return operator_refuse(
        node,
        "ord is none of 1, 2, infinity and minus infinity of one axis, or of "
        "two, the root of all squares",
        err);
}

/* ---- classes -------------------------------------------------------------*/

static const char *const words[] = {"axis", "keepdims", "output_type", "name",
                                    NULL};
static const char *const words_norm[] = {"ord", "axis", "keepdims", "name",
                                         NULL};

#define REDUCE_CLASS(label, keras, words, how)                                \
    const struct layer_class operator_##label = {                             \
        OPERATOR_FIELDS(keras, words, how),                                   \
        .connect = reduce_connect,                                            \
        .scratch = reduce_scratch,                                            \
        .run = reduce_run,                                                    \
    }
#define REDUCE(label, keras, ...)                                             \
    static const struct reduction reduction_##label = {__VA_ARGS__};          \
    REDUCE_CLASS(label, keras, words, &reduction_##label)

REDUCE(sum, "Sum", 1, false, take_sum, give_kept);
REDUCE(mean, "Mean", 1, false, take_sum, give_mean);
REDUCE(max, "Max", 1, false, take_max, give_kept);
REDUCE(min, "Min", 1, false, take_min, give_kept);
REDUCE(ptp, "Ptp", 2, false, take_both, give_range);
REDUCE(prod, "Prod", 1, false, take_prod, give_kept);
REDUCE(var, "Var", 2, false, take_var, give_var);
REDUCE(std, "Std", 2, false, take_var, give_std);
REDUCE(logsumexp, "Logsumexp", 2, false, take_exp, give_log);
REDUCE(argmax, "Argmax", 2, true, take_argmax, give_place);
REDUCE(argmin, "Argmin", 2, true, take_argmin, give_place);
REDUCE(any, "Any", 1, false, take_any, give_kept);
REDUCE(all, "All", 1, false, take_all, give_kept);
REDUCE(count_nonzero, "CountNonzero", 1, false, take_nonzero, give_kept);
REDUCE(euclidean_norm, "ReduceEuclideanNorm", 1, false, take_squares,
       give_root);
REDUCE_CLASS(norm, "Norm", words_norm, NULL);
