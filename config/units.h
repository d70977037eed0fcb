/* units.h: numbers with their units, as people write them.
 *
 * 8M, 64k (of 1024); 30s, 10min, 1h, 250ms.  Whole numbers, no blanks, no
 * sign.  What is printed reads back to the same number.
 */
#ifndef CONFIG_UNITS_H
#define CONFIG_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNITS_TEXT_BYTES 32 /* enough for every printed number */

/* Bytes or a count, with k, M or G.  False: not of this form, or beyond 64
 * bits. */
bool units_parse_size(const char *text, uint64_t *size);

/* Milliseconds, from ms, s, min or h; only 0 needs no unit. */
bool units_parse_time(const char *text, uint64_t *time_ms);

/* In the largest unit that needs no fraction: 8388608 -> 8M. */
void units_print_size(uint64_t size, char text[UNITS_TEXT_BYTES]);
void units_print_time(uint64_t time_ms, char text[UNITS_TEXT_BYTES]);

#endif
