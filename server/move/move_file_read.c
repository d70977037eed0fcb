#include <math.h>
#include <string.h>

#include "core/state.h"
#include "server/clock.h"
#include "server/json/state_safetensors.h"
#include "server/model_registry.h"
#include "server/move/move_digest.h"
#include "server/move/move_file.h"
#include "server/routes/session_plan.h"
#include "server/routes/sessions.h"
#include "server/session_internal.h"

/* What a file has no limits for: its own length is one. */
#define MOST_NUMBERS (SIZE_MAX / 16)

struct reading {
    const struct app *app;
    struct arena *arena;
    struct state_body body;
    struct record *record;
    struct problem *problem;
};

static bool fault(struct reading *reading, const char *name, const char *what)
{
    return problem_set(reading->problem, PROBLEM_BAD_FIELD,
                       "\"%s\" in __metadata__ %s", name, what);
}

static bool out_of_memory(struct reading *reading)
{
    return problem_set(reading->problem, PROBLEM_OVERLOADED,
                       "out of memory for the file");
}

/* ---- the further strings ------------------------------------------------ */

static const char *note(const struct reading *reading, const char *name)
{
    const struct state_note *at = reading->body.notes;

    while (at && strcmp(at->name, name) != 0)
        at = at->next;
    return at ? at->value : NULL;
}

/* `number` stays as it is when there is no such string. */
static bool read_number(struct reading *reading, const char *name,
                        uint64_t most, uint64_t *number)
{
    const char *text = note(reading, name);
    uint64_t value = 0;

    if (!text)
        return true;
    for (const char *at = text; *at; at++) {
        unsigned digit = (unsigned)(*at - '0');

        if (digit > 9 || value > (most - digit) / 10)
            return fault(reading, name, "is no number that can be");
        value = 10 * value + digit;
    }
    if (!*text)
        return fault(reading, name, "is no number that can be");
    *number = value;
    return true;
}

static bool read_u32(struct reading *reading, const char *name,
                     uint32_t *number)
{
    uint64_t value = *number;
    bool ok = read_number(reading, name, UINT32_MAX, &value);

    *number = (uint32_t)value;
    return ok;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The bytes that a string of hexadecimal digits tells.  NULL: the problem is
 * set. */
static unsigned char *read_bytes(struct reading *reading, const char *name,
                                 size_t *length)
{
    const char *text = note(reading, name);
    size_t count = strlen(text);
    unsigned char *bytes = arena_alloc(reading->arena, count / 2 + 1, 1, 64);

    if (!bytes) {
        out_of_memory(reading);
        return NULL;
    }
    for (size_t i = 0; i < count / 2; i++) {
        int high = digit_of(text[2 * i]), low = digit_of(text[2 * i + 1]);

        if (high < 0 || low < 0) {
            fault(reading, name, "has other than hexadecimal digits");
            return NULL;
        }
        bytes[i] = (unsigned char)(high << 4 | low);
    }
    if (count % 2) {
        fault(reading, name, "has half a byte");
        return NULL;
    }
    *length = count / 2;
    return bytes;
}

/* Exactly a digest. */
static bool read_digest(struct reading *reading, const char *name,
                        unsigned char digest[RNN_DIGEST_BYTES])
{
    size_t length;
    const unsigned char *bytes;

    if (!note(reading, name))
        return fault(reading, name, "is missing");
    bytes = read_bytes(reading, name, &length);
    if (!bytes)
        return false;
    if (length != RNN_DIGEST_BYTES)
        return fault(reading, name, "has not 64 digits");
    memcpy(digest, bytes, RNN_DIGEST_BYTES);
    return true;
}

/* ---- the kept call ------------------------------------------------------ */

static bool is_finite(const struct session_plan *plan,
                      const unsigned char *state, size_t bytes)
{
    if (plan->mode == SESSION_CARRY)
        return rnn_state_is_finite(plan->model->model,
                                   (const struct rnn_state *)state);
    for (size_t at = 0; at < bytes; at += sizeof(float)) {
        float number;

        memcpy(&number, state + at, sizeof(number));
        if (!isfinite(number))
            return false;
    }
    return true;
}

/* It goes to the engine when the call is repeated: it is no more to be
 * trusted than the state itself. */
static bool check_state_before(struct reading *reading,
                               const struct session_plan *plan)
{
    const struct record *record = reading->record;

    if (!plan->model)
        return sessions_other_model(&reading->body, reading->problem);
    if (record->call_length != session_state_bytes(plan))
        return fault(reading, "call_state",
                     "has another size than the model's state");
    if (!is_finite(plan, record->call, record->call_length))
        return fault(reading, "call_state", "has a number that is not finite");
    return true;
}

static bool read_call(struct reading *reading, const struct session_plan *plan)
{
    struct record *record = reading->record;
    const char *has_reply = note(reading, "call_reply");

    if (!has_reply && !note(reading, "call_state"))
        return true;
    record->has_call = true;
    record->call = read_bytes(reading, has_reply ? "call_reply" : "call_state",
                              &record->call_length);
    if (!record->call ||
        !read_number(reading, "call_step_before", UINT64_MAX,
                     &record->step_before) ||
        !read_number(reading, "call_step_after", UINT64_MAX,
                     &record->step_after) ||
        !read_u32(reading, "call_filled_before", &record->filled_before) ||
        !read_digest(reading, "call_digest", record->digest))
        return false;
    if (record->filled_before > record->window)
        return fault(reading, "call_filled_before", "is more than the window");
    if (!has_reply)
        return check_state_before(reading, plan);
    record->reply_length = (uint32_t)record->call_length;
    if (!record->call_length || record->call_length > SESSION_REPLY_BYTES)
        return fault(reading, "call_reply", "is empty or too long");
    return true;
}

/* ---- the whole ---------------------------------------------------------- */

static struct record_text text_of(const char *text)
{
    return (struct record_text){.text = text,
                                .length = text ? strnlen(text, 255) : 0};
}

static bool read_fate(struct reading *reading)
{
    static const char *const fates[] = {"live", "expired", "ended", "deleted"};
    const char *text = note(reading, "fate");

    reading->record->fate = RECORD_LIVE;
    if (!text)
        return true;
    for (size_t i = 0; i < sizeof(fates) / sizeof(*fates); i++)
        if (strcmp(text, fates[i]) == 0) {
            reading->record->fate = (enum record_fate)i;
            return true;
        }
    return fault(reading, "fate", "must be live, expired, ended or deleted");
}

static bool read_record(struct reading *reading, const char *id)
{
    const struct state_body *body = &reading->body;
    struct record *record = reading->record;
    const char *own_id = note(reading, "session");

    if (own_id && strcmp(own_id, id) != 0)
        return fault(reading, "session", "is another than the file's name");
    *record = (struct record){.id = text_of(id),
                              .fingerprint = text_of(body->fingerprint),
                              .model = text_of(body->model),
                              .numerics = body->numerics &&
                                                  body->numerics <= UINT32_MAX
                                              ? (uint32_t)body->numerics
                                              : RNN_NUMERICS,
                              .mode = body->mode,
                              .window = (uint32_t)body->window,
                              .step = body->step,
                              .ttl_ms = reading->app->config->session_ttl,
                              .created_ms = clock_wall_ms(),
                              .used_ms = clock_wall_ms()};
    if (body->window > UINT32_MAX)
        return fault(reading, "window", "is too large");
    return read_fate(reading) &&
           read_number(reading, "ttl_ms", INT64_MAX, &record->ttl_ms) &&
           read_number(reading, "created_ms", INT64_MAX,
                       &record->created_ms) &&
           read_number(reading, "used_ms", INT64_MAX, &record->used_ms) &&
           read_u32(reading, "filled", &record->filled);
}

static bool read_state(struct reading *reading, struct session_plan *plan)
{
    struct record *record = reading->record;
    struct session_wish wish = {.mode = reading->body.mode,
                                .has_window =
                                    reading->body.mode == SESSION_WINDOW,
                                .window = reading->body.window};
    size_t filled;
    void *state;

    if (!plan->model)
        return sessions_other_model(&reading->body, reading->problem);
    if (!session_plan_make(reading->app, plan->model, &wish, plan,
                           reading->problem) ||
        !session_state_restore(plan, &reading->body, reading->arena, &state,
                               &filled, reading->problem))
        return false;
    record->state = state;
    record->state_length = session_state_bytes(plan);
    record->filled = (uint32_t)filled;
    return true;
}

/* Is it, in all its bits, what was exported? */
static bool check_digest(struct reading *reading)
{
    unsigned char told[RNN_DIGEST_BYTES], found[RNN_DIGEST_BYTES];

    if (!note(reading, "row"))
        return true;
    if (!read_digest(reading, "row", told))
        return false;
    if (!move_digest(reading->record, reading->arena, found))
        return out_of_memory(reading);
    return memcmp(told, found, sizeof(told)) == 0 ||
           fault(reading, "row",
                 "is not the digest of what the file holds: it is damaged, or "
                 "was changed (then leave \"row\" out)");
}

bool move_file_read(const struct app *app, const char *id,
                    const unsigned char *bytes, size_t length,
                    struct arena *arena, struct record *record,
                    struct problem *problem)
{
    struct record made;
    struct reading reading = {
        .app = app, .arena = arena, .record = &made, .problem = problem};
    struct session_plan plan = {.mode = SESSION_CARRY};

    if (!state_safetensors_read(bytes, length, MOST_NUMBERS, arena,
                                &reading.body, problem) ||
        !read_record(&reading, id))
        return false;
    plan.mode = reading.body.mode;
    plan.window = reading.body.window;
    plan.model = session_record_model(app->sessions, &made);
    if (made.fate == RECORD_LIVE) {
        if (!read_state(&reading, &plan))
            return false;
    } else if (reading.body.array_count) {
        return fault(&reading, "fate", "leaves no room for tensors");
    }
    if (!read_call(&reading, &plan) || !check_digest(&reading))
        return false;
    *record = made;
    return true;
}
