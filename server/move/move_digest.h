/* move_digest.h: what says that a row came back in all its bits.
 *
 * Only for server/move/.
 */
#ifndef SERVER_MOVE_MOVE_DIGEST_H
#define SERVER_MOVE_MOVE_DIGEST_H

#include "core/arena.h"
#include "server/store/record.h"

/* SHA-256 of the row's bytes.  false: the arena is out. */
bool move_digest(const struct record *record, struct arena *arena,
                 unsigned char digest[RNN_DIGEST_BYTES]);

#endif
