/* origin.h: may the page that sent this request speak to us?
 * (docs/api.md, section 7)
 *
 * A browser runs pages from everywhere beside the one that a person trusts.
 * Origin says whose page a request comes from; Host says by which name the
 * browser found us, which a rebinding name server can choose.
 */
#ifndef SERVER_HTTP_ORIGIN_H
#define SERVER_HTTP_ORIGIN_H

#include <stdbool.h>

struct exchange;
struct problem;

/* NULL: no such header.  false: origin-refused. */
bool origin_check_origin(const struct exchange *exchange, const char *origin,
                         struct problem *problem);

/* On a listener bound to loopback a Host must be a loopback name, an IP
 * literal or in allowed_hosts.  false: origin-refused, or bad-request when it
 * is no host at all. */
bool origin_check_host(const struct exchange *exchange, const char *host,
                       struct problem *problem);

#endif
