/* test_move.c: docs/sessions.md, «Moving»: a whole store into files and into
 * another store. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/move_fixture.h"
#include "tests/support/nap.h"
#include "tests/support/program_path.h"
#include "tests/support/redis_server.h"

#define MANY 300

/* ---- what survives ------------------------------------------------------ */

struct answer {
    char body[65536];
};

static void take(struct answer *answer)
{
    api_assert_status(api, 200);
    assert_true(api->length < sizeof(answer->body));
    memcpy(answer->body, api->body, api->length + 1);
}

static void assert_replayed(const struct answer *answer)
{
    api_assert_status(api, 200);
    assert_non_null(api_header(api, "Idempotent-Replayed"));
    assert_string_equal(api->body, answer->body);
}

/* A reply that is too long to be kept, so that the state before it is. */
static void long_call(struct answer *answer)
{
    char rows[8000] = "";

    for (int i = 0; i < 300; i++)
        snprintf(rows + strlen(rows), sizeof(rows) - strlen(rows),
                 "%s[0.%02d,-0.5]", i ? "," : "", i % 100);
    api_post(api, "/predict",
             "{\"model\": \"rows\", \"sequence\": [%s], \"session\": "
             "\"long\", \"step\": 0, \"start\": true}",
             rows);
    if (answer)
        take(answer);
}

#define WINDOW ", \"mode\": \"window\", \"window\": 4, \"ttl\": \"90min\""

static void make_sessions(struct answer answers[4])
{
    store_daemon_step(d, "carry", 0, 3, ", \"start\": true, \"ttl\": \"0\"");
    store_daemon_step(d, "carry", 3, 5, "");
    take(&answers[0]);
    store_daemon_step(d, "window", 0, 3, ", \"start\": true" WINDOW);
    take(&answers[1]);
    store_daemon_step(d, "ended", 0, 2, ", \"start\": true");
    store_daemon_step(d, "ended", 2, 4, ", \"end\": true");
    take(&answers[2]);
    long_call(&answers[3]);
    store_daemon_step(d, "deleted", 0, 2, ", \"start\": true");
    api_delete(api, "/sessions/deleted");
    api_assert_status(api, 204);
    store_daemon_step(d, "..hidden", 0, 1, ", \"start\": true");
    api_assert_status(api, 200);
}

static void assert_moved(const struct answer answers[4])
{
    char wanted[256];

    store_daemon_step(d, "carry", 3, 5, "");
    assert_replayed(&answers[0]);
    store_daemon_step(d, "window", 0, 3, ", \"start\": true" WINDOW);
    assert_replayed(&answers[1]);
    store_daemon_step(d, "ended", 2, 4, ", \"end\": true");
    assert_replayed(&answers[2]);
    long_call(NULL);
    assert_replayed(&answers[3]);
    store_daemon_step(d, "ended", 4, 5, "");
    api_assert_problem(api, 410, "session-gone", NULL);
    api_get(api, "/sessions/deleted");
    api_assert_problem(api, 410, "session-gone", NULL);
    assert_string_equal(api_text(api, "reason"), "deleted");
    api_get(api, "/sessions/carry");
    assert_string_equal(api_text(api, "ttl"), "0");
    assert_int_equal(api_number(api, "step"), 5);
    api_get(api, "/sessions/window");
    assert_string_equal(api_text(api, "ttl"), "90min");
    assert_int_equal(api_number(api, "window_filled"), 3);
    /* And they go on with the same bits. */
    store_daemon_reference(d, 0, 7, wanted, sizeof(wanted));
    store_daemon_step(d, "carry", 5, 7, "");
    store_daemon_assert(d, wanted);
    store_daemon_reference(d, 1, 5, wanted, sizeof(wanted));
    store_daemon_step(d, "window", 3, 5, "");
    store_daemon_assert(d, wanted);
}

static struct answer answers[4];

/* rows: S90 S91 */
static void a_store_moves_whole(void **state)
{
    char created[64], text[64];

    (void)state;
    store_daemon_start(d, "step", NULL, NULL);
    make_sessions(answers);
    api_get(api, "/sessions/carry");
    snprintf(created, sizeof(created), "%s", api_text(api, "created_at"));
    move("--export-sessions", d->folder, API_MODELS, NULL, 1,
         "is in use by another rnnd (process ");
    store_daemon_stop(d);
    move_world_export(&w, "exported 4 sessions and 2 tombstones to ");
    move_world_import(&w, 0, "imported 4 sessions and 2 tombstones from ");
    move_world_import(&w, 0, "imported 0 sessions and 0 tombstones from ");
    move_world_import(&w, 0, ", 6 were there already, 0 left out");
    move_world_swap(&w);
    store_daemon_start(d, "step", NULL, NULL);
    api_get(api, "/sessions/carry");
    snprintf(text, sizeof(text), "%s", api_text(api, "created_at"));
    assert_string_equal(text, created);
    assert_moved(answers);
    store_daemon_stop(d);
    move_world_swap(&w);
}

/* With any store. */
static void move_of(const char *action, const char *option, const char *value,
                    int code, const char *words)
{
    move_world_run(&w, (struct move_call){.action = action,
                                          .option = option,
                                          .value = value,
                                          .models = API_MODELS,
                                          .code = code,
                                          .words = words});
}

/* rows: S90 S91 */
static void a_store_moves_into_redis_and_out_of_it(void **state)
{
    struct redis_server redis;
    char folder[SCRATCH_FOLDER_BYTES];

    (void)state;
    redis_server_start(&redis, NULL);
    store_daemon_start(d, "step", NULL, NULL);
    make_sessions(answers);
    store_daemon_stop(d);
    move_world_export(&w, "exported 4 sessions and 2 tombstones to ");
    move_of("--import-sessions", "--redis-url", redis.url, 0,
            "imported 4 sessions and 2 tombstones from ");
    move_of("--import-sessions", "--redis-url", redis.url, 0,
            ", 6 were there already, 0 left out");
    move_world_remove_files(&w);
    move_of("--export-sessions", "--redis-url", redis.url, 0,
            "exported 4 sessions and 2 tombstones to ");
    move_world_import(&w, 0, "imported 4 sessions and 2 tombstones from ");
    /* From Redis itself, */
    api_models_serve(&d->models,
                     (const char *[]){"--redis-url", redis.url, NULL},
                     &d->daemon);
    api_init(api, d->daemon.url);
    assert_moved(answers);
    store_daemon_stop(d);
    /* where what went on is not what the files say, */
    move_of("--import-sessions", "--redis-url", redis.url, 1,
            ", 4 were there already, 2 left out");
    /* and from where it went on to. */
    strcpy(folder, d->folder);
    move_world_swap(&w);
    store_daemon_start(d, "step", NULL, NULL);
    assert_moved(answers);
    store_daemon_stop(d);
    move_world_swap(&w);
    assert_string_equal(folder, d->folder);
    redis_server_stop(&redis);
    move_world_remove_files(&w);
    move_of("--export-sessions", "--redis-url", redis.url, 1,
            "rnnd: the store fails: ");
}

/* rows: S92 */
static void what_is_there_stays(void **state)
{
    char wanted[256];

    (void)state;
    store_daemon_start(d, "step", NULL, NULL);
    store_daemon_step(d, "a", 0, 2, ", \"start\": true");
    store_daemon_step(d, "b", 0, 2, ", \"start\": true");
    store_daemon_stop(d);
    move_world_export(&w, "exported 2 sessions and 0 tombstones to ");
    move("--export-sessions", d->folder, API_MODELS, NULL, 1,
         "has sessions of another export");
    /* One goes on, the other ends. */
    store_daemon_start(d, "step", NULL, NULL);
    store_daemon_step(d, "a", 2, 3, "");
    store_daemon_step(d, "b", 2, 3, ", \"end\": true");
    store_daemon_stop(d);
    move("--import-sessions", d->folder, API_MODELS, NULL, 1,
         "/b.safetensors is left out: the store has another session of "
         "this "
         "id, or its tombstone");
    move("--import-sessions", d->folder, API_MODELS, NULL, 1,
         "imported 0 sessions and 0 tombstones from ");
    store_daemon_start(d, "step", NULL, NULL);
    api_get(api, "/sessions/a");
    assert_int_equal(api_number(api, "step"), 3);
    api_get(api, "/sessions/b");
    api_assert_problem(api, 410, "session-gone", NULL);
    store_daemon_stop(d);
    move("--import-sessions", d->folder, API_MODELS, "--replace-sessions=yes",
         0, "imported 2 sessions and 0 tombstones from ");
    store_daemon_start(d, "step", NULL, NULL);
    store_daemon_reference(d, 0, 3, wanted, sizeof(wanted));
    store_daemon_step(d, "a", 2, 3, "");
    store_daemon_assert(d, wanted);
    store_daemon_step(d, "b", 2, 3, "");
    store_daemon_assert(d, wanted);
    store_daemon_stop(d);
}

/* An export that is killed leaves no file that is half. */
static void a_killed_export_leaves_whole_files(void **state)
{
    char program[PROGRAM_PATH_BYTES];
    char id[16];

    (void)state;
    store_daemon_start(d, "async", NULL, NULL);
    for (int i = 0; i < MANY; i++) {
        snprintf(id, sizeof(id), "s%d", i);
        store_daemon_step(d, id, 0, 1, ", \"start\": true");
        api_assert_status(api, 200);
    }
    store_daemon_stop(d);
    program_path("rnnd", program);
    for (int round = 0; round < 12; round++) {
        pid_t pid = fork();
        int end;

        if (pid == 0) {
            execl(program, program, "--export-sessions", w.files,
                  "--log-level", "error", "--state-dir", d->folder,
                  d->models.arguments[2], (char *)NULL);
            _exit(127);
        }
        nap_ms(5 + 3 * round);
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, &end, 0), pid);
        move_world_import(&w, 0, ", 0 left out");
        move_world_remove_files(&w);
    }
    move_world_export(&w, "exported 300 sessions and 0 tombstones to ");
    move_world_import(&w, 0, ", 0 left out");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_store_moves_whole),
        TEST(a_store_moves_into_redis_and_out_of_it),
        TEST(what_is_there_stays),
        TEST(a_killed_export_leaves_whole_files),
    };

    if (!store_daemon_is_possible())
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
