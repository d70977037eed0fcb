/* json_names.h: the set of names that one object has given so far.
 *
 * A crit-bit tree (D. J. Bernstein's name for what Morrison's PATRICIA trees
 * are): each inner node is the first bit in which the names below it differ.
 * Asking costs the length of a name and there is no hash for a client to
 * attack.
 *
 * Ownership  Nodes come from the arena; names are the caller's and must live
 *            as long as the set.
 */
#ifndef SERVER_JSON_JSON_NAMES_H
#define SERVER_JSON_JSON_NAMES_H

#include "core/arena.h"
#include "server/json/json_scan.h"

struct json_name_node;

struct json_names {
    struct json_name_node *root; /* NULL: the set is empty */
};

enum json_names_result {
    JSON_NAMES_ADDED,
    JSON_NAMES_PRESENT,
    JSON_NAMES_OUT
};

/* Add a name, which holds no NUL.  OUT: the arena is. */
enum json_names_result json_names_add(struct json_names *names,
                                      struct arena *arena,
                                      struct json_text name);

#endif
