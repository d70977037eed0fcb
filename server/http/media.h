/* media.h: what came in and what may go out, from Content-Type and Accept
 * (RFC 9110 sections 8.3 and 12.5.1; docs/api.md, "Media types").
 */
#ifndef SERVER_HTTP_MEDIA_H
#define SERVER_HTTP_MEDIA_H

#include <stdbool.h>

#include "server/http/message.h"

enum http_media {
    HTTP_MEDIA_JSON,        /* application/json */
    HTTP_MEDIA_BINARY,      /* application/octet-stream */
    HTTP_MEDIA_SAFETENSORS, /* application/x-safetensors */
};

/* The media type of the body.  None at all and curl's default for -d count as
 * JSON unless the request has an Origin.  `allowed` is a set of
 * 1 << HTTP_MEDIA_x; another type, a charset other than UTF-8: 415. */
bool http_media_in(const struct http_request *request, unsigned allowed,
                   enum http_media *media, struct problem *problem);

/* The media type of the answer: `preferred` when Accept allows it, else
 * another of `allowed` that Accept names, else 406. */
bool http_media_out(const struct http_request *request, unsigned allowed,
                    enum http_media preferred, enum http_media *media,
                    struct problem *problem);

#endif
