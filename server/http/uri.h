/* uri.h: a request target taken apart: path, query, percent-encoding
 * (RFC 3986, RFC 9112 section 3.2).
 *
 * Paths are matched as they came; only what fills a {param} of a route and
 * the fields of a query are decoded.
 *
 * Ownership  What is decoded lives in the arena.
 */
#ifndef SERVER_HTTP_URI_H
#define SERVER_HTTP_URI_H

#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"
#include "server/http/message.h"
#include "server/problem.h"

/* Cut `target` (written to) into path and query.  The absolute form loses
 * its scheme and authority.  `*query` is "" without one. */
void uri_split(char *target, const char **path, const char **query);

/* Is it a path ("/..." or "*"), every %XX well formed and none of them %00?
 * false: bad-request. */
bool uri_path_check(const char *path, struct problem *problem);

/* `length` bytes decoded, NUL-terminated; `plus`: + is a space.  NULL: a bad
 * encoding, a %00, or the arena is out. */
char *uri_decode(const char *text, size_t length, bool plus,
                 struct arena *arena);

/* Fill request->query from request->raw_query.  `strict`: a bad encoding, a
 * name given twice or more than HTTP_MAX_QUERY fields is bad-query;
 * otherwise such a field is left out. */
bool uri_query_read(struct http_request *request, bool strict,
                    struct problem *problem);

#endif
