/* test_nginx.c: docker/nginx.conf as it is, before two replicas on one Redis:
 * only the addresses are others. */
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/http/address.h"
#include "tests/support/api_models.h"
#include "tests/support/nap.h"
#include "tests/support/redis_server.h"
#include "tests/support/run_program.h"
#include "tests/support/store_daemon.h"

#define IDS      24
#define REPLICAS 2

static struct redis_server redis;
static struct api_models models;
static struct daemon daemons[REPLICAS];
static struct api apis[REPLICAS], front; /* front: through nginx */
static char folder[] = "/tmp/rnnd-test-XXXXXX", url[64];
static pid_t nginx;

/* ---- nginx -------------------------------------------------------------- */

static unsigned free_port(void)
{
    struct address address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unsigned port;

    assert_true(fd >= 0 && address_parse("127.0.0.1:0", &address));
    assert_int_equal(bind(fd, &address.of.any, address.length), 0);
    assert_int_equal(getsockname(fd, &address.of.any, &address.length), 0);
    port = ntohs(((struct sockaddr_in *)&address.of.any)->sin_port);
    close(fd);
    return port;
}

/* `text` with `from`, which must be there, replaced. */
static void replace(char *text, size_t size, const char *from, const char *to)
{
    char *at = strstr(text, from);
    size_t tail;

    if (!at)
        fail_msg("there is no %s", from);
    tail = strlen(at + strlen(from)) + 1;
    assert_true(strlen(text) + strlen(to) < size);
    memmove(at + strlen(to), at + strlen(from), tail);
    memcpy(at, to, strlen(to));
}

static void write_file(const char *name, const char *text)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* What the image of nginx has around the file, and the file. */
static void write_configuration(unsigned port)
{
    static char text[8192];
    char path[1024], words[128];
    size_t length;
    FILE *file;

    snprintf(text, sizeof(text),
             "%s\npid nginx.pid;\nevents { worker_connections 64; }\n"
             "http {\n  access_log off;\n  client_body_temp_path body;\n"
             "  proxy_temp_path proxy;\n  fastcgi_temp_path fastcgi;\n"
             "  uwsgi_temp_path uwsgi;\n  scgi_temp_path scgi;\n"
             "  include default.conf;\n}\n",
             getuid() ? "" : "user root;");
    write_file("nginx.conf", text);
    daemon_path("docker/nginx.conf", path, sizeof(path));
    file = fopen(path, "r");
    assert_non_null(file);
    length = fread(text, 1, sizeof(text) / 2, file);
    text[length] = '\0';
    fclose(file);
    snprintf(words, sizeof(words), "listen 127.0.0.1:%u;", port);
    replace(text, sizeof(text), "listen 80;", words);
    snprintf(words, sizeof(words), "server %s;", daemons[0].address);
    replace(text, sizeof(text), "server one:8080;", words);
    snprintf(words, sizeof(words), "server %s;", daemons[1].address);
    replace(text, sizeof(text), "server two:8080;", words);
    write_file("default.conf", text);
}

static const char *program(void)
{
    return access("/usr/sbin/nginx", X_OK) ? "/usr/bin/nginx"
                                           : "/usr/sbin/nginx";
}

static void start_nginx(void)
{
    char *words[] = {
        (char *)program(), "-e", "error.log",   "-p", folder, "-c",
        "nginx.conf",      "-g", "daemon off;", "-t", NULL};
    unsigned port = free_port();
    struct program_result result;

    write_configuration(port);
    result = run_program(words);
    if (result.exit_code)
        fail_msg("%s", result.err);
    words[9] = NULL; /* not only to test it */
    fflush(stdout);
    nginx = fork();
    assert_true(nginx >= 0);
    if (!nginx) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        execv(words[0], words);
        _exit(127);
    }
    snprintf(url, sizeof(url), "http://127.0.0.1:%u", port);
    for (int i = 0; i < 500; i++) {
        struct address address;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int error;

        assert_true(address_parse(url + strlen("http://"), &address));
        error = connect(fd, &address.of.any, address.length);
        close(fd);
        if (!error)
            return;
        nap_ms(10);
    }
    fail_msg("nginx does not listen");
}

/* ---- the world ---------------------------------------------------------- */

static void start_replica(size_t i)
{
    api_models_serve(&models, (const char *[]){"--redis-url", redis.url, NULL},
                     &daemons[i]);
    api_init(&apis[i], daemons[i].url);
}

static int set_up(void **state)
{
    (void)state;
    redis_server_start(&redis, NULL);
    api_models_make(&models);
    for (size_t i = 0; i < REPLICAS; i++)
        start_replica(i);
    assert_non_null(mkdtemp(folder));
    start_nginx();
    api_init(&front, url);
    return 0;
}

static int tear_down(void **state)
{
    char *words[] = {"/bin/rm", "-rf", folder, NULL};

    (void)state;
    api_release(&front);
    kill(nginx, SIGTERM);
    waitpid(nginx, NULL, 0);
    for (size_t i = 0; i < REPLICAS; i++)
        if (daemons[i].pid > 0) {
            api_release(&apis[i]);
            daemon_stop(&daemons[i]);
        }
    run_program(words);
    api_models_remove(&models);
    redis_server_stop(&redis);
    return 0;
}

/* ---- the tests ---------------------------------------------------------- */

/* Requests that the replica has had for this route. */
static long count(size_t i, const char *route)
{
    char mark[128];
    long sum = 0;

    api_get(&apis[i], "/metrics");
    snprintf(mark, sizeof(mark), "rnnd_http_requests_total{route=\"%s\"",
             route);
    for (const char *at = apis[i].body; (at = strstr(at, mark)); at++) {
        const char *value = strstr(at, "} ");

        assert_non_null(value);
        sum += strtol(value + 2, NULL, 10);
    }
    return sum;
}

static void path_of(int i, const char *end, char path[64])
{
    snprintf(path, 64, "/sessions/session-%d%s", i, end);
}

/* Four calls of the session `i`, and to which replica they went. */
static size_t replica_of(int i)
{
    const float row[] = {0.5f, -0.25f, 0.125f};
    long before[REPLICAS], after[REPLICAS] = {0}, sum = 0;
    char path[64], query[64];

    path_of(i, "", path);
    snprintf(query, sizeof(query), "/predict?session=session-%d&model=free",
             i);
    for (size_t r = 0; r < REPLICAS; r++)
        before[r] = count(r, "/sessions/{id}") + count(r, "/predict");
    for (int call = 0; call < 2; call++) {
        api_get(&front, path);
        api_assert_status(&front, 200);
        api_post_floats(&front, query, row, 3);
        api_assert_status(&front, 200);
    }
    /* A request is counted when its answer has gone. */
    for (int waited = 0; sum < 4 && waited < 5000; waited += 5) {
        sum = 0;
        for (size_t r = 0; r < REPLICAS; r++) {
            after[r] = count(r, "/sessions/{id}") + count(r, "/predict");
            sum += after[r] - before[r];
        }
        if (sum < 4)
            nap_ms(5);
    }
    assert_int_equal(sum, 4);
    if (after[0] != before[0] && after[1] != before[1])
        fail_msg("session %d went to both", i);
    return after[0] == before[0];
}

static void a_session_stays_with_its_replica(void **state)
{
    size_t on[REPLICAS] = {0};

    (void)state;
    for (int i = 0; i < IDS; i++) {
        api_post(&front, "/sessions",
                 "{\"id\": \"session-%d\", \"model\": \"free\"}", i);
        api_assert_status(&front, 201);
    }
    for (int i = 0; i < IDS; i++)
        on[replica_of(i)]++;
    assert_int_equal(on[0] + on[1], IDS);
    assert_true(on[0] > 0 && on[1] > 0);
}

/* The id is in the body, where nginx does not look: the replicas take turns,
 * and nobody sees a difference; nor when one of them dies. */
static void any_replica_will_do(void **state)
{
    char wanted[256], got[256], path[64];

    (void)state;
    for (int step = 0; step < 40; step++) {
        if (step == 20) {
            api_release(&apis[1]);
            daemon_signal(&daemons[1], SIGKILL);
            daemon_wait(&daemons[1]);
        }
        api_post(&front, "/predict",
                 "{\"model\": \"free\", \"sequence\": [[%d.5,0.25,-1]], "
                 "\"session\": \"turns\", \"step\": %d%s}",
                 step % 7, step, step ? "" : ", \"start\": true");
        api_assert_status(&front, 200);
        if (step == 19)
            assert_true(count(0, "/predict") > 0 && count(1, "/predict") > 0);
    }
    api_keep(&front, "output", got, sizeof(got));
    for (int step = 0; step < 40; step++)
        api_post(&apis[0], "/predict",
                 "{\"model\": \"free\", \"sequence\": [[%d.5,0.25,-1]], "
                 "\"session\": \"alone\", \"step\": %d%s}",
                 step % 7, step, step ? "" : ", \"start\": true");
    api_keep(&apis[0], "output", wanted, sizeof(wanted));
    assert_string_equal(got, wanted);
    /* Sessions of the dead one go on with the other. */
    for (int i = 0; i < IDS; i++) {
        path_of(i, "/reset", path);
        api_call(&front, "POST", path, NULL, 0);
        api_assert_status(&front, 200);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_stays_with_its_replica),
        cmocka_unit_test(any_replica_will_do),
    };

    if (!store_daemon_is_possible())
        return 0;
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
