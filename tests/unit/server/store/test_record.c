/* A session as bytes: every field comes back, every damage is noticed. */
#include "server/store/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/store/checksum.h"

static const char fingerprint[] = "0123456789abcdef0123456789abcdef"
                                  "0123456789abcdef0123456789abcdef";

struct stored {
    unsigned char head[RECORD_HEAD_BYTES], body[64];
    size_t head_length, body_length;
};

static struct record sample(void)
{
    struct record record = {.id = {"a.b~c", 5},
                            .fingerprint = {fingerprint, 64},
                            .model = {"seed", 4},
                            .numerics = 3,
                            .fate = RECORD_ENDED,
                            .mode = 2,
                            .window = 0x01020304,
                            .filled = 9,
                            .step = UINT64_MAX - 1,
                            .ttl_ms = (uint64_t)1 << 40,
                            .created_ms = 1700000000123,
                            .used_ms = 1700000000456,
                            .state = "12345678901234567890",
                            .state_length = 20,
                            .has_call = true,
                            .step_before = 11,
                            .step_after = 12,
                            .filled_before = 8,
                            .reply_length = 5,
                            .call = "reply",
                            .call_length = 5};

    for (size_t i = 0; i < sizeof(record.digest); i++)
        record.digest[i] = (unsigned char)(200 + i);
    return record;
}

static struct stored store(const struct record *record)
{
    struct stored stored = {.body_length = record_body_length(record)};

    assert_true(stored.body_length <= sizeof(stored.body));
    stored.head_length = record_encode(record, stored.head, stored.body);
    assert_true(stored.head_length <= RECORD_HEAD_BYTES);
    return stored;
}

static const char *decode(const struct stored *stored, struct record *record)
{
    return record_decode(stored->head, stored->head_length, stored->body,
                         stored->body_length, record);
}

static void assert_text(const struct record_text *text,
                        const struct record_text *wanted)
{
    assert_int_equal(text->length, wanted->length);
    assert_memory_equal(text->text, wanted->text, wanted->length);
}

static void every_field_comes_back(void **state)
{
    struct record record = sample(), read;
    struct stored stored = store(&record);

    (void)state;
    assert_null(decode(&stored, &read));
    assert_text(&read.id, &record.id);
    assert_text(&read.fingerprint, &record.fingerprint);
    assert_text(&read.model, &record.model);
    assert_int_equal(read.numerics, 3);
    assert_int_equal(read.fate, RECORD_ENDED);
    assert_int_equal(read.mode, 2);
    assert_int_equal(read.window, 0x01020304);
    assert_int_equal(read.filled, 9);
    assert_true(read.step == UINT64_MAX - 1);
    assert_true(read.ttl_ms == (uint64_t)1 << 40);
    assert_true(read.created_ms == 1700000000123);
    assert_true(read.used_ms == 1700000000456);
    assert_int_equal(read.state_length, 20);
    assert_memory_equal(read.state, record.state, 20);
    assert_true(read.has_call);
    assert_int_equal(read.step_before, 11);
    assert_int_equal(read.step_after, 12);
    assert_int_equal(read.filled_before, 8);
    assert_int_equal(read.reply_length, 5);
    assert_int_equal(read.call_length, 5);
    assert_memory_equal(read.call, "reply", 5);
    assert_memory_equal(read.digest, record.digest, sizeof(read.digest));
}

static void a_record_without_state_and_call_has_no_body(void **state)
{
    struct record record = sample(), read;
    struct stored stored;

    (void)state;
    record.state_length = 0;
    record.has_call = false;
    stored = store(&record);
    assert_int_equal(stored.body_length, 0);
    assert_null(decode(&stored, &read));
    assert_false(read.has_call);
    assert_int_equal(read.call_length, 0);
}

static void the_head_alone_is_enough_for_a_list(void **state)
{
    struct record record = sample(), read;
    struct stored stored = store(&record);

    (void)state;
    assert_null(
        record_decode(stored.head, stored.head_length, NULL, 0, &read));
    assert_text(&read.id, &record.id);
    assert_int_equal(read.state_length, 20);
    assert_null(read.state);
}

static void the_longest_names_fit(void **state)
{
    char id[128], name[255];
    struct record record = sample(), read;
    struct stored stored;

    (void)state;
    memset(id, 'i', sizeof(id));
    memset(name, 'n', sizeof(name));
    record.id = (struct record_text){id, sizeof(id)};
    record.model = (struct record_text){name, sizeof(name)};
    stored = store(&record);
    assert_null(decode(&stored, &read));
    assert_text(&read.id, &record.id);
    assert_text(&read.model, &record.model);
}

static void every_flipped_bit_is_noticed(void **state)
{
    struct record record = sample(), read;
    struct stored stored = store(&record);

    (void)state;
    for (size_t bit = 0; bit < 8 * stored.head_length; bit++) {
        stored.head[bit / 8] ^= (unsigned char)(1 << bit % 8);
        assert_non_null(decode(&stored, &read));
        assert_non_null(
            record_decode(stored.head, stored.head_length, NULL, 0, &read));
        stored.head[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * stored.body_length; bit++) {
        stored.body[bit / 8] ^= (unsigned char)(1 << bit % 8);
        assert_non_null(decode(&stored, &read));
        stored.body[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    assert_null(decode(&stored, &read));
}

static void every_other_length_is_noticed(void **state)
{
    struct record record = sample(), read;
    struct stored stored = store(&record);

    (void)state;
    for (size_t length = 0; length < stored.head_length; length++)
        assert_non_null(record_decode(stored.head, length, stored.body,
                                      stored.body_length, &read));
    for (size_t length = 0; length <= sizeof(stored.body); length++)
        if (length != stored.body_length)
            assert_non_null(record_decode(stored.head, stored.head_length,
                                          stored.body, length, &read));
}

/* The head with one byte set, and the checksum right again. */
static const char *decode_forged(struct stored stored, size_t at,
                                 unsigned char value)
{
    struct record read;
    uint64_t sum;

    stored.head[at] = value;
    sum = store_checksum(0, stored.head, stored.head_length - sizeof(sum));
    for (size_t i = 0; i < sizeof(sum); i++)
        stored.head[stored.head_length - sizeof(sum) + i] =
            (unsigned char)(sum >> 8 * i);
    return decode(&stored, &read);
}

static void nonsense_with_a_right_checksum_is_refused(void **state)
{
    struct record record = sample();
    struct stored stored = store(&record);

    (void)state;
    assert_null(decode_forged(stored, 4, 3));     /* as it was */
    assert_non_null(decode_forged(stored, 0, 2)); /* another format */
    assert_non_null(decode_forged(stored, 8, 4)); /* no such fate */
    assert_non_null(decode_forged(stored, 10, 2));
    assert_non_null(decode_forged(stored, 11, 6)); /* a longer id */
    assert_non_null(decode_forged(stored, 12, 0));
    assert_non_null(decode_forged(stored, 13, 255));
    /* The length of the state, of the call. */
    assert_non_null(decode_forged(stored, 80, 21));
    assert_non_null(decode_forged(stored, 87, 0xff));
    assert_non_null(decode_forged(stored, 88, 4));
    assert_non_null(decode_forged(stored, 95, 0xff));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_comes_back),
        cmocka_unit_test(a_record_without_state_and_call_has_no_body),
        cmocka_unit_test(the_head_alone_is_enough_for_a_list),
        cmocka_unit_test(the_longest_names_fit),
        cmocka_unit_test(every_flipped_bit_is_noticed),
        cmocka_unit_test(every_other_length_is_noticed),
        cmocka_unit_test(nonsense_with_a_right_checksum_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
