/* fuzz_state_safetensors.c: any bytes as a state in safetensors: refused with
 * a problem, or every array whole, finite, and as many numbers as its shape
 * says. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/json/state_safetensors.h"

#define MAX_ELEMENTS 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool is_true)
{
    if (!is_true)
        abort();
}

static void check_array(const struct state_array *array)
{
    size_t count = 1;

    demand(array->rank <= RNN_MAX_RANK + 1);
    for (size_t a = 0; a < array->rank; a++)
        count *= array->shape[a];
    demand(count == array->count && count <= MAX_ELEMENTS);
    for (size_t i = 0; i < count; i++)
        demand(isfinite(array->data[i]));
}

static void check_body(const struct state_body *body)
{
    demand(body->fingerprint && strlen(body->fingerprint) == 64);
    demand(body->mode == SESSION_CARRY || body->mode == SESSION_WINDOW);
    demand((body->mode == SESSION_WINDOW) == (body->window > 0));
    for (size_t i = 0; i < body->array_count; i++) {
        check_array(&body->arrays[i]);
        for (size_t k = 0; k < i; k++)
            demand(strcmp(body->arrays[i].name, body->arrays[k].name) != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct problem problem = {.detail = ""};
    struct state_body body;
    struct arena arena;

    arena_init(&arena, (size_t)64 << 20);
    if (state_safetensors_read(data, size, MAX_ELEMENTS, &arena, &body,
                               &problem))
        check_body(&body);
    else
        demand(problem.detail[0] != '\0');
    arena_release(&arena);
    return 0;
}
