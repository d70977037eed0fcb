#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/model_registry.h"
#include "server/move/move_file.h"
#include "tests/support/store_world.h"

#define STATE_BYTES  (STORE_WORLD_FLOATS * sizeof(float))
#define WINDOW_BYTES (30 * sizeof(float))

static struct store_world world;
static struct app app;
static struct problem problem;

static int set_up(void **state)
{
    (void)state;
    store_world_init(&world);
    store_world_open(&world);
    app = (struct app){.config = &world.config,
                       .models = world.models,
                       .sessions = world.store};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    store_world_release(&world);
    return 0;
}

static struct record_text text(const char *words)
{
    return (struct record_text){.text = words, .length = strlen(words)};
}

/* A live session with every field set, and no number twice. */
static struct record some_record(void)
{
    static const float state[STORE_WORLD_FLOATS] = {1.5f, -0.0f, 1e-45f, 3e38f,
                                                    0.1f};
    struct record record = {
        .id = text("an.id_~-"),
        .model = text("seed"),
        .fingerprint = text(model_registry_at(world.models, 0)->fingerprint),
        .numerics = RNN_NUMERICS,
        .mode = SESSION_CARRY,
        .step = UINT64_C(999999999999999999),
        .ttl_ms = 12345,
        .created_ms = 1700000000001,
        .used_ms = 1800000000002,
        .state = state,
        .state_length = STATE_BYTES,
        .has_call = true,
        .step_before = 17,
        .step_after = 18,
        .call = "{\"output\":[1.0]}\n\0\xff",
        .call_length = 19,
        .reply_length = 19};

    for (size_t i = 0; i < sizeof(record.digest); i++)
        record.digest[i] = (unsigned char)(7 * i);
    return record;
}

static const struct served_model *model_of(const struct record *record)
{
    return record->fate == RECORD_LIVE ? model_registry_at(world.models, 0)
                                       : NULL;
}

/* Write it and read it again: the same row. */
static void goes_and_comes(const struct record *record)
{
    static unsigned char heads[2][RECORD_HEAD_BYTES], bodies[2][8192];
    const unsigned char *bytes;
    struct record back;
    size_t length, heads_length;

    arena_reset(&world.arena, 0);
    bytes = move_file_write(record, model_of(record), &world.arena, &length);
    assert_non_null(bytes);
    if (!move_file_read(&app, "an.id_~-", bytes, length, &world.arena, &back,
                        &problem))
        fail_msg("%s", problem.detail);
    heads_length = record_encode(record, heads[0], bodies[0]);
    assert_int_equal(record_encode(&back, heads[1], bodies[1]), heads_length);
    assert_memory_equal(heads[0], heads[1], heads_length);
    assert_int_equal(record_body_length(record), record_body_length(&back));
    assert_memory_equal(bodies[0], bodies[1], record_body_length(record));
}

static void a_row_comes_back_in_all_its_bits(void **state)
{
    static float rows[30];
    struct record record = some_record();

    (void)state;
    goes_and_comes(&record);
    record.ttl_ms = 0;
    record.has_call = false;
    goes_and_comes(&record);
    /* The state before in the place of a reply. */
    record = some_record();
    record.call = record.state;
    record.call_length = STATE_BYTES;
    record.reply_length = 0;
    goes_and_comes(&record);
    /* A window of 10 rows, 2 of which have come. */
    record = some_record();
    for (size_t i = 0; i < 6; i++)
        rows[i] = (float)i / 7;
    record.mode = SESSION_WINDOW;
    record.window = 10;
    record.filled = 2;
    record.step = 2;
    record.state = rows;
    record.state_length = WINDOW_BYTES;
    goes_and_comes(&record);
    record.filled_before = 1;
    record.call = rows;
    record.call_length = WINDOW_BYTES;
    record.reply_length = 0;
    goes_and_comes(&record);
}

static void a_tombstone_needs_no_model(void **state)
{
    struct record record = some_record();

    (void)state;
    record.state_length = 0;
    record.fate = RECORD_ENDED;
    goes_and_comes(&record);
    record.fingerprint = text("0000000000000000000000000000000000000000"
                              "000000000000000000000000");
    goes_and_comes(&record);
    record.has_call = false;
    record.fate = RECORD_DELETED;
    goes_and_comes(&record);
    record.fate = RECORD_EXPIRED;
    goes_and_comes(&record);
}

/* ---- what is refused ---------------------------------------------------- */

/* A copy of the file with the first `from` replaced, its header's length put
 * right; in memory that is exactly as large. */
static unsigned char *changed(const unsigned char *bytes, size_t length,
                              const char *from, const char *to, size_t *size)
{
    size_t at = 8, old = strlen(from), new = strlen(to);
    unsigned char *copy = malloc(length - old + new);
    uint64_t header = 0;

    assert_non_null(copy);
    while (at + old <= length && memcmp(bytes + at, from, old) != 0)
        at++;
    if (at + old > length)
        fail_msg("there is no %s", from);
    memcpy(copy, bytes, at);
    memcpy(copy + at, to, new);
    memcpy(copy + at + new, bytes + at + old, length - at - old);
    for (size_t b = 0; b < 8; b++)
        header |= (uint64_t)bytes[b] << (8 * b);
    header += new - old;
    for (size_t b = 0; b < 8; b++)
        copy[b] = (unsigned char)(header >> (8 * b));
    *size = length - old + new;
    return copy;
}

static void refuses(const struct record *record, const char *from,
                    const char *to, const char *sentence)
{
    const unsigned char *bytes;
    struct record back;
    size_t length, size;
    unsigned char *copy;

    arena_reset(&world.arena, 0);
    bytes = move_file_write(record, model_of(record), &world.arena, &length);
    assert_non_null(bytes);
    copy = changed(bytes, length, from, to, &size);
    if (move_file_read(&app, "an.id_~-", copy, size, &world.arena, &back,
                       &problem))
        fail_msg("%s for %s: not refused", to, from);
    if (!strstr(problem.detail, sentence))
        fail_msg("%s for %s: %s", to, from, problem.detail);
    free(copy);
}

static void what_is_wrong_is_said(void **state)
{
    struct record record = some_record();

    (void)state;
    refuses(&record, "\"an.id_~-\"", "\"another\"",
            "\"session\" in __metadata__ is another than the file's name");
    refuses(&record, "\"live\"", "\"dead\"", "\"fate\" in __metadata__ must");
    refuses(&record, "\"live\"", "\"ended\"", "leaves no room for tensors");
    refuses(&record, "\"12345\"", "\"-1\"",
            "\"ttl_ms\" in __metadata__ is no");
    refuses(&record, "\"12345\"", "\"\"", "\"ttl_ms\" in __metadata__ is no");
    refuses(&record, "\"12345\"", "\"99999999999999999999\"",
            "\"ttl_ms\" in __metadata__ is no");
    refuses(&record, "\"12345\"", "\"12346\"", "is not the digest");
    refuses(&record, "\"17\"", "\"16\"", "is not the digest");
    refuses(&record, "call_reply\":\"7b", "call_reply\":\"7a",
            "is not the digest");
    refuses(&record, "call_reply\":\"7b", "call_reply\":\"7",
            "\"call_reply\" in __metadata__ has half a byte");
    refuses(&record, "call_reply\":\"7b", "call_reply\":\"7B",
            "has other than hexadecimal digits");
    refuses(&record, "call_digest\":\"0007", "call_digest\":\"00",
            "\"call_digest\" in __metadata__ has not 64 digits");
    refuses(&record, "call_digest", "a_digest",
            "\"call_digest\" in __metadata__ is missing");
    refuses(&record, "\"call_filled_before\":\"0\"",
            "\"call_filled_before\":\"1\"", "is more than the window");
    refuses(&record, "\"row\":\"", "\"row\":\"00", "has not 64 digits");
    /* The state before is the engine's: no other number of bytes, and none
     * that is not finite. */
    record.call = record.state;
    record.call_length = STATE_BYTES;
    record.reply_length = 0;
    refuses(&record, "call_state\":\"", "call_state\":\"00000000",
            "has another size than the model's state");
    refuses(&record, "call_state\":\"0000c03f", "call_state\":\"0000c07f",
            "has a number that is not finite");
    refuses(&record, "fingerprint\":\"", "fingerprint\":\"x", "64 digits");
}

static void another_model_is_told_from_other_numerics(void **state)
{
    struct record record = some_record();
    const unsigned char *bytes;
    struct record back;
    size_t length;

    (void)state;
    record.fingerprint = text("0000000000000000000000000000000000000000"
                              "000000000000000000000000");
    for (int i = 0; i < 2; i++) {
        record.numerics = (uint32_t)(RNN_NUMERICS - i);
        arena_reset(&world.arena, 0);
        bytes =
            move_file_write(&record, model_of(&record), &world.arena, &length);
        assert_non_null(bytes);
        assert_false(move_file_read(&app, "an.id_~-", bytes, length,
                                    &world.arena, &back, &problem));
        assert_int_equal(problem.type, PROBLEM_OTHER_MODEL);
        assert_string_equal(problem.pointer, i ? "/numerics" : "/fingerprint");
    }
    /* A dead one with the state before its last call has a state, too. */
    record.fate = RECORD_ENDED;
    record.call = record.state;
    record.state_length = 0;
    record.call_length = STATE_BYTES;
    record.reply_length = 0;
    arena_reset(&world.arena, 0);
    bytes = move_file_write(&record, NULL, &world.arena, &length);
    assert_non_null(bytes);
    assert_false(move_file_read(&app, "an.id_~-", bytes, length, &world.arena,
                                &back, &problem));
    assert_int_equal(problem.type, PROBLEM_OTHER_MODEL);
}

static void half_a_file_is_refused_wherever_it_is_cut(void **state)
{
    struct record record = some_record();
    const unsigned char *bytes;
    struct record back;
    size_t length;

    (void)state;
    arena_reset(&world.arena, 0);
    bytes = move_file_write(&record, model_of(&record), &world.arena, &length);
    assert_non_null(bytes);
    for (size_t cut = 0; cut < length; cut++) {
        unsigned char *copy = malloc(cut + 1);
        struct arena arena;

        assert_non_null(copy);
        memcpy(copy, bytes, cut);
        arena_init(&arena, 0);
        assert_false(move_file_read(&app, "an.id_~-", copy, cut, &arena, &back,
                                    &problem));
        arena_release(&arena);
        free(copy);
    }
}

/* Whatever bit of it is another, it is refused, or it meant nothing. */
static void no_flipped_bit_passes(void **state)
{
    struct record record = some_record();
    unsigned char head[2][RECORD_HEAD_BYTES], body[2][256];
    const unsigned char *bytes;
    unsigned char *copy;
    struct record back;
    size_t length, head_length = record_encode(&record, head[0], body[0]);

    (void)state;
    arena_reset(&world.arena, 0);
    bytes = move_file_write(&record, model_of(&record), &world.arena, &length);
    assert_non_null(bytes);
    copy = malloc(length);
    assert_non_null(copy);
    for (size_t bit = 0; bit < 8 * length; bit++) {
        struct arena arena;

        memcpy(copy, bytes, length);
        copy[bit / 8] ^= (unsigned char)(1u << bit % 8);
        arena_init(&arena, (size_t)1 << 20);
        if (move_file_read(&app, "an.id_~-", copy, length, &arena, &back,
                           &problem) &&
            (record_encode(&back, head[1], body[1]) != head_length ||
             memcmp(head[0], head[1], head_length) != 0 ||
             memcmp(body[0], body[1], record_body_length(&record)) != 0))
            fail_msg("bit %zu of %zu", bit, 8 * length);
        arena_release(&arena);
    }
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_comes_back_in_all_its_bits),
        cmocka_unit_test(a_tombstone_needs_no_model),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(another_model_is_told_from_other_numerics),
        cmocka_unit_test(half_a_file_is_refused_wherever_it_is_cut),
        cmocka_unit_test(no_flipped_bit_passes),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
