#include "tests/support/replicas.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void start(struct replicas *replicas, size_t i)
{
    const char *options[] = {"--redis-url",
                             replicas->redis.url,
                             "--session-wait",
                             "30s",
                             "--store-timeout",
                             "1s",
                             "--list-sessions",
                             "yes",
                             NULL};

    api_models_serve(&replicas->models, options, &replicas->daemons[i]);
    api_init(&replicas->apis[i], replicas->daemons[i].url);
}

static double input(size_t i)
{
    return (double)(i * 37 % 101) / 101.0;
}

const char *replicas_inputs(size_t from, size_t to,
                            char text[REPLICAS_TEXT_SIZE])
{
    size_t length = 1;

    strcpy(text, "[");
    for (size_t i = from; i < to; i++)
        length += (size_t)snprintf(text + length, REPLICAS_TEXT_SIZE - length,
                                   "%s%.6f", i > from ? "," : "", input(i));
    strcpy(text + length, "]");
    return text;
}

static void expect(struct replicas *replicas)
{
    struct api *api = &replicas->apis[0];
    char text[REPLICAS_TEXT_SIZE];
    const char *at;

    api_post(api, "/predict",
             "{\"model\": \"one\", \"sequence\": %s, \"every_step\": true}",
             replicas_inputs(0, REPLICAS_STEPS, text));
    api_assert_status(api, 200);
    at = api_raw(api, "output") + 1;
    for (size_t i = 1; i <= REPLICAS_STEPS; i++) {
        snprintf(replicas->expected[i], 64, "%.*s]", (int)strcspn(at, "]"),
                 at);
        at += strcspn(at, "]") + 2;
    }
}

void replicas_open(struct replicas *replicas)
{
    redis_server_start(&replicas->redis,
                       (const char *[]){"--appendonly", "yes", "--appendfsync",
                                        "always", NULL});
    api_models_make(&replicas->models);
    for (size_t i = 0; i < REPLICAS; i++)
        start(replicas, i);
    expect(replicas);
}

void replicas_close(struct replicas *replicas)
{
    for (size_t i = 0; i < REPLICAS; i++) {
        api_release(&replicas->apis[i]);
        daemon_stop(&replicas->daemons[i]);
    }
    api_models_remove(&replicas->models);
    redis_server_stop(&replicas->redis);
}

void replicas_kill(struct replicas *replicas, size_t index)
{
    api_release(&replicas->apis[index]);
    daemon_signal(&replicas->daemons[index], SIGKILL);
    daemon_wait(&replicas->daemons[index]);
    start(replicas, index);
}
