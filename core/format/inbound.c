#include "core/format/inbound.h"

#include <stdalign.h>
#include <string.h>

#include "core/format/json.h"

/* Who collects references and arguments, and for whom. */
struct collector {
    const char *name; /* of the layer, or of the list */
    bool is_keras_3;
    struct graph_ref *items;
    size_t count;
    struct call_argument *arguments;
    size_t argument_count;
};

static enum rnn_status refuse(const struct collector *to,
                              enum rnn_status status, const char *what,
                              const struct rnn_json *value,
                              struct rnn_error *err)
{
    char text[120];

    return rnn_fail(err, status, "layer \"%.100s\": %s: %s", to->name, what,
                    rnn_json_print(value, text, sizeof(text)));
}

static enum rnn_status add(struct collector *to,
                           const struct rnn_json *history,
                           struct rnn_error *err)
{
    const struct rnn_json *first = rnn_json_first(history);
    const struct rnn_json *second = first ? rnn_json_next(first) : NULL;
    const struct rnn_json *third = second ? rnn_json_next(second) : NULL;
    struct graph_ref ref = {.name = rnn_json_text(first)};

    if (!ref.name || !rnn_json_size(second, &ref.node) ||
        !rnn_json_size(third, &ref.tensor))
        return refuse(to, RNN_BAD_MODEL,
                      "its input is no [layer, node, tensor]", history, err);
    to->items[to->count++] = ref;
    return RNN_OK;
}

/* ---- tensors in both spellings -------------------------------------------*/

/* {"class_name": "__keras_tensor__", "config": {"keras_history": ...}} */
static bool is_keras_3_tensor(const struct rnn_json *value)
{
    const char *class_name =
        rnn_json_text(rnn_json_member(value, "class_name"));

    return class_name && !strcmp(class_name, "__keras_tensor__");
}

/* ["layer", 0, 0, {}]; the oldest files have no keywords, and tensors in
 * keywords never have. */
static bool is_reference(const struct rnn_json *value)
{
    const struct rnn_json *first =
        rnn_json_is_array(value) ? rnn_json_first(value) : NULL;

    return first && rnn_json_text(first);
}

/* A list of texts (of a keyword) is none: numbers stand behind the name. */
static bool is_keras_2_tensor(const struct rnn_json *value)
{
    double number;

    return is_reference(value) &&
           rnn_json_number(rnn_json_next(rnn_json_first(value)), &number);
}

static bool is_tensor(const struct collector *to, const struct rnn_json *value)
{
    return to->is_keras_3 ? is_keras_3_tensor(value)
                          : is_keras_2_tensor(value);
}

static bool holds_tensor(const struct collector *to,
                         const struct rnn_json *value)
{
    if (is_tensor(to, value))
        return true;
    if (!rnn_json_is_array(value) && !rnn_json_is_object(value))
        return false;
    for (const struct rnn_json *item = rnn_json_first(value); item;
         item = rnn_json_next(item))
        if (holds_tensor(to, item))
            return true;
    return false;
}

/* Depth of the recursion: that of the JSON, which is limited. */
static enum rnn_status collect_tensors(struct collector *to,
                                       const struct rnn_json *value,
                                       struct rnn_error *err)
{
    enum rnn_status status = RNN_OK;

    if (is_keras_3_tensor(value))
        value =
            rnn_json_member(rnn_json_member(value, "config"), "keras_history");
    else if (!is_tensor(to, value) && rnn_json_is_array(value)) {
        for (const struct rnn_json *item = rnn_json_first(value);
             item && !status; item = rnn_json_next(item))
            if (!rnn_json_is_null(item))
                status = collect_tensors(to, item, err);
        return status;
    } else if (!is_tensor(to, value))
        return refuse(to, RNN_UNSUPPORTED,
                      "it is called on a list of tensors in which there is "
                      "something that is no tensor",
                      value, err);
    return add(to, value, err);
}

/* Which of the first 64 items of a list are no null. */
static uint64_t find_places(const struct rnn_json *list)
{
    const struct rnn_json *item = rnn_json_first(list);
    uint64_t places = 0;

    for (size_t i = 0; item && i < 64; item = rnn_json_next(item), i++)
        if (!rnn_json_is_null(item))
            places |= (uint64_t)1 << i;
    return places;
}

/* Does the file of Keras 3 say that this tensor is of bool? */
static bool is_truth(const struct rnn_json *value)
{
    const char *dtype = rnn_json_text(
        rnn_json_member(rnn_json_member(value, "config"), "dtype"));

    return dtype && !strcmp(dtype, "bool");
}

/* One argument: a tensor, a list of them, or a constant. */
static enum rnn_status add_argument(struct collector *to, const char *keyword,
                                    const struct rnn_json *value,
                                    struct rnn_error *err)
{
    struct call_argument argument = {.keyword = keyword, .first = to->count};
    enum rnn_status status = RNN_OK;

    argument.is_list = !is_tensor(to, value) && rnn_json_is_array(value);
    if (argument.is_list)
        argument.places = find_places(value);
    argument.is_truth = is_keras_3_tensor(value) && is_truth(value);
    if (holds_tensor(to, value))
        status = collect_tensors(to, value, err);
    else
        argument.json = value;
    argument.count = to->count - argument.first;
    if (!status)
        to->arguments[to->argument_count++] = argument;
    return status;
}

/* ---- keywords ------------------------------------------------------------*/

/* null, also once for each input: the masks of a model that is a layer. */
static bool is_nothing(const struct rnn_json *value)
{
    if (!rnn_json_is_array(value))
        return rnn_json_is_null(value);
    for (const struct rnn_json *item = rnn_json_first(value); item;
         item = rnn_json_next(item))
        if (!rnn_json_is_null(item))
            return false;
    return true;
}

/* Keywords that change nothing at inference. */
static bool is_noise(const struct rnn_json *keyword)
{
    const char *key = rnn_json_key(keyword);
    bool value = true;

    if (is_nothing(keyword))
        return true;
    return !strcmp(key, "training") && rnn_json_bool(keyword, &value) &&
           !value;
}

/* Dropout that stays at work draws random numbers, BatchNormalization looks
 * at the batch: neither has one answer for one sequence. */
static bool is_training(const struct rnn_json *keyword)
{
    bool value = false;

    return !strcmp(rnn_json_key(keyword), "training") &&
           rnn_json_bool(keyword, &value) && value;
}

static enum rnn_status add_keywords(struct collector *to,
                                    const struct rnn_json *keywords,
                                    struct rnn_error *err)
{
    enum rnn_status status = RNN_OK;

    if (rnn_json_is_null(keywords))
        return RNN_OK;
    if (!rnn_json_is_object(keywords))
        return refuse(to, RNN_BAD_MODEL, "keywords of a call are no object",
                      keywords, err);
    for (const struct rnn_json *keyword = rnn_json_first(keywords);
         keyword && !status; keyword = rnn_json_next(keyword))
        if (is_training(keyword))
            status = refuse(to, RNN_UNSUPPORTED,
                            "it is called as in training, which has no one "
                            "answer; build the model again without "
                            "training=True",
                            keywords, err);
        else if (!is_noise(keyword))
            status = add_argument(to, rnn_json_key(keyword), keyword, err);
    return status;
}

/* ---- Keras 3 -------------------------------------------------------------*/

static enum rnn_status read_keras_3(struct collector *to,
                                    const struct rnn_json *node,
                                    struct rnn_error *err)
{
    const struct rnn_json *arguments = rnn_json_member(node, "args");
    enum rnn_status status = RNN_OK;

    if (!rnn_json_is_array(arguments))
        return refuse(to, RNN_BAD_MODEL, "its call has no args", node, err);
    for (const struct rnn_json *argument = rnn_json_first(arguments);
         argument && !status; argument = rnn_json_next(argument))
        status = add_argument(to, NULL, argument, err);
    if (!status)
        status = add_keywords(to, rnn_json_member(node, "kwargs"), err);
    return status;
}

/* ---- Keras 2 -------------------------------------------------------------*/

static const struct rnn_json *keywords_of(const struct rnn_json *reference)
{
    const struct rnn_json *keywords = rnn_json_first(reference);

    for (size_t i = 0; i < 3 && keywords; i++)
        keywords = rnn_json_next(keywords);
    return keywords;
}

/* ["_CONSTANT_VALUE", -1, 2.5, {}] */
static bool is_constant(const struct rnn_json *reference)
{
    return !strcmp(rnn_json_text(rnn_json_first(reference)),
                   "_CONSTANT_VALUE");
}

/* An entry of the first argument, which is a list of tensors. */
static enum rnn_status check_entry(const struct collector *to,
                                   const struct rnn_json *entry,
                                   struct rnn_error *err)
{
    if (!is_reference(entry) || is_keras_2_tensor(entry))
        return RNN_OK;
    return refuse(to, RNN_BAD_MODEL, "its input is no [layer, node, tensor]",
                  entry, err);
}

/* The first argument: one reference, or a list of them. */
static enum rnn_status read_first(struct collector *to,
                                  const struct rnn_json *node,
                                  struct rnn_error *err)
{
    const struct rnn_json *only =
        !is_reference(node) && rnn_json_count(node) == 1 ? rnn_json_first(node)
                                                         : node;
    enum rnn_status status = check_entry(to, node, err);

    if (is_reference(only) && is_constant(only)) {
        const struct rnn_json *second = rnn_json_next(rnn_json_first(only));
        const struct rnn_json *value = second ? rnn_json_next(second) : NULL;

        return add_argument(to, NULL, value ? value : second, err);
    }
    for (const struct rnn_json *item = rnn_json_first(node);
         item && !is_reference(node) && !status; item = rnn_json_next(item)) {
        if (is_reference(item) && is_constant(item))
            return refuse(to, RNN_UNSUPPORTED,
                          "it is called on a constant among tensors", item,
                          err);
        status = check_entry(to, item, err);
    }
    return status ? status : add_argument(to, NULL, node, err);
}

static enum rnn_status read_keras_2(struct collector *to,
                                    const struct rnn_json *node,
                                    struct rnn_error *err)
{
    const struct rnn_json *first =
        is_reference(node) ? node : rnn_json_first(node);
    enum rnn_status status = RNN_OK;

    if (!first)
        return RNN_OK;
    if (!is_reference(first))
        return refuse(to, RNN_UNSUPPORTED,
                      "it is called on something that is no tensor", first,
                      err);
    status = read_first(to, node, err);
    if (!status)
        status = add_keywords(to, keywords_of(first), err);
    return status;
}

/* ---- both ----------------------------------------------------------------*/

/* References in either spelling, in `value` and inside it. */
static size_t count_references(const struct rnn_json *value)
{
    size_t count = is_keras_3_tensor(value) || is_reference(value);

    if (!rnn_json_is_array(value) && !rnn_json_is_object(value))
        return count;
    for (const struct rnn_json *item = rnn_json_first(value); item;
         item = rnn_json_next(item))
        count += count_references(item);
    return count;
}

static enum rnn_status no_memory(const char *name, struct rnn_error *err)
{
    return rnn_fail(err, RNN_NO_MEMORY, "out of memory at layer \"%.100s\"",
                    name);
}

static enum rnn_status begin(struct collector *to,
                             const struct rnn_json *value, const char *name,
                             struct arena *arena, struct rnn_error *err)
{
    *to = (struct collector){.name = name};
    to->items = arena_zalloc(arena, count_references(value) + 1,
                             sizeof(to->items[0]), alignof(struct graph_ref));
    return to->items ? RNN_OK : no_memory(name, err);
}

/* Room for the arguments of the call `node`: those by position and by
 * keyword, of Keras 2 the first and the keywords beside it. */
static enum rnn_status begin_arguments(struct collector *to,
                                       const struct rnn_json *node,
                                       struct arena *arena,
                                       struct rnn_error *err)
{
    size_t count = 1;

    if (to->is_keras_3)
        count += rnn_json_count(rnn_json_member(node, "args")) +
                 rnn_json_count(rnn_json_member(node, "kwargs"));
    else if (is_reference(node))
        count += rnn_json_count(keywords_of(node));
    else if (rnn_json_is_array(node) && rnn_json_count(node))
        count += rnn_json_count(keywords_of(rnn_json_first(node)));
    to->arguments = arena_zalloc(arena, count, sizeof(to->arguments[0]),
                                 alignof(struct call_argument));
    return to->arguments ? RNN_OK : no_memory(to->name, err);
}

static enum rnn_status refuse_no_tensor(const struct collector *to,
                                        const struct rnn_json *node,
                                        struct rnn_error *err)
{
    for (size_t i = 0; i < to->argument_count; i++)
        if (!rnn_json_is_null(to->arguments[i].json))
            return refuse(to, RNN_UNSUPPORTED,
                          "it is called on a constant and on no tensor",
                          to->arguments[i].json, err);
    return refuse(to, RNN_BAD_MODEL, "it is called on nothing", node, err);
}

enum rnn_status inbound_read(const struct rnn_json *node, const char *name,
                             struct arena *arena, struct inbound_call *call,
                             struct rnn_error *err)
{
    struct collector to;
    enum rnn_status status = begin(&to, node, name, arena, err);

    if (status)
        return status;
    to.is_keras_3 = rnn_json_is_object(node);
    status = begin_arguments(&to, node, arena, err);
    if (status)
        return status;
    if (to.is_keras_3)
        status = read_keras_3(&to, node, err);
    else if (rnn_json_is_array(node))
        status = read_keras_2(&to, node, err);
    else
        status = refuse(&to, RNN_BAD_MODEL, "its call is no list or object",
                        node, err);
    if (!status && !to.count)
        status = refuse_no_tensor(&to, node, err);
    if (status)
        return status;
    *call = (struct inbound_call){
        .refs = {to.items, to.count},
        .arguments = to.arguments,
        .argument_count = to.argument_count,
        .is_keras_3 = to.is_keras_3,
    };
    return RNN_OK;
}

static enum rnn_status collect_ends(struct collector *to,
                                    const struct rnn_json *value,
                                    struct rnn_error *err)
{
    enum rnn_status status = RNN_OK;

    if (is_reference(value))
        return add(to, value, err);
    if (!rnn_json_is_array(value) && !rnn_json_is_object(value))
        return rnn_fail(err, RNN_BAD_MODEL,
                        "%s holds something that is no [layer, node, tensor]",
                        to->name);
    for (const struct rnn_json *item = rnn_json_first(value); item && !status;
         item = rnn_json_next(item))
        status = collect_ends(to, item, err);
    return status;
}

enum rnn_status inbound_read_ends(const struct rnn_json *ends,
                                  const char *what, struct arena *arena,
                                  struct graph_refs *refs,
                                  struct rnn_error *err)
{
    struct collector to;
    enum rnn_status status = begin(&to, ends, what, arena, err);

    if (!status)
        status = collect_ends(&to, ends, err);
    if (!status && !to.count)
        status = rnn_fail(err, RNN_BAD_MODEL, "%s is missing or empty", what);
    if (!status)
        *refs = (struct graph_refs){to.items, to.count};
    return status;
}
