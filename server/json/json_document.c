#include "server/json/json_document.h"

#include <inttypes.h>
#include <string.h>

#include "server/json/json_fields.h"
#include "server/json/json_names.h"
#include "server/json/json_tensor.h"
#include "server/json/session_wish.h"

#define COUNT(array)       (sizeof(array) / sizeof((array)[0]))
#define FINGERPRINT_LENGTH ((size_t)2 * RNN_DIGEST_BYTES)

/* ---- POST /sessions and fork
 * ----------------------------------------------*/

static bool read_id(struct json_scan *scan, void *target)
{
    return session_id_read(scan, &((struct session_body *)target)->id);
}

static bool read_model(struct json_scan *scan, void *target)
{
    return json_read_string(scan, &((struct session_body *)target)->model);
}

static bool read_mode(struct json_scan *scan, void *target)
{
    return session_wish_read_mode(scan,
                                  &((struct session_body *)target)->wish);
}

static bool read_window(struct json_scan *scan, void *target)
{
    return session_wish_read_window(scan,
                                    &((struct session_body *)target)->wish);
}

static bool read_ttl(struct json_scan *scan, void *target)
{
    return session_wish_read_ttl(scan, &((struct session_body *)target)->wish);
}

/* A fork takes the first one only. */
static const struct json_field session_fields[] = {
    {"id", read_id},         {"model", read_model}, {"mode", read_mode},
    {"window", read_window}, {"ttl", read_ttl},
};

bool session_body_read(const char *text, size_t length, bool is_fork,
                       struct arena *arena, struct session_body *body,
                       struct problem *problem)
{
    struct session_body read = {0};
    struct json_scan scan;
    const char *fault;
    uint32_t given;

    if (length) {
        json_scan_init(&scan, text, length, arena, problem);
        if (!json_read_fields(&scan, session_fields,
                              is_fork ? 1 : COUNT(session_fields), &read,
                              &given))
            return false;
        fault = session_wish_window_fault(&read.wish);
        if (fault)
            return json_fail_field(&scan, "window", "%s", fault);
    }
    *body = read;
    return true;
}

/* ---- PUT /sessions/{id}/state
 * ---------------------------------------------*/

struct state_reader {
    struct state_body body;
    struct session_wish wish;
    struct json_tensors tensors;
    struct json_names names;
    struct state_array *arrays;
    size_t capacity;
};

enum state_field {
    STATE_MODEL,
    STATE_FINGERPRINT,
    STATE_NUMERICS,
    STATE_MODE,
    STATE_WINDOW,
    STATE_STEP,
    STATE_STATE,
    STATE_FIELD_COUNT
};

static bool read_state_model(struct json_scan *scan, void *target)
{
    return json_read_string(scan,
                            &((struct state_reader *)target)->body.model);
}

static bool read_fingerprint(struct json_scan *scan, void *target)
{
    const char *text = NULL;

    if (!json_read_string(scan, &text))
        return false;
    if (strlen(text) != FINGERPRINT_LENGTH ||
        strspn(text, "0123456789abcdef") != FINGERPRINT_LENGTH)
        return json_fail(scan, PROBLEM_BAD_FIELD,
                         "must be %zu digits of 0-9 a-f", FINGERPRINT_LENGTH);
    ((struct state_reader *)target)->body.fingerprint = text;
    return true;
}

static bool read_numerics(struct json_scan *scan, void *target)
{
    return json_read_whole(scan,
                           &((struct state_reader *)target)->body.numerics);
}

static bool read_state_mode(struct json_scan *scan, void *target)
{
    return session_wish_read_mode(scan,
                                  &((struct state_reader *)target)->wish);
}

static bool read_state_window(struct json_scan *scan, void *target)
{
    return session_wish_read_window(scan,
                                    &((struct state_reader *)target)->wish);
}

static bool read_state_step(struct json_scan *scan, void *target)
{
    return json_read_whole(scan, &((struct state_reader *)target)->body.step);
}

/* A copy of the member's name, which must be a new one; NULL: the problem is
 * filled. */
static const char *take_name(struct json_scan *scan,
                             struct state_reader *reader)
{
    struct json_text key = json_step(scan)->key;
    const char *name = arena_copy_text(scan->arena, key.bytes, key.length);
    enum json_names_result result = JSON_NAMES_OUT;

    if (name)
        result = json_names_add(&reader->names, scan->arena,
                                (struct json_text){name, key.length});
    switch (result) {
    case JSON_NAMES_ADDED:
        return name;
    case JSON_NAMES_PRESENT:
        json_fail(scan, PROBLEM_DUPLICATE_FIELD, "is given twice");
        break;
    case JSON_NAMES_OUT:
        json_out_of_memory(scan);
        break;
    }
    return NULL;
}

/* The next element of reader->arrays, with the member's name; NULL: the
 * problem is filled. */
static struct state_array *add_array(struct json_scan *scan,
                                     struct state_reader *reader)
{
    size_t count = reader->body.array_count;
    const char *name = take_name(scan, reader);

    if (!name)
        return NULL;
    if (count == reader->capacity) {
        size_t capacity = count ? 2 * count : 8;
        struct state_array *arrays =
            arena_alloc(scan->arena, capacity, sizeof(*arrays),
                        _Alignof(struct state_array));

        if (!arrays) {
            json_out_of_memory(scan);
            return NULL;
        }
        if (count)
            memcpy(arrays, reader->arrays, count * sizeof(*arrays));
        reader->arrays = arrays;
        reader->capacity = capacity;
    }
    reader->arrays[count] = (struct state_array){.name = name};
    reader->body.array_count++;
    return &reader->arrays[count];
}

static bool read_array(struct json_scan *scan, struct state_reader *reader)
{
    struct state_array *entry = add_array(scan, reader);
    struct json_array array = {0};
    enum json_kind kind;

    if (!entry || !json_peek(scan, &kind))
        return false;
    if (kind == JSON_NUMBER) {
        if (!json_tensors_read_number(&reader->tensors, &array))
            return false;
    } else if (kind == JSON_ARRAY) {
        if (!json_tensors_read(&reader->tensors, 0, NULL, &array))
            return false;
    } else {
        return json_wrong_kind(scan, PROBLEM_BAD_FIELD, "an array of numbers");
    }
    entry->rank = array.rank;
    memcpy(entry->shape, array.shape, sizeof(entry->shape));
    entry->data = array.data;
    entry->count = array.count;
    return true;
}

static bool read_state(struct json_scan *scan, void *target)
{
    struct state_reader *reader = target;
    enum json_kind kind;
    enum json_item item;

    if (!json_peek(scan, &kind))
        return false;
    if (kind != JSON_OBJECT)
        return json_wrong_kind(scan, PROBLEM_BAD_FIELD, "an object of arrays");
    if (!json_enter(scan))
        return false;
    while ((item = json_next_member(scan)) == JSON_ITEM)
        if (!read_array(scan, reader))
            return false;
    return item == JSON_END;
}

static const struct json_field state_fields[STATE_FIELD_COUNT] = {
    [STATE_MODEL] = {"model", read_state_model},
    [STATE_FINGERPRINT] = {"fingerprint", read_fingerprint},
    [STATE_NUMERICS] = {"numerics", read_numerics},
    [STATE_MODE] = {"mode", read_state_mode},
    [STATE_WINDOW] = {"window", read_state_window},
    [STATE_STEP] = {"step", read_state_step},
    [STATE_STATE] = {"state", read_state},
};

static bool check_state(struct json_scan *scan,
                        const struct state_reader *reader, uint32_t given)
{
    static const enum state_field needed[] = {STATE_FINGERPRINT, STATE_MODE,
                                              STATE_STEP, STATE_STATE};
    const char *fault;
    size_t i;

    for (i = 0; i < COUNT(needed); i++)
        if (!(given & UINT32_C(1) << needed[i]))
            return json_fail(scan, PROBLEM_BAD_FIELD, "needs \"%s\"",
                             state_fields[needed[i]].name);
    if (reader->wish.mode == SESSION_WINDOW && !reader->wish.has_window)
        return json_fail(scan, PROBLEM_BAD_FIELD,
                         "needs \"window\" in mode \"window\"");
    fault = session_wish_window_fault(&reader->wish);
    if (fault)
        return json_fail_field(scan, "window", "%s", fault);
    return true;
}

bool state_body_read(const char *text, size_t length, size_t max_elements,
                     struct arena *arena, struct state_body *body,
                     struct problem *problem)
{
    struct json_scan scan;
    struct state_reader reader = {
        .tensors = {.scan = &scan,
                    .is_wide = true,
                    .may_be_empty = true,
                    .max_elements = max_elements},
    };
    uint32_t given;

    json_scan_init(&scan, text, length, arena, problem);
    if (!json_read_fields(&scan, state_fields, STATE_FIELD_COUNT, &reader,
                          &given) ||
        !check_state(&scan, &reader, given))
        return false;
    reader.body.mode = reader.wish.mode;
    reader.body.window = reader.wish.window;
    reader.body.arrays = reader.arrays;
    *body = reader.body;
    return true;
}
