#include "server/http/media.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MEDIA_COUNT 3
#define Q_MAX       1000 /* q=1, in thousandths */

static const char *const names[MEDIA_COUNT] = {
    [HTTP_MEDIA_JSON] = "application/json",
    [HTTP_MEDIA_BINARY] = "application/octet-stream",
    [HTTP_MEDIA_SAFETENSORS] = "application/x-safetensors",
};

static const char blank[] = " \t";

/* Length without trailing blanks. */
static size_t trimmed(const char *text, size_t length)
{
    while (length && strchr(blank, text[length - 1]))
        length--;
    return length;
}

static bool is_name(const char *text, size_t length, const char *name)
{
    return strlen(name) == length && strncasecmp(text, name, length) == 0;
}

/* The next ";name=value" of `*text`, up to `,` or the end.  Quotes around the
 * value are taken off. */
static bool next_parameter(const char **text, const char **name,
                           size_t *name_length, const char **value,
                           size_t *value_length)
{
    const char *at = *text + strspn(*text, "; \t");
    size_t length = strcspn(at, ";,");
    const char *equals = memchr(at, '=', length);

    if (length == 0)
        return false;
    *text = at + length;
    *name = at;
    *name_length = trimmed(at, equals ? (size_t)(equals - at) : length);
    *value = equals ? equals + 1 : at + length;
    *value += strspn(*value, blank);
    *value_length = trimmed(*value, (size_t)(at + length - *value));
    if (*value_length >= 2 && **value == '"') {
        (*value)++;
        *value_length -= 2;
    }
    return true;
}

/* "application/json or application/octet-stream" */
static void list_names(unsigned allowed, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (unsigned i = 0; i < MEDIA_COUNT; i++)
        if (allowed & 1u << i && used < size)
            used += (size_t)snprintf(text + used, size - used, "%s%s",
                                     used ? " or " : "", names[i]);
}

static bool unsupported(const char *type, unsigned allowed,
                        struct problem *problem)
{
    char text[128];

    list_names(allowed, text, sizeof(text));
    return problem_set(problem, PROBLEM_UNSUPPORTED_MEDIA_TYPE,
                       "Content-Type is \"%.128s\", this takes %s", type,
                       text);
}

static bool check_charset(const char *parameters, struct problem *problem)
{
    const char *name, *value;
    size_t name_length, value_length;

    while (next_parameter(&parameters, &name, &name_length, &value,
                          &value_length))
        if (is_name(name, name_length, "charset") &&
            !is_name(value, value_length, "utf-8"))
            return problem_set(problem, PROBLEM_UNSUPPORTED_MEDIA_TYPE,
                               "the charset is \"%.*s\", JSON is UTF-8",
                               (int)(value_length > 64 ? 64 : value_length),
                               value);
    return true;
}

bool http_media_in(const struct http_request *request, unsigned allowed,
                   enum http_media *media, struct problem *problem)
{
    const char *type = request->content_type;
    size_t length;
    unsigned found = MEDIA_COUNT;

    if (type && allowed & 1u << HTTP_MEDIA_JSON &&
        strcmp(type, names[HTTP_MEDIA_JSON]) == 0) {
        *media = HTTP_MEDIA_JSON;
        return true;
    }
    if (!type) {
        type = "";
        found = request->has_origin ? MEDIA_COUNT : HTTP_MEDIA_JSON;
    }
    type += strspn(type, blank);
    length = trimmed(type, strcspn(type, ";"));
    for (unsigned i = 0; i < MEDIA_COUNT; i++)
        if (is_name(type, length, names[i]))
            found = i;
    if (!request->has_origin &&
        is_name(type, length, "application/x-www-form-urlencoded"))
        found = HTTP_MEDIA_JSON;
    /* A browser sends forms without asking us first (CORS preflight), so
     * what comes from a page must say that it is JSON. */
    if (found == MEDIA_COUNT || !(allowed & 1u << found))
        return unsupported(type, allowed, problem);
    if (found == HTTP_MEDIA_JSON &&
        !check_charset(type + strcspn(type, ";"), problem))
        return false;
    *media = (enum http_media)found;
    return true;
}

/* ---- Accept ------------------------------------------------------------- */

/* The q of one element's parameters, in thousandths. */
static int quality(const char *parameters)
{
    const char *name, *value;
    size_t name_length, value_length;

    while (next_parameter(&parameters, &name, &name_length, &value,
                          &value_length))
        if (is_name(name, name_length, "q")) {
            double q = strtod(value, NULL);

            return q > 0 && q <= 1 ? (int)(q * Q_MAX + 0.5) : 0;
        }
    return Q_MAX;
}

/* How closely a range fits: 3 itself, 2 "application/ *", 1 "* / *", 0 not. */
static int closeness(const char *range, size_t length, const char *name)
{
    if (is_name(range, length, name))
        return 3;
    if (is_name(range, length, "application/*"))
        return 2;
    return is_name(range, length, "*/*") ? 1 : 0;
}

/* The q that `accept` gives to each media type: the closest range counts. */
static void read_accept(const char *accept, int q[MEDIA_COUNT])
{
    int best[MEDIA_COUNT] = {0};

    while (*accept) {
        const char *range = accept + strspn(accept, ", \t");
        size_t length = trimmed(range, strcspn(range, ";,"));
        const char *parameters = range + strcspn(range, ";,");

        for (int i = 0; i < MEDIA_COUNT; i++) {
            int close = closeness(range, length, names[i]);

            if (close > best[i]) {
                best[i] = close;
                q[i] = quality(parameters);
            }
        }
        accept = range + strcspn(range, ",");
    }
}

bool http_media_out(const struct http_request *request, unsigned allowed,
                    enum http_media preferred, enum http_media *media,
                    struct problem *problem)
{
    int q[MEDIA_COUNT] = {0};
    unsigned best = (unsigned)preferred;
    char text[128];

    if (!request->accept || !*request->accept) {
        *media = preferred;
        return true;
    }
    read_accept(request->accept, q);
    for (unsigned i = 0; i < MEDIA_COUNT; i++)
        if (allowed & 1u << i && q[i] > q[best])
            best = i;
    if (q[best] > 0) {
        *media = (enum http_media)best;
        return true;
    }
    list_names(allowed, text, sizeof(text));
    return problem_set(problem, PROBLEM_NOT_ACCEPTABLE,
                       "Accept is \"%.128s\", this answers %s",
                       request->accept, text);
}
