/* json_scan.h: the lexical layer of every JSON text that a client sends.
 *
 * A cursor over the text that takes one token at a time and refuses whatever
 * RFC 8259 does not allow: bytes that are not UTF-8, lone surrogates, control
 * characters, commas too many, more than JSON_MAX_DEPTH levels.  Nothing is
 * recursive and no tree is built: callers ask for the next member or element
 * and read its value straight into their own struct.  The cursor knows the
 * path to where it stands, so that every fault can name its place.
 *
 * Ownership  The caller holds the struct.  Texts point into the input, or
 *            into the arena when they had to be unescaped.
 * Memory     HTTP_BODY_PADDING zero bytes follow the text: they end every
 *            loop, so that none has to look for the end.
 * Errors     What returns bool or JSON_FAULT has filled scan->problem.
 */
#ifndef SERVER_JSON_JSON_SCAN_H
#define SERVER_JSON_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"
#include "server/problem.h"

#define JSON_MAX_DEPTH 32

enum json_kind {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
};

/* Not NUL-terminated; holds no NUL. */
struct json_text {
    const char *bytes;
    size_t length;
};

/* Where one level of the path stands. */
struct json_step {
    bool is_object;
    bool is_started;
    struct json_text key; /* of an object */
    size_t index;         /* of an array */
};

struct json_scan {
    const char *text, *at, *end;
    struct arena *arena;
    struct problem *problem;
    size_t depth; /* open objects and arrays */
    struct json_step path[JSON_MAX_DEPTH];
};

/* What json_next_member() and json_next_element() found. */
enum json_item {
    JSON_FAULT,
    JSON_ITEM, /* the cursor is at its value, its key or index in the path */
    JSON_END,  /* the closing bracket has been taken */
};

void json_scan_init(struct json_scan *scan, const char *text, size_t length,
                    struct arena *arena, struct problem *problem);

/* After the value: is there nothing but space?  */
bool json_scan_finish(struct json_scan *scan);

/* Skip space; the kind of the value that begins there, by its first byte (and
 * for literals, by all of them).  false: no value begins there. */
bool json_peek(struct json_scan *scan, enum json_kind *kind);

/* Take the opening bracket at the cursor. */
bool json_enter(struct json_scan *scan);
/* On to the next member of the innermost object, or element of the innermost
 * array. */
enum json_item json_next_member(struct json_scan *scan);
enum json_item json_next_element(struct json_scan *scan);
/* The step of the innermost open container. */
struct json_step *json_step(struct json_scan *scan);

/* Take `null`, `true` or `false`, which json_peek() has seen. */
void json_take_literal(struct json_scan *scan, enum json_kind kind);
/* Take the string at the cursor.  bad-field when it holds U+0000. */
bool json_take_text(struct json_scan *scan, struct json_text *text);
/* Take one value of whatever kind, checked as strictly as any other, but for
 * keys given twice. */
bool json_skip_value(struct json_scan *scan);

bool json_text_is(const struct json_text *text, const char *other);

/* ---- faults: all return false --------------------------------------------*/

/* malformed-json at `at`, with a sentence on what is wrong there. */
bool json_malformed(struct json_scan *scan, const char *at, const char *what);
/* A problem with the value or field that the path leads to.  The sentence is
 * put behind the name of the place: "sequence[3] ". */
bool json_fail(struct json_scan *scan, enum problem_type type,
               const char *format, ...) RNN_PRINTF(3, 4);
/* bad-field, as the value at the cursor is not `wanted` ("a string"); a
 * malformed value is malformed first. */
bool json_wrong_kind(struct json_scan *scan, enum problem_type type,
                     const char *wanted);
/* overloaded: the arena is out. */
bool json_out_of_memory(struct json_scan *scan);

#endif
