/* A Redis whose clock was told late: a write that it refuses for that is sent
 * once more with the right time, unless it was sent before.  The Redis is
 * one of this file's, which knows no sessions but what it was asked. */
#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "server/clock.h"
#include "server/store/store.h"
#include "tests/support/nap.h"

#define TIMEOUT_MS 20000 /* nothing here waits for it */
#define BEHIND_MS  60000 /* so late is the clock that is told first */
#define HASH       "0123456789abcdef0123456789abcdef01234567"
/* Of EVALSHA hash 2 key key write MINE EXPECTED UNTIL. */
#define ARGUMENT_OPERATION 5
#define ARGUMENT_MINE      6
#define ARGUMENT_UNTIL     8

enum { MOST_WRITES = 8 };

struct late_redis {
    int listener;
    uint16_t port;
    pthread_t thread;
    int breaks; /* writes that are not answered: the connection ends */
    bool is_always_late;
    atomic_int writes;
    uint64_t until[MOST_WRITES];
    char mine[MOST_WRITES][17];
};

static struct late_redis redis;
static struct store *store;

/* ---- what it answers ---------------------------------------------------- */

static void tell(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void tell_time(int fd)
{
    uint64_t ms = clock_wall_ms() - BEHIND_MS;
    char seconds[24], micros[24], text[96];

    snprintf(seconds, sizeof(seconds), "%llu",
             (unsigned long long)(ms / 1000));
    snprintf(micros, sizeof(micros), "%llu",
             (unsigned long long)(ms % 1000 * 1000));
    snprintf(text, sizeof(text), "*2\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n",
             strlen(seconds), seconds, strlen(micros), micros);
    tell(fd, text);
}

/* false: the connection ends instead. */
static bool take_write(int fd, const redisReply *command)
{
    uint64_t until = strtoull(command->element[ARGUMENT_UNTIL]->str, NULL, 10);
    uint64_t now = clock_wall_ms();
    bool is_late = redis.is_always_late || now > until;
    int index = atomic_load(&redis.writes);
    char text[64];

    assert_in_range(index, 0, MOST_WRITES - 1);
    redis.until[index] = until;
    snprintf(redis.mine[index], sizeof(redis.mine[0]), "%s",
             command->element[ARGUMENT_MINE]->str);
    atomic_store(&redis.writes, index + 1);
    if (redis.breaks > 0) {
        redis.breaks--;
        return false;
    }
    snprintf(text, sizeof(text), "*2\r\n$4\r\n%s\r\n:%llu\r\n",
             is_late ? "late" : "done", (unsigned long long)now);
    tell(fd, text);
    return true;
}

/* Commands are what answers are made of, so that is who reads them. */
static bool take_command(int fd, const redisReply *command)
{
    const char *name = command->element[0]->str;

    if (strcmp(name, "TIME") == 0)
        tell_time(fd);
    else if (strcmp(name, "SCRIPT") == 0)
        tell(fd, "$40\r\n" HASH "\r\n");
    else if (strcmp(name, "EVALSHA") != 0)
        tell(fd, "+OK\r\n");
    else if (strcmp(command->element[ARGUMENT_OPERATION]->str, "write") == 0)
        return take_write(fd, command);
    else
        tell(fd, "*1\r\n$4\r\nnone\r\n");
    return true;
}

static void serve(int fd)
{
    redisReader *reader = redisReaderCreate();
    bool goes_on = true;
    char bytes[4096];
    ssize_t got;

    while (goes_on && (got = recv(fd, bytes, sizeof(bytes), 0)) > 0) {
        void *command = NULL;

        redisReaderFeed(reader, bytes, (size_t)got);
        while (goes_on && redisReaderGetReply(reader, &command) == REDIS_OK &&
               command) {
            goes_on = take_command(fd, command);
            freeReplyObject(command);
            command = NULL;
        }
    }
    redisReaderFree(reader);
    close(fd);
}

static void *serve_all(void *arg)
{
    int fd;

    (void)arg;
    while ((fd = accept(redis.listener, NULL, NULL)) >= 0)
        serve(fd);
    return NULL;
}

/* ---- the store that speaks to it ---------------------------------------- */

static void says(void *arg, const char *why)
{
    (void)arg;
    (void)why;
}

static int set_up(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof(address);
    struct store_settings settings = {.timeout_ms = TIMEOUT_MS,
                                      .owner = {.says = says}};
    struct rnn_error err;
    char url[64];

    (void)state;
    redis = (struct late_redis){
        .listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(redis.listener, (struct sockaddr *)&address, length) ||
        listen(redis.listener, 8) ||
        getsockname(redis.listener, (struct sockaddr *)&address, &length) ||
        pthread_create(&redis.thread, NULL, serve_all, NULL))
        fail_msg("no Redis of our own");
    snprintf(url, sizeof(url), "redis://127.0.0.1:%u",
             ntohs(address.sin_port));
    settings.redis_url = url;
    if (store_redis_create(&settings, &store, &err))
        fail_msg("%s", err.message);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    store->ops->close(store);
    shutdown(redis.listener, SHUT_RDWR);
    pthread_join(redis.thread, NULL);
    close(redis.listener);
    return 0;
}

struct task {
    struct store_job job; /* first */
    atomic_bool is_done;
    char why[256];
};

static void on_done(struct store_job *job)
{
    struct task *task = (struct task *)job;

    snprintf(task->why, sizeof(task->why), "%s", job->why);
    atomic_store(&task->is_done, true);
}

static void put(struct task *task, uint64_t tag)
{
    *task =
        (struct task){.job = {.task = STORE_WRITE,
                              .row = {.id = "a",
                                      .head = "h",
                                      .head_length = 1,
                                      .body = "b",
                                      .body_length = 1,
                                      .share = {.tag = tag, .fate = "live"}},
                              .done = on_done}};
    store->ops->submit(store, &task->job);
    for (int i = 0; i < 30000 && !atomic_load(&task->is_done); i++)
        nap_ms(1);
    assert_true(atomic_load(&task->is_done));
}

static void what_is_late_by_mistake_is_sent_with_the_right_time(void **state)
{
    struct task task;

    (void)state;
    put(&task, 7);
    assert_int_equal(task.job.result, STORE_OK);
    assert_int_equal(redis.writes, 2);
    assert_string_equal(redis.mine[0], redis.mine[1]);
    assert_true(redis.until[1] - redis.until[0] > BEHIND_MS / 2);
    /* and from now on its clock is known */
    put(&task, 8);
    assert_int_equal(task.job.result, STORE_OK);
    assert_int_equal(redis.writes, 3);
}

static void what_is_late_again_is_given_up(void **state)
{
    struct task task;

    (void)state;
    redis.is_always_late = true;
    put(&task, 7);
    assert_int_equal(task.job.result, STORE_FAILED);
    assert_non_null(strstr(task.why, "later than store_timeout"));
    assert_int_equal(redis.writes, 2);
}

/* The first sending may have been done, and another replica gone on. */
static void what_was_sent_before_is_not_known(void **state)
{
    struct task task;

    (void)state;
    redis.breaks = 1;
    put(&task, 7);
    assert_int_equal(task.job.result, STORE_UNKNOWN);
    assert_int_equal(redis.writes, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(what_is_late_by_mistake_is_sent_with_the_right_time),
        TEST(what_is_late_again_is_given_up),
        TEST(what_was_sent_before_is_not_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
