#include "server/http/route.h"

#include <stdio.h>
#include <string.h>

#include "server/http/uri.h"
#include "server/routes/routes.h"

/* Fields that /predict and /sessions do not know are refused (docs/api.md,
 * "Binary"); elsewhere they are ignored. */
#define STRICT_QUERY(path)                                                    \
    (__builtin_strncmp(path, "/predict", 8) == 0 ||                           \
     __builtin_strncmp(path, "/sessions", 9) == 0)

const struct route http_routes[HTTP_ROUTE_COUNT] = {
#define ROUTE(method, path, handler, summary)                                 \
    {HTTP_##method, path, handler, STRICT_QUERY(path)},
#include "server/http/routes.def"
#undef ROUTE
};

struct segment {
    const char *text;
    size_t length;
};

/* Does `path` fit `pattern`?  Its variable segments go to `params`. */
static bool fits(const char *pattern, const char *path,
                 struct segment params[HTTP_MAX_PARAMS])
{
    size_t count = 0;

    while (*pattern && *path) {
        if (*pattern == '{') {
            size_t length = strcspn(path, "/");

            if (length == 0)
                return false;
            params[count++] = (struct segment){path, length};
            path += length;
            pattern += strcspn(pattern, "}") + 1;
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    return *pattern == '\0' && *path == '\0';
}

/* "GET, HEAD, OPTIONS": what the set of methods allows. */
static const char *allow_text(unsigned methods, struct arena *arena)
{
    char text[64];
    size_t used = 0;

    methods |= 1u << HTTP_OPTIONS;
    if (methods & 1u << HTTP_GET)
        methods |= 1u << HTTP_HEAD;
    for (int i = 0; i <= HTTP_OPTIONS; i++)
        if (methods & 1u << i)
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
                                     used ? ", " : "",
                                     http_method_name((enum http_method)i));
    return arena_copy_text(arena, text, used);
}

static bool decode_params(struct http_request *request,
                          const struct segment params[HTTP_MAX_PARAMS])
{
    for (size_t i = 0; i < HTTP_MAX_PARAMS && params[i].text; i++) {
        request->params[i] = uri_decode(params[i].text, params[i].length,
                                        false, request->arena);
        if (!request->params[i])
            return false;
    }
    return true;
}

static enum route_match no_memory(struct problem *problem)
{
    problem_set(problem, PROBLEM_OVERLOADED,
                "the memory for one request is used up");
    return ROUTE_NO_MEMORY;
}

enum route_match route_find(struct http_request *request, size_t *index,
                            const char **allow, struct problem *problem)
{
    enum http_method method =
        request->method == HTTP_HEAD ? HTTP_GET : request->method;
    bool any_path = strcmp(request->path, "*") == 0;
    unsigned methods = 0;

    for (size_t i = 0; i < HTTP_ROUTE_COUNT; i++) {
        struct segment params[HTTP_MAX_PARAMS] = {{NULL, 0}};

        /* Most paths differ right behind the slash. */
        if (!any_path && http_routes[i].path[1] != request->path[1])
            continue;
        if (!any_path && !fits(http_routes[i].path, request->path, params))
            continue;
        if (!methods && !any_path)
            *index = i; /* the path has a name, whatever the method */
        methods |= 1u << http_routes[i].method;
        if (any_path || http_routes[i].method != method)
            continue;
        if (!decode_params(request, params))
            return no_memory(problem);
        *index = i;
        return ROUTE_FOUND;
    }
    if (!methods || (any_path && method != HTTP_OPTIONS)) {
        problem_set(problem, PROBLEM_NO_SUCH_PATH,
                    "there is nothing at %.256s", request->path);
        return ROUTE_NO_PATH;
    }
    *allow = allow_text(methods, request->arena);
    if (!*allow)
        return no_memory(problem);
    if (method == HTTP_OPTIONS)
        return ROUTE_OPTIONS;
    problem_set(problem, PROBLEM_METHOD_NOT_ALLOWED, "%.256s takes %s, not %s",
                request->path, *allow, http_method_name(request->method));
    problem->allow = *allow;
    return ROUTE_NO_METHOD;
}
