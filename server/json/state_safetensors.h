/* state_safetensors.h: an imported state as safetensors.
 *
 * The same content as the JSON document (json_document.h): the arrays are
 * tensors of F32, F64 or I64, everything else stands as strings in
 * __metadata__; what is not known there is kept as notes.  Nothing in the
 * bytes is trusted.
 */
#ifndef SERVER_JSON_STATE_SAFETENSORS_H
#define SERVER_JSON_STATE_SAFETENSORS_H

#include "server/json/json_document.h"

/* false: malformed-json (also what is no safetensors at all),
 * duplicate-field, bad-field, shape-mismatch, not-finite,
 * number-out-of-range, too-large, overloaded. */
bool state_safetensors_read(const unsigned char *bytes, size_t length,
                            size_t max_elements, struct arena *arena,
                            struct state_body *body, struct problem *problem);

#endif
