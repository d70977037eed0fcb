/* netns.h: network namespaces for a test, joined by veth pairs.
 *
 *     if (!netns_begin(&home, why, sizeof(why)))      not allowed here
 *         ... say why, skip ...
 *     space = netns_make(home);
 *     netns_link(home, "a", space, "b");
 *     netns_run(home, space, "ip addr add 10.91.0.2/24 dev b");
 *     netns_enter(space);         what is started now is in there
 *     netns_enter(home);
 *
 * They have no names: a namespace is a descriptor of the test, closed on
 * exec, and what is started inside.  So the kernel takes it away, with its
 * links and routes, when the test and what it has started are gone, however
 * they end.  The test itself is in one of its own from netns_begin() on, so
 * that nothing of the machine's network is touched.
 *
 * Threads  netns_enter() moves the calling thread; threads and processes
 *          begin where their maker is.
 * Errors   Whatever fails after netns_begin() ends the test.
 */
#ifndef TESTS_SUPPORT_NETNS_H
#define TESTS_SUPPORT_NETNS_H

#include <stdbool.h>
#include <stddef.h>

/* Move the calling thread into a new namespace.  false: the kernel does not
 * allow it, or has no veth; `why` is half a sentence. */
bool netns_begin(int *home, char *why, size_t size);

/* Another one; the caller is in `home`, and stays there. */
int netns_make(int home);
void netns_enter(int space);

/* A veth pair: `name` in `home`, `peer_name` in `space`. */
void netns_link(int home, const char *name, int space, const char *peer_name);

/* The caller is in `home`; a command of iproute2 ("ip ...", "tc ...") in
 * `space`.  netns_try() is false where it fails. */
bool netns_try(int home, int space, const char *command);
void netns_run(int home, int space, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
