/* test_move.c: docs/sessions.md, «Moving»: a whole store into files and into
 * another store. */
#include <dirent.h>
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

#include "tests/support/nap.h"
#include "tests/support/program_path.h"
#include "tests/support/store_daemon.h"

#define PATH_BYTES 256
#define MANY       300

static struct store_daemon d;
static struct api *const api = &d.api;
static char target[SCRATCH_FOLDER_BYTES], target_file[SCRATCH_STORE_BYTES];
static char files[SCRATCH_FOLDER_BYTES], unused[SCRATCH_STORE_BYTES];

static int set_up(void **state)
{
    (void)state;
    store_daemon_open(&d);
    scratch_folder(target, target_file);
    scratch_folder(files, unused);
    return 0;
}

/* All that an export wrote. */
static void remove_files(void)
{
    DIR *list = opendir(files);
    const struct dirent *entry;
    char path[PATH_BYTES + 64];

    assert_non_null(list);
    while ((entry = readdir(list)))
        if (strstr(entry->d_name, ".safetensors")) {
            snprintf(path, sizeof(path), "%s/%s", files, entry->d_name);
            assert_int_equal(unlink(path), 0);
        }
    closedir(list);
}

static int tear_down(void **state)
{
    (void)state;
    store_daemon_close(&d);
    scratch_folder_remove(target);
    remove_files();
    scratch_folder_remove(files);
    return 0;
}

/* ---- the two commands --------------------------------------------------- */

/* rnnd with the first `models` models: how it must end and what it must
 * say. */
static void move(const char *action, const char *folder, size_t models,
                 const char *option, int code, const char *words)
{
    static char output[65536];
    const char *arguments[16] = {action, files, "--state-dir", folder,
                                 "--log-level=error"};
    size_t n = 5;

    if (option)
        arguments[n++] = option;
    for (size_t i = 0; i < models; i++)
        arguments[n++] = d.models.arguments[i];
    if (daemon_run(arguments, output, sizeof(output)) != code ||
        !strstr(output, words))
        fail_msg("%s: %s", action, output);
}

static void export_all(const char *words)
{
    move("--export-sessions", d.folder, API_MODELS, NULL, 0, words);
}

static void import_all(int code, const char *words)
{
    move("--import-sessions", target, API_MODELS, NULL, code, words);
}

/* The daemon on the other folder. */
static void go_to(const char *folder)
{
    snprintf(d.folder, sizeof(d.folder), "%s", folder);
    snprintf(d.file, sizeof(d.file), "%s/sessions.sqlite", folder);
}

static void swap_folders(void)
{
    char own[SCRATCH_FOLDER_BYTES];

    strcpy(own, d.folder);
    go_to(target);
    strcpy(target, own);
}

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
    store_daemon_step(&d, "carry", 0, 3, ", \"start\": true, \"ttl\": \"0\"");
    store_daemon_step(&d, "carry", 3, 5, "");
    take(&answers[0]);
    store_daemon_step(&d, "window", 0, 3, ", \"start\": true" WINDOW);
    take(&answers[1]);
    store_daemon_step(&d, "ended", 0, 2, ", \"start\": true");
    store_daemon_step(&d, "ended", 2, 4, ", \"end\": true");
    take(&answers[2]);
    long_call(&answers[3]);
    store_daemon_step(&d, "deleted", 0, 2, ", \"start\": true");
    api_delete(api, "/sessions/deleted");
    api_assert_status(api, 204);
    store_daemon_step(&d, "..hidden", 0, 1, ", \"start\": true");
    api_assert_status(api, 200);
}

static void assert_moved(const struct answer answers[4])
{
    char wanted[256];

    store_daemon_step(&d, "carry", 3, 5, "");
    assert_replayed(&answers[0]);
    store_daemon_step(&d, "window", 0, 3, ", \"start\": true" WINDOW);
    assert_replayed(&answers[1]);
    store_daemon_step(&d, "ended", 2, 4, ", \"end\": true");
    assert_replayed(&answers[2]);
    long_call(NULL);
    assert_replayed(&answers[3]);
    store_daemon_step(&d, "ended", 4, 5, "");
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
    store_daemon_reference(&d, 0, 7, wanted, sizeof(wanted));
    store_daemon_step(&d, "carry", 5, 7, "");
    store_daemon_assert(&d, wanted);
    store_daemon_reference(&d, 1, 5, wanted, sizeof(wanted));
    store_daemon_step(&d, "window", 3, 5, "");
    store_daemon_assert(&d, wanted);
}

static struct answer answers[4];

/* rows: S90 S91 */
static void a_store_moves_whole(void **state)
{
    char created[64], text[64];

    (void)state;
    store_daemon_start(&d, "step", NULL, NULL);
    make_sessions(answers);
    api_get(api, "/sessions/carry");
    snprintf(created, sizeof(created), "%s", api_text(api, "created_at"));
    move("--export-sessions", d.folder, API_MODELS, NULL, 1,
         "is in use by another rnnd (process ");
    store_daemon_stop(&d);
    export_all("exported 4 sessions and 2 tombstones to ");
    import_all(0, "imported 4 sessions and 2 tombstones from ");
    import_all(0, "imported 0 sessions and 0 tombstones from ");
    import_all(0, ", 6 were there already, 0 left out");
    swap_folders();
    store_daemon_start(&d, "step", NULL, NULL);
    api_get(api, "/sessions/carry");
    snprintf(text, sizeof(text), "%s", api_text(api, "created_at"));
    assert_string_equal(text, created);
    assert_moved(answers);
    store_daemon_stop(&d);
    swap_folders();
}

/* rows: S92 */
static void what_is_there_stays(void **state)
{
    char wanted[256];

    (void)state;
    store_daemon_start(&d, "step", NULL, NULL);
    store_daemon_step(&d, "a", 0, 2, ", \"start\": true");
    store_daemon_step(&d, "b", 0, 2, ", \"start\": true");
    store_daemon_stop(&d);
    export_all("exported 2 sessions and 0 tombstones to ");
    move("--export-sessions", d.folder, API_MODELS, NULL, 1,
         "has sessions of another export");
    /* One goes on, the other ends. */
    store_daemon_start(&d, "step", NULL, NULL);
    store_daemon_step(&d, "a", 2, 3, "");
    store_daemon_step(&d, "b", 2, 3, ", \"end\": true");
    store_daemon_stop(&d);
    move("--import-sessions", d.folder, API_MODELS, NULL, 1,
         "/b.safetensors is left out: the store has another session of this "
         "id, or its tombstone");
    move("--import-sessions", d.folder, API_MODELS, NULL, 1,
         "imported 0 sessions and 0 tombstones from ");
    store_daemon_start(&d, "step", NULL, NULL);
    api_get(api, "/sessions/a");
    assert_int_equal(api_number(api, "step"), 3);
    api_get(api, "/sessions/b");
    api_assert_problem(api, 410, "session-gone", NULL);
    store_daemon_stop(&d);
    move("--import-sessions", d.folder, API_MODELS, "--replace-sessions=yes",
         0, "imported 2 sessions and 0 tombstones from ");
    store_daemon_start(&d, "step", NULL, NULL);
    store_daemon_reference(&d, 0, 3, wanted, sizeof(wanted));
    store_daemon_step(&d, "a", 2, 3, "");
    store_daemon_assert(&d, wanted);
    store_daemon_step(&d, "b", 2, 3, "");
    store_daemon_assert(&d, wanted);
    store_daemon_stop(&d);
}

/* Replace `from` in a file by as many bytes. */
static void change(const char *name, const char *from, const char *to)
{
    char path[PATH_BYTES], bytes[16384];
    size_t length, at = 0, wanted = strlen(from);
    FILE *file;

    assert_int_equal(strlen(from), strlen(to));
    snprintf(path, sizeof(path), "%s/%s.safetensors", files, name);
    file = fopen(path, "r+");
    assert_non_null(file);
    length = fread(bytes, 1, sizeof(bytes), file);
    while (at + wanted <= length && memcmp(bytes + at, from, wanted) != 0)
        at++;
    assert_true(at + wanted <= length);
    assert_int_equal(fseek(file, (long)at, SEEK_SET), 0);
    assert_int_equal(fwrite(to, 1, wanted, file), wanted);
    assert_int_equal(fclose(file), 0);
}

static void copy(const char *from, const char *to)
{
    char path[PATH_BYTES], bytes[16384];
    size_t length;
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s.safetensors", files, from);
    file = fopen(path, "r");
    assert_non_null(file);
    length = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    snprintf(path, sizeof(path), "%s/%s.safetensors", files, to);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static void cut(const char *name, long bytes)
{
    char path[PATH_BYTES];

    snprintf(path, sizeof(path), "%s/%s.safetensors", files, name);
    assert_int_equal(truncate(path, bytes), 0);
}

/* rows: S93 */
static void what_cannot_go_on_is_left_out_by_its_name(void **state)
{
    char fingerprint[80], zeros[80];

    (void)state;
    store_daemon_start(&d, "step", NULL, NULL);
    store_daemon_step(&d, "good", 0, 2, ", \"start\": true, \"ttl\": \"2h\"");
    store_daemon_step(&d, "ttl", 0, 2, ", \"start\": true, \"ttl\": \"2h\"");
    store_daemon_step(&d, "step", 0, 2, ", \"start\": true");
    store_daemon_step(&d, "short", 0, 2, ", \"start\": true");
    store_daemon_step(&d, "old", 0, 2, ", \"start\": true");
    store_daemon_step(&d, "alien", 0, 2, ", \"start\": true");
    api_get(api, "/sessions/old/state");
    snprintf(fingerprint, sizeof(fingerprint), "%s",
             api_text(api, "fingerprint"));
    store_daemon_stop(&d);
    /* Of models that are not given: the third is "free". */
    move("--export-sessions", d.folder, 2, NULL, 1,
         "rnnd: the session \"good\" is left out: it belongs to the model "
         "\"free\" with the fingerprint ");
    move("--export-sessions", d.folder, 2, NULL, 1,
         "exported 0 sessions and 0 tombstones to ");
    export_all("exported 6 sessions and 0 tombstones to ");
    memset(zeros, '0', sizeof(zeros));
    zeros[strlen(fingerprint)] = '\0';
    change("alien", fingerprint, zeros);
    change("old", fingerprint, zeros);
    change("old", "\"numerics\":\"2\"", "\"numerics\":\"1\"");
    change("ttl", "\"7200000\"", "\"7200001\"");
    change("step", "\"step\":\"2\"", "\"step\":\"3\"");
    cut("short", 700);
    copy("good", "renamed");
    copy("good", "not an id");
    import_all(1, "/alien.safetensors is left out: the state is of a model "
                  "with the fingerprint 0000");
    import_all(1, "/old.safetensors is left out: the state was made by "
                  "version 1 of the numerics, this rnnd has version 2");
    import_all(1, "/ttl.safetensors is left out: \"row\" in __metadata__ is "
                  "not the digest of what the file holds");
    import_all(1, "/step.safetensors is left out: \"row\" ");
    import_all(1, "/short.safetensors is left out: ");
    import_all(1, "/renamed.safetensors is left out: \"session\" in "
                  "__metadata__ is another than the file's name");
    import_all(1, "/not an id.safetensors is left out: its name is no "
                  "session id");
    import_all(1, ", 1 were there already, 7 left out");
}

/* rows: S94 */
static void a_state_that_was_got_alone_is_taken_too(void **state)
{
    char path[PATH_BYTES], wanted[256];
    FILE *file;

    (void)state;
    store_daemon_start(&d, "step", NULL, NULL);
    store_daemon_step(&d, "a", 0, 3, ", \"start\": true, \"ttl\": \"2h\"");
    api->accept = "application/x-safetensors";
    api_get(api, "/sessions/a/state");
    api->accept = NULL;
    snprintf(path, sizeof(path), "%s/b.safetensors", files);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(api->body, 1, api->length, file), api->length);
    assert_int_equal(fclose(file), 0);
    store_daemon_stop(&d);
    import_all(0, "imported 1 sessions and 0 tombstones from ");
    swap_folders();
    store_daemon_start(&d, "step", NULL, NULL);
    store_daemon_reference(&d, 0, 5, wanted, sizeof(wanted));
    store_daemon_step(&d, "b", 3, 5, "");
    store_daemon_assert(&d, wanted);
    api_get(api, "/sessions/b");
    assert_string_equal(api_text(api, "ttl"), "1h");
    /* A whole file goes the other way, too. */
    store_daemon_stop(&d);
    remove_files();
    export_all("exported 1 sessions");
    store_daemon_start(&d, "step", NULL, NULL);
    file = fopen(path, "r");
    assert_non_null(file);
    static char bytes[16384];
    size_t length = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    api->content_type = "application/x-safetensors";
    api_call(api, "PUT", "/sessions/c/state", bytes, length);
    api->content_type = NULL;
    api_assert_status(api, 201);
    store_daemon_reference(&d, 0, 6, wanted, sizeof(wanted));
    store_daemon_step(&d, "c", 5, 6, "");
    store_daemon_assert(&d, wanted);
    store_daemon_stop(&d);
    swap_folders();
}

/* rows: S93 */
static void it_needs_a_store_that_lasts(void **state)
{
    static char output[65536];
    const char *const memory[] = {"--export-sessions", files,
                                  d.models.arguments[0], NULL};
    const char *const nothing[] = {"--export-sessions",   files,
                                   "--state-dir",         "/nonexistent",
                                   d.models.arguments[0], NULL};

    (void)state;
    assert_int_equal(daemon_run(memory, output, sizeof(output)), 2);
    assert_non_null(strstr(output, "sessions in memory end with their "
                                   "process"));
    assert_int_equal(daemon_run(nothing, output, sizeof(output)), 1);
    assert_non_null(strstr(output, "state_dir /nonexistent cannot be opened"));
    move("--import-sessions", "/proc", 1, NULL, 1, "cannot be");
}

/* An export that is killed leaves no file that is half. */
static void a_killed_export_leaves_whole_files(void **state)
{
    char program[PROGRAM_PATH_BYTES];
    char id[16];

    (void)state;
    store_daemon_start(&d, "async", NULL, NULL);
    for (int i = 0; i < MANY; i++) {
        snprintf(id, sizeof(id), "s%d", i);
        store_daemon_step(&d, id, 0, 1, ", \"start\": true");
        api_assert_status(api, 200);
    }
    store_daemon_stop(&d);
    program_path("rnnd", program);
    for (int round = 0; round < 12; round++) {
        pid_t pid = fork();
        int end;

        if (pid == 0) {
            execl(program, program, "--export-sessions", files, "--log-level",
                  "error", "--state-dir", d.folder, d.models.arguments[2],
                  (char *)NULL);
            _exit(127);
        }
        nap_ms(5 + 3 * round);
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, &end, 0), pid);
        import_all(0, ", 0 left out");
        remove_files();
    }
    export_all("exported 300 sessions and 0 tombstones to ");
    import_all(0, ", 0 left out");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_store_moves_whole),
        TEST(what_is_there_stays),
        TEST(what_cannot_go_on_is_left_out_by_its_name),
        TEST(a_state_that_was_got_alone_is_taken_too),
        TEST(it_needs_a_store_that_lasts),
        TEST(a_killed_export_leaves_whole_files),
    };

    if (!store_daemon_is_possible())
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
