#include "core/format/inbound.h"

#include <stdalign.h>
#include <string.h>

#include "core/format/json.h"

/* Who collects references, and for whom. */
struct collector {
    const char *name; /* of the layer, or of the list */
    struct graph_ref *items;
    size_t count;
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

static bool is_tensor(const struct rnn_json *value)
{
    const char *class_name =
        rnn_json_text(rnn_json_member(value, "class_name"));

    return class_name && !strcmp(class_name, "__keras_tensor__");
}

/* ["layer", 0, 0, {}]; the oldest files have no keywords. */
static bool is_reference(const struct rnn_json *value)
{
    const struct rnn_json *first =
        rnn_json_is_array(value) ? rnn_json_first(value) : NULL;

    return first && rnn_json_text(first);
}

/* Every tensor of an argument, in the spelling of Keras 3 or 2.  Depth of the
 * recursion: that of the JSON, which is limited. */
static enum rnn_status collect(struct collector *to,
                               const struct rnn_json *value,
                               struct rnn_error *err)
{
    enum rnn_status status = RNN_OK;

    if (rnn_json_is_null(value))
        return RNN_OK;
    if (is_tensor(value))
        return add(
            to,
            rnn_json_member(rnn_json_member(value, "config"), "keras_history"),
            err);
    if (is_reference(value))
        return add(to, value, err);
    if (!rnn_json_is_array(value))
        return refuse(to, RNN_UNSUPPORTED,
                      "it is called on something that is no tensor", value,
                      err);
    for (const struct rnn_json *item = rnn_json_first(value); item && !status;
         item = rnn_json_next(item))
        status = collect(to, item, err);
    return status;
}

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
    return !strcmp(key, "training") && rnn_json_bool(keyword, &value);
}

/* Tensors that a call names by keyword follow those that it names by place:
 * the order in which recurrent layers take them. */
static bool is_tensors(const struct rnn_json *keyword)
{
    return !strcmp(rnn_json_key(keyword), "initial_state");
}

static enum rnn_status read_keywords(struct collector *to,
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
         keyword && !status; keyword = rnn_json_next(keyword)) {
        if (is_noise(keyword))
            continue;
        if (!is_tensors(keyword))
            return rnn_fail(err, RNN_UNSUPPORTED,
                            "layer \"%.100s\" is called with %.60s, which "
                            "this version does not support",
                            to->name, rnn_json_key(keyword));
        status = collect(to, keyword, err);
    }
    return status;
}

/* ---- Keras 3 -------------------------------------------------------------*/

static enum rnn_status read_keras_3(struct collector *to,
                                    const struct rnn_json *node,
                                    struct rnn_error *err)
{
    const struct rnn_json *arguments = rnn_json_member(node, "args");
    enum rnn_status status;

    if (!rnn_json_is_array(arguments))
        return refuse(to, RNN_BAD_MODEL, "its call has no args", node, err);
    status = collect(to, arguments, err);
    if (!status)
        status = read_keywords(to, rnn_json_member(node, "kwargs"), err);
    return status;
}

/* ---- Keras 2 -------------------------------------------------------------*/

static enum rnn_status add_keras_2(struct collector *to,
                                   const struct rnn_json *value,
                                   struct rnn_error *err)
{
    const struct rnn_json *keywords = rnn_json_first(value);
    enum rnn_status status;

    if (!strcmp(rnn_json_text(keywords), "_CONSTANT_VALUE"))
        return refuse(to, RNN_UNSUPPORTED, "it is called on a constant", value,
                      err);
    for (size_t i = 0; i < 3 && keywords; i++)
        keywords = rnn_json_next(keywords);
    status = add(to, value, err);
    if (!status && keywords)
        status = read_keywords(to, keywords, err);
    return status;
}

static enum rnn_status read_keras_2(struct collector *to,
                                    const struct rnn_json *node,
                                    struct rnn_error *err)
{
    enum rnn_status status = RNN_OK;

    if (is_reference(node))
        return add_keras_2(to, node, err);
    for (const struct rnn_json *item = rnn_json_first(node); item && !status;
         item = rnn_json_next(item)) {
        /* A list in the list: the states of several cells. */
        status = is_reference(item) ? add_keras_2(to, item, err)
                                    : collect(to, item, err);
    }
    return status;
}

/* ---- both ----------------------------------------------------------------*/

/* No value holds more references than values. */
static size_t count_values(const struct rnn_json *value)
{
    size_t count = 1;

    if (!rnn_json_is_array(value) && !rnn_json_is_object(value))
        return count;
    for (const struct rnn_json *item = rnn_json_first(value); item;
         item = rnn_json_next(item))
        count += count_values(item);
    return count;
}

static enum rnn_status begin(struct collector *to,
                             const struct rnn_json *value, const char *name,
                             struct arena *arena, struct rnn_error *err)
{
    *to = (struct collector){.name = name};
    to->items = arena_zalloc(arena, count_values(value), sizeof(to->items[0]),
                             alignof(struct graph_ref));
    if (!to->items)
        return rnn_fail(err, RNN_NO_MEMORY,
                        "out of memory at layer \"%.100s\"", name);
    return RNN_OK;
}

enum rnn_status inbound_read(const struct rnn_json *node, const char *name,
                             struct arena *arena, struct graph_refs *refs,
                             bool *keras_3, struct rnn_error *err)
{
    struct collector to;
    enum rnn_status status = begin(&to, node, name, arena, err);

    if (status)
        return status;
    if (rnn_json_is_object(node))
        status = read_keras_3(&to, node, err);
    else if (rnn_json_is_array(node))
        status = read_keras_2(&to, node, err);
    else
        status = refuse(&to, RNN_BAD_MODEL, "its call is no list or object",
                        node, err);
    if (!status && !to.count)
        status =
            refuse(&to, RNN_BAD_MODEL, "it is called on nothing", node, err);
    if (status)
        return status;
    *refs = (struct graph_refs){to.items, to.count};
    *keras_3 = rnn_json_is_object(node);
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
