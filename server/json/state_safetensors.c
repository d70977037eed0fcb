#include "server/json/state_safetensors.h"

#include <math.h>
#include <string.h>

#include "server/http/message.h"
#include "server/json/json_fields.h"
#include "server/json/json_names.h"
#include "server/json/session_wish.h"

#define WHOLE_MOST      ((uint64_t)1 << 53)           /* exact in float64 */
#define WHOLE_TEXT_MOST UINT64_C(1000000000000000000) /* as in JSON */

enum dtype { F32, F64, I64 };

struct reader {
    struct json_scan scan;
    struct json_names names;     /* of the header's members */
    const unsigned char *data;   /* behind the header */
    size_t data_length, covered; /* bytes; those that tensors hold */
    size_t max_elements, elements;
    struct state_body body;
    struct session_wish wish;
    struct state_array *arrays; /* [capacity] */
    size_t capacity;
    bool has_metadata, has_step;
};

/* One tensor's description. */
struct entry {
    enum dtype dtype;
    size_t rank;
    size_t shape[RNN_MAX_RANK + 1];
    uint64_t begin, end;
    bool has_dtype, has_shape, has_offsets;
};

/* ---- __metadata__ ------------------------------------------------------- */

static bool text_to_whole(const char *text, uint64_t *whole)
{
    uint64_t value = 0;
    const char *at = text;

    for (; *at >= '0' && *at <= '9' && value <= WHOLE_TEXT_MOST / 10; at++)
        value = 10 * value + (uint64_t)(*at - '0');
    if (at == text || *at || value > WHOLE_TEXT_MOST)
        return false;
    *whole = value;
    return true;
}

static bool is_fingerprint(const char *text)
{
    return strlen(text) == (size_t)2 * RNN_DIGEST_BYTES &&
           strspn(text, "0123456789abcdef") == (size_t)2 * RNN_DIGEST_BYTES;
}

/* Safetensors allow anything in __metadata__: who asked for the file may
 * know what it means. */
static bool keep_note(struct reader *reader, const char *name,
                      const char *value)
{
    struct state_note *note = arena_alloc(reader->scan.arena, 1, sizeof(*note),
                                          _Alignof(struct state_note));

    if (!note)
        return json_out_of_memory(&reader->scan);
    *note = (struct state_note){
        .name = name, .value = value, .next = reader->body.notes};
    reader->body.notes = note;
    return true;
}

static bool take_metadata(struct reader *reader, const char *name,
                          const char *value)
{
    struct json_scan *scan = &reader->scan;
    const struct json_text *key = &json_step(scan)->key;
    struct state_body *body = &reader->body;
    uint64_t window = 0;

    if (json_text_is(key, "model")) {
        body->model = value;
        return true;
    }
    if (json_text_is(key, "fingerprint")) {
        body->fingerprint = value;
        return is_fingerprint(value) ||
               json_fail(scan, PROBLEM_BAD_FIELD,
                         "must be 64 digits of 0-9 a-f");
    }
    if (json_text_is(key, "numerics"))
        return text_to_whole(value, &body->numerics) ||
               json_fail(scan, PROBLEM_BAD_FIELD, "must be a whole number");
    if (json_text_is(key, "mode"))
        return session_mode_parse(value, &reader->wish.mode) ||
               json_fail(scan, PROBLEM_BAD_FIELD,
                         "must be \"carry\" or \"window\"");
    if (json_text_is(key, "step")) {
        reader->has_step = true;
        return text_to_whole(value, &body->step) ||
               json_fail(scan, PROBLEM_BAD_FIELD, "must be a whole number");
    }
    if (!json_text_is(key, "window"))
        return keep_note(reader, name, value);
    if (!text_to_whole(value, &window) || !window || window > SIZE_MAX)
        return json_fail(scan, PROBLEM_BAD_FIELD,
                         "must be a whole number from 1 on");
    reader->wish.has_window = true;
    reader->wish.window = (size_t)window;
    return true;
}

/* Enter the object at the cursor. */
static bool enter_object(struct json_scan *scan)
{
    enum json_kind kind;

    if (!json_peek(scan, &kind))
        return false;
    if (kind != JSON_OBJECT)
        return json_wrong_kind(scan, PROBLEM_BAD_FIELD, "an object");
    return json_enter(scan);
}

/* The name of the member at the cursor, which may not stand twice in one
 * object.  NULL: the problem is set. */
static const char *take_name(struct reader *reader, struct json_names *names)
{
    struct json_scan *scan = &reader->scan;
    struct json_text key = json_step(scan)->key;
    const char *copy = arena_copy_text(scan->arena, key.bytes, key.length);

    if (!copy) {
        json_out_of_memory(scan);
        return NULL;
    }
    if (memchr(copy, '\0', key.length)) {
        json_fail(scan, PROBLEM_BAD_FIELD, "holds U+0000");
        return NULL;
    }
    switch (json_names_add(names, scan->arena,
                           (struct json_text){copy, key.length})) {
    case JSON_NAMES_PRESENT:
        json_fail(scan, PROBLEM_DUPLICATE_FIELD, "is given twice");
        return NULL;
    case JSON_NAMES_OUT:
        json_out_of_memory(scan);
        return NULL;
    case JSON_NAMES_ADDED:
        break;
    }
    return copy;
}

static bool read_metadata(struct reader *reader)
{
    struct json_scan *scan = &reader->scan;
    struct json_names names = {0};
    const char *name, *value;
    enum json_item item;

    reader->has_metadata = true;
    if (!enter_object(scan))
        return false;
    while ((item = json_next_member(scan)) == JSON_ITEM) {
        name = take_name(reader, &names);
        if (!name || !json_read_string(scan, &value) ||
            !take_metadata(reader, name, value))
            return false;
    }
    return item == JSON_END;
}

/* ---- tensors ------------------------------------------------------------ */

static bool read_dtype(struct json_scan *scan, struct entry *entry)
{
    static const char *const names[] = {"F32", "F64", "I64"};
    const char *text;

    if (!json_read_string(scan, &text))
        return false;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!strcmp(text, names[i])) {
            entry->dtype = (enum dtype)i;
            entry->has_dtype = true;
            return true;
        }
    return json_fail(scan, PROBLEM_BAD_FIELD,
                     "is \"%.16s\"; a state has F32, F64 and I64", text);
}

/* At most `room` whole numbers in an array. */
static bool read_wholes(struct json_scan *scan, uint64_t *numbers, size_t room,
                        size_t *count)
{
    enum json_kind kind;
    enum json_item item;
    size_t n = 0;

    if (!json_peek(scan, &kind))
        return false;
    if (kind != JSON_ARRAY)
        return json_wrong_kind(scan, PROBLEM_BAD_FIELD, "an array");
    if (!json_enter(scan))
        return false;
    while ((item = json_next_element(scan)) == JSON_ITEM) {
        if (n == room)
            return json_fail(scan, PROBLEM_BAD_FIELD, "is one too many");
        if (!json_read_whole(scan, &numbers[n++]))
            return false;
    }
    *count = n;
    return item == JSON_END;
}

static bool read_shape(struct json_scan *scan, struct entry *entry)
{
    uint64_t shape[RNN_MAX_RANK + 1];

    if (!read_wholes(scan, shape, RNN_MAX_RANK + 1, &entry->rank))
        return false;
    for (size_t a = 0; a < entry->rank; a++)
        entry->shape[a] = (size_t)shape[a];
    entry->has_shape = true;
    return true;
}

static bool read_offsets(struct json_scan *scan, struct entry *entry)
{
    uint64_t offsets[2];
    size_t count = 0;

    if (!read_wholes(scan, offsets, 2, &count))
        return false;
    if (count != 2 || offsets[0] > offsets[1])
        return json_fail(scan, PROBLEM_BAD_FIELD, "must be [begin, end]");
    entry->begin = offsets[0];
    entry->end = offsets[1];
    entry->has_offsets = true;
    return true;
}

static bool read_entry(struct reader *reader, struct entry *entry)
{
    struct json_scan *scan = &reader->scan;
    struct json_names names = {0};
    enum json_item item;

    if (!enter_object(scan))
        return false;
    while ((item = json_next_member(scan)) == JSON_ITEM) {
        const char *name = take_name(reader, &names);
        bool is_read;

        if (!name)
            return false;
        if (!strcmp(name, "dtype"))
            is_read = read_dtype(scan, entry);
        else if (!strcmp(name, "shape"))
            is_read = read_shape(scan, entry);
        else if (!strcmp(name, "data_offsets"))
            is_read = read_offsets(scan, entry);
        else
            is_read = json_fail(scan, PROBLEM_UNKNOWN_FIELD,
                                "is not a field of a tensor");
        if (!is_read)
            return false;
    }
    return item == JSON_END;
}

/* Shape, offsets and the bytes that are there must agree. */
static bool measure(struct reader *reader, const struct entry *entry,
                    size_t *count)
{
    struct json_scan *scan = &reader->scan;
    size_t bytes = entry->dtype == F32 ? 4 : 8;
    size_t product = 1;

    if (!entry->has_dtype || !entry->has_shape || !entry->has_offsets)
        return json_fail(scan, PROBLEM_BAD_FIELD,
                         "needs dtype, shape and data_offsets");
    for (size_t a = 0; a < entry->rank; a++) {
        if (entry->shape[a] &&
            product > reader->max_elements / entry->shape[a])
            return json_fail(scan, PROBLEM_TOO_LARGE,
                             "has more numbers than max_elements = %zu",
                             reader->max_elements);
        product *= entry->shape[a];
    }
    if (product > reader->max_elements - reader->elements)
        return json_fail(scan, PROBLEM_TOO_LARGE,
                         "brings more numbers than max_elements = %zu",
                         reader->max_elements);
    if (entry->end > reader->data_length ||
        entry->end - entry->begin != product * bytes)
        return json_fail(scan, PROBLEM_SHAPE_MISMATCH,
                         "has data_offsets that do not fit its shape and the "
                         "%zu bytes of data",
                         reader->data_length);
    reader->elements += product;
    reader->covered += product * bytes;
    *count = product;
    return true;
}

static bool widen(struct reader *reader, const struct entry *entry,
                  size_t count, double *numbers)
{
    const unsigned char *data = reader->data + entry->begin;

    for (size_t i = 0; i < count; i++) {
        float single;
        int64_t whole;

        switch (entry->dtype) {
        case F32:
            memcpy(&single, data + 4 * i, sizeof(single));
            numbers[i] = (double)single;
            break;
        case F64:
            memcpy(&numbers[i], data + 8 * i, sizeof(numbers[i]));
            break;
        case I64:
            memcpy(&whole, data + 8 * i, sizeof(whole));
            if (whole < 0 || (uint64_t)whole > WHOLE_MOST)
                return json_fail(&reader->scan, PROBLEM_NUMBER_OUT_OF_RANGE,
                                 "has a count that is below zero or too "
                                 "large");
            numbers[i] = (double)whole;
            break;
        }
        if (!isfinite(numbers[i]))
            return json_fail(&reader->scan, PROBLEM_NOT_FINITE,
                             "has a number that is not finite");
    }
    return true;
}

static bool grow(struct reader *reader)
{
    size_t count = reader->body.array_count;
    size_t capacity = count ? 2 * count : 8;
    struct state_array *arrays;

    if (count < reader->capacity)
        return true;
    arrays = arena_alloc(reader->scan.arena, capacity, sizeof(*arrays),
                         _Alignof(struct state_array));
    if (!arrays)
        return json_out_of_memory(&reader->scan);
    if (count)
        memcpy(arrays, reader->arrays, count * sizeof(*arrays));
    reader->arrays = arrays;
    reader->capacity = capacity;
    return true;
}

static bool read_tensor(struct reader *reader, const char *name)
{
    struct state_array *array;
    struct entry entry = {0};
    double *numbers;
    size_t count = 0;

    if (!read_entry(reader, &entry) || !measure(reader, &entry, &count) ||
        !grow(reader))
        return false;
    numbers = arena_alloc(reader->scan.arena, count, sizeof(*numbers), 64);
    if (!numbers)
        return json_out_of_memory(&reader->scan);
    if (!widen(reader, &entry, count, numbers))
        return false;
    array = &reader->arrays[reader->body.array_count++];
    *array = (struct state_array){
        .name = name, .rank = entry.rank, .data = numbers, .count = count};
    memcpy(array->shape, entry.shape, sizeof(entry.shape));
    return true;
}

/* ---- the file ----------------------------------------------------------- */

static bool read_members(struct reader *reader)
{
    struct json_scan *scan = &reader->scan;
    enum json_item item;

    if (!enter_object(scan))
        return false;
    while ((item = json_next_member(scan)) == JSON_ITEM) {
        const char *name = take_name(reader, &reader->names);

        if (!name)
            return false;
        if (!strcmp(name, "__metadata__") ? !read_metadata(reader)
                                          : !read_tensor(reader, name))
            return false;
    }
    return item == JSON_END && json_scan_finish(scan);
}

static bool check_whole(const struct reader *reader, struct problem *problem)
{
    const struct session_wish *wish = &reader->wish;
    const char *fault = session_wish_window_fault(wish);

    if (!reader->has_metadata || !reader->body.fingerprint ||
        wish->mode == SESSION_MODE_UNSET || !reader->has_step)
        return problem_set_at(problem, PROBLEM_BAD_FIELD, "/__metadata__",
                              "__metadata__ needs \"fingerprint\", \"mode\" "
                              "and \"step\"");
    if (wish->mode == SESSION_WINDOW && !wish->has_window)
        return problem_set_at(problem, PROBLEM_BAD_FIELD, "/__metadata__",
                              "__metadata__ needs \"window\" in mode "
                              "\"window\"");
    if (fault)
        return problem_set_at(problem, PROBLEM_BAD_FIELD,
                              "/__metadata__/window", "\"window\" %s", fault);
    if (reader->covered != reader->data_length)
        return problem_set(problem, PROBLEM_SHAPE_MISMATCH,
                           "the tensors hold %zu bytes, the file has %zu",
                           reader->covered, reader->data_length);
    return true;
}

bool state_safetensors_read(const unsigned char *bytes, size_t length,
                            size_t max_elements, struct arena *arena,
                            struct state_body *body, struct problem *problem)
{
    struct reader reader = {.max_elements = max_elements};
    uint64_t header_length = 0;
    char *header;

    for (size_t b = 0; b < 8 && length >= 8; b++)
        header_length |= (uint64_t)bytes[b] << (8 * b);
    if (length < 8 || header_length > length - 8)
        return problem_set(problem, PROBLEM_MALFORMED_JSON,
                           "the body is no safetensors file: it has %zu bytes "
                           "and no header within them",
                           length);
    /* The scanner wants zeros behind the text. */
    header =
        arena_zalloc(arena, (size_t)header_length + HTTP_BODY_PADDING, 1, 64);
    if (!header)
        return problem_set(problem, PROBLEM_OVERLOADED,
                           "out of memory for the state");
    memcpy(header, bytes + 8, (size_t)header_length);
    reader.data = bytes + 8 + header_length;
    reader.data_length = length - 8 - (size_t)header_length;
    json_scan_init(&reader.scan, header, (size_t)header_length, arena,
                   problem);
    if (!read_members(&reader) || !check_whole(&reader, problem))
        return false;
    reader.body.mode = reader.wish.mode;
    reader.body.window = reader.wish.window;
    reader.body.arrays = reader.arrays;
    *body = reader.body;
    return true;
}
