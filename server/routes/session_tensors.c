#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/state.h"
#include "server/model_registry.h"
#include "server/routes/sessions.h"

/* Whole numbers up to here are exact in JSON's usual float64. */
#define WHOLE_MOST 9007199254740992.0 /* 2^53 */

size_t session_number_bytes(const struct session_tensor *tensor)
{
    return tensor->dtype == SESSION_F32 ? 4 : 8;
}

/* ---- what arrays there are ---------------------------------------------- */

static void finish(struct session_tensor *tensor)
{
    tensor->count = 1;
    for (size_t a = 0; a < tensor->rank; a++)
        tensor->count *= tensor->shape[a];
}

static void carry_tensors(const struct rnn_model_info *info,
                          struct session_tensor *tensors)
{
    for (size_t i = 0; i < info->state_entry_count; i++) {
        const struct rnn_state_entry *entry = &info->state_entries[i];

        tensors[i].name = entry->name;
        tensors[i].dtype = entry->dtype == RNN_F32   ? SESSION_F32
                           : entry->dtype == RNN_F64 ? SESSION_F64
                                                     : SESSION_I64;
        tensors[i].rank = entry->rank;
        tensors[i].offset = entry->offset;
        memcpy(tensors[i].shape, entry->shape, sizeof(entry->shape));
        finish(&tensors[i]);
    }
}

/* "window/<input>": the rows kept of an input that has time. */
static bool window_tensor(const struct rnn_io *io, size_t filled,
                          size_t offset, struct arena *arena,
                          struct session_tensor *tensor)
{
    size_t size = sizeof("window/") + strlen(io->name);
    char *name = arena_alloc(arena, size, 1, 1);

    if (!name)
        return false;
    snprintf(name, size, "window/%s", io->name);
    tensor->name = name;
    tensor->dtype = SESSION_F32;
    tensor->rank = io->rank;
    memcpy(tensor->shape, io->shape, sizeof(io->shape));
    tensor->shape[0] = filled;
    tensor->offset = offset;
    finish(tensor);
    return true;
}

struct session_tensor *session_tensors(const struct session_plan *plan,
                                       size_t filled, struct arena *arena,
                                       size_t *count)
{
    const struct rnn_model_info *info = plan->model->info;
    bool is_carry = plan->mode == SESSION_CARRY;
    size_t most = is_carry ? info->state_entry_count : info->input_count;
    struct session_tensor *tensors = arena_zalloc(
        arena, most, sizeof(*tensors), _Alignof(struct session_tensor));
    size_t offset = 0, n = 0;

    if (!tensors)
        return NULL;
    if (is_carry) {
        carry_tensors(info, tensors);
        *count = most;
        return tensors;
    }
    for (size_t i = 0; i < info->input_count; i++) {
        const struct rnn_io *io = &info->inputs[i];

        if (!io->has_time)
            continue;
        if (!window_tensor(io, filled, offset, arena, &tensors[n++]))
            return NULL;
        offset += plan->window * io->features * sizeof(float);
    }
    *count = n;
    return tensors;
}

/* ---- from arrays to a state --------------------------------------------- */

/* A place in the document, "/state/lstm~1h" (RFC 6901 section 3). */
static void pointer_to(const char *name, char *pointer, size_t size)
{
    size_t length = (size_t)snprintf(pointer, size, "/state/");

    for (; *name && length + 3 < size; name++) {
        if (*name == '~' || *name == '/') {
            pointer[length++] = '~';
            pointer[length++] = *name == '~' ? '0' : '1';
        } else {
            pointer[length++] = *name;
        }
    }
    pointer[length] = '\0';
}

static bool refuse(const char *name, enum problem_type type, const char *what,
                   struct problem *problem)
{
    char pointer[sizeof(problem->pointer)];

    pointer_to(name, pointer, sizeof(pointer));
    return problem_set_at(problem, type, pointer, "\"%s\" %s", name, what);
}

static const struct state_array *find_array(const struct state_body *body,
                                            const char *name)
{
    for (size_t i = 0; i < body->array_count; i++)
        if (!strcmp(body->arrays[i].name, name))
            return &body->arrays[i];
    return NULL;
}

/* No rows at all may be written as [] or left out. */
static bool is_same_shape(const struct session_tensor *tensor,
                          const struct state_array *array)
{
    if (!tensor->count && !array->count)
        return true;
    return tensor->rank == array->rank &&
           !memcmp(tensor->shape, array->shape,
                   tensor->rank * sizeof(tensor->shape[0]));
}

static bool store_number(const struct session_tensor *tensor, double number,
                         unsigned char *to)
{
    float single = (float)number;
    int64_t whole;

    switch (tensor->dtype) {
    case SESSION_F32:
        if (!isfinite(single))
            return false;
        memcpy(to, &single, sizeof(single));
        return true;
    case SESSION_F64:
        memcpy(to, &number, sizeof(number));
        return isfinite(number);
    case SESSION_I64:
        if (!(fabs(number) <= WHOLE_MOST) || number != floor(number))
            return false;
        whole = (int64_t)number;
        memcpy(to, &whole, sizeof(whole));
        return true;
    }
    return false;
}

static bool restore_tensor(const struct session_tensor *tensor,
                           const struct state_body *body, unsigned char *state,
                           struct problem *problem)
{
    const struct state_array *array = find_array(body, tensor->name);
    size_t bytes = session_number_bytes(tensor);

    if (!array && !tensor->count)
        return true;
    if (!array)
        return refuse(tensor->name, PROBLEM_SHAPE_MISMATCH, "is missing",
                      problem);
    if (!is_same_shape(tensor, array))
        return refuse(tensor->name, PROBLEM_SHAPE_MISMATCH,
                      "has another shape than the session's", problem);
    for (size_t i = 0; i < tensor->count; i++)
        if (!store_number(tensor, array->data[i],
                          state + tensor->offset + i * bytes))
            return refuse(tensor->name,
                          isfinite(array->data[i])
                              ? PROBLEM_NUMBER_OUT_OF_RANGE
                              : PROBLEM_NOT_FINITE,
                          "has a number that cannot be taken", problem);
    return true;
}

static bool check_names(const struct session_tensor *tensors, size_t count,
                        const struct state_body *body, struct problem *problem)
{
    for (size_t i = 0; i < body->array_count; i++) {
        size_t k = 0;

        while (k < count && strcmp(tensors[k].name, body->arrays[i].name) != 0)
            k++;
        if (k == count)
            return refuse(body->arrays[i].name, PROBLEM_SHAPE_MISMATCH,
                          "is no part of this state", problem);
    }
    return true;
}

bool session_state_restore(const struct session_plan *plan,
                           const struct state_body *body, struct arena *arena,
                           void **state, size_t *filled,
                           struct problem *problem)
{
    bool is_window = plan->mode == SESSION_WINDOW;
    size_t rows = 0, count;
    struct session_tensor *tensors;
    void *made = arena_zalloc(arena, session_state_bytes(plan), 1, 64);

    if (is_window)
        rows = body->step < plan->window ? (size_t)body->step : plan->window;
    tensors = session_tensors(plan, rows, arena, &count);
    if (!made || !tensors)
        return problem_set(problem, PROBLEM_OVERLOADED,
                           "out of memory for the state");
    if (!is_window)
        rnn_state_zero(plan->model->model, made);
    if (!check_names(tensors, count, body, problem))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!restore_tensor(&tensors[i], body, made, problem))
            return false;
    if (!is_window && !rnn_state_is_finite(plan->model->model, made))
        return problem_set_at(problem, PROBLEM_NOT_FINITE, "/state",
                              "the state has a number that is not finite, or "
                              "a count below zero");
    *state = made;
    *filled = rows;
    return true;
}
