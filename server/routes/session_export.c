#include <stdio.h>
#include <string.h>

#include "server/model_registry.h"
#include "server/routes/sessions.h"

static const char *mode_name(const struct session_info *info)
{
    return info->plan.mode == SESSION_WINDOW ? "window" : "carry";
}

static void write_uint_text(struct json_writer *writer, uint64_t number)
{
    char text[21];

    snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
    json_write_string(writer, text);
}

/* ---- JSON --------------------------------------------------------------- */

/* Counts, as nested arrays of whole numbers; they have at most one axis. */
static void write_counts(struct json_writer *writer,
                         const struct session_tensor *tensor,
                         const unsigned char *data)
{
    if (tensor->rank)
        json_write_raw(writer, "[");
    for (size_t i = 0; i < tensor->count; i++) {
        int64_t number;

        memcpy(&number, data + i * sizeof(number), sizeof(number));
        if (i)
            json_write_raw(writer, ",");
        json_write_uint(writer, (uint64_t)number);
    }
    if (tensor->rank)
        json_write_raw(writer, "]");
}

static void write_tensor(struct json_writer *writer,
                         const struct session_tensor *tensor,
                         const unsigned char *state)
{
    const void *data = state + tensor->offset;

    json_write_key(writer, tensor->name);
    if (!tensor->count) {
        json_write_raw(writer, "[]");
        return;
    }
    switch (tensor->dtype) {
    case SESSION_F32:
        json_write_tensor(writer, data, tensor->rank, tensor->shape);
        break;
    case SESSION_F64:
        json_write_tensor64(writer, data, tensor->rank, tensor->shape);
        break;
    case SESSION_I64:
        write_counts(writer, tensor, data);
        break;
    }
}

const void *session_export_json(const struct session_info *info,
                                const void *state, struct arena *arena,
                                size_t *length)
{
    const struct served_model *model = info->plan.model;
    struct json_writer writer;
    size_t count;
    const struct session_tensor *tensors =
        session_tensors(&info->plan, info->window_filled, arena, &count);

    if (!tensors)
        return NULL;
    json_writer_init(&writer, arena);
    json_write_raw(&writer, "{");
    json_write_key(&writer, "model");
    json_write_string(&writer, model->name);
    json_write_key(&writer, "fingerprint");
    json_write_string(&writer, model->fingerprint);
    json_write_key(&writer, "numerics");
    json_write_uint(&writer, RNN_NUMERICS);
    json_write_key(&writer, "mode");
    json_write_string(&writer, mode_name(info));
    json_write_key(&writer, "window");
    if (info->plan.mode == SESSION_WINDOW)
        json_write_uint(&writer, info->plan.window);
    else
        json_write_raw(&writer, "null");
    json_write_key(&writer, "step");
    json_write_uint(&writer, info->step);
    json_write_key(&writer, "state");
    json_write_raw(&writer, "{");
    for (size_t i = 0; i < count; i++)
        write_tensor(&writer, &tensors[i], state);
    json_write_raw(&writer, "}}");
    *length = writer.length;
    return writer.failed ? NULL : writer.text;
}

/* ---- safetensors -------------------------------------------------------- */

static void write_metadata(struct json_writer *writer,
                           const struct session_info *info,
                           const struct session_note *notes)
{
    json_write_key(writer, "__metadata__");
    json_write_raw(writer, "{");
    json_write_key(writer, "model");
    json_write_string(writer, info->plan.model->name);
    json_write_key(writer, "fingerprint");
    json_write_string(writer, info->plan.model->fingerprint);
    if (!notes) {
        json_write_key(writer, "numerics");
        write_uint_text(writer, RNN_NUMERICS);
    }
    json_write_key(writer, "mode");
    json_write_string(writer, mode_name(info));
    if (info->plan.mode == SESSION_WINDOW) {
        json_write_key(writer, "window");
        write_uint_text(writer, info->plan.window);
    }
    json_write_key(writer, "step");
    write_uint_text(writer, info->step);
    for (; notes && notes->name; notes++) {
        json_write_key(writer, notes->name);
        json_write_string(writer, notes->value);
    }
    json_write_raw(writer, "}");
}

/* `at` is where the tensor's bytes begin after the header. */
static void write_entry(struct json_writer *writer,
                        const struct session_tensor *tensor, size_t at)
{
    static const char *const dtypes[] = {"F32", "F64", "I64"};

    json_write_key(writer, tensor->name);
    json_write_raw(writer, "{");
    json_write_key(writer, "dtype");
    json_write_string(writer, dtypes[tensor->dtype]);
    json_write_key(writer, "shape");
    json_write_raw(writer, "[");
    for (size_t a = 0; a < tensor->rank; a++) {
        if (a)
            json_write_raw(writer, ",");
        json_write_uint(writer, tensor->shape[a]);
    }
    json_write_raw(writer, "]");
    json_write_key(writer, "data_offsets");
    json_write_raw(writer, "[");
    json_write_uint(writer, at);
    json_write_raw(writer, ",");
    json_write_uint(writer, at + tensor->count * session_number_bytes(tensor));
    json_write_raw(writer, "]}");
}

/* Length, header, bytes of the tensors, as the format has them. */
static unsigned char *assemble(const struct json_writer *header,
                               const struct session_tensor *tensors,
                               size_t count, size_t data_bytes,
                               const unsigned char *state, size_t *length)
{
    size_t total = 8 + header->length + data_bytes;
    unsigned char *file = arena_alloc(header->arena, total, 1, 64);
    unsigned char *to;

    if (!file)
        return NULL;
    for (size_t b = 0; b < 8; b++)
        file[b] = (unsigned char)((uint64_t)header->length >> (8 * b));
    memcpy(file + 8, header->text, header->length);
    to = file + 8 + header->length;
    for (size_t i = 0; i < count; i++) {
        size_t bytes = tensors[i].count * session_number_bytes(&tensors[i]);

        memcpy(to, state + tensors[i].offset, bytes);
        to += bytes;
    }
    *length = total;
    return file;
}

const void *session_export_safetensors(const struct session_info *info,
                                       const void *state,
                                       const struct session_note *notes,
                                       struct arena *arena, size_t *length)
{
    struct json_writer header;
    size_t count = 0, at = 0;
    const struct session_tensor *tensors = NULL;

    if (state)
        tensors =
            session_tensors(&info->plan, info->window_filled, arena, &count);
    if (state && !tensors)
        return NULL;
    json_writer_init(&header, arena);
    json_write_raw(&header, "{");
    write_metadata(&header, info, notes);
    for (size_t i = 0; i < count; i++) {
        write_entry(&header, &tensors[i], at);
        at += tensors[i].count * session_number_bytes(&tensors[i]);
    }
    json_write_raw(&header, "}");
    while (header.length % 8 && !header.failed)
        json_write_raw(&header, " "); /* tensors begin aligned */
    if (header.failed)
        return NULL;
    return assemble(&header, tensors, count, at, state, length);
}
