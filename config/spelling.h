/* spelling.h: what an option is called where it stands, and what an unknown
 * name may have meant.
 *
 * Only for config/ and its tests.
 */
#ifndef CONFIG_SPELLING_H
#define CONFIG_SPELLING_H

#include <stddef.h>

#include "core/status.h"

#define SPELLED_BYTES 256

/* Where a value comes from; a higher one wins. */
enum layer { LAYER_DEFAULT, LAYER_FILE, LAYER_ENVIRONMENT, LAYER_COMMAND };

/* `name` as one writes it there: max_body, RNND_MAX_BODY, --max-body. */
const char *spell_option(enum layer layer, const char *name,
                         char spelled[SPELLED_BYTES]);

/* Say that there is no such option, and which one is nearest.  `given` is
 * the name as it stands there, `name` what must be an option's; `where`
 * begins the sentence.  Always INVALID_ARGUMENT. */
enum rnn_status spell_unknown(enum layer layer, const char *where,
                              const char *given, const char *name,
                              struct rnn_error *err);

/* How many characters of `name` and `other` differ (insert, drop, replace);
 * case does not count, nor _ for -. */
size_t spell_distance(const char *name, const char *other);

#endif
