/* json_text.h: the bytes of JSON: space, UTF-8 and escapes.
 *
 * Both ends of the arena's texts meet here: the reader checks and unescapes,
 * the writer asks which bytes it may write as they are.
 *
 * Memory  Inputs end in a byte (NUL, a quote) that no string goes over, so
 *         nothing here takes a length.
 */
#ifndef SERVER_JSON_JSON_TEXT_H
#define SERVER_JSON_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* The first byte from `at` on that is not space. */
static inline const char *json_after_space(const char *at)
{
    while (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')
        at++;
    return at;
}

/* Bytes of the well-formed UTF-8 character at `at` (Unicode, table 3-7):
 * 1 to 4, or 0 when there is none. */
size_t utf8_length(const char *at);

/* The largest length <= `length` that does not cut a character of the text
 * in two. */
size_t utf8_cut(const char *text, size_t length);

/* What a hexadecimal digit of either case stands for; -1: it is none. */
int hex_value(char c);

struct json_string {
    const char *end;   /* the closing quote; on a fault, the faulty byte */
    const char *fault; /* a sentence; NULL when the string is well formed */
    bool is_escaped;   /* backslashes occur */
    bool holds_nul;    /* as \u0000 */
};

/* Check the string whose first byte after the opening quote is `at`. */
struct json_string json_string_check(const char *at);

/* Unescape what json_string_check() has passed; returns the length written,
 * at most end - at. */
size_t json_string_unescape(const char *at, const char *end, char *out);

#endif
