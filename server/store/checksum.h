/* checksum.h: 64 bits by which damage to a stored row is noticed.
 *
 * Each 8 bytes go through a step that is one to one in them and in what came
 * before, so damage within one aligned word is always noticed, any other with
 * a probability of 1 - 2^-64.  It guards against disks, not against people.
 */
#ifndef SERVER_STORE_CHECKSUM_H
#define SERVER_STORE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Of `length` bytes, going on from the checksum `before` (0: from none). */
uint64_t store_checksum(uint64_t before, const void *bytes, size_t length);

#endif
