#include "tests/support/api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cjson/cJSON.h>
#include <cmocka.h>
#include <curl/curl.h>

#define WAIT_MS 300000L

void api_init(struct api *api, const char *url)
{
    *api = (struct api){.url = url};
    api->curl = curl_easy_init();
    assert_non_null(api->curl);
}

void api_release(struct api *api)
{
    curl_easy_cleanup(api->curl);
    cJSON_Delete(api->json);
    free(api->body);
    *api = (struct api){.url = NULL};
}

static size_t take_body(char *data, size_t size, size_t count, void *user)
{
    struct api *api = user;
    size_t bytes = size * count;

    if (api->length + bytes + 1 > api->capacity) {
        api->capacity = 2 * (api->length + bytes + 1);
        api->body = realloc(api->body, api->capacity);
        assert_non_null(api->body);
    }
    memcpy(api->body + api->length, data, bytes);
    api->length += bytes;
    api->body[api->length] = '\0';
    return bytes;
}

static size_t take_header(char *data, size_t size, size_t count, void *user)
{
    struct api *api = user;
    size_t used = strlen(api->headers), bytes = size * count;

    assert_true(used + bytes < sizeof(api->headers));
    memcpy(api->headers + used, data, bytes);
    api->headers[used + bytes] = '\0';
    return bytes;
}

static struct curl_slist *add_header(struct curl_slist *list, const char *name,
                                     const char *value)
{
    char line[512];

    if (value)
        snprintf(line, sizeof(line), "%s: %s", name, value);
    else
        snprintf(line, sizeof(line), "%s:", name); /* curl's own goes */
    return curl_slist_append(list, line);
}

/* curl's default for a body is the form type; Expect would cost a second. */
static struct curl_slist *headers_of(const struct api *api, bool has_body)
{
    struct curl_slist *list = add_header(NULL, "Expect", NULL);

    if (api->content_type)
        list = add_header(list, "Content-Type", api->content_type);
    else if (!has_body)
        list = add_header(list, "Content-Type", NULL);
    list = add_header(list, "Accept", api->accept);
    if (api->origin)
        list = add_header(list, "Origin", api->origin);
    if (api->more)
        list = curl_slist_append(list, api->more);
    return list;
}

void api_call(struct api *api, const char *method, const char *path,
              const void *body, size_t length)
{
    struct curl_slist *headers = headers_of(api, body != NULL);
    CURLcode code;
    char url[1024];

    snprintf(url, sizeof(url), "%s%s", api->url, path);
    api->length = 0;
    api->headers[0] = '\0';
    cJSON_Delete(api->json);
    api->json = NULL;
    take_body("", 1, 0, api);
    curl_easy_reset(api->curl);
    curl_easy_setopt(api->curl, CURLOPT_URL, url);
    curl_easy_setopt(api->curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(api->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(api->curl, CURLOPT_TIMEOUT_MS, WAIT_MS);
    curl_easy_setopt(api->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(api->curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(api->curl, CURLOPT_WRITEDATA, api);
    curl_easy_setopt(api->curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(api->curl, CURLOPT_HEADERDATA, api);
    if (body || !strcmp(method, "POST") || !strcmp(method, "PUT")) {
        curl_easy_setopt(api->curl, CURLOPT_POSTFIELDS, body ? body : "");
        curl_easy_setopt(api->curl, CURLOPT_POSTFIELDSIZE_LARGE,
                         (curl_off_t)length);
    }
    curl_easy_setopt(api->curl, CURLOPT_CUSTOMREQUEST, method);
    code = curl_easy_perform(api->curl);
    curl_slist_free_all(headers);
    if (code)
        fail_msg("%s %s: %s", method, url, curl_easy_strerror(code));
    curl_easy_getinfo(api->curl, CURLINFO_RESPONSE_CODE, &api->status);
    api->json = cJSON_ParseWithLength(api->body, api->length);
}

void api_get(struct api *api, const char *path)
{
    api_call(api, "GET", path, NULL, 0);
}

void api_delete(struct api *api, const char *path)
{
    api_call(api, "DELETE", path, NULL, 0);
}

void api_post(struct api *api, const char *path, const char *format, ...)
{
    va_list args;
    char *text;
    int length;

    va_start(args, format);
    length = vasprintf(&text, format, args);
    va_end(args);
    assert_true(length >= 0);
    api_call(api, "POST", path, text, (size_t)length);
    free(text);
}

void api_post_floats(struct api *api, const char *path, const float *floats,
                     size_t count)
{
    const char *content_type = api->content_type;

    api->content_type = "application/octet-stream";
    api_call(api, "POST", path, floats, count * sizeof(*floats));
    api->content_type = content_type;
}

const char *api_header(struct api *api, const char *name)
{
    static _Thread_local char value[512];
    size_t length = strlen(name);

    for (const char *line = api->headers; line && *line;
         line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (!strncasecmp(line, name, length) && line[length] == ':') {
            line += length + 1;
            line += strspn(line, " \t");
            snprintf(value, sizeof(value), "%.*s", (int)strcspn(line, "\r\n"),
                     line);
            return value;
        }
    return NULL;
}

static cJSON *find(struct api *api, const char *path)
{
    cJSON *at = api->json;
    char name[128];

    while (at && *path) {
        size_t length = strcspn(path, ".");

        snprintf(name, sizeof(name), "%.*s", (int)length, path);
        at = cJSON_IsArray(at)
                 ? cJSON_GetArrayItem(at, (int)strtol(name, NULL, 10))
                 : cJSON_GetObjectItemCaseSensitive(at, name);
        path += length + (path[length] == '.');
    }
    return at;
}

const char *api_text(struct api *api, const char *path)
{
    const cJSON *at = find(api, path);

    if (!at || !cJSON_IsString(at)) {
        fail_msg("no text %s in %ld %s", path, api->status, api->body);
        return "";
    }
    return at->valuestring;
}

double api_number(struct api *api, const char *path)
{
    const cJSON *at = find(api, path);

    if (!at || !cJSON_IsNumber(at)) {
        fail_msg("no number %s in %ld %s", path, api->status, api->body);
        return 0;
    }
    return at->valuedouble;
}

bool api_is_null(struct api *api, const char *path)
{
    return cJSON_IsNull(find(api, path));
}

bool api_has(struct api *api, const char *path)
{
    return find(api, path) != NULL;
}

const char *api_raw(struct api *api, const char *name)
{
    static _Thread_local char value[1 << 20];
    const char *from, *to;
    char key[128];
    int depth = 0;

    snprintf(key, sizeof(key), "\"%s\":", name);
    from = strstr(api->body, key);
    if (!from) {
        fail_msg("no %s in %ld %s", name, api->status, api->body);
        return "";
    }
    from += strlen(key);
    for (to = from; *to; to++) {
        if (depth == 0 && (*to == ',' || *to == '}'))
            break;
        depth += *to == '[' || *to == '{';
        depth -= *to == ']' || *to == '}';
    }
    snprintf(value, sizeof(value), "%.*s", (int)(to - from), from);
    return value;
}

const char *api_keep(struct api *api, const char *name, char *text,
                     size_t size)
{
    api_assert_status(api, 200);
    snprintf(text, size, "%s", api_raw(api, name));
    return text;
}

void api_assert_status(struct api *api, long status)
{
    if (api->status != status)
        fail_msg("not %ld but %ld %s", status, api->status, api->body);
}

void api_assert_problem(struct api *api, long status, const char *type,
                        const char *pointer)
{
    char whole[64];

    snprintf(whole, sizeof(whole), "/problems/%s", type);
    if (api->status != status || !api->json || !api_has(api, "type") ||
        strcmp(api_text(api, "type"), whole) != 0)
        fail_msg("not %ld %s but %ld %s", status, type, api->status,
                 api->body);
    assert_string_equal(api_header(api, "Content-Type"),
                        "application/problem+json");
    assert_int_equal(api_number(api, "status"), status);
    assert_true(strlen(api_text(api, "title")) > 0);
    assert_true(strlen(api_text(api, "detail")) > 0);
    assert_string_equal(api_text(api, "request_id"),
                        api_header(api, "X-Request-Id"));
    if (pointer)
        assert_string_equal(api_text(api, "pointer"), pointer);
    else if (api_has(api, "pointer"))
        fail_msg("a pointer that should not be there: %s", api->body);
}
