/* test_requests.c: requests that are refused without doubt about where they
 * end, and what every request can rely on: HEAD, OPTIONS, its id.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/daemon.h"
#include "tests/support/raw_http.h"

static struct daemon daemon_;

#define LIVEZ "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define HOST  "Host: localhost\r\n"
#define POST  "POST /predict HTTP/1.1\r\n" HOST

struct answered {
    const char *name, *bytes;
    int status;
    const char *type; /* in the body; NULL: not looked at */
};

/* What is wrong here leaves no doubt where the request ends: the connection
 * goes on, and what follows on it is answered. */
static const struct answered answered[] = {
    {"a %00 in the path", "GET /livez%00 HTTP/1.1\r\n" HOST "\r\n", 400,
     "bad-request"},
    {"a % without digits", "GET /sessions/%zz HTTP/1.1\r\n" HOST "\r\n", 400,
     "bad-request"},
    {"a cut %", "GET /sessions/a%2 HTTP/1.1\r\n" HOST "\r\n", 400,
     "bad-request"},
    {"a dot segment", "GET /%2e%2e/livez HTTP/1.1\r\n" HOST "\r\n", 404,
     "no-such-path"},
    {"an escaped letter", "GET /%6civez HTTP/1.1\r\n" HOST "\r\n", 404,
     "no-such-path"},
    {"a doubled slash", "GET //livez HTTP/1.1\r\n" HOST "\r\n", 404,
     "no-such-path"},
    {"a slash at the end", "GET /livez/ HTTP/1.1\r\n" HOST "\r\n", 404,
     "no-such-path"},
    {"an unknown path", "GET /nowhere HTTP/1.1\r\n" HOST "\r\n", 404,
     "no-such-path"},
    {"the absolute form",
     "GET http://localhost/livez HTTP/1.1\r\n" HOST "\r\n", 200, NULL},
    {"the absolute form without a path",
     "GET http://localhost HTTP/1.1\r\n" HOST "\r\n", 404, NULL},
    {"a known path with a wrong method",
     "DELETE /predict HTTP/1.1\r\n" HOST "\r\n", 405, "method-not-allowed"},
    {"a body that nobody asked for",
     "GET /livez HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", 200, NULL},
    {"a refused request's body",
     "POST /nowhere HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", 404,
     NULL},
    {"a query field twice",
     "POST /predict?model=a&model=b HTTP/1.1\r\n" HOST
     "Content-Length: 2\r\n\r\n{}",
     400, "bad-query"},
    {"a badly encoded query",
     "POST /predict?model=%4 HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}",
     400, "bad-query"},
    {"a %00 in the query",
     "POST /predict?model=%00 HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}",
     400, "bad-query"},
    {"a query where none is read",
     "GET /livez?a=1&a=2&b=%zz HTTP/1.1\r\n" HOST "\r\n", 200, NULL},
    {"a content coding",
     POST "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", 415,
     "unsupported-media-type"},
    {"a text", POST "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",
     415, "unsupported-media-type"},
    {"another charset",
     POST "Content-Type: application/json; charset=utf-16\r\n"
          "Content-Length: 2\r\n\r\n{}",
     415, "unsupported-media-type"},
    {"an Accept of neither",
     POST "Accept: text/html\r\nContent-Length: 21\r\n\r\n"
          "{\"sequence\": [1,2,3]}",
     406, "not-acceptable"},
    {"no body", POST "Content-Length: 0\r\n\r\n", 400, "malformed-json"},
    {"an Origin from elsewhere",
     "GET /livez HTTP/1.1\r\n" HOST "Origin: http://evil.example\r\n\r\n", 403,
     "origin-refused"},
    {"the Origin null", "GET /livez HTTP/1.1\r\n" HOST "Origin: null\r\n\r\n",
     403, "origin-refused"},
};

/* rows: E1 E-no-such-path E-method-not-allowed E-bad-query R32 R50 */
/* rows: E-unsupported-media-type E-not-acceptable E-origin-refused */
static void a_refusal_that_leaves_no_doubt_keeps_the_connection(void **state)
{
    static struct raw_answer answer;

    (void)state;
    for (size_t i = 0; i < sizeof(answered) / sizeof(answered[0]); i++) {
        const struct answered *row = &answered[i];
        int fd = raw_connect(daemon_.address);

        raw_send_text(fd, row->bytes);
        raw_read(fd, false, &answer);
        if (answer.status != row->status)
            fail_msg("%s: status %d\n%s", row->name, answer.status,
                     answer.bytes);
        if (row->type && !strstr(raw_body(&answer), row->type))
            fail_msg("%s: %s", row->name, answer.bytes);
        raw_send_text(fd, LIVEZ);
        raw_read(fd, false, &answer);
        if (answer.status != 200)
            fail_msg("%s: then status %d", row->name, answer.status);
        close(fd);
    }
}

/* rows: R30 */
static void head_answers_as_get_does_without_a_body(void **state)
{
    static struct raw_answer get, head;
    char a[128], b[128];
    static const char *const names[] = {"Content-Type", "Content-Length"};
    int fd = raw_connect(daemon_.address);

    (void)state;
    raw_request(daemon_.address, LIVEZ, &get);
    raw_send_text(fd, "HEAD /livez HTTP/1.1\r\n" HOST "\r\n" LIVEZ);
    raw_read(fd, true, &head);
    assert_int_equal(head.status, get.status);
    for (int i = 0; i < 2; i++)
        assert_string_equal(raw_header(&head, names[i], a, sizeof(a)),
                            raw_header(&get, names[i], b, sizeof(b)));
    /* The next byte on the wire begins the next answer. */
    raw_read(fd, false, &head);
    assert_int_equal(head.status, 200);
    close(fd);
}

/* rows: R31 */
static void options_and_405_say_what_is_allowed(void **state)
{
    static const struct {
        const char *request;
        int status;
        const char *allow;
    } cases[] = {
        {"OPTIONS /predict", 204, "POST, OPTIONS"},
        {"OPTIONS /sessions", 204, "GET, HEAD, POST, OPTIONS"},
        {"OPTIONS /sessions/x", 204, "GET, HEAD, DELETE, OPTIONS"},
        {"OPTIONS *", 204, "GET, HEAD, POST, PUT, DELETE, OPTIONS"},
        {"GET /predict", 405, "POST, OPTIONS"},
        {"DELETE /sessions/x/state", 405, "GET, HEAD, PUT, OPTIONS"},
    };
    static struct raw_answer answer;
    char text[128], value[128];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(text, sizeof(text), "%s HTTP/1.1\r\n" HOST "\r\n",
                 cases[i].request);
        raw_request(daemon_.address, text, &answer);
        assert_int_equal(answer.status, cases[i].status);
        assert_string_equal(raw_header(&answer, "Allow", value, sizeof(value)),
                            cases[i].allow);
    }
}

/* rows: R33 */
static void the_request_id_returns_when_it_is_one(void **state)
{
    static const struct {
        const char *sent;
        bool returns;
    } cases[] = {
        {"abc-1.2_Z", true}, {"a b", false}, {"", false},
        {"a\"b", false},     {"a/b", false}, {"\xc3\xa9", false},
    };
    static struct raw_answer answer;
    char text[256], value[256];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(text, sizeof(text),
                 "GET /nowhere HTTP/1.1\r\n" HOST "X-Request-Id: %s\r\n\r\n",
                 cases[i].sent);
        raw_request(daemon_.address, text, &answer);
        assert_non_null(
            raw_header(&answer, "X-Request-Id", value, sizeof(value)));
        if (cases[i].returns)
            assert_string_equal(value, cases[i].sent);
        else
            assert_string_not_equal(value, cases[i].sent);
        assert_non_null(strstr(raw_body(&answer), value));
    }
}

static int start(void **state)
{
    (void)state;
    daemon_find(&daemon_);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    daemon_stop(&daemon_);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_that_leaves_no_doubt_keeps_the_connection),
        cmocka_unit_test(head_answers_as_get_does_without_a_body),
        cmocka_unit_test(options_and_405_say_what_is_allowed),
        cmocka_unit_test(the_request_id_returns_when_it_is_one),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
