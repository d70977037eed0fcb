/* option.h: the table of options in memory, and how a text becomes a value.
 *
 * Only for config/ and its tests: everybody else reads struct config.
 *
 * Ownership  option_set() puts copies into the struct; option_clear() frees
 *            them.
 */
#ifndef CONFIG_OPTION_H
#define CONFIG_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "core/status.h"

enum option_type {
    OPTION_COUNT,
    OPTION_SIZE,
    OPTION_TIME,
    OPTION_BOOL,
    OPTION_TEXT,
    OPTION_LIST,
    OPTION_CHOICE,
};

/* One line of options.def. */
struct config_option {
    const char *name;
    enum option_type type;
    const char *initial; /* NULL: not given */
    uint64_t min, max;
    const char *words; /* CHOICE: a|b|c; LIST: "address" or NULL */
    const char *meaning;
    size_t offset; /* of its field in struct config */
};

enum {
#define OPTION(type, name, initial, min, max, meaning) OPTION_INDEX_##name,
#include "config/options.def"
#undef OPTION
    CONFIG_OPTION_COUNT
};

extern const struct config_option config_options[CONFIG_OPTION_COUNT];

/* The option called `name`, or NULL. */
const struct config_option *option_find(const char *name);

/* Read `text` into the option's field.  `label` is the option as it was
 * given ("rnnd.conf:3: max_body"), to begin a complaint with.  A LIST grows,
 * anything else is replaced.
 *
 * INVALID_ARGUMENT  not a value of this type, or out of its range
 * NO_MEMORY
 */
RNN_CHECKED enum rnn_status option_set(const struct config_option *option,
                                       const char *label, const char *text,
                                       struct config *config,
                                       struct rnn_error *err);

/* Free and zero the option's field. */
void option_clear(const struct config_option *option, struct config *config);

/* Make `text` fit for one line of a terminal: at most 60 bytes, no control
 * characters. */
#define OPTION_QUOTED_BYTES 68
const char *option_quote(const char *text, char quoted[OPTION_QUOTED_BYTES]);

#endif
