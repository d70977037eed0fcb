#include "server/http/uri.h"

#include <string.h>
#include <strings.h>

#include "server/json/json_text.h"

/* The byte that the %XX at `text` stands for, or -1. */
static int escaped_byte(const char *text, size_t length)
{
    int high, low;

    if (length < 3)
        return -1;
    high = hex_value(text[1]);
    low = hex_value(text[2]);
    return high < 0 || low < 0 ? -1 : 16 * high + low;
}

void uri_split(char *target, const char **path, const char **query)
{
    char *mark = strchr(target, '?');

    *query = "";
    if (mark) {
        *mark = '\0';
        *query = mark + 1;
    }
    *path = target;
    if (target[0] != '/' && strncasecmp(target, "http://", 7) == 0) {
        char *slash = strchr(target + 7, '/');

        *path = slash ? slash : "/";
    }
}

bool uri_path_check(const char *path, struct problem *problem)
{
    if (path[0] != '/' && strcmp(path, "*") != 0)
        return problem_set(problem, PROBLEM_BAD_REQUEST,
                           "the request target does not begin with /");
    for (const char *at = strchr(path, '%'); at; at = strchr(at + 1, '%')) {
        int byte = escaped_byte(at, strnlen(at, 3));

        if (byte < 0)
            return problem_set(problem, PROBLEM_BAD_REQUEST,
                               "the path has a %% at byte %zu that no two "
                               "hexadecimal digits follow",
                               (size_t)(at - path));
        if (byte == 0)
            return problem_set(problem, PROBLEM_BAD_REQUEST,
                               "the path has a %%00 at byte %zu",
                               (size_t)(at - path));
    }
    return true;
}

char *uri_decode(const char *text, size_t length, bool plus,
                 struct arena *arena)
{
    char *out = arena_alloc(arena, length + 1, 1, 1);
    size_t used = 0;

    if (!out)
        return NULL;
    for (size_t i = 0; i < length; i++) {
        int byte = (unsigned char)text[i];

        if (byte == '%') {
            byte = escaped_byte(text + i, length - i);
            if (byte <= 0)
                return NULL;
            i += 2;
        } else if (byte == '+' && plus) {
            byte = ' ';
        }
        out[used++] = (char)byte;
    }
    out[used] = '\0';
    return out;
}

static bool add_field(struct http_request *request, const char *text,
                      size_t length, bool strict, struct problem *problem)
{
    const char *equals = memchr(text, '=', length);
    size_t name_length = equals ? (size_t)(equals - text) : length;
    const char *name = uri_decode(text, name_length, true, request->arena);
    const char *value = "";

    if (equals)
        value = uri_decode(equals + 1, length - name_length - 1, true,
                           request->arena);
    if (!name || !value)
        return !strict || problem_set(problem, PROBLEM_BAD_QUERY,
                                      "the query has a bad %%-encoding");
    if (http_query_value(request, name))
        return !strict || problem_set(problem, PROBLEM_BAD_QUERY,
                                      "the query names \"%.64s\" twice", name);
    if (request->query_count == HTTP_MAX_QUERY)
        return !strict || problem_set(problem, PROBLEM_BAD_QUERY,
                                      "the query has more than %d fields",
                                      HTTP_MAX_QUERY);
    request->query[request->query_count].name = name;
    request->query[request->query_count].value = value;
    request->query_count++;
    return true;
}

bool uri_query_read(struct http_request *request, bool strict,
                    struct problem *problem)
{
    const char *text = request->raw_query;

    while (*text) {
        size_t length = strcspn(text, "&");

        if (length && !add_field(request, text, length, strict, problem))
            return false;
        text += length + (text[length] == '&');
    }
    return true;
}
