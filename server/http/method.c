#include "server/http/method.h"

#include <string.h>

static const char *const names[HTTP_METHOD_COUNT] = {
    [HTTP_GET] = "GET",       [HTTP_HEAD] = "HEAD",
    [HTTP_POST] = "POST",     [HTTP_PUT] = "PUT",
    [HTTP_DELETE] = "DELETE", [HTTP_OPTIONS] = "OPTIONS",
    [HTTP_OTHER] = "other",
};

const char *http_method_name(enum http_method method)
{
    return names[method];
}

enum http_method http_method_parse(const char *name)
{
    for (int i = 0; i < HTTP_OTHER; i++)
        if (name[0] == names[i][0] && strcmp(name, names[i]) == 0)
            return (enum http_method)i;
    return HTTP_OTHER;
}
