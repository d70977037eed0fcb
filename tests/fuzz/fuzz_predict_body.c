/* fuzz_predict_body.c: any bytes as the body of POST /predict.
 *
 * What is taken must be JSON to cJSON too, must have the shape it says, must
 * be finite, and must read back to the same bits when it is written.  What is
 * refused must say where.
 */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "server/json/json_document.h"
#include "server/json/json_writer.h"
#include "server/json/predict_body.h"
#include "tests/support/padded_text.h"

static const struct predict_limits limits = {
    .max_elements = 4096, .max_timesteps = 512, .max_batch = 32};

static void demand(bool is_true)
{
    if (!is_true)
        abort();
}

static void check_read_back(const struct json_tensor *tensor,
                            struct arena *arena)
{
    struct predict_body again;
    struct json_writer writer;
    struct padded_text text;
    struct problem problem;

    json_writer_init(&writer, arena);
    json_write_raw(&writer, "{\"inputs\":{\"\":");
    json_write_tensor(&writer, tensor->data, tensor->rank, tensor->shape);
    json_write_raw(&writer, "}}");
    demand(!writer.failed);
    text = padded_bytes(writer.text, writer.length);
    demand(predict_body_read(text.bytes, text.length, &limits, arena, &again,
                             &problem));
    demand(again.samples->tensors->rank == tensor->rank);
    demand(!memcmp(again.samples->tensors->shape, tensor->shape,
                   tensor->rank * sizeof(size_t)));
    demand(!memcmp(again.samples->tensors->data, tensor->data,
                   tensor->count * sizeof(float)));
    padded_text_free(&text);
}

static void check_tensor(const struct json_tensor *tensor, size_t *elements,
                         struct arena *arena)
{
    size_t count = 1, i;

    demand(tensor->rank >= 1 && tensor->rank <= RNN_MAX_RANK + 1);
    demand((uintptr_t)tensor->data % 64 == 0);
    for (i = 0; i < tensor->rank; i++)
        count *= tensor->shape[i];
    demand(count && count == tensor->count);
    for (i = 0; i < count; i++)
        demand(isfinite(tensor->data[i]));
    *elements += count;
    check_read_back(tensor, arena);
}

static void check_body(const struct padded_text *text,
                       const struct predict_body *body, struct arena *arena)
{
    cJSON *root = cJSON_ParseWithLength(text->bytes, text->length);
    size_t elements = 0, i, j;

    demand(root != NULL);
    cJSON_Delete(root);
    demand(body->sample_count >= 1 && body->sample_count <= limits.max_batch);
    for (i = 0; i < body->sample_count; i++)
        for (j = 0; j < body->samples[i].tensor_count; j++)
            check_tensor(&body->samples[i].tensors[j], &elements, arena);
    demand(elements <= limits.max_elements);
    if (body->session)
        demand(session_id_is_valid(body->session, strlen(body->session)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct padded_text text = padded_bytes(data, size);
    struct predict_body body;
    struct problem problem;
    struct arena arena;
    size_t length;

    arena_init(&arena, 16 << 20);
    if (predict_body_read(text.bytes, text.length, &limits, &arena, &body,
                          &problem)) {
        check_body(&text, &body, &arena);
    } else {
        demand(problem.type != PROBLEM_OVERLOADED);
        demand((problem.type == PROBLEM_MALFORMED_JSON) == problem.has_offset);
        demand(problem.offset <= size);
        demand(problem_document(&problem, "id", &arena, &length) != NULL);
    }
    arena_release(&arena);
    padded_text_free(&text);
    return 0;
}
