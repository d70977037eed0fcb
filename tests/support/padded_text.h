/* padded_text.h: a text as the JSON reader gets it, zero bytes behind it.
 *
 * The memory is exactly as large as it must be, so that a sanitizer sees
 * every read beyond the padding.
 *
 * Ownership  padded_text_free() takes the bytes back.
 */
#ifndef TESTS_SUPPORT_PADDED_TEXT_H
#define TESTS_SUPPORT_PADDED_TEXT_H

#include <stddef.h>

struct padded_text {
    char *bytes;
    size_t length;
};

/* A copy; the process ends when memory is out. */
struct padded_text padded_text(const char *text);
struct padded_text padded_bytes(const void *bytes, size_t length);
/* `text`, in which the one % is replaced by `insert`. */
struct padded_text padded_splice(const char *text, const char *insert);
void padded_text_free(struct padded_text *text);

#endif
