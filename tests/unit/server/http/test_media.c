#include "server/http/media.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define JSON   (1u << HTTP_MEDIA_JSON)
#define BINARY (1u << HTTP_MEDIA_BINARY)
#define SAFE   (1u << HTTP_MEDIA_SAFETENSORS)
#define NONE   (-1)

static void content_type_says_what_came_in(void **state)
{
    static const struct {
        const char *type;
        bool has_origin;
        unsigned allowed;
        int media;
    } cases[] = {
        {NULL, false, JSON | BINARY, HTTP_MEDIA_JSON},
        {NULL, true, JSON | BINARY, NONE},
        {"", false, JSON, NONE},
        {"application/json", false, JSON, HTTP_MEDIA_JSON},
        {"Application/JSON", true, JSON, HTTP_MEDIA_JSON},
        {" application/json ; charset=utf-8", false, JSON, HTTP_MEDIA_JSON},
        {"application/json;charset=\"UTF-8\"", false, JSON, HTTP_MEDIA_JSON},
        {"application/json; a=b; charset=utf-16", false, JSON, NONE},
        {"application/json; charset=", false, JSON, NONE},
        {"application/jsonx", false, JSON, NONE},
        {"application/x-www-form-urlencoded", false, JSON, HTTP_MEDIA_JSON},
        {"application/x-www-form-urlencoded", true, JSON, NONE},
        {"application/x-www-form-urlencoded; charset=latin1", false, JSON,
         NONE},
        {"application/octet-stream", false, JSON | BINARY, HTTP_MEDIA_BINARY},
        {"application/octet-stream", true, JSON | BINARY, HTTP_MEDIA_BINARY},
        {"application/octet-stream", false, JSON, NONE},
        {"application/x-safetensors", false, JSON | SAFE,
         HTTP_MEDIA_SAFETENSORS},
        {"application/x-safetensors", false, JSON | BINARY, NONE},
        {NULL, false, BINARY, NONE},
        {"text/plain", false, JSON | BINARY, NONE},
        {"multipart/form-data; boundary=x", false, JSON | BINARY, NONE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http_request request = {.content_type = cases[i].type,
                                       .has_origin = cases[i].has_origin};
        struct problem problem;
        enum http_media media;
        bool is_good =
            http_media_in(&request, cases[i].allowed, &media, &problem);

        if (is_good != (cases[i].media != NONE) ||
            (is_good && (int)media != cases[i].media))
            fail_msg("%s", cases[i].type ? cases[i].type : "(none)");
        if (!is_good)
            assert_int_equal(problem.type, PROBLEM_UNSUPPORTED_MEDIA_TYPE);
    }
}

static void accept_chooses_what_goes_out(void **state)
{
    static const struct {
        const char *accept;
        enum http_media preferred;
        int media;
    } cases[] = {
        {NULL, HTTP_MEDIA_BINARY, HTTP_MEDIA_BINARY},
        {"", HTTP_MEDIA_JSON, HTTP_MEDIA_JSON},
        {"*/*", HTTP_MEDIA_BINARY, HTTP_MEDIA_BINARY},
        {"application/*", HTTP_MEDIA_BINARY, HTTP_MEDIA_BINARY},
        {"application/json", HTTP_MEDIA_BINARY, HTTP_MEDIA_JSON},
        {"application/octet-stream", HTTP_MEDIA_JSON, HTTP_MEDIA_BINARY},
        {"application/json, application/octet-stream", HTTP_MEDIA_BINARY,
         HTTP_MEDIA_BINARY},
        {"text/html, application/json;q=0.1", HTTP_MEDIA_BINARY,
         HTTP_MEDIA_JSON},
        {"application/octet-stream;q=0.2, application/json;q=0.9",
         HTTP_MEDIA_BINARY, HTTP_MEDIA_JSON},
        {"*/*;q=0.1, application/octet-stream", HTTP_MEDIA_JSON,
         HTTP_MEDIA_BINARY},
        {"application/json;q=0, */*", HTTP_MEDIA_JSON, HTTP_MEDIA_BINARY},
        {"APPLICATION/JSON; charset=utf-8 ;q=0.5", HTTP_MEDIA_JSON,
         HTTP_MEDIA_JSON},
        {"text/html", HTTP_MEDIA_JSON, NONE},
        {"application/json;q=0", HTTP_MEDIA_JSON, NONE},
        {"application/x-safetensors", HTTP_MEDIA_JSON, NONE},
        {",,", HTTP_MEDIA_JSON, NONE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http_request request = {.accept = cases[i].accept};
        struct problem problem;
        enum http_media media;
        bool is_good = http_media_out(&request, JSON | BINARY,
                                      cases[i].preferred, &media, &problem);

        if (is_good != (cases[i].media != NONE) ||
            (is_good && (int)media != cases[i].media))
            fail_msg("%s", cases[i].accept ? cases[i].accept : "(none)");
        if (!is_good)
            assert_int_equal(problem.type, PROBLEM_NOT_ACCEPTABLE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content_type_says_what_came_in),
        cmocka_unit_test(accept_chooses_what_goes_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
