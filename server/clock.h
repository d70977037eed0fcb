/* clock.h: the two clocks, and nobody else asks the system for time.
 *
 * Every deadline and every idle time is monotonic, so that a clock that jumps
 * expires nothing.  Wall time is for people only.
 */
#ifndef SERVER_CLOCK_H
#define SERVER_CLOCK_H

#include <stddef.h>
#include <stdint.h>

uint64_t clock_monotonic_ms(void);
uint64_t clock_monotonic_ns(void);
uint64_t clock_wall_ms(void); /* since 1970-01-01T00:00:00Z */
uint64_t clock_wall_s(void);  /* the same, as of the last tick: cheaper */

#define CLOCK_TEXT_SIZE 25
/* RFC 3339 in UTC with milliseconds: "2026-01-31T12:00:00.123Z". */
void clock_format(uint64_t wall_ms, char text[CLOCK_TEXT_SIZE]);

#define CLOCK_HTTP_SIZE 30
/* RFC 9110, 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT", 29 characters always. */
void clock_format_http(uint64_t wall_s, char text[CLOCK_HTTP_SIZE]);

#endif
