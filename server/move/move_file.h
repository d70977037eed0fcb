/* move_file.h: one session as a safetensors file that holds all of its row.
 *
 * What GET /sessions/{id}/state writes, and further strings in __metadata__:
 *
 *     session      the id
 *     fate         live, expired, ended, deleted; the last three have no
 *                  tensors
 *     ttl_ms created_ms used_ms filled     as in record.h, in digits
 *     call_step_before call_step_after call_filled_before call_digest
 *     call_reply or call_state             the kept call, in hexadecimal
 *     row          the digest of the row: it is back in all its bits
 *
 * A file without them is one by that GET: then the session has the default
 * ttl, begins now and has no kept call, as with PUT.
 *
 * Ownership  Everything lives in the arena.
 */
#ifndef SERVER_MOVE_MOVE_FILE_H
#define SERVER_MOVE_MOVE_FILE_H

#include "core/arena.h"
#include "server/app.h"
#include "server/problem.h"
#include "server/store/record.h"

struct served_model;

#define MOVE_SUFFIX ".safetensors"

/* The bytes of the file.  `model` is the live session's, NULL of a dead one.
 * NULL: out of memory. */
const void *move_file_write(const struct record *record,
                            const struct served_model *model,
                            struct arena *arena, size_t *length);

/* What the file of the session `id` holds.
 *
 * false: as PUT /sessions/{id}/state; malformed-json, bad-field (a further
 * string is wrong, the digest is another), other-model. */
bool move_file_read(const struct app *app, const char *id,
                    const unsigned char *bytes, size_t length,
                    struct arena *arena, struct record *record,
                    struct problem *problem);

#endif
