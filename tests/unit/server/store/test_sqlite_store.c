/* The thread that does the jobs: their order, many at once, what is kept
 * back, and the end. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/store/store.h"
#include "tests/support/nap.h"
#include "tests/support/scratch_folder.h"

#define THREADS 8
#define ROUNDS  100

static char folder[SCRATCH_FOLDER_BYTES], path[SCRATCH_STORE_BYTES];
static struct store *store;
static struct store_job *kept_back; /* what gather() hands out */
static atomic_int gathers;

static struct store_job *gather(void *arg)
{
    struct store_job *jobs = kept_back;

    (void)arg;
    kept_back = NULL;
    gathers++;
    return jobs;
}

static void open_store(void)
{
    struct store_settings settings = {.folder = folder,
                                      .flush_interval_ms = 30,
                                      .tombstones = 10,
                                      .wall_ahead_ms = -4000000000000,
                                      .owner = {.gather = gather}};
    struct rnn_error err;

    if (store_sqlite_create(&settings, &store, &err))
        fail_msg("%s", err.message);
}

static int set_up(void **state)
{
    (void)state;
    scratch_folder(folder, path);
    kept_back = NULL;
    gathers = 0;
    open_store();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    store->ops->close(store);
    scratch_folder_remove(folder);
    return 0;
}

/* A job, and what it has found. */
struct task {
    struct store_job job; /* first */
    atomic_int is_done;
    char id[16], body[32];
};

static void on_done(struct store_job *job)
{
    struct task *task = (struct task *)job;

    if (job->task == STORE_READ && job->result == STORE_OK) {
        assert_true(job->row.body_length < sizeof(task->body));
        memcpy(task->body, job->row.body, job->row.body_length);
    }
    task->is_done = 1;
}

static void wait_for(struct task *task)
{
    for (int i = 0; i < 20000 && !task->is_done; i++)
        nap_ms(1);
    assert_true(task->is_done);
}

static void set_write(struct task *task, const char *id, const char *body)
{
    memset(task, 0, sizeof(*task));
    snprintf(task->id, sizeof(task->id), "%s", id);
    snprintf(task->body, sizeof(task->body), "%s", body);
    task->job = (struct store_job){.task = STORE_WRITE,
                                   .row = {.id = task->id,
                                           .head = "h",
                                           .head_length = 1,
                                           .body = task->body,
                                           .body_length = strlen(body)},
                                   .done = on_done};
}

static void read_row(struct task *task, const char *id)
{
    memset(task, 0, sizeof(*task));
    task->job = (struct store_job){
        .task = STORE_READ, .row = {.id = id}, .done = on_done};
    store->ops->submit(store, &task->job);
    wait_for(task);
}

static void assert_stored(const char *id, const char *body)
{
    struct task task;

    read_row(&task, id);
    assert_int_equal(task.job.result, body ? STORE_OK : STORE_ABSENT);
    if (body)
        assert_string_equal(task.body, body);
}

static void what_is_written_is_read(void **state)
{
    struct task task;

    (void)state;
    assert_true(store->was_empty);
    assert_stored("a", NULL);
    set_write(&task, "a", "one");
    store->ops->submit(store, &task.job);
    wait_for(&task);
    assert_int_equal(task.job.result, STORE_OK);
    assert_stored("a", "one");
    store->ops->close(store);
    open_store();
    assert_false(store->was_empty);
    assert_stored("a", "one");
}

static void *write_many(void *arg)
{
    struct task task;
    char id[16], body[32];

    snprintf(id, sizeof(id), "t%d", *(int *)arg);
    for (int i = 1; i <= ROUNDS; i++) {
        snprintf(body, sizeof(body), "%d", i);
        set_write(&task, id, body);
        store->ops->submit(store, &task.job);
        wait_for(&task);
        assert_int_equal(task.job.result, STORE_OK);
    }
    return NULL;
}

static void many_threads_write_at_once(void **state)
{
    pthread_t threads[THREADS];
    int numbers[THREADS];
    char id[16], body[32];

    (void)state;
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        assert_int_equal(
            pthread_create(&threads[i], NULL, write_many, &numbers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    snprintf(body, sizeof(body), "%d", ROUNDS);
    for (int i = 0; i < THREADS; i++) {
        snprintf(id, sizeof(id), "t%d", i);
        assert_stored(id, body);
    }
}

static void what_is_kept_back_is_written_an_interval_later(void **state)
{
    struct task tasks[2];

    (void)state;
    set_write(&tasks[0], "a", "first");
    set_write(&tasks[1], "b", "second");
    tasks[0].job.next = &tasks[1].job;
    kept_back = &tasks[0].job;
    assert_int_equal(gathers, 0);
    store->ops->stir(store);
    store->ops->stir(store);
    wait_for(&tasks[1]);
    assert_true(tasks[0].is_done);
    assert_stored("a", "first");
    assert_stored("b", "second");
    assert_int_equal(gathers, 2); /* the second had nothing */
}

static void the_end_writes_what_waits_and_what_is_kept_back(void **state)
{
    static struct task tasks[100], late;
    char id[16];

    (void)state;
    for (int i = 0; i < 100; i++) {
        snprintf(id, sizeof(id), "w%d", i);
        set_write(&tasks[i], id, "waits");
        store->ops->submit(store, &tasks[i].job);
    }
    set_write(&late, "late", "kept back");
    kept_back = &late.job;
    store->ops->close(store);
    for (int i = 0; i < 100; i++)
        assert_true(tasks[i].is_done);
    assert_true(late.is_done);
    open_store();
    assert_stored("w0", "waits");
    assert_stored("w99", "waits");
    assert_stored("late", "kept back");
}

static void a_row_that_cannot_be_written_fails_with_a_reason(void **state)
{
    struct task task;

    (void)state;
    set_write(&task, "a", "one");
    task.job.row.body_length = (size_t)1 << 31; /* beyond SQLite */
    store->ops->submit(store, &task.job);
    wait_for(&task);
    assert_int_equal(task.job.result, STORE_FAILED);
    assert_stored("a", NULL);
    set_write(&task, "a", "two");
    store->ops->submit(store, &task.job);
    wait_for(&task);
    assert_stored("a", "two"); /* and it goes on */
}

static void tombstones_are_forgotten(void **state)
{
    struct task task;
    char id[16];
    int i;

    (void)state;
    for (i = 0; i < 20; i++) {
        snprintf(id, sizeof(id), "d%02d", i);
        set_write(&task, id, "");
        task.job.row.is_dead = true;
        task.job.row.until_ms = UINT64_MAX / 4 + (uint64_t)i;
        store->ops->submit(store, &task.job);
        wait_for(&task);
    }
    store->ops->tidy(store);
    do
        read_row(&task, "d09");
    while (task.job.result == STORE_OK);
    for (i = 0; i < 10; i++) {
        snprintf(id, sizeof(id), "d%02d", i);
        assert_stored(id, NULL);
    }
    for (; i < 20; i++) {
        snprintf(id, sizeof(id), "d%02d", i);
        assert_stored(id, "");
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_is_read),
        TEST(many_threads_write_at_once),
        TEST(what_is_kept_back_is_written_an_interval_later),
        TEST(the_end_writes_what_waits_and_what_is_kept_back),
        TEST(a_row_that_cannot_be_written_fails_with_a_reason),
        TEST(tombstones_are_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
