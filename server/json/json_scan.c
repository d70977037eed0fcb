#include "server/json/json_scan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "server/json/json_number.h"
#include "server/json/json_text.h"

#define PLACE_SIZE   192 /* of a place's name in a sentence */
#define KEY_SIZE_MAX 48  /* bytes of one key in it */

void json_scan_init(struct json_scan *scan, const char *text, size_t length,
                    struct arena *arena, struct problem *problem)
{
    scan->text = text;
    scan->at = text;
    scan->end = text + length;
    scan->arena = arena;
    scan->problem = problem;
    scan->depth = 0;
}

bool json_scan_finish(struct json_scan *scan)
{
    scan->at = json_after_space(scan->at);
    if (scan->at == scan->end)
        return true;
    return json_malformed(scan, scan->at, "something follows the JSON value");
}

struct json_step *json_step(struct json_scan *scan)
{
    return &scan->path[scan->depth - 1];
}

bool json_text_is(const struct json_text *text, const char *other)
{
    return strlen(other) == text->length &&
           !memcmp(text->bytes, other, text->length);
}

/* ---- faults
 * ---------------------------------------------------------------*/

bool json_malformed(struct json_scan *scan, const char *at, const char *what)
{
    size_t offset = (size_t)(at - scan->text);

    if (at >= scan->end && scan->end == scan->text)
        problem_set(scan->problem, PROBLEM_MALFORMED_JSON,
                    "The body is empty");
    else if (at >= scan->end)
        problem_set(scan->problem, PROBLEM_MALFORMED_JSON,
                    "The text ends too early, at byte %zu: %s", offset, what);
    else
        problem_set(scan->problem, PROBLEM_MALFORMED_JSON, "Byte %zu: %s",
                    offset, what);
    scan->problem->has_offset = true;
    scan->problem->offset = offset;
    return false;
}

bool json_out_of_memory(struct json_scan *scan)
{
    return problem_set(scan->problem, PROBLEM_OVERLOADED,
                       "The request needs more memory than it may have");
}

/* The escaped step (RFC 6901) behind `pointer`; false when it does not fit. */
static bool append_step(char *pointer, size_t size, size_t *length,
                        const struct json_step *step)
{
    char digits[24];
    struct json_text key = step->key;
    size_t used = *length, i;

    if (!step->is_object) {
        key.bytes = digits;
        key.length =
            (size_t)snprintf(digits, sizeof(digits), "%zu", step->index);
    }
    if (key.length > size || used + 1 >= size)
        return false;
    pointer[used++] = '/';
    for (i = 0; i < key.length; i++) {
        char c = key.bytes[i];

        if (used + 2 >= size)
            return false;
        if (c == '~' || c == '/') {
            pointer[used++] = '~';
            c = c == '~' ? '0' : '1';
        }
        pointer[used++] = c;
    }
    *length = used;
    return true;
}

/* A pointer that does not fit ends a whole step earlier: then it names the
 * nearest container that it can. */
static void make_pointer(const struct json_scan *scan, char *pointer,
                         size_t size)
{
    size_t length = 0, i;

    for (i = 0; i < scan->depth; i++)
        if (!append_step(pointer, size, &length, &scan->path[i]))
            break;
    pointer[length] = '\0';
}

/* The path as a person writes it: inputs[2].speed[0]. */
static void make_place(const struct json_scan *scan, char place[PLACE_SIZE])
{
    size_t used = 0, i;

    if (!scan->depth)
        snprintf(place, PLACE_SIZE, "the body");
    for (i = 0; i < scan->depth && used < PLACE_SIZE - KEY_SIZE_MAX - 8; i++) {
        const struct json_step *step = &scan->path[i];
        size_t length = step->key.length;
        const char *dots = "";
        int printed;

        if (!step->is_object) {
            printed = snprintf(place + used, PLACE_SIZE - used, "[%zu]",
                               step->index);
            used += (size_t)printed;
            continue;
        }
        if (length > KEY_SIZE_MAX) {
            length = utf8_cut(step->key.bytes, KEY_SIZE_MAX);
            dots = "...";
        }
        printed = snprintf(place + used, PLACE_SIZE - used, "%s%.*s%s",
                           i ? "." : "", (int)length, step->key.bytes, dots);
        used += (size_t)printed;
    }
}

bool json_fail(struct json_scan *scan, enum problem_type type,
               const char *format, ...)
{
    char sentence[320], place[PLACE_SIZE];
    char pointer[sizeof(scan->problem->pointer)];
    va_list args;

    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    make_place(scan, place);
    make_pointer(scan, pointer, sizeof(pointer));
    return problem_set_at(scan->problem, type, pointer, "%s %s", place,
                          sentence);
}

bool json_wrong_kind(struct json_scan *scan, enum problem_type type,
                     const char *wanted)
{
    static const char *const names[] = {"null",     "false",    "true",
                                        "a number", "a string", "an array",
                                        "an object"};
    size_t depth = scan->depth;
    enum json_kind kind;

    if (!json_peek(scan, &kind) || !json_skip_value(scan))
        return false;
    scan->depth = depth;
    return json_fail(scan, type, "must be %s, not %s", wanted, names[kind]);
}

/* ---- values
 * ---------------------------------------------------------------*/

static bool literal_stands(const char *at, const char *literal)
{
    return !strncmp(at, literal, strlen(literal));
}

static bool no_value(struct json_scan *scan)
{
    if (literal_stands(scan->at, "\xef\xbb\xbf"))
        return json_malformed(scan, scan->at, "a byte order mark");
    return json_malformed(scan, scan->at, "a value is expected");
}

bool json_peek(struct json_scan *scan, enum json_kind *kind)
{
    const char *at = json_after_space(scan->at);

    scan->at = at;
    if (*at == '[')
        *kind = JSON_ARRAY;
    else if (*at == '{')
        *kind = JSON_OBJECT;
    else if (*at == '"')
        *kind = JSON_STRING;
    else if (*at == '-' || (*at >= '0' && *at <= '9'))
        *kind = JSON_NUMBER;
    else if (literal_stands(at, "null"))
        *kind = JSON_NULL;
    else if (literal_stands(at, "true"))
        *kind = JSON_TRUE;
    else if (literal_stands(at, "false"))
        *kind = JSON_FALSE;
    else
        return no_value(scan);
    return true;
}

void json_take_literal(struct json_scan *scan, enum json_kind kind)
{
    scan->at += kind == JSON_FALSE ? 5 : 4;
}

static bool check_string(struct json_scan *scan, struct json_string *string)
{
    *string = json_string_check(scan->at + 1);
    if (string->fault)
        return json_malformed(scan, string->end,
                              string->end >= scan->end
                                  ? "a string is not closed"
                                  : string->fault);
    return true;
}

bool json_take_text(struct json_scan *scan, struct json_text *text)
{
    const char *start = scan->at + 1;
    struct json_string string;
    size_t length;
    char *copy;

    if (!check_string(scan, &string))
        return false;
    if (string.holds_nul)
        return json_fail(scan, PROBLEM_BAD_FIELD,
                         "holds a text with the character U+0000");
    length = (size_t)(string.end - start);
    scan->at = string.end + 1;
    *text = (struct json_text){start, length};
    if (!string.is_escaped)
        return true;
    copy = arena_alloc(scan->arena, length, 1, 1);
    if (!copy)
        return json_out_of_memory(scan);
    text->length = json_string_unescape(start, string.end, copy);
    text->bytes = copy;
    return true;
}

/* ---- containers
 * -----------------------------------------------------------*/

bool json_enter(struct json_scan *scan)
{
    if (scan->depth == JSON_MAX_DEPTH)
        return json_malformed(scan, scan->at,
                              "more than 32 levels of brackets");
    scan->path[scan->depth++] =
        (struct json_step){.is_object = *scan->at == '{', .key = {"", 0}};
    scan->at++;
    return true;
}

/* Between two items: the closing bracket, or the comma before the next. */
static enum json_item next_item(struct json_scan *scan, char bracket,
                                const char *expected)
{
    struct json_step *step = json_step(scan);

    scan->at = json_after_space(scan->at);
    if (*scan->at == bracket) {
        scan->at++;
        scan->depth--;
        return JSON_END;
    }
    if (!step->is_started) {
        step->is_started = true;
        return JSON_ITEM;
    }
    if (*scan->at != ',') {
        json_malformed(scan, scan->at, expected);
        return JSON_FAULT;
    }
    scan->at = json_after_space(scan->at + 1);
    return JSON_ITEM;
}

/* The key at the cursor, and the colon. */
static bool take_key(struct json_scan *scan)
{
    struct json_step *step = json_step(scan);
    struct json_text key;

    if (*scan->at != '"')
        return json_malformed(scan, scan->at, "a field's name is expected");
    if (!json_take_text(scan, &key))
        return false;
    step->key = key;
    scan->at = json_after_space(scan->at);
    if (*scan->at != ':')
        return json_malformed(scan, scan->at, "a colon is expected");
    scan->at = json_after_space(scan->at + 1);
    return true;
}

enum json_item json_next_member(struct json_scan *scan)
{
    enum json_item item =
        next_item(scan, '}', "a comma or a closing brace is expected");

    if (item == JSON_ITEM && !take_key(scan))
        return JSON_FAULT;
    return item;
}

enum json_item json_next_element(struct json_scan *scan)
{
    struct json_step *step = json_step(scan);
    bool is_first = !step->is_started;
    enum json_item item =
        next_item(scan, ']', "a comma or a closing bracket is expected");

    if (item == JSON_ITEM)
        step->index = is_first ? 0 : step->index + 1;
    return item;
}

/* Take a value, of an array or object only the opening bracket. */
static bool skip_start(struct json_scan *scan)
{
    struct json_string string;
    struct json_number number;
    enum json_kind kind = JSON_NUMBER;

    if (!json_peek(scan, &kind))
        return false;
    if (kind == JSON_ARRAY || kind == JSON_OBJECT)
        return json_enter(scan);
    if (kind == JSON_STRING) {
        if (!check_string(scan, &string))
            return false;
        scan->at = string.end + 1;
    } else if (kind == JSON_NUMBER) {
        if (!json_number_read(scan->at, &number))
            return json_malformed(scan, number.end, number.fault);
        scan->at = number.end;
    } else {
        json_take_literal(scan, kind);
    }
    return true;
}

bool json_skip_value(struct json_scan *scan)
{
    size_t floor = scan->depth;
    enum json_item item;

    if (!skip_start(scan))
        return false;
    while (scan->depth > floor) {
        item = json_step(scan)->is_object ? json_next_member(scan)
                                          : json_next_element(scan);
        if (item == JSON_FAULT)
            return false;
        if (item == JSON_ITEM && !skip_start(scan))
            return false;
    }
    return true;
}
