#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "server/model_registry.h"
#include "server/move/move_digest.h"
#include "server/move/move_file.h"
#include "server/routes/sessions.h"

#define NOTES_MOST 16 /* with the one that ends them */

struct notes {
    struct session_note at[NOTES_MOST];
    size_t count;
    struct arena *arena;
    bool is_out;
};

static void add_text(struct notes *notes, const char *name, const char *value)
{
    if (!value)
        notes->is_out = true;
    notes->at[notes->count++] =
        (struct session_note){.name = name, .value = value};
}

static void add_number(struct notes *notes, const char *name, uint64_t number)
{
    char text[24];
    int length = snprintf(text, sizeof(text), "%" PRIu64, number);

    add_text(notes, name, arena_copy_text(notes->arena, text, (size_t)length));
}

static void add_bytes(struct notes *notes, const char *name,
                      const unsigned char *bytes, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    char *text = arena_alloc(notes->arena, length, 2, 1);

    /* One more for the NUL; a product that does not fit gives NULL. */
    if (text)
        text = arena_alloc(notes->arena, 2 * length + 1, 1, 1);
    if (text) {
        for (size_t i = 0; i < length; i++) {
            text[2 * i] = digits[bytes[i] >> 4];
            text[2 * i + 1] = digits[bytes[i] & 15];
        }
        text[2 * length] = '\0';
    }
    add_text(notes, name, text);
}

static void add_call(struct notes *notes, const struct record *record)
{
    if (!record->has_call)
        return;
    add_number(notes, "call_step_before", record->step_before);
    add_number(notes, "call_step_after", record->step_after);
    add_number(notes, "call_filled_before", record->filled_before);
    add_bytes(notes, "call_digest", record->digest, sizeof(record->digest));
    add_bytes(notes, record->reply_length ? "call_reply" : "call_state",
              record->call, record->call_length);
}

static const char *copy(struct arena *arena, const struct record_text *text)
{
    return arena_copy_text(arena, text->text, text->length);
}

const void *move_file_write(const struct record *record,
                            const struct served_model *model,
                            struct arena *arena, size_t *length)
{
    static const char *const fates[] = {"live", "expired", "ended", "deleted"};
    struct notes notes = {.arena = arena};
    struct served_model named = {.name = copy(arena, &record->model)};
    struct session_info info = {.step = record->step,
                                .window_filled = record->filled};
    unsigned char digest[RNN_DIGEST_BYTES];

    if (model) {
        named.model = model->model;
        named.info = model->info;
    }
    info.plan = (struct session_plan){.model = &named,
                                      .mode = (enum session_mode)record->mode,
                                      .window = record->window};
    snprintf(named.fingerprint, sizeof(named.fingerprint), "%.*s",
             (int)record->fingerprint.length, record->fingerprint.text);
    add_number(&notes, "numerics", record->numerics);
    add_text(&notes, "session", copy(arena, &record->id));
    add_text(&notes, "fate", fates[record->fate]);
    add_number(&notes, "filled", record->filled);
    add_number(&notes, "ttl_ms", record->ttl_ms);
    add_number(&notes, "created_ms", record->created_ms);
    add_number(&notes, "used_ms", record->used_ms);
    add_call(&notes, record);
    if (!move_digest(record, arena, digest))
        return NULL;
    add_bytes(&notes, "row", digest, sizeof(digest));
    if (notes.is_out || !named.name)
        return NULL;
    return session_export_safetensors(&info, model ? record->state : NULL,
                                      notes.at, arena, length);
}
