/* json_document.h: the small documents: control bodies, imported states,
 * problems.
 *
 * They are read by the same strict reader as a /predict body, so that one
 * set of rules holds for whatever a client sends.
 *
 * Ownership  Everything read or written lives in the arena.
 * Memory     HTTP_BODY_PADDING zero bytes follow every text that is read.
 * Threads    Nothing is shared.
 */
#ifndef SERVER_JSON_JSON_DOCUMENT_H
#define SERVER_JSON_JSON_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "server/json/predict_body.h"
#include "server/problem.h"

/* The body of POST /sessions and of fork: an empty body is {}. */
struct session_body {
    const char *id;    /* NULL: not given */
    const char *model; /* NULL: not given */
    struct session_wish wish;
};

/* `is_fork`: only "id" is known.  false: malformed-json, duplicate-field,
 * unknown-field, bad-field, bad-id. */
bool session_body_read(const char *text, size_t length, bool is_fork,
                       struct arena *arena, struct session_body *body,
                       struct problem *problem);

/* One entry of an imported state: nested numbers, read as float64.  rank 0: a
 * number alone.  `[]` is of shape {0}. */
struct state_array {
    const char *name;
    size_t rank;
    size_t shape[RNN_MAX_RANK + 1];
    const double *data;
    size_t count;
};

/* What else __metadata__ of a safetensors file says. */
struct state_note {
    const char *name, *value;
    const struct state_note *next; /* NULL: the last one */
};

/* The body of PUT /sessions/{id}/state as JSON (docs/api.md, section 2). Which
 * arrays and shapes a model's state has is not known here. */
struct state_body {
    const char *model;       /* may be NULL */
    const char *fingerprint; /* 64 hexadecimal digits */
    uint64_t numerics;       /* their version; 0: not said */
    enum session_mode mode;
    size_t window; /* 0 in carry mode */
    uint64_t step;
    const struct state_array *arrays;
    size_t array_count;
    const struct state_note *notes; /* safetensors only */
};

/* false: malformed-json, duplicate-field, unknown-field, bad-field,
 * shape-mismatch, number-out-of-range, too-large, overloaded. */
bool state_body_read(const char *text, size_t length, size_t max_elements,
                     struct arena *arena, struct state_body *body,
                     struct problem *problem);

/* The problem document (RFC 9457) of `problem`, from the arena; NULL when it
 * is out. */
const char *problem_document(const struct problem *problem,
                             const char *request_id, struct arena *arena,
                             size_t *length);

#endif
