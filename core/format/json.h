/* json.h: JSON that describes a model, read strictly.
 *
 * The only place in core that knows cJSON, which is lenient, tells a fault
 * from a lack of memory only with difficulty, and does not see a key that
 * stands twice.  So the text is checked first (RFC 8259, UTF-8, depth), and
 * cJSON only builds the tree.  Python's bare NaN, Infinity and -Infinity,
 * which Keras writes, arrive as the texts "NaN", "Infinity", "-Infinity".
 *
 * Ownership  rnn_json_parse() gives the tree, rnn_json_free() takes it back;
 *            everything else borrows from it.
 * Threads    cJSON writes a process-wide variable (the place of the last
 *            error) when it parses: nobody reads it, here or elsewhere.
 */
#ifndef CORE_FORMAT_JSON_H
#define CORE_FORMAT_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "core/status.h"

struct rnn_json; /* one value; an object's or array's children follow it */

#define RNN_JSON_DEPTH 100 /* arrays and objects inside each other */

/* Parse the whole of `text`; `what` names it in the error.
 *
 * BAD_MODEL   no JSON, or a key that stands twice in one object
 * NO_MEMORY   the tree does not fit
 */
RNN_CHECKED enum rnn_status rnn_json_parse(const char *text, size_t length,
                                           const char *what,
                                           struct rnn_json **json,
                                           struct rnn_error *err);
void rnn_json_free(struct rnn_json *json);

/* All of these take NULL for a value that is not there. */
bool rnn_json_is_object(const struct rnn_json *json);
bool rnn_json_is_array(const struct rnn_json *json);
bool rnn_json_is_null(const struct rnn_json *json); /* or not there */

/* null, false, 0, "", [] and {}: what a field holds when it does nothing. */
bool rnn_json_is_nothing(const struct rnn_json *json);

/* The member called `key`, case-sensitive; NULL when there is none or `json`
 * is no object. */
const struct rnn_json *rnn_json_member(const struct rnn_json *json,
                                       const char *key);

/* The children of an array or object, in order; NULL at the end. */
const struct rnn_json *rnn_json_first(const struct rnn_json *json);
const struct rnn_json *rnn_json_next(const struct rnn_json *json);
size_t rnn_json_count(const struct rnn_json *json);
const char *rnn_json_key(const struct rnn_json *json); /* inside an object */

const char *rnn_json_text(const struct rnn_json *json); /* NULL: no string */
bool rnn_json_bool(const struct rnn_json *json, bool *value);
bool rnn_json_number(const struct rnn_json *json, double *value);
/* A whole number from 0 to 2^53. */
bool rnn_json_size(const struct rnn_json *json, size_t *value);

/* The whole value as JSON without a blank in it, without the members called
 * one of `without` (NULL at the end), which leave the tree for good.  To be
 * freed with free(); NULL when memory is out. */
char *rnn_json_write(struct rnn_json *json, const char *const *without);

/* The value as JSON, cut to fit, for a person.  Returns `text`. */
const char *rnn_json_print(const struct rnn_json *json, char *text,
                           size_t capacity);

#endif
