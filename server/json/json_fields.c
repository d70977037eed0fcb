#include "server/json/json_fields.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "server/json/json_number.h"

static size_t find_field(const struct json_field *fields, size_t field_count,
                         const struct json_text *name)
{
    size_t i;

    for (i = 0; i < field_count; i++)
        if (json_text_is(name, fields[i].name))
            break;
    return i;
}

static bool read_member(struct json_scan *scan, const struct json_field *field,
                        void *target, bool *is_given)
{
    enum json_kind kind;

    if (!json_peek(scan, &kind))
        return false;
    *is_given = kind != JSON_NULL;
    if (*is_given)
        return field->read(scan, target);
    json_take_literal(scan, kind);
    return true;
}

bool json_read_fields(struct json_scan *scan, const struct json_field *fields,
                      size_t field_count, void *target, uint32_t *given)
{
    uint32_t seen = 0, present = 0;
    enum json_kind kind;
    enum json_item item;

    if (!json_peek(scan, &kind))
        return false;
    if (kind != JSON_OBJECT)
        return json_wrong_kind(scan, PROBLEM_BAD_FIELD, "an object");
    if (!json_enter(scan))
        return false;
    while ((item = json_next_member(scan)) == JSON_ITEM) {
        size_t i = find_field(fields, field_count, &json_step(scan)->key);
        bool is_given;

        if (i == field_count)
            return json_fail(scan, PROBLEM_UNKNOWN_FIELD,
                             "is not a field of this request");
        if (seen & UINT32_C(1) << i)
            return json_fail(scan, PROBLEM_DUPLICATE_FIELD, "is given twice");
        seen |= UINT32_C(1) << i;
        if (!read_member(scan, &fields[i], target, &is_given))
            return false;
        present |= (uint32_t)is_given << i;
    }
    if (item == JSON_FAULT || !json_scan_finish(scan))
        return false;
    *given = present;
    return true;
}

bool json_fail_field(struct json_scan *scan, const char *name,
                     const char *format, ...)
{
    char sentence[256];
    va_list args;

    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    scan->depth = 1;
    scan->path[0] =
        (struct json_step){.is_object = true, .key = {name, strlen(name)}};
    return json_fail(scan, PROBLEM_BAD_FIELD, "%s", sentence);
}

bool json_read_bool(struct json_scan *scan, bool *value)
{
    enum json_kind kind;

    if (!json_peek(scan, &kind))
        return false;
    if (kind != JSON_TRUE && kind != JSON_FALSE)
        return json_wrong_kind(scan, PROBLEM_BAD_FIELD, "true or false");
    json_take_literal(scan, kind);
    *value = kind == JSON_TRUE;
    return true;
}

bool json_read_string(struct json_scan *scan, const char **value)
{
    struct json_text text;
    enum json_kind kind;
    const char *copy;

    if (!json_peek(scan, &kind))
        return false;
    if (kind != JSON_STRING)
        return json_wrong_kind(scan, PROBLEM_BAD_FIELD, "a string");
    if (!json_take_text(scan, &text))
        return false;
    copy = arena_copy_text(scan->arena, text.bytes, text.length);
    if (!copy)
        return json_out_of_memory(scan);
    *value = copy;
    return true;
}

bool json_read_whole(struct json_scan *scan, uint64_t *value)
{
    struct json_number number;
    enum json_kind kind;

    if (!json_peek(scan, &kind))
        return false;
    if (kind != JSON_NUMBER)
        return json_wrong_kind(scan, PROBLEM_BAD_FIELD, "a whole number");
    if (!json_number_read(scan->at, &number))
        return json_malformed(scan, number.end, number.fault);
    if (!json_number_whole(&number, value))
        return json_fail(scan, PROBLEM_BAD_FIELD,
                         "must be a whole number from 0 to 10^18");
    scan->at = number.end;
    return true;
}
