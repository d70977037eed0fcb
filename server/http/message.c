#include "server/http/message.h"

#include <assert.h>
#include <string.h>

void http_response_header(struct http_response *response, const char *name,
                          const char *value)
{
    assert(response->header_count < HTTP_MAX_HEADERS);
    response->headers[response->header_count].name = name;
    response->headers[response->header_count].value = value;
    response->header_count++;
}

const char *http_query_value(const struct http_request *request,
                             const char *name)
{
    for (size_t i = 0; i < request->query_count; i++)
        if (strcmp(request->query[i].name, name) == 0)
            return request->query[i].value;
    return NULL;
}
