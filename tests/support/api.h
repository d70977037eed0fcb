/* api.h: one HTTP client for tests of the API, by libcurl.
 *
 *     struct api api;
 *
 *     api_init(&api, daemon.url);
 *     api_post(&api, "/predict", "{\"sequence\": [[%g]]}", 0.5);
 *     assert_int_equal(api.status, 200);
 *     assert_string_equal(api_text(&api, "session.id"), "a");
 *
 * The answer of the last call is in the struct; a JSON body is parsed.
 *
 * Errors   A request that gets no answer fails the test (cmocka).
 * Threads  One struct, one thread.
 */
#ifndef TESTS_SUPPORT_API_H
#define TESTS_SUPPORT_API_H

#include <stdbool.h>
#include <stddef.h>

#define API_HEADERS_SIZE ((size_t)8192)

struct cJSON;

struct api {
    void *curl;
    const char *url;
    /* Sent with every call; NULL: curl's own or none. */
    const char *content_type, *accept, *origin;
    const char *more; /* one further header, "X-Request-Id: a" */

    long status;
    char *body; /* NUL-terminated */
    size_t length, capacity;
    char headers[API_HEADERS_SIZE];
    struct cJSON *json; /* NULL: the body is not JSON */
};

void api_init(struct api *api, const char *url);
void api_release(struct api *api);

/* `body` NULL: none. */
void api_call(struct api *api, const char *method, const char *path,
              const void *body, size_t length);
void api_get(struct api *api, const char *path);
void api_delete(struct api *api, const char *path);
/* POST of a JSON text, with content type as set. */
void api_post(struct api *api, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* POST of floats to `path` (with its query) as application/octet-stream,
 * whatever content_type is; Accept as set. */
void api_post_floats(struct api *api, const char *path, const float *floats,
                     size_t count);

/* The value of a header of the answer, in a buffer that the next question
 * overwrites; NULL: it is not there. */
const char *api_header(struct api *api, const char *name);

/* Members of the JSON answer by path ("session.step"); what is not there, or
 * of another kind, fails the test. */
const char *api_text(struct api *api, const char *path);
double api_number(struct api *api, const char *path);
bool api_is_null(struct api *api, const char *path);
bool api_has(struct api *api, const char *path);
/* The text of a top-level member as it was sent; in a buffer as above. */
const char *api_raw(struct api *api, const char *name);

/* The same, kept in `text`; the answer must have been 200. */
const char *api_keep(struct api *api, const char *name, char *text,
                     size_t size);

/* Was the last answer this status?  If not, the test fails and shows it. */
void api_assert_status(struct api *api, long status);

/* Is the answer this problem, whole and well-formed?  `pointer` NULL: it has
 * none. */
void api_assert_problem(struct api *api, long status, const char *type,
                        const char *pointer);

#endif
