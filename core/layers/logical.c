/* Operators that ask: what they answer is 1 or 0
 *
 *     y = a == b, a != b, a > b, a >= b, a < b, a <= b
 *     y = a and b, a or b, a xor b, not a        where 0 is false
 *     y = is a no number, infinite, either of these, neither, below 0, real
 *     y = |a - b| <= atol + rtol |b|
 *     y = 0, 1 of the shape of a    ZerosLike, EmptyLike and Imag, OnesLike
 *     y = a                                      ConvertToTensor, its mask
 *                                    with it unless that is of another dtype
 *
 * Keras 3 writes them into a file for masks: a != 0 of an Embedding, `or`
 * where two masks meet, OnesLike for an input without one, and
 * ConvertToTensor behind an Attention.
 *
 * Keras: keras/src/ops/numpy.py, core.py; tf.math
 */
#include <math.h>
#include <string.h>

#include "core/format/json.h"
#include "core/layers/elementwise.h"
#include "core/layers/mask.h"

/* What 0 and 1 are kept as changes neither. */
static const char *const words_like[] = {"dtype", "name", NULL};

ELEMENT_TWO(equal, "Equal", a == b);
ELEMENT_TWO(not_equal, "NotEqual", a != b);
ELEMENT_TWO(greater, "Greater", a > b);
ELEMENT_TWO(greater_equal, "GreaterEqual", a >= b);
ELEMENT_TWO(less, "Less", a < b);
ELEMENT_TWO(less_equal, "LessEqual", a <= b);
ELEMENT_TWO(logical_and, "LogicalAnd", a != 0 && b != 0);
ELEMENT_TWO(logical_or, "LogicalOr", a != 0 || b != 0);
ELEMENT_TWO(logical_xor, "LogicalXor", (a != 0) != (b != 0));
ELEMENT_ONE(logical_not, "LogicalNot", !(a != 0));
ELEMENT_ONE(isnan, "Isnan", isnan(a) != 0);
ELEMENT_ONE(isinf, "Isinf", isinf(a) != 0);
ELEMENT_ONE(isfinite, "Isfinite", isfinite(a) != 0);
ELEMENT_ONE(isposinf, "Isposinf", isinf(a) && a > 0);
ELEMENT_ONE(isneginf, "Isneginf", isinf(a) && a < 0);
ELEMENT_ONE(isreal, "Isreal", 1);
ELEMENT_ONE(signbit, "Signbit", signbit(a) != 0);
ELEMENT(zeros_like, "ZerosLike", words_like, 0, .operands = 1);
ELEMENT(empty_like, "EmptyLike", words_like, 0, .operands = 1);
ELEMENT_ONE(imag, "Imag", 0);
ELEMENT(ones_like, "OnesLike", words_like, 1, .operands = 1);

static enum rnn_status read_close(const struct node *node, float *settings,
                                  struct rnn_error *err)
{
    double rtol = 0, atol = 0;
    bool nan = false;
    enum rnn_status status = operator_number(node, "rtol", 1e-5, &rtol, err);

    if (!status)
        status = operator_number(node, "atol", 1e-8, &atol, err);
    if (!status)
        status = operator_bool(node, "equal_nan", &nan, err);
    settings[0] = (float)rtol;
    settings[1] = (float)atol;
    settings[2] = nan;
    return status;
}

static const char *const words_close[] = {"rtol", "atol", "equal_nan", "name",
                                          NULL};

ELEMENT(isclose, "Isclose", words_close,
        fabsf(a - b) <= s[1] + s[0] * fabsf(b) ||
            (s[2] != 0 && isnan(a) && isnan(b)),
        .operands = 2, .read = read_close);

/* ---- ConvertToTensor -----------------------------------------------------*/

static const char *const words_convert[] = {"dtype", "sparse", "ragged",
                                            "name", NULL};

/* Whole numbers would be cut to, and those of fewer digits than the model's
 * rounded to, which this does not. */
static bool changes_nothing(const struct plan_builder *builder,
                            const char *dtype)
{
    return !dtype || !strcmp(dtype, "float32") || !strcmp(dtype, "float64") ||
           (builder->dtype && !builder->dtypes_differ &&
            !strcmp(dtype, builder->dtype));
}

static enum rnn_status connect_convert(struct layer *layer, struct node *node,
                                       struct plan_builder *builder,
                                       struct rnn_error *err)
{
    const char *dtype = rnn_json_text(operator_setting(node, "dtype", NULL));
    struct value *x = NULL;
    enum rnn_status status = operator_only_input(node, &x, err);

    (void)layer;
    if (!status && !changes_nothing(builder, dtype))
        status = operator_refuse(
            node,
            "dtype is neither float32, float64 nor that of the model's "
            "layers; the numbers would change",
            err);
    if (!status)
        status = plan_pass_input(builder, node, err);
    return status ? status : mask_keep_as(builder, node, dtype, err);
}

OPERATOR(convert_to_tensor, "ConvertToTensor", words_convert, NULL,
         connect_convert, NULL);
