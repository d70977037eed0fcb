/* f32_activate_rows.c: softmax and its kin, which look at a whole row.
 *
 * Compiled once for each instruction set.
 */
#include RNN_VEC_HEADER

#include "core/ukernels/tables.h"
#include "core/ukernels/vec_dot.h"
#include "core/ukernels/vec_math.h"

/* The largest of a row; a NaN in it may be passed over. */
static float largest(size_t units, const float *x)
{
    float most = -INFINITY;
    size_t i = 0;

    if (units >= VEC_LANES) {
        vec top = vec_set(-INFINITY);

        for (; i + VEC_LANES <= units; i += VEC_LANES)
            top = vec_max(vec_load(x + i), top);
        most = vec_largest(top);
    }
    for (; i < units; i++)
        most = x[i] > most ? x[i] : most;
    return most + 0.0f; /* zeros of either sign become +0 */
}

/* Sum of e^(x - most), in the order of a dot product of `units` inputs with
 * ones; x is replaced by the powers when `keep`. */
static float sum_of_powers(size_t units, float *x, float most, bool keep)
{
    const size_t block = (size_t)F32_BLOCK * F32_DOT_CHAINS;
    float total = 0.0f;

    for (size_t from = 0; from < units; from += block) {
        size_t end = units - from < block ? units : from + block;
        vec sum[DOT_VECS];

        for (int v = 0; v < DOT_VECS; v++)
            sum[v] = vec_set(0.0f);
        for (size_t k = from; k < end; k += VEC_LANES) {
            const size_t left = end - k;
            const int v = (int)(k / VEC_LANES % DOT_VECS);
            float part[VEC_LANES];
            vec power = left < VEC_LANES ? vec_load_part(x + k, left)
                                         : vec_load(x + k);

            power = math_exp(vec_sub(power, vec_set(most)));
            if (left < VEC_LANES) {
                vec_store(part, power);
                power = vec_load_part(part, left);
                if (keep)
                    vec_store_part(x + k, power, left);
            } else if (keep) {
                vec_store(x + k, power);
            }
            sum[v] = vec_add(sum[v], power);
        }
        total += dot_join(sum);
    }
    return total;
}

static void softmax(size_t units, float *x)
{
    float sum = sum_of_powers(units, x, largest(units, x), true);
    size_t i = 0;

    for (; i + VEC_LANES <= units; i += VEC_LANES)
        vec_store(x + i, vec_div(vec_load(x + i), vec_set(sum)));
    for (; i < units; i++)
        x[i] /= sum;
}

static void log_softmax(size_t units, float *x)
{
    float most = largest(units, x);
    float sum = sum_of_powers(units, x, most, false);
    float lanes[VEC_LANES];

    /* The sum is at least 1, or NaN, or without end. */
    if (sum < INFINITY) {
        vec_store(lanes, math_log(vec_set(sum)));
        sum = lanes[0];
    }
    for (size_t i = 0; i < units; i++)
        x[i] = (x[i] - most) - sum;
}

/* The largest number of the row below `bound`, and how often it is there;
 * none is 0 times. */
static float next_below(size_t units, const float *x, float bound,
                        size_t *times)
{
    float most = -INFINITY;

    *times = 0;
    for (size_t i = 0; i < units; i++) {
        if (x[i] < bound && x[i] > most) {
            most = x[i];
            *times = 0;
        }
        *times += x[i] == most;
    }
    return most;
}

/* x becomes max(x - t, 0).  With z the row in falling order and c its running
 * sums, those up to the last k with 1 + k z_k > c_k count, and t is
 * (c_1 + ... + c_k - 1) / k: so Keras has it, where the paper it is named
 * after takes c_k alone.  In float64, one after the other. */
static void sparsemax(size_t units, float *x)
{
    double sum = 0.0, sums = 0.0, k = 0.0, t;
    bool bad = false, counts = true;
    float z = INFINITY;

    for (size_t i = 0; i < units; i++)
        bad = bad || !(x[i] > -INFINITY && x[i] < INFINITY);
    while (!bad && counts) {
        size_t times;

        z = next_below(units, x, z, &times);
        counts = times > 0;
        for (; counts && times > 0; times--) {
            counts = 1.0 + (k + 1.0) * z > sum + z;
            if (counts) {
                sum += z;
                sums += sum;
                k += 1.0;
            }
        }
    }
    t = (sums - 1.0) / k;
    for (size_t i = 0; i < units; i++)
        x[i] = bad ? NAN : x[i] > t ? (float)((double)x[i] - t) : 0.0f;
}

void F32(activate_rows)(const struct rnn_activation *activation, size_t rows,
                        size_t units, float *x, size_t stride)
{
    for (size_t r = 0; r < rows; r++, x += stride) {
        if (activation->kind == RNN_ACT_SOFTMAX)
            softmax(units, x);
        else if (activation->kind == RNN_ACT_LOG_SOFTMAX)
            log_softmax(units, x);
        else if (activation->kind == RNN_ACT_SPARSEMAX)
            sparsemax(units, x);
        else
            F32(activate)(activation, units, x);
    }
}
