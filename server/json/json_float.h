/* json_float.h: the shortest text of a float.
 *
 * Of all decimals that read back to the same float, the one with the fewest
 * digits is written, and of those the nearest.  For float32 it is found with
 * one table look-up and three multiplications, after R. Giulietti, "The
 * Schubfach way to render doubles" (2020); float64, which is rare here, tries
 * 15, 16 and 17 digits.
 *
 * The form is Python's: 1.0, -0.0, 0.0001, 1e-05, 6e-08, 1e+16.
 *
 * Threads  Nothing is shared, and the locale does not matter.
 */
#ifndef SERVER_JSON_JSON_FLOAT_H
#define SERVER_JSON_JSON_FLOAT_H

#include <stddef.h>

/* Bytes that must be writable at `text`; fewer are used. */
#define JSON_NUMBER_ROOM ((size_t)64)

/* Write a finite number, no NUL; returns its length. */
size_t json_float_text(float number, char *text);
size_t json_double_text(double number, char *text);

#endif
