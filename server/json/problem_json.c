#include "server/json/json_document.h"
#include "server/json/json_writer.h"

static void write_field(struct json_writer *writer, const char *key,
                        const char *text)
{
    json_write_key(writer, key);
    json_write_string(writer, text);
}

const char *problem_document(const struct problem *problem,
                             const char *request_id, struct arena *arena,
                             size_t *length)
{
    struct json_writer writer;

    json_writer_init(&writer, arena);
    json_write_raw(&writer, "{\"type\":\"/problems/");
    json_write_raw(&writer, problem_type_name(problem->type));
    json_write_raw(&writer, "\"");
    write_field(&writer, "title", problem_title(problem->type));
    json_write_key(&writer, "status");
    json_write_uint(&writer, problem_status(problem->type));
    write_field(&writer, "detail", problem->detail);
    if (problem->pointer[0])
        write_field(&writer, "pointer", problem->pointer);
    if (problem->has_offset) {
        json_write_key(&writer, "offset");
        json_write_uint(&writer, problem->offset);
    }
    if (problem->has_step) {
        json_write_key(&writer, "step");
        json_write_uint(&writer, problem->step);
    }
    if (problem->reason)
        write_field(&writer, "reason", problem->reason);
    if (request_id)
        write_field(&writer, "request_id", request_id);
    json_write_raw(&writer, "}");
    if (writer.failed)
        return NULL;
    *length = writer.length;
    return writer.text;
}
