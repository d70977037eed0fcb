#include "server/json/predict_body.h"

#include <assert.h>
#include <string.h>

#include "server/json/json_fields.h"
#include "server/json/json_names.h"
#include "server/json/json_tensor.h"
#include "server/json/predict_rules.h"
#include "server/json/session_wish.h"

/* What one reading needs beside the cursor. */
struct reader {
    struct json_tensors tensors;
    const struct predict_limits *limits;
    struct predict_body body;
    bool has_form;
    size_t sample_capacity;
};

/* Room for one more element; `count` are in use.  Arrays double, and what
 * they leave behind goes with the arena. */
static bool grow(struct json_scan *scan, void **array, size_t count,
                 size_t *capacity, size_t size)
{
    size_t wanted = *capacity ? 2 * *capacity : 1;
    void *grown;

    if (count < *capacity)
        return true;
    grown = arena_alloc(scan->arena, wanted, size, _Alignof(max_align_t));
    if (!grown)
        return json_out_of_memory(scan);
    if (*array)
        memcpy(grown, *array, count * size);
    *array = grown;
    *capacity = wanted;
    return true;
}

static bool set_form(struct json_scan *scan, struct reader *reader,
                     enum predict_form form)
{
    if (reader->has_form)
        return json_fail(scan, PROBLEM_BAD_FIELD,
                         "does not go with another of \"sequence\", "
                         "\"sequences\" and \"inputs\"");
    reader->has_form = true;
    reader->body.form = form;
    return true;
}

/* One more sample, without tensors yet; NULL: the problem is filled. */
static struct json_sample *add_sample(struct json_scan *scan,
                                      struct reader *reader)
{
    struct predict_body *body = &reader->body;
    struct json_sample *sample;
    void *samples = body->samples;

    if (body->sample_count == reader->limits->max_batch) {
        scan->depth--;
        json_fail(scan, PROBLEM_TOO_LARGE,
                  "has %zu samples or more, max_batch is %zu",
                  body->sample_count + 1, body->sample_count);
        return NULL;
    }
    if (!grow(scan, &samples, body->sample_count, &reader->sample_capacity,
              sizeof(*body->samples)))
        return NULL;
    body->samples = samples;
    sample = &body->samples[body->sample_count++];
    *sample = (struct json_sample){NULL, 0};
    return sample;
}

/* Read the array at the cursor as `tensor`.  A value that is none is
 * `mismatch`. */
static bool read_tensor(struct json_scan *scan, struct reader *reader,
                        const char *rows_limit, enum problem_type mismatch,
                        struct json_tensor *tensor)
{
    struct json_array array;
    enum json_kind kind;

    if (!json_peek(scan, &kind))
        return false;
    if (kind != JSON_ARRAY)
        return json_wrong_kind(scan, mismatch, "an array of numbers");
    if (!json_tensors_read(&reader->tensors, reader->limits->max_timesteps,
                           rows_limit, &array))
        return false;
    tensor->rank = array.rank;
    memcpy(tensor->shape, array.shape, sizeof(tensor->shape));
    tensor->data = array.data;
    tensor->count = array.count;
    return true;
}

/* ---- sequence and sequences
 * -----------------------------------------------*/

static bool add_sequence(struct json_scan *scan, struct reader *reader,
                         enum problem_type mismatch)
{
    struct json_sample *sample = add_sample(scan, reader);

    if (!sample)
        return false;
    sample->tensors = arena_zalloc(scan->arena, 1, sizeof(struct json_tensor),
                                   _Alignof(struct json_tensor));
    if (!sample->tensors)
        return json_out_of_memory(scan);
    sample->tensor_count = 1;
    return read_tensor(scan, reader, "max_timesteps", mismatch,
                       sample->tensors);
}

static bool read_sequence(struct json_scan *scan, void *target)
{
    struct reader *reader = target;

    return set_form(scan, reader, PREDICT_SEQUENCE) &&
           add_sequence(scan, reader, PROBLEM_BAD_FIELD);
}

typedef bool element_reader(struct json_scan *scan, struct reader *reader);

/* Read an array of samples; an empty one is no batch. */
static bool read_list(struct json_scan *scan, struct reader *reader,
                      element_reader *read)
{
    enum json_item item;

    if (!json_enter(scan))
        return false;
    while ((item = json_next_element(scan)) == JSON_ITEM)
        if (!read(scan, reader))
            return false;
    if (item == JSON_FAULT)
        return false;
    if (!reader->body.sample_count)
        return json_fail(scan, PROBLEM_SHAPE_MISMATCH, "is empty");
    return true;
}

static bool read_one_of_sequences(struct json_scan *scan,
                                  struct reader *reader)
{
    return add_sequence(scan, reader, PROBLEM_SHAPE_MISMATCH);
}

static bool read_sequences(struct json_scan *scan, void *target)
{
    struct reader *reader = target;
    enum json_kind kind;

    if (!set_form(scan, reader, PREDICT_SEQUENCES) || !json_peek(scan, &kind))
        return false;
    if (kind != JSON_ARRAY)
        return json_wrong_kind(scan, PROBLEM_BAD_FIELD,
                               "an array of sequences");
    return read_list(scan, reader, read_one_of_sequences);
}

/* ---- inputs
 * ---------------------------------------------------------------*/

/* The names of one object of inputs. */
struct inputs {
    const struct json_sample *first; /* the first object's; NULL: this is it */
    bool is_like_first;      /* so far: the same names in the same order */
    struct json_names names; /* not filled while is_like_first */
    size_t capacity;
};

static struct json_text text_of(const char *name)
{
    return (struct json_text){name, strlen(name)};
}

static bool add_name(struct json_scan *scan, struct inputs *inputs,
                     struct json_text name)
{
    switch (json_names_add(&inputs->names, scan->arena, name)) {
    case JSON_NAMES_ADDED:
        return true;
    case JSON_NAMES_PRESENT:
        return json_fail(scan, PROBLEM_DUPLICATE_FIELD, "is given twice");
    case JSON_NAMES_OUT:
        break;
    }
    return json_out_of_memory(scan);
}

/* The name of the next tensor, which must be a new one.  Objects of a list
 * repeat the first one's names, which are known to differ. */
static bool take_name(struct json_scan *scan, struct inputs *inputs,
                      const struct json_sample *sample, const char **name)
{
    struct json_text key = json_step(scan)->key;
    const struct json_sample *first = inputs->first;
    size_t count = sample->tensor_count, i;

    if (inputs->is_like_first && count < first->tensor_count &&
        json_text_is(&key, first->tensors[count].name)) {
        *name = first->tensors[count].name;
        return true;
    }
    for (i = 0; inputs->is_like_first && i < count; i++)
        if (!add_name(scan, inputs, text_of(sample->tensors[i].name)))
            return false;
    inputs->is_like_first = false;
    *name = arena_copy_text(scan->arena, key.bytes, key.length);
    if (!*name)
        return json_out_of_memory(scan);
    return add_name(scan, inputs, text_of(*name));
}

static bool read_input(struct json_scan *scan, struct reader *reader,
                       struct inputs *inputs, struct json_sample *sample)
{
    void *tensors = sample->tensors;
    struct json_tensor tensor = {0};

    if (!take_name(scan, inputs, sample, &tensor.name) ||
        !read_tensor(scan, reader, NULL, PROBLEM_BAD_FIELD, &tensor))
        return false;
    if (!grow(scan, &tensors, sample->tensor_count, &inputs->capacity,
              sizeof(tensor)))
        return false;
    assert(tensors); /* there is room for at least one now */
    sample->tensors = tensors;
    sample->tensors[sample->tensor_count++] = tensor;
    return true;
}

static bool read_inputs_object(struct json_scan *scan, struct reader *reader)
{
    struct inputs inputs = {0};
    struct json_sample *sample;
    enum json_kind kind;
    enum json_item item;

    if (!json_peek(scan, &kind))
        return false;
    if (kind != JSON_OBJECT)
        return json_wrong_kind(scan, PROBLEM_BAD_FIELD,
                               "an object of tensors");
    sample = add_sample(scan, reader);
    if (!sample || !json_enter(scan))
        return false;
    if (reader->body.sample_count > 1) {
        inputs.first = reader->body.samples;
        inputs.is_like_first = true;
    }
    while ((item = json_next_member(scan)) == JSON_ITEM)
        if (!read_input(scan, reader, &inputs, sample))
            return false;
    return item == JSON_END;
}

static bool read_inputs(struct json_scan *scan, void *target)
{
    struct reader *reader = target;
    enum json_kind kind;

    if (!set_form(scan, reader, PREDICT_INPUTS) || !json_peek(scan, &kind))
        return false;
    if (kind == JSON_ARRAY) {
        reader->body.form = PREDICT_INPUTS_LIST;
        return read_list(scan, reader, read_inputs_object);
    }
    if (kind != JSON_OBJECT)
        return json_wrong_kind(scan, PROBLEM_BAD_FIELD,
                               "an object or an array of objects");
    return read_inputs_object(scan, reader);
}

/* ---- the other fields
 * -----------------------------------------------------*/

static struct predict_body *body_of(void *target)
{
    return &((struct reader *)target)->body;
}

static bool read_every_step(struct json_scan *scan, void *target)
{
    return json_read_bool(scan, &body_of(target)->every_step);
}

static bool read_session(struct json_scan *scan, void *target)
{
    return session_id_read(scan, &body_of(target)->session);
}

static bool read_start(struct json_scan *scan, void *target)
{
    struct predict_body *body = body_of(target);
    enum json_kind kind;
    const char *text;
    bool start;

    if (!json_peek(scan, &kind))
        return false;
    if (kind == JSON_STRING) {
        if (!json_read_string(scan, &text))
            return false;
        if (strcmp(text, "restart") != 0)
            return json_fail(scan, PROBLEM_BAD_FIELD,
                             "must be true or \"restart\", not \"%.32s\"",
                             text);
        body->start = SESSION_RESTART;
        return true;
    }
    if (kind != JSON_TRUE && kind != JSON_FALSE)
        return json_wrong_kind(scan, PROBLEM_BAD_FIELD, "true or \"restart\"");
    if (!json_read_bool(scan, &start))
        return false;
    body->start = start ? SESSION_START_TRUE : SESSION_START_NO;
    return true;
}

static bool read_end(struct json_scan *scan, void *target)
{
    return json_read_bool(scan, &body_of(target)->end);
}

static bool read_step(struct json_scan *scan, void *target)
{
    body_of(target)->has_step = true;
    return json_read_whole(scan, &body_of(target)->step);
}

static bool read_commit(struct json_scan *scan, void *target)
{
    return json_read_bool(scan, &body_of(target)->commit);
}

static bool read_model(struct json_scan *scan, void *target)
{
    return json_read_string(scan, &body_of(target)->model);
}

static bool read_mode(struct json_scan *scan, void *target)
{
    return session_wish_read_mode(scan, &body_of(target)->wish);
}

static bool read_window(struct json_scan *scan, void *target)
{
    return session_wish_read_window(scan, &body_of(target)->wish);
}

static bool read_ttl(struct json_scan *scan, void *target)
{
    return session_wish_read_ttl(scan, &body_of(target)->wish);
}

static const struct json_field fields[PREDICT_FIELD_COUNT] = {
#define XX(name, text) {#text, read_##text},
    PREDICT_FIELD_MAP(XX)
#undef XX
};

static bool check_rules(struct json_scan *scan, const struct reader *reader,
                        uint32_t given)
{
    enum predict_field field;
    const char *fault;

    if (!reader->has_form)
        return json_fail(scan, PROBLEM_BAD_FIELD,
                         "needs one of \"sequence\", \"sequences\" and "
                         "\"inputs\"");
    fault = predict_rules_check(&reader->body, given, &field);
    if (fault)
        return json_fail_field(scan, predict_field_name(field), "%s", fault);
    return true;
}

bool predict_body_read(const char *text, size_t length,
                       const struct predict_limits *limits,
                       struct arena *arena, struct predict_body *body,
                       struct problem *problem)
{
    struct json_scan scan;
    struct reader reader = {
        .tensors = {.scan = &scan, .max_elements = limits->max_elements},
        .limits = limits,
        .body = {.commit = true},
    };
    uint32_t given;

    json_scan_init(&scan, text, length, arena, problem);
    if (!json_read_fields(&scan, fields, PREDICT_FIELD_COUNT, &reader,
                          &given) ||
        !check_rules(&scan, &reader, given))
        return false;
    *body = reader.body;
    return true;
}
