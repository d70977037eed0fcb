#include "config/spelling.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "config/option.h"

#define MOST_TYPOS 3 /* a name that differs by more is not suggested */

/* What the command line has beside the options. */
static const char *const actions[] = {
    "check", "config", "healthcheck", "help", "summary", "version", NULL};

static int fold(char c)
{
    if (c == '_')
        return '-';
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/* Levenshtein, one row at a time.  Names here are short; a longer one is far
 * from all of them. */
size_t spell_distance(const char *name, const char *other)
{
    size_t row[40], length = strlen(other);

    if (length >= sizeof(row) / sizeof(*row))
        return SIZE_MAX;
    for (size_t j = 0; j <= length; j++)
        row[j] = j;
    for (size_t i = 0; name[i]; i++) {
        size_t diagonal = row[0];

        row[0] = i + 1;
        for (size_t j = 0; j < length; j++) {
            size_t best = diagonal + (fold(name[i]) != fold(other[j]));

            diagonal = row[j + 1];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j + 1] + 1 < best)
                best = row[j + 1] + 1;
            row[j + 1] = best;
        }
    }
    return row[length];
}

const char *spell_option(enum layer layer, const char *name,
                         char spelled[SPELLED_BYTES])
{
    const char *prefix = layer == LAYER_ENVIRONMENT ? "RNND_"
                         : layer == LAYER_COMMAND   ? "--"
                                                    : "";

    snprintf(spelled, SPELLED_BYTES, "%s%s", prefix, name);
    for (char *p = spelled + strlen(prefix); *p; p++) {
        if (layer == LAYER_COMMAND && *p == '_')
            *p = '-';
        else if (layer == LAYER_ENVIRONMENT && *p >= 'a' && *p <= 'z')
            *p = (char)(*p - 'a' + 'A');
    }
    return spelled;
}

static void consider(const char *name, const char *candidate,
                     const char **nearest, size_t *distance)
{
    size_t d = spell_distance(candidate, name);

    if (d < *distance && d <= strlen(candidate) / 2) {
        *distance = d;
        *nearest = candidate;
    }
}

enum rnn_status spell_unknown(enum layer layer, const char *where,
                              const char *given, const char *name,
                              struct rnn_error *err)
{
    char quoted[OPTION_QUOTED_BYTES], spelled[SPELLED_BYTES];
    const char *nearest = NULL;
    size_t distance = MOST_TYPOS + 1;

    for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++)
        consider(name, config_options[i].name, &nearest, &distance);
    for (size_t i = 0; layer == LAYER_COMMAND && actions[i]; i++)
        consider(name, actions[i], &nearest, &distance);
    option_quote(given, quoted);
    if (nearest)
        return rnn_fail(err, RNN_INVALID_ARGUMENT,
                        "%s%s is not an option; did you mean %s?", where,
                        quoted, spell_option(layer, nearest, spelled));
    return rnn_fail(err, RNN_INVALID_ARGUMENT,
                    "%s%s is not an option; rnnd --help lists them", where,
                    quoted);
}
