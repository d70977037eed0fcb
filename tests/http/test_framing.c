/* test_framing.c: what the daemon says to requests that are malformed,
 * ambiguous or too large.  Every case is bytes on a socket; no case asserts
 * what only one version of libmicrohttpd does.
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

/* Behind every refused request: it must not be answered as a second one. */
#define SMUGGLED "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define HOST     "Host: localhost\r\n"
#define POST     "POST /predict HTTP/1.1\r\n" HOST

struct refused {
    const char *name, *bytes;
    int statuses[4]; /* any of these; -1: closed without an answer */
};

static const struct refused refused[] = {
    {"a length and a coding",
     POST "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
          "G" SMUGGLED,
     {400}},
    {"two different lengths",
     POST "Content-Length: 0\r\nContent-Length: 44\r\n\r\n" SMUGGLED,
     {400}},
    {"two equal lengths",
     POST "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}" SMUGGLED,
     {400}},
    {"a negative length", POST "Content-Length: -1\r\n\r\n" SMUGGLED, {400}},
    {"a signed length",
     POST "Content-Length: +5\r\n\r\n{   }" SMUGGLED,
     {400}},
    {"a hexadecimal length",
     POST "Content-Length: 0x2\r\n\r\n{}" SMUGGLED,
     {400}},
    {"letters in a length",
     POST "Content-Length: 2abc\r\n\r\n{}" SMUGGLED,
     {400}},
    {"a list of lengths",
     POST "Content-Length: 2, 2\r\n\r\n{}" SMUGGLED,
     {400}},
    {"an empty length", POST "Content-Length: \r\n\r\n" SMUGGLED, {400}},
    {"a length of 2^63",
     POST "Content-Length: 9223372036854775808\r\n\r\n{}",
     {413}},
    {"a length of 2^64",
     POST "Content-Length: 18446744073709551616\r\n\r\n{}",
     {413, 400}},
    {"an unknown coding",
     POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" SMUGGLED,
     {501, 400}},
    {"a coding before chunked",
     POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" SMUGGLED,
     {501, 400}},
    {"two codings",
     POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n"
          "0\r\n\r\n" SMUGGLED,
     {501, 400}},
    {"names in other letters",
     POST "content-LENGTH: 6\r\ntRANSFER-eNCODING: chunked\r\n\r\n0\r\n\r\n"
          "G" SMUGGLED,
     {400}},
    {"a second host in capitals",
     "GET /livez HTTP/1.1\r\n" HOST "HOST: localhost\r\n\r\n" SMUGGLED,
     {400}},
    {"a coding in HTTP/1.0",
     "POST /predict HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"
     "0\r\n\r\n" SMUGGLED,
     {400, 501}},
    {"a chunk size that is none",
     POST "Transfer-Encoding: chunked\r\n\r\nxyz\r\n" SMUGGLED,
     {400}},
    {"a chunk without its line end",
     POST "Transfer-Encoding: chunked\r\n\r\n2\r\n{}0\r\n\r\n" SMUGGLED,
     {400}},
    {"a chunk size beyond 2^64",
     POST "Transfer-Encoding: chunked\r\n\r\n"
          "fffffffffffffffff\r\n{}" SMUGGLED,
     {413, 400}},
    {"no Host", "GET /livez HTTP/1.1\r\n\r\n" SMUGGLED, {400}},
    {"two Hosts",
     "GET /livez HTTP/1.1\r\n" HOST "Host: example.org\r\n\r\n" SMUGGLED,
     {400}},
    {"a blank before the colon",
     "GET /livez HTTP/1.1\r\nHost : localhost\r\n\r\n" SMUGGLED,
     {400}},
    {"an unknown method",
     "BREW /livez HTTP/1.1\r\n" HOST "\r\n" SMUGGLED,
     {501}},
    {"TRACE", "TRACE / HTTP/1.1\r\n" HOST "\r\n" SMUGGLED, {501}},
    {"CONNECT",
     "CONNECT example.org:443 HTTP/1.1\r\n" HOST "\r\n" SMUGGLED,
     {501, 400}},
    {"HTTP/2.0", "GET /livez HTTP/2.0\r\n" HOST "\r\n" SMUGGLED, {505}},
    {"HTTP/9.9", "GET /livez HTTP/9.9\r\n" HOST "\r\n" SMUGGLED, {505}},
    {"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {505}},
    {"a word that is no request", "hello\r\n\r\n" SMUGGLED, {400, 505, -1}},
    {"a TLS hello",
     "\x16\x03\x01\x02\x01\x01\x01\xfc\x03\x03\r\n\r\n",
     {400, 505, -1}},
};

static bool is_one_of(const int statuses[4], int status)
{
    for (int i = 0; i < 4 && statuses[i]; i++)
        if (statuses[i] == status || (statuses[i] == -1 && status == 0))
            return true;
    return false;
}

/* rows: E-bad-request E-not-implemented E-http-version E5 */
static void a_request_that_can_be_read_in_two_ways_is_refused_and_closed(
    void **state)
{
    static struct raw_answer answer;

    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        int fd = raw_connect(daemon_.address);

        raw_send_text(fd, refused[i].bytes);
        shutdown(fd, SHUT_WR);
        raw_read_all(fd, RAW_WAIT_MS, &answer);
        close(fd);
        if (!is_one_of(refused[i].statuses, answer.status))
            fail_msg("%s: status %d\n%s", refused[i].name, answer.status,
                     answer.bytes);
        if (!answer.is_closed)
            fail_msg("%s: the connection stays open", refused[i].name);
        if (raw_count(&answer, 200))
            fail_msg("%s: smuggled\n%s", refused[i].name, answer.bytes);
    }
}

static void a_refused_request_is_closed_though_the_client_could_go_on(
    void **state)
{
    static struct raw_answer answer;
    int fd = raw_connect(daemon_.address);

    (void)state;
    raw_send_text(fd, POST "Content-Length: 1\r\nContent-Length: 2\r\n\r\n");
    raw_read_all(fd, RAW_WAIT_MS, &answer);
    close(fd);
    assert_int_equal(answer.status, 400);
    assert_true(answer.is_closed);
}

/* rows: E-uri-too-long E-headers-too-large E5 */
static void a_head_that_is_too_long_is_414_or_431(void **state)
{
    static const char *const begins[] = {"GET /", "GET / HTTP/1.1\r\nHost: x"
                                                  "\r\nA: "};
    static const int statuses[] = {414, 431};
    static struct raw_answer answer;
    static char filler[100000];

    (void)state;
    memset(filler, 'a', sizeof(filler));
    for (int i = 0; i < 2; i++) {
        int fd = raw_connect(daemon_.address);

        raw_send_text(fd, begins[i]);
        raw_send(fd, filler, sizeof(filler));
        raw_read_all(fd, RAW_WAIT_MS, &answer);
        close(fd);
        /* A reset may overtake the answer; then there is none. */
        if (answer.status != 0)
            assert_int_equal(answer.status, statuses[i]);
        assert_true(answer.is_closed);
    }
}

/* rows: E-headers-too-large */
static void a_head_of_six_kilobytes_is_taken(void **state)
{
    static struct raw_answer answer;
    int fd = raw_connect(daemon_.address);

    (void)state;
    raw_send_text(fd, "GET /livez HTTP/1.1\r\n" HOST);
    for (int i = 0; i < 20; i++) {
        char line[308];

        memset(line, 'a', sizeof(line));
        memcpy(line, "X-Filler: ", 10);
        memcpy(line + sizeof(line) - 2, "\r\n", 2);
        raw_send(fd, line, sizeof(line));
    }
    raw_send_text(fd, "\r\n");
    raw_read(fd, false, &answer);
    close(fd);
    assert_int_equal(answer.status, 200);
}

/* rows: E-headers-too-large E5 */
static void a_thousand_headers_are_431(void **state)
{
    static struct raw_answer answer;
    int fd = raw_connect(daemon_.address);

    (void)state;
    raw_send_text(fd, "GET /livez HTTP/1.1\r\n" HOST);
    for (int i = 0; i < 1000; i++) {
        char line[48];

        snprintf(line, sizeof(line), "X-Filler-%04d: 0123456789\r\n", i);
        if (!raw_send_text(fd, line))
            break;
    }
    raw_send_text(fd, "\r\n");
    raw_read_all(fd, RAW_WAIT_MS, &answer);
    close(fd);
    if (answer.status != 0)
        assert_int_equal(answer.status, 431);
    assert_true(answer.is_closed);
}

/* rows: E-too-large E1 */
static void a_declared_body_over_the_limit_is_413_before_it_comes(void **state)
{
    static struct raw_answer answer;
    char value[64];
    int fd = raw_connect(daemon_.address);

    (void)state;
    raw_send_text(fd, POST "Content-Length: 17000000000\r\n\r\n{");
    raw_read(fd, false, &answer);
    assert_int_equal(answer.status, 413);
    assert_non_null(strstr(raw_body(&answer), "/problems/too-large"));
    assert_non_null(strstr(raw_body(&answer), "max_body"));
    assert_string_equal(
        raw_header(&answer, "Content-Type", value, sizeof(value)),
        "application/problem+json");
    assert_string_equal(
        raw_header(&answer, "Connection", value, sizeof(value)), "close");
    assert_true(raw_is_closed(fd, RAW_WAIT_MS));
    close(fd);
}

static void the_answer_413_reaches_a_client_that_sends_on(void **state)
{
    static struct raw_answer answer;
    static char filler[1 << 20];
    int fd = raw_connect(daemon_.address);

    (void)state;
    memset(filler, ' ', sizeof(filler));
    raw_send_text(fd, POST "Content-Length: 17000000000\r\n\r\n");
    for (int i = 0; i < 4; i++)
        raw_send(fd, filler, sizeof(filler));
    raw_read(fd, false, &answer);
    close(fd);
    assert_int_equal(answer.status, 413);
}

/* rows: E-too-large */
static void a_chunked_body_over_the_limit_is_413(void **state)
{
    static struct raw_answer answer;
    static char filler[65536 + 2];
    int fd = raw_connect(daemon_.address);

    (void)state;
    memset(filler, ' ', sizeof(filler));
    memcpy(filler + 65536, "\r\n", 2);
    raw_send_text(fd, POST "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 160; i++)
        if (!raw_send_text(fd, "10000\r\n") ||
            !raw_send(fd, filler, sizeof(filler)))
            break;
    raw_read(fd, false, &answer);
    assert_int_equal(answer.status, 413);
    assert_true(raw_is_closed(fd, RAW_WAIT_MS));
    close(fd);
}

/* What differs in a bit from a name that counts is another name. */
static void a_name_that_looks_like_another_is_none(void **state)
{
    static struct raw_answer answer;
    int fd = raw_connect(daemon_.address);

    (void)state;
    raw_send_text(fd, "GET /livez HTTP/1.1\r\n" HOST
                      "H/st: x\r\nTransfer_Encoding: gzip\r\n"
                      "Transfer-Encoding2: gzip\r\nTransfer-Encodin: gzip\r\n"
                      "Content-Le.gth: -1\r\nOrigi^: http://x\r\n\r\n");
    raw_read(fd, false, &answer);
    close(fd);
    assert_int_equal(answer.status, 200);
}

static void who_expects_to_go_on_gets_the_refusal_instead(void **state)
{
    static const char *const heads[] = {
        POST "Expect: 100-continue\r\nContent-Length: 17000000000\r\n\r\n",
        "POST /nowhere HTTP/1.1\r\n" HOST
        "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n",
        POST "Expect: 100-continue\r\nContent-Encoding: gzip\r\n"
             "Content-Length: 2\r\n\r\n",
    };
    static const int statuses[] = {413, 404, 415};
    static struct raw_answer answer;

    (void)state;
    for (int i = 0; i < 3; i++) {
        int fd = raw_connect(daemon_.address);

        raw_send_text(fd, heads[i]);
        raw_read(fd, false, &answer);
        close(fd);
        assert_int_equal(answer.status, statuses[i]);
    }
}

static void who_expects_to_go_on_may(void **state)
{
    static struct raw_answer answer;
    int fd = raw_connect(daemon_.address);

    (void)state;
    raw_send_text(fd,
                  POST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    raw_read(fd, false, &answer);
    assert_int_equal(answer.status, 100);
    raw_send_text(fd, "{}");
    raw_read(fd, false, &answer);
    assert_int_equal(answer.status, 400);
    close(fd);
}

/* rows: R34 */
static void three_requests_at_once_are_answered_in_order(void **state)
{
    static struct raw_answer answer;
    char value[64], wanted[8];
    int fd = raw_connect(daemon_.address);

    (void)state;
    raw_send_text(fd,
                  "GET /livez HTTP/1.1\r\n" HOST "X-Request-Id: r0\r\n\r\n"
                  "POST /nowhere HTTP/1.1\r\n" HOST
                  "X-Request-Id: r1\r\nContent-Length: 2\r\n\r\n{}"
                  "GET /readyz HTTP/1.1\r\n" HOST "X-Request-Id: r2\r\n\r\n");
    for (int i = 0; i < 3; i++) {
        raw_read(fd, false, &answer);
        assert_int_equal(answer.status, i == 1 ? 404 : 200);
        snprintf(wanted, sizeof(wanted), "r%d", i);
        assert_string_equal(
            raw_header(&answer, "X-Request-Id", value, sizeof(value)), wanted);
    }
    close(fd);
}

static void a_request_may_come_byte_by_byte(void **state)
{
    static const char text[] =
        POST "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n"
             "0\r\nTrailer: 1\r\n\r\n";
    static struct raw_answer answer;
    int fd = raw_connect(daemon_.address);

    (void)state;
    for (size_t i = 0; text[i]; i++)
        assert_true(raw_send(fd, &text[i], 1));
    raw_read(fd, false, &answer);
    assert_int_equal(answer.status, 400);
    assert_non_null(strstr(raw_body(&answer), "bad-field"));
    close(fd);
}

static void http_1_0_without_a_host_is_served(void **state)
{
    static struct raw_answer answer;
    int fd = raw_connect(daemon_.address);

    (void)state;
    raw_send_text(fd, "GET /livez HTTP/1.0\r\n\r\n");
    raw_read_all(fd, RAW_WAIT_MS, &answer);
    assert_int_equal(answer.status, 200);
    assert_true(answer.is_closed);
    close(fd);
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
        cmocka_unit_test(
            a_request_that_can_be_read_in_two_ways_is_refused_and_closed),
        cmocka_unit_test(
            a_refused_request_is_closed_though_the_client_could_go_on),
        cmocka_unit_test(a_head_that_is_too_long_is_414_or_431),
        cmocka_unit_test(a_head_of_six_kilobytes_is_taken),
        cmocka_unit_test(a_thousand_headers_are_431),
        cmocka_unit_test(
            a_declared_body_over_the_limit_is_413_before_it_comes),
        cmocka_unit_test(the_answer_413_reaches_a_client_that_sends_on),
        cmocka_unit_test(a_chunked_body_over_the_limit_is_413),
        cmocka_unit_test(a_name_that_looks_like_another_is_none),
        cmocka_unit_test(who_expects_to_go_on_gets_the_refusal_instead),
        cmocka_unit_test(who_expects_to_go_on_may),
        cmocka_unit_test(three_requests_at_once_are_answered_in_order),
        cmocka_unit_test(a_request_may_come_byte_by_byte),
        cmocka_unit_test(http_1_0_without_a_host_is_served),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
