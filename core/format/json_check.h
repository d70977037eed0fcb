/* json_check.h: is a text JSON?  (RFC 8259 over UTF-8, without allocation.)
 *
 * What passes, cJSON can parse without losing anything: texts without NUL or
 * lone surrogates, numbers of at most 60 characters, a limited depth.
 */
#ifndef CORE_FORMAT_JSON_CHECK_H
#define CORE_FORMAT_JSON_CHECK_H

#include <stdbool.h>
#include <stddef.h>

struct json_fault {
    size_t offset;    /* bytes from the start */
    const char *what; /* "a comma or ] was expected" */
};

/* False and `*fault` when `text` is no JSON.  `*constants` counts the bare
 * NaN, Infinity and -Infinity, which are let pass. */
bool rnn_json_check(const char *text, size_t length, size_t *constants,
                    struct json_fault *fault);

/* Copy `text`, which passed the check, to `copy` with quotes around its bare
 * constants.  Writes length + 2 * constants bytes; returns how many. */
size_t rnn_json_quote_constants(const char *text, size_t length, char *copy);

#endif
