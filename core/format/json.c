#include "core/format/json.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "core/format/json_check.h"

#define LARGEST_SIZE 9007199254740992.0 /* 2^53: doubles hold all below */

static const cJSON *item_of(const struct rnn_json *json)
{
    return (const cJSON *)json;
}

static const struct rnn_json *json_of(const cJSON *item)
{
    return (const struct rnn_json *)item;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A key that `object` holds twice, or NULL; `keys` has room for all. */
static const char *repeated_key(const cJSON *object, const char **keys)
{
    size_t count = 0;

    for (const cJSON *child = object->child; child; child = child->next)
        keys[count++] = child->string;
    qsort(keys, count, sizeof(keys[0]), compare_keys);
    for (size_t i = 1; i < count; i++)
        if (!strcmp(keys[i - 1], keys[i]))
            return keys[i];
    return NULL;
}

static size_t most_children(const cJSON *item)
{
    size_t own = 0, most = 0;

    for (const cJSON *child = item->child; child; child = child->next) {
        size_t below = most_children(child);

        own++;
        most = below > most ? below : most;
    }
    return own > most ? own : most;
}

static const char *find_repeated_key(const cJSON *item, const char **keys)
{
    const char *repeated = NULL;

    if (cJSON_IsObject(item))
        repeated = repeated_key(item, keys);
    for (const cJSON *child = item->child; child && !repeated;
         child = child->next)
        repeated = find_repeated_key(child, keys);
    return repeated;
}

static enum rnn_status refuse_repeated_keys(const cJSON *item,
                                            const char *what,
                                            struct rnn_error *err)
{
    size_t count = most_children(item);
    const char **keys = malloc((count + 1) * sizeof(keys[0]));
    const char *repeated;
    enum rnn_status status = RNN_OK;

    if (!keys)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory while reading %s",
                        what);
    repeated = find_repeated_key(item, keys);
    if (repeated)
        status = rnn_fail(err, RNN_BAD_MODEL,
                          "%s: the key \"%.100s\" stands twice in one object",
                          what, repeated);
    free(keys);
    return status;
}

/* The checked text as a tree; NULL when memory is out. */
static cJSON *build(const char *text, size_t length, size_t constants)
{
    size_t room = length + 2 * constants;
    char *copy;
    cJSON *item;

    if (!constants)
        return cJSON_ParseWithLength(text, length);
    copy = malloc(room);
    if (!copy)
        return NULL;
    room = rnn_json_quote_constants(text, length, copy);
    item = cJSON_ParseWithLength(copy, room);
    free(copy);
    return item;
}

enum rnn_status rnn_json_parse(const char *text, size_t length,
                               const char *what, struct rnn_json **json,
                               struct rnn_error *err)
{
    struct json_fault fault;
    enum rnn_status status;
    size_t constants;
    cJSON *item;

    if (!rnn_json_check(text, length, &constants, &fault))
        return rnn_fail(err, RNN_BAD_MODEL, "%s is no JSON: %s at byte %zu",
                        what, fault.what, fault.offset);
    item = build(text, length, constants);
    if (!item)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory while reading %s",
                        what);
    status = refuse_repeated_keys(item, what, err);
    if (status) {
        cJSON_Delete(item);
        return status;
    }
    *json = (struct rnn_json *)item;
    return RNN_OK;
}

void rnn_json_free(struct rnn_json *json)
{
    cJSON_Delete((cJSON *)json);
}

bool rnn_json_is_object(const struct rnn_json *json)
{
    return cJSON_IsObject(item_of(json));
}

bool rnn_json_is_array(const struct rnn_json *json)
{
    return cJSON_IsArray(item_of(json));
}

bool rnn_json_is_null(const struct rnn_json *json)
{
    return !json || cJSON_IsNull(item_of(json));
}

bool rnn_json_is_nothing(const struct rnn_json *json)
{
    const cJSON *item = item_of(json);

    if (!item || cJSON_IsNull(item) || cJSON_IsFalse(item))
        return true;
    if (cJSON_IsNumber(item))
        return item->valuedouble == 0;
    if (cJSON_IsString(item))
        return !item->valuestring[0];
    return (cJSON_IsArray(item) || cJSON_IsObject(item)) && !item->child;
}

const struct rnn_json *rnn_json_member(const struct rnn_json *json,
                                       const char *key)
{
    if (!rnn_json_is_object(json))
        return NULL;
    return json_of(cJSON_GetObjectItemCaseSensitive(item_of(json), key));
}

const struct rnn_json *rnn_json_first(const struct rnn_json *json)
{
    return json ? json_of(item_of(json)->child) : NULL;
}

const struct rnn_json *rnn_json_next(const struct rnn_json *json)
{
    return json_of(item_of(json)->next);
}

size_t rnn_json_count(const struct rnn_json *json)
{
    size_t count = 0;

    for (const struct rnn_json *child = rnn_json_first(json); child;
         child = rnn_json_next(child))
        count++;
    return count;
}

const char *rnn_json_key(const struct rnn_json *json)
{
    return item_of(json)->string;
}

const char *rnn_json_text(const struct rnn_json *json)
{
    return cJSON_GetStringValue(item_of(json));
}

bool rnn_json_bool(const struct rnn_json *json, bool *value)
{
    if (!cJSON_IsBool(item_of(json)))
        return false;
    *value = cJSON_IsTrue(item_of(json));
    return true;
}

bool rnn_json_number(const struct rnn_json *json, double *value)
{
    if (!cJSON_IsNumber(item_of(json)))
        return false;
    *value = item_of(json)->valuedouble;
    return true;
}

bool rnn_json_size(const struct rnn_json *json, size_t *value)
{
    double number;

    if (!rnn_json_number(json, &number) || !(number >= 0) ||
        number > LARGEST_SIZE || number != (double)(uint64_t)number)
        return false;
    *value = (size_t)number;
    return true;
}

const char *rnn_json_print(const struct rnn_json *json, char *text,
                           size_t capacity)
{
    char *whole = json ? cJSON_PrintUnformatted(item_of(json)) : NULL;

    snprintf(text, capacity, "%s", whole ? whole : "something");
    if (whole && strlen(whole) >= capacity && capacity > 4)
        memcpy(text + capacity - 4, "...", 4);
    cJSON_free(whole);
    return text;
}

/* No deeper than the text was: RNN_JSON_DEPTH. */
static void drop_members(cJSON *item, const char *const *keys)
{
    for (cJSON *child = item->child, *next; child; child = next) {
        const char *const *key = keys;

        next = child->next;
        while (*key && (!child->string || strcmp(child->string, *key)))
            key++;
        if (*key)
            cJSON_Delete(cJSON_DetachItemViaPointer(item, child));
        else
            drop_members(child, keys);
    }
}

char *rnn_json_write(struct rnn_json *json, const char *const *without)
{
    drop_members((cJSON *)json, without);
    return cJSON_PrintUnformatted((const cJSON *)json);
}
