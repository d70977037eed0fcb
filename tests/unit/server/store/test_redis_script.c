/* The script's contract (docs/redis.md), in a real Redis: every answer of
 * every operation, and what is there afterwards. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "server/store/redis_request.h"
#include "tests/support/nap.h"
#include "tests/support/redis_server.h"

#define FAR "99999999999999"

static struct redis_server server;
static char hash[REDIS_HASH_SIZE];

static int set_up(void **state)
{
    (void)state;
    redis_server_start(&server, NULL);
    snprintf(
        hash, sizeof(hash), "%s",
        redis_server_command(&server, "SCRIPT LOAD %s", redis_script)->str);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    redis_server_stop(&server);
    return 0;
}

static int empty(void **state)
{
    (void)state;
    redis_server_command(&server, "FLUSHALL");
    return 0;
}

struct write {
    const char *mine, *expected, *until, *fate, *ttl, *remember, *kept, *how;
    const char *rows; /* one row for each letter */
};

/* A write of `a` with what is usual, where `w` does not say. */
static const char *put(struct write w)
{
    const redisReply *reply;
    char rows[64] = "";

    for (size_t i = 0; w.rows && w.rows[i]; i++)
        snprintf(rows + 2 * i, sizeof(rows) - 2 * i, " %c", w.rows[i]);
    w.until = w.until ? w.until : FAR;
    w.fate = w.fate ? w.fate : "live";
    w.ttl = w.ttl ? w.ttl : "60000";
    w.remember = w.remember ? w.remember : "5000";
    if (w.rows) {
        char format[512];

        snprintf(format, sizeof(format),
                 "EVALSHA %%s 2 rnnd:{a} rnnd:{a}:rows write %%s %%s %%s %%s "
                 "%%s %%s 7 head-%%s body-%%s %%s %%s%s",
                 rows);
        reply = redis_server_command(
            &server, format, hash, w.mine, w.expected ? w.expected : "",
            w.until, w.fate, w.ttl, w.remember, w.mine, w.mine, w.kept, w.how);
    } else {
        reply = redis_server_command(
            &server,
            "EVALSHA %s 2 rnnd:{a} rnnd:{a}:rows write %s %s %s %s %s %s 7 "
            "head-%s body-%s %s %s",
            hash, w.mine, w.expected ? w.expected : "", w.until, w.fate, w.ttl,
            w.remember, w.mine, w.mine, w.kept ? w.kept : "0",
            w.how ? w.how : "replace");
    }
    if (reply->type == REDIS_REPLY_ERROR)
        return reply->str;
    assert_int_equal(reply->type, REDIS_REPLY_ARRAY);
    assert_int_equal(reply->elements, 2);
    assert_int_equal(reply->element[1]->type, REDIS_REPLY_INTEGER);
    assert_true(reply->element[1]->integer > 1600000000000);
    return reply->element[0]->str;
}

static const redisReply *get(const char *have)
{
    return redis_server_command(
        &server, "EVALSHA %s 2 rnnd:{a} rnnd:{a}:rows read %s", hash, have);
}

static const char *touch(const char *tag)
{
    return redis_server_command(&server,
                                "EVALSHA %s 2 rnnd:{a} rnnd:{a}:rows touch %s",
                                hash, tag)
        ->element[0]
        ->str;
}

/* The last read answered this. */
static void assert_read(const redisReply *reply, const char *what,
                        const char *tag)
{
    char text[32];

    assert_string_equal(reply->element[0]->str, what);
    assert_in_range(reply->element[1]->integer, 0, 5000);
    assert_string_equal(reply->element[2]->str, tag);
    snprintf(text, sizeof(text), "head-%s", tag);
    assert_string_equal(reply->element[3]->str, text);
    snprintf(text, sizeof(text), "body-%s", tag);
    assert_string_equal(reply->element[4]->str, text);
}

static void assert_rows(const char *letters)
{
    const redisReply *rows =
        redis_server_command(&server, "LRANGE rnnd:{a}:rows 0 -1");

    assert_int_equal(rows->elements, strlen(letters));
    for (size_t i = 0; i < rows->elements; i++)
        assert_int_equal(rows->element[i]->str[0], letters[i]);
}

static long long expiry(const char *key)
{
    return redis_server_command(&server, "PTTL %s", key)->integer;
}

static void what_is_not_there_is_none(void **state)
{
    (void)state;
    assert_string_equal(get("")->element[0]->str, "none");
    assert_string_equal(get("t1")->element[0]->str, "none");
    assert_string_equal(touch("t1"), "other");
    assert_string_equal(put((struct write){.mine = "t2", .expected = "t1"}),
                        "other");
    assert_int_equal(redis_server_command(&server, "DBSIZE")->integer, 0);
}

static void each_commit_stands_on_the_one_before(void **state)
{
    (void)state;
    assert_string_equal(put((struct write){.mine = "t1"}), "done");
    assert_read(get(""), "live", "t1");
    assert_string_equal(get("t1")->element[0]->str, "same");
    assert_string_equal(put((struct write){.mine = "t2", .expected = "t1"}),
                        "done");
    assert_read(get("t1"), "live", "t2");
    /* another one from the same state, and one that makes it */
    assert_string_equal(put((struct write){.mine = "t3", .expected = "t1"}),
                        "other");
    assert_string_equal(put((struct write){.mine = "t3"}), "other");
    assert_string_equal(
        put((struct write){.mine = "t3", .expected = "dead:t1"}), "other");
    assert_read(get(""), "live", "t2");
}

static void a_repetition_is_done_already(void **state)
{
    (void)state;
    put((struct write){.mine = "t1"});
    assert_string_equal(put((struct write){.mine = "t1"}), "done");
    put((struct write){.mine = "t2", .expected = "t1"});
    assert_string_equal(put((struct write){.mine = "t2", .expected = "t1"}),
                        "done");
    assert_string_equal(
        put((struct write){.mine = "t2", .expected = "t1", .until = "5"}),
        "done");
    assert_string_equal(put((struct write){.mine = "t1"}), "other");
}

static void too_late_is_too_late(void **state)
{
    (void)state;
    assert_string_equal(put((struct write){.mine = "t1", .until = "5"}),
                        "late");
    assert_string_equal(get("")->element[0]->str, "none");
    put((struct write){.mine = "t1"});
    assert_string_equal(
        put((struct write){.mine = "t2", .expected = "t1", .until = "5"}),
        "late");
    assert_string_equal(get("t1")->element[0]->str, "same");
}

static void the_dead_are_told_from_those_that_never_were(void **state)
{
    static const char *const fates[] = {"ended", "deleted"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        empty(NULL);
        put((struct write){
            .mine = "t1", .rows = "xyz", .kept = "3", .how = "replace"});
        assert_string_equal(put((struct write){.mine = "t2",
                                               .expected = "t1",
                                               .fate = fates[i]}),
                            "done");
        assert_read(get("t2"), fates[i], "t2"); /* not «same» */
        assert_in_range(expiry("rnnd:{a}"), 1, 5000);
        assert_int_equal(expiry("rnnd:{a}:rows"), -2);
        assert_string_equal(touch("t2"), "other");
        assert_string_equal(
            put((struct write){.mine = "t3", .expected = "t2"}), "other");
        /* one that has seen no tombstone, or another, comes from before */
        assert_string_equal(put((struct write){.mine = "t4"}), "other");
        assert_string_equal(
            put((struct write){.mine = "t4", .expected = "dead:t1"}), "other");
        /* it lives again */
        assert_string_equal(
            put((struct write){.mine = "t4", .expected = "dead:t2"}), "done");
        assert_read(get(""), "live", "t4");
    }
    put((struct write){
        .mine = "t5", .expected = "t4", .fate = "deleted", .remember = "0"});
    assert_string_equal(get("")->element[0]->str, "none");
}

/* By the server's clock, ms. */
static long long deadline(void)
{
    return atoll(redis_server_command(&server, "HGET rnnd:{a} deadline")->str);
}

static long long server_ms(void)
{
    const redisReply *time = redis_server_command(&server, "TIME");

    return atoll(time->element[0]->str) * 1000 +
           atoll(time->element[1]->str) / 1000;
}

static void a_ttl_passes_by_the_servers_clock(void **state)
{
    long long first;

    (void)state;
    put((struct write){.mine = "t1",
                       .ttl = "2000",
                       .rows = "x",
                       .kept = "1",
                       .how = "replace"});
    assert_in_range(expiry("rnnd:{a}"), 5001, 7000);
    assert_in_range(expiry("rnnd:{a}:rows"), 5001, 7000);
    first = deadline();
    nap_ms(20);
    assert_string_equal(touch("t1"), "done");
    assert_true(deadline() > first);
    while (server_ms() < deadline() - 500) {
        assert_string_equal(get("t1")->element[0]->str, "same");
        nap_ms(10);
    }
    while (server_ms() < deadline())
        nap_ms(10);
    assert_read(get("t1"), "expired", "t1");
    assert_string_equal(touch("t1"), "other");
    assert_string_equal(put((struct write){.mine = "t2", .expected = "t1"}),
                        "other");
    assert_string_equal(put((struct write){.mine = "t3"}), "other");
    assert_string_equal(
        put((struct write){.mine = "t3", .expected = "dead:t1"}), "done");
    assert_read(get(""), "live", "t3");
    assert_rows("");
}

static void a_ttl_of_0_never_passes(void **state)
{
    (void)state;
    put((struct write){.mine = "t1",
                       .ttl = "60000",
                       .rows = "x",
                       .kept = "1",
                       .how = "replace"});
    put((struct write){.mine = "t2",
                       .expected = "t1",
                       .ttl = "0",
                       .rows = "y",
                       .kept = "2",
                       .how = "append"});
    assert_int_equal(expiry("rnnd:{a}"), -1);
    assert_int_equal(expiry("rnnd:{a}:rows"), -1);
    assert_string_equal(touch("t2"), "done");
    assert_int_equal(expiry("rnnd:{a}"), -1);
    assert_string_equal(get("t2")->element[0]->str, "same");
}

static void rows_are_appended_and_trimmed(void **state)
{
    (void)state;
    put((struct write){
        .mine = "t1", .rows = "abc", .kept = "3", .how = "replace"});
    assert_rows("abc");
    put((struct write){.mine = "t2",
                       .expected = "t1",
                       .rows = "de",
                       .kept = "4",
                       .how = "append"});
    assert_rows("bcde");
    assert_int_equal(get("")->element[5]->elements, 4);
    put((struct write){.mine = "t3",
                       .expected = "t2",
                       .rows = "x",
                       .kept = "1",
                       .how = "replace"});
    assert_rows("x");
    put((struct write){
        .mine = "t4", .expected = "t3", .kept = "0", .how = "replace"});
    assert_rows("");
}

/* Somebody else's key of another type: nothing is torn. */
static void what_cannot_be_written_changes_nothing(void **state)
{
    (void)state;
    put((struct write){.mine = "t1"});
    redis_server_command(&server, "SET rnnd:{a}:rows foreign");
    assert_non_null(strstr(put((struct write){.mine = "t2",
                                              .expected = "t1",
                                              .rows = "x",
                                              .kept = "1",
                                              .how = "append"}),
                           "WRONGTYPE"));
    assert_string_equal(
        redis_server_command(&server, "HGET rnnd:{a} tag")->str, "t1");
}

static void a_look_tells_of_many(void **state)
{
    const redisReply *reply;

    (void)state;
    put((struct write){.mine = "t1"});
    reply = redis_server_command(&server,
                                 "EVALSHA %s 2 rnnd:{no} rnnd:{a} look", hash);
    assert_int_equal(reply->elements, 2);
    assert_string_equal(reply->element[0]->element[0]->str, "none");
    assert_string_equal(reply->element[1]->element[0]->str, "live");
    assert_string_equal(reply->element[1]->element[2]->str, "t1");
    assert_string_equal(reply->element[1]->element[3]->str, "head-t1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_not_there_is_none, empty),
        cmocka_unit_test_setup(each_commit_stands_on_the_one_before, empty),
        cmocka_unit_test_setup(a_repetition_is_done_already, empty),
        cmocka_unit_test_setup(too_late_is_too_late, empty),
        cmocka_unit_test_setup(the_dead_are_told_from_those_that_never_were,
                               empty),
        cmocka_unit_test_setup(a_ttl_passes_by_the_servers_clock, empty),
        cmocka_unit_test_setup(a_ttl_of_0_never_passes, empty),
        cmocka_unit_test_setup(rows_are_appended_and_trimmed, empty),
        cmocka_unit_test_setup(what_cannot_be_written_changes_nothing, empty),
        cmocka_unit_test_setup(a_look_tells_of_many, empty),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
