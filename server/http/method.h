/* method.h: the methods this server knows. */
#ifndef SERVER_HTTP_METHOD_H
#define SERVER_HTTP_METHOD_H

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_OTHER, /* answered 501 before any handler */
    HTTP_METHOD_COUNT
};

/* "GET"; "other" for HTTP_OTHER.  Static. */
const char *http_method_name(enum http_method method);

/* The method called `name` (they are case-sensitive), else HTTP_OTHER. */
enum http_method http_method_parse(const char *name);

#endif
