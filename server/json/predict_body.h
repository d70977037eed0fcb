/* predict_body.h: the body of POST /predict, read in one pass.
 *
 * Strict RFC 8259 and UTF-8; no key stands twice; numbers go straight into
 * float32 buffers with their shape, exactly rounded (round to nearest even,
 * as strtof).  The first fault ends the reading, with its pointer or offset.
 * What a tensor must look like for a model is not known here, but that it is
 * a tensor (not ragged, not empty, nothing but numbers) is checked.
 *
 * Ownership  Everything lives in the arena; strings are NUL-terminated and
 *            hold no NUL.
 * Threads    Nothing is shared.
 */
#ifndef SERVER_JSON_PREDICT_BODY_H
#define SERVER_JSON_PREDICT_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/model.h"
#include "server/problem.h"

/* A rectangular array of numbers.  rank 1 .. RNN_MAX_RANK + 1. */
struct json_tensor {
    const char *name; /* the input's name; NULL for sequence(s) */
    size_t rank;
    size_t shape[RNN_MAX_RANK + 1];
    float *data; /* aligned to 64 */
    size_t count;
};

/* The tensors of one sequence: one, or one for each name of `inputs`. */
struct json_sample {
    struct json_tensor *tensors;
    size_t tensor_count;
};

enum predict_form {
    PREDICT_SEQUENCE,    /* "sequence": one sample, one tensor */
    PREDICT_SEQUENCES,   /* "sequences": samples of one tensor each */
    PREDICT_INPUTS,      /* "inputs": {..}: one sample */
    PREDICT_INPUTS_LIST, /* "inputs": [{..}, ..] */
};

enum session_start { SESSION_START_NO, SESSION_START_TRUE, SESSION_RESTART };
enum session_mode { SESSION_MODE_UNSET, SESSION_CARRY, SESSION_WINDOW };

/* mode, window and ttl, as /predict with start and POST /sessions take them.
 */
struct session_wish {
    enum session_mode mode;
    bool has_window;
    size_t window; /* >= 1 */
    bool has_ttl;
    uint64_t ttl_ms; /* 0: never */
};

struct predict_body {
    enum predict_form form;
    struct json_sample *samples;
    size_t sample_count;
    bool every_step;
    const char *session; /* NULL: stateless */
    enum session_start start;
    struct session_wish wish;
    bool end;
    bool has_step;
    uint64_t step;
    bool commit;       /* true unless given as false */
    const char *model; /* NULL: not named */
};

struct predict_limits {
    size_t max_elements;  /* numbers of all tensors together */
    size_t max_timesteps; /* of the first axis of a sequence */
    size_t max_batch;     /* samples */
};

/* Read `length` bytes at `text`, which HTTP_BODY_PADDING zero bytes follow.
 *
 * false: `problem` is one of malformed-json, duplicate-field, unknown-field,
 * bad-field, bad-id, shape-mismatch, number-out-of-range, too-large,
 * overloaded (the arena is out).  Fields that exclude each other or need one
 * another (docs/api.md, section 1) are checked here too. */
bool predict_body_read(const char *text, size_t length,
                       const struct predict_limits *limits,
                       struct arena *arena, struct predict_body *body,
                       struct problem *problem);

/* The same fields from a query string (binary calls); tensors are not
 * touched: form, samples and sample_count stay as they are.  `batch` is the
 * value of ?batch=, else 0.  false: bad-query, bad-id. */
struct http_request;
bool predict_query_read(const struct http_request *request,
                        struct predict_body *body, size_t *batch,
                        struct problem *problem);

/* 1 to 128 of A-Z a-z 0-9 . _ ~ -, but not "." or "..". */
bool session_id_is_valid(const char *id, size_t length);

/* "30s" -> 30000; units ms s min h, needed but for 0.  false: not a time. */
bool duration_parse(const char *text, uint64_t *ms);

#endif
