#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/session_table.h"
#include "tests/support/fail_malloc.h"
#include "tests/support/session_world.h"

static void the_hash_depends_on_key_and_every_byte(void **state)
{
    struct session_key key = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};
    struct session_key other = {0x0706050403020101u, 0x0f0e0d0c0b0a0908u};
    char text[32];
    uint64_t hash;

    (void)state;
    for (size_t length = 1; length < sizeof(text); length++) {
        memset(text, 'a', sizeof(text));
        hash = session_hash(&key, text, length);
        assert_true(hash == session_hash(&key, text, length));
        assert_true(hash != session_hash(&other, text, length));
        assert_true(hash != session_hash(&key, text, length - 1));
        for (size_t i = 0; i < length; i++) {
            text[i] ^= 1;
            assert_true(hash != session_hash(&key, text, length));
            text[i] ^= 1;
        }
    }
}

static void ids_spread_over_shards_and_buckets(void **state)
{
    struct session_key key = {1, 2};
    size_t buckets[64] = {0}, shards[64] = {0};
    char id[32];

    (void)state;
    for (size_t i = 0; i < 64000; i++) {
        uint64_t hash;

        snprintf(id, sizeof(id), "stream-%zu", i);
        hash = session_hash(&key, id, strlen(id));
        buckets[hash & 63]++;
        shards[hash >> 32 & 63]++;
    }
    for (size_t i = 0; i < 64; i++) {
        assert_in_range(buckets[i], 800, 1200);
        assert_in_range(shards[i], 800, 1200);
    }
}

static void check_all(const struct session_shard *shard, size_t count,
                      size_t step)
{
    char id[32];

    for (size_t i = 0; i < count; i++) {
        snprintf(id, sizeof(id), "%zu", i);
        if (i % step)
            assert_null(session_shard_find(shard, (uint32_t)(i * 31), id));
        else
            assert_string_equal(
                session_shard_find(shard, (uint32_t)(i * 31), id)->id, id);
    }
}

static void a_shard_finds_what_it_holds(void **state)
{
    struct session_world world;
    struct session_shard shard;
    struct session_plan plan;
    bool has_failed = false;
    char id[32];

    (void)state;
    session_world_init(&world);
    plan = session_world_plan(&world, 0, 0);
    assert_true(session_shard_init(&shard));
    for (size_t i = 0; i < 500; i++) {
        struct session *session;

        snprintf(id, sizeof(id), "%zu", i);
        session = session_make(&plan, id, (uint32_t)(i * 31));
        assert_non_null(session);
        /* At 33 it wants to grow; without memory it still holds all. */
        fail_malloc_start(i < 40 ? 1 : 0);
        session_shard_insert(&shard, session);
        fail_malloc_stop();
        has_failed |= fail_malloc_happened();
    }
    assert_true(has_failed);
    check_all(&shard, 500, 1);
    for (size_t i = 0; i < 500; i++) {
        struct session *session;

        snprintf(id, sizeof(id), "%zu", i);
        session = session_shard_find(&shard, (uint32_t)(i * 31), id);
        if (i % 5) {
            session_shard_remove(&shard, session);
            session_free(session);
        }
    }
    check_all(&shard, 500, 5);
    assert_int_equal(shard.session_count, 100);
    session_shard_release(&shard);
    session_world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hash_depends_on_key_and_every_byte),
        cmocka_unit_test(ids_spread_over_shards_and_buckets),
        cmocka_unit_test(a_shard_finds_what_it_holds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
