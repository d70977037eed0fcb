/* The thread that does the jobs: many at once, and Redis' own troubles: a
 * script that is gone, a primary that is none any more, no room. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "server/store/store.h"
#include "tests/support/nap.h"
#include "tests/support/redis_fixture.h"

#define THREADS 8
#define ROUNDS  100

static struct store *store;
static atomic_int said_down, said_up;
static atomic_ullong next_tag = 1;

static void says(void *arg, const char *why)
{
    (void)arg;
    atomic_fetch_add(why ? &said_down : &said_up, 1);
}

static void open_store(uint64_t timeout_ms)
{
    struct store_settings settings = {.redis_url = server.url,
                                      .timeout_ms = timeout_ms,
                                      .remember_ms = 5000,
                                      .owner = {.says = says}};
    struct rnn_error err;

    if (store_redis_create(&settings, &store, &err))
        fail_msg("%s", err.message);
}

static int set_up(void **state)
{
    (void)state;
    redis_server_command(&server, "FLUSHALL");
    said_down = said_up = 0;
    open_store(5000);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    store->ops->close(store);
    return 0;
}

/* A job, and what it has found. */
struct task {
    struct store_job job; /* first */
    atomic_int is_done;
    char id[16], body[32], why[256];
    uint64_t tag;
};

static void on_done(struct store_job *job)
{
    struct task *task = (struct task *)job;

    if (job->task == STORE_READ && job->result == STORE_OK) {
        assert_true(job->row.body_length < sizeof(task->body));
        memcpy(task->body, job->row.body, job->row.body_length);
        task->tag = job->row.share.tag;
    }
    snprintf(task->why, sizeof(task->why), "%s", job->why);
    task->is_done = 1;
}

static void wait_for(struct task *task)
{
    for (int i = 0; i < 20000 && !task->is_done; i++)
        nap_ms(1);
    assert_true(task->is_done);
}

static void set_write(struct task *task, const char *id, const char *body,
                      uint64_t former_tag)
{
    memset(task, 0, sizeof(*task));
    snprintf(task->id, sizeof(task->id), "%s", id);
    snprintf(task->body, sizeof(task->body), "%s", body);
    task->tag = atomic_fetch_add(&next_tag, 1);
    task->job = (struct store_job){.task = STORE_WRITE,
                                   .row = {.id = task->id,
                                           .head = "h",
                                           .head_length = 1,
                                           .body = task->body,
                                           .body_length = strlen(body),
                                           .share = {.tag = task->tag,
                                                     .former_tag = former_tag,
                                                     .fate = "live",
                                                     .ttl_ms = 60000}},
                                   .done = on_done};
}

static enum store_result put(struct task *task, const char *id,
                             const char *body, uint64_t former_tag)
{
    set_write(task, id, body, former_tag);
    store->ops->submit(store, &task->job);
    wait_for(task);
    return task->job.result;
}

static enum store_result get(struct task *task, const char *id)
{
    memset(task, 0, sizeof(*task));
    task->job = (struct store_job){
        .task = STORE_READ, .row = {.id = id}, .done = on_done};
    store->ops->submit(store, &task->job);
    wait_for(task);
    return task->job.result;
}

static void assert_stored(const char *id, const char *body)
{
    struct task task;

    assert_int_equal(get(&task, id), body ? STORE_OK : STORE_ABSENT);
    if (body)
        assert_string_equal(task.body, body);
}

static void what_is_written_is_read(void **state)
{
    struct task task;
    uint64_t tag;

    (void)state;
    assert_true(store->is_shared);
    assert_string_equal(store->name, "redis");
    assert_stored("a", NULL);
    assert_int_equal(put(&task, "a", "one", 0), STORE_OK);
    tag = task.tag;
    assert_stored("a", "one");
    assert_int_equal(put(&task, "a", "two", tag), STORE_OK);
    assert_int_equal(put(&task, "a", "three", tag), STORE_OVERTAKEN);
    assert_stored("a", "two");
}

static void *write_many(void *arg)
{
    struct task task;
    char id[16], body[32];
    uint64_t tag = 0;

    snprintf(id, sizeof(id), "t%d", *(int *)arg);
    for (int i = 1; i <= ROUNDS; i++) {
        snprintf(body, sizeof(body), "%d", i);
        if (put(&task, id, body, tag) != STORE_OK)
            return task.job.row.share.tag ? arg : NULL;
        tag = task.tag;
    }
    return NULL;
}

static void many_threads_write_at_once(void **state)
{
    pthread_t threads[THREADS];
    int numbers[THREADS];
    char id[16];

    (void)state;
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        pthread_create(&threads[i], NULL, write_many, &numbers[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        void *fault;

        pthread_join(threads[i], &fault);
        assert_null(fault);
        snprintf(id, sizeof(id), "t%d", i);
        assert_stored(id, "100");
    }
}

/* All jobs find it gone; answers of some come after it has been asked for. */
static void write_without_script(int round)
{
    struct task tasks[20];

    redis_server_command(&server, "SCRIPT FLUSH");
    for (int i = 0; i < 20; i++) {
        char id[16];

        snprintf(id, sizeof(id), "s%d.%d", round, i);
        set_write(&tasks[i], id, "x", 0);
        store->ops->submit(store, &tasks[i].job);
    }
    for (int i = 0; i < 20; i++) {
        wait_for(&tasks[i]);
        assert_int_equal(tasks[i].job.result, STORE_OK);
    }
}

static void a_script_that_is_gone_is_loaded_again(void **state)
{
    struct task first;

    (void)state;
    assert_int_equal(put(&first, "a", "one", 0), STORE_OK);
    for (int round = 0; round < 200; round++)
        write_without_script(round);
    assert_stored("a", "one");
    assert_int_equal(said_down, 0);
}

static void a_primary_that_is_none_any_more_is_left(void **state)
{
    struct task task;
    long long before, after;

    (void)state;
    assert_int_equal(put(&task, "a", "one", 0), STORE_OK);
    before = redis_server_command(&server, "CLIENT ID")->integer;
    redis_server_command(&server, "REPLICAOF 127.0.0.1 1");
    assert_int_equal(put(&task, "a", "two", task.tag), STORE_FAILED);
    assert_non_null(strstr(task.why, "READONLY"));
    redis_server_command(&server, "REPLICAOF NO ONE");
    nap_ms(100);
    assert_stored("a", "one");
    assert_true(said_down > 0);
    after = strtoll(strstr(redis_server_command(&server, "INFO stats")->str,
                           "total_connections_received:") +
                        27,
                    NULL, 10);
    assert_true(after > before); /* it has come again */
}

static void a_full_redis_says_so_and_changes_nothing(void **state)
{
    struct task task;
    uint64_t tag;

    (void)state;
    assert_int_equal(put(&task, "a", "one", 0), STORE_OK);
    tag = task.tag;
    redis_server_command(&server, "CONFIG SET maxmemory 1");
    assert_int_equal(put(&task, "a", "two", tag), STORE_FAILED);
    assert_non_null(strstr(task.why, "OOM"));
    assert_stored("a", "one");
    set_write(&task, "a", "", tag);
    task.job.row.share.fate = "deleted";
    store->ops->submit(store, &task.job);
    wait_for(&task);
    assert_int_equal(task.job.result, STORE_OK); /* to forget makes room */
    tag = task.job.row.share.tag;                /* the tombstone's */
    assert_int_equal(put(&task, "b", "one", 0), STORE_FAILED);
    redis_server_command(&server, "CONFIG SET maxmemory 0");
    set_write(&task, "a", "two", tag);
    task.job.row.share.former_is_dead = true;
    store->ops->submit(store, &task.job);
    wait_for(&task);
    assert_int_equal(task.job.result, STORE_OK);
    assert_stored("a", "two");
}

static void somebody_elses_key_is_refused(void **state)
{
    struct task task;

    (void)state;
    redis_server_command(&server, "SET rnnd:{a} foreign");
    assert_int_equal(get(&task, "a"), STORE_FAILED);
    assert_non_null(strstr(task.why, "WRONGTYPE"));
    assert_int_equal(put(&task, "a", "one", 0), STORE_FAILED);
    redis_server_command(&server, "DEL rnnd:{a}");
    redis_server_command(&server, "HSET rnnd:{a} tag 1 fate live used 1 "
                                  "deadline 0 head h body b");
    assert_int_equal(get(&task, "a"), STORE_OK);
    redis_server_command(&server, "HDEL rnnd:{a} body");
    assert_int_equal(get(&task, "a"), STORE_DAMAGED);
}

static void without_redis_it_opens_and_ends(void **state)
{
    struct task tasks[5];

    (void)state;
    store->ops->close(store);
    redis_server_kill(&server);
    open_store(300);
    for (int i = 0; i < 5; i++) {
        set_write(&tasks[i], "a", "x", 0);
        store->ops->submit(store, &tasks[i].job);
    }
    store->ops->close(store); /* what waits is given up */
    for (int i = 0; i < 5; i++) {
        assert_true(tasks[i].is_done);
        assert_int_equal(tasks[i].job.result, STORE_FAILED);
    }
    redis_server_go_on(&server);
    open_store(5000);
    assert_stored("a", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(what_is_written_is_read),
        TEST(many_threads_write_at_once),
        TEST(a_script_that_is_gone_is_loaded_again),
        TEST(a_primary_that_is_none_any_more_is_left),
        TEST(a_full_redis_says_so_and_changes_nothing),
        TEST(somebody_elses_key_is_refused),
        TEST(without_redis_it_opens_and_ends),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
