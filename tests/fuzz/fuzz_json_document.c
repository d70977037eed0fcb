/* fuzz_json_document.c: any bytes as the body of POST /sessions, of fork, and
 * of PUT /sessions/{id}/state.  The first byte chooses.
 */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "server/json/json_document.h"
#include "server/json/json_writer.h"
#include "tests/support/padded_text.h"

#define MAX_ELEMENTS 4096

static void demand(bool is_true)
{
    if (!is_true)
        abort();
}

static void check_is_json(const struct padded_text *text)
{
    cJSON *root = cJSON_ParseWithLength(text->bytes, text->length);

    demand(root != NULL);
    cJSON_Delete(root);
}

static bool read_session(const struct padded_text *text, bool is_fork,
                         struct arena *arena, struct problem *problem)
{
    struct session_body body;

    if (!session_body_read(text->bytes, text->length, is_fork, arena, &body,
                           problem))
        return false;
    if (text->length)
        check_is_json(text);
    if (body.id)
        demand(session_id_is_valid(body.id, strlen(body.id)));
    demand(!body.wish.has_window || body.wish.window);
    return true;
}

/* Finite, as many as the shape says, and the same bits when written and
 * read as the only array of a state. */
static void check_array(const struct state_array *array, struct arena *arena)
{
    static const char head[] =
        "{\"mode\":\"carry\",\"step\":0,\"fingerprint\":\""
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
        "\",\"state\":{\"\":";
    struct json_writer writer;
    struct padded_text text;
    struct problem problem;
    struct state_body again;
    size_t count = 1, i;

    for (i = 0; i < array->rank; i++)
        count *= array->shape[i];
    demand(count == array->count);
    for (i = 0; i < count; i++)
        demand(isfinite(array->data[i]));
    json_writer_init(&writer, arena);
    json_write_raw(&writer, head);
    json_write_tensor64(&writer, array->data, array->rank, array->shape);
    json_write_raw(&writer, "}}");
    demand(!writer.failed);
    text = padded_bytes(writer.text, writer.length);
    demand(state_body_read(text.bytes, text.length, MAX_ELEMENTS, arena,
                           &again, &problem));
    demand(again.arrays->count == count);
    demand(!count ||
           !memcmp(again.arrays->data, array->data, count * sizeof(double)));
    padded_text_free(&text);
}

static bool read_state(const struct padded_text *text, struct arena *arena,
                       struct problem *problem)
{
    struct state_body body;
    size_t i;

    if (!state_body_read(text->bytes, text->length, MAX_ELEMENTS, arena, &body,
                         problem))
        return false;
    check_is_json(text);
    demand(strlen(body.fingerprint) == 64);
    demand(body.mode != SESSION_MODE_UNSET);
    for (i = 0; i < body.array_count; i++)
        check_array(&body.arrays[i], arena);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct padded_text text =
        padded_bytes(data + (size > 0), size ? size - 1 : 0);
    unsigned which = size ? data[0] % 3 : 0;
    struct problem problem = {0};
    struct arena arena;
    size_t length;
    bool ok;

    arena_init(&arena, 32 << 20);
    ok = which == 2 ? read_state(&text, &arena, &problem)
                    : read_session(&text, which, &arena, &problem);
    if (!ok) {
        demand(problem.type != PROBLEM_OVERLOADED);
        demand((problem.type == PROBLEM_MALFORMED_JSON) == problem.has_offset);
        demand(problem.offset <= text.length);
        demand(problem_document(&problem, "id", &arena, &length) != NULL);
    }
    arena_release(&arena);
    padded_text_free(&text);
    return 0;
}
