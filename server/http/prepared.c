#include "server/http/prepared.h"

#include <string.h>

static void clear(struct prepared *prepared)
{
    if (prepared->reply)
        MHD_destroy_response(prepared->reply);
    prepared->reply = NULL;
    prepared->header_count = 0;
}

/* libmicrohttpd lends a header's value as a const string.  It is a copy which
 * it has allocated for this response and reads only while that is sent: so
 * between two answers as many other characters may be put there. */
static bool add_header(struct prepared *prepared, const char *name,
                       const char *value)
{
    struct prepared_header *header =
        &prepared->headers[prepared->header_count];

    if (MHD_get_response_header(prepared->reply, name) ||
        MHD_add_response_header(prepared->reply, name, value) != MHD_YES)
        return false;
    header->name = name;
    header->value = (char *)MHD_get_response_header(prepared->reply, name);
    header->length = strlen(value);
    prepared->header_count++;
    return header->value && strlen(header->value) == header->length;
}

static bool make(struct prepared *prepared, const struct prepared_cache *cache,
                 const struct http_response *response, size_t body_length,
                 const char *request_id)
{
    bool ok;

    clear(prepared);
    prepared->content_type = response->content_type;
    prepared->body_length = body_length;
    prepared->date_s = cache->date_s;
    prepared->reply = MHD_create_response_from_buffer(
        body_length, prepared->body, MHD_RESPMEM_PERSISTENT);
    ok = prepared->reply != NULL;
    for (size_t i = 0; ok && i < response->header_count; i++)
        ok = add_header(prepared, response->headers[i].name,
                        response->headers[i].value);
    ok = ok && add_header(prepared, "X-Request-Id", request_id) &&
         add_header(prepared, "Date", cache->date);
    if (ok && response->content_type)
        ok = MHD_add_response_header(prepared->reply, "Content-Type",
                                     response->content_type) == MHD_YES;
    if (!ok)
        clear(prepared);
    return ok;
}

/* May it say what `response` is to say, by writing over what it has? */
static bool is_fit(const struct prepared *prepared,
                   const struct http_response *response, size_t body_length,
                   const char *request_id)
{
    size_t count = response->header_count;

    if (!prepared->reply || prepared->content_type != response->content_type ||
        prepared->body_length != body_length ||
        prepared->header_count != count + PREPARED_OWN_HEADERS)
        return false;
    for (size_t i = 0; i < count; i++)
        if (prepared->headers[i].name != response->headers[i].name ||
            prepared->headers[i].length != strlen(response->headers[i].value))
            return false;
    return prepared->headers[count].length == strlen(request_id);
}

static void write_over(struct prepared *prepared,
                       const struct prepared_cache *cache,
                       const struct http_response *response,
                       const char *request_id)
{
    const struct prepared_header *header = prepared->headers;

    for (size_t i = 0; i < response->header_count; i++, header++)
        memcpy(header->value, response->headers[i].value, header->length);
    memcpy(header->value, request_id, header->length);
    header++;
    if (prepared->date_s != cache->date_s)
        memcpy(header->value, cache->date, header->length);
    prepared->date_s = cache->date_s;
}

static void look_at_clock(struct prepared_cache *cache)
{
    uint64_t now_s = clock_wall_s();

    if (now_s == cache->date_s)
        return;
    cache->date_s = now_s;
    clock_format_http(now_s, cache->date);
}

struct prepared *prepared_take(struct prepared_cache *cache,
                               const struct http_response *response,
                               const char *request_id)
{
    size_t body_length = response->content_type ? response->body_length : 0;
    size_t place = body_length + 16 * response->header_count;
    struct prepared *prepared = &cache->slots[place % PREPARED_SLOTS];

    if (body_length > PREPARED_BODY_MOST || prepared->is_taken)
        return NULL;
    look_at_clock(cache);
    if (is_fit(prepared, response, body_length, request_id))
        write_over(prepared, cache, response, request_id);
    else if (!make(prepared, cache, response, body_length, request_id))
        return NULL;
    if (body_length)
        memcpy(prepared->body, response->body, body_length);
    prepared->is_taken = true;
    return prepared;
}

void prepared_give_back(struct prepared *prepared)
{
    prepared->is_taken = false;
}

void prepared_release(struct prepared_cache *cache)
{
    for (size_t i = 0; i < PREPARED_SLOTS; i++)
        clear(&cache->slots[i]);
}
