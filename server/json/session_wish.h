/* session_wish.h: what a client wishes a session to be: mode, window, ttl.
 *
 * /predict with start and POST /sessions take the same fields; here is what
 * both need to read and judge them.  The struct is in predict_body.h.
 */
#ifndef SERVER_JSON_SESSION_WISH_H
#define SERVER_JSON_SESSION_WISH_H

#include <stdbool.h>

#include "server/json/json_scan.h"
#include "server/json/predict_body.h"

/* "carry" or "window"; false: neither. */
bool session_mode_parse(const char *text, enum session_mode *mode);

/* Read one field's value.  false: the problem is bad-field (or bad-id). */
bool session_wish_read_mode(struct json_scan *scan, struct session_wish *wish);
bool session_wish_read_window(struct json_scan *scan,
                              struct session_wish *wish);
bool session_wish_read_ttl(struct json_scan *scan, struct session_wish *wish);
bool session_id_read(struct json_scan *scan, const char **id);

/* A sentence about "window" when it does not go with the mode, else NULL. */
const char *session_wish_window_fault(const struct session_wish *wish);

#endif
