#include "tests/support/redis_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "tests/support/nap.h"

#define WAIT_MS 30000

/* A port that nobody has now. */
static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static void drop_client(struct redis_server *server)
{
    if (server->reply)
        freeReplyObject(server->reply);
    if (server->client)
        redisFree(server->client);
    server->reply = NULL;
    server->client = NULL;
}

/* In the child. */
static void become(const struct redis_server *server)
{
    const char *program = getenv("RNND_TEST_REDIS_SERVER");
    const char *words[REDIS_SERVER_OPTIONS + 16];
    int log = open("/dev/null", O_WRONLY);
    size_t count = 0;
    char port[8];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    program = program ? program : "redis-server";
    snprintf(port, sizeof(port), "%u", server->port);
    words[count++] = program;
    words[count++] = "--port";
    words[count++] = port;
    words[count++] = "--bind";
    words[count++] = "127.0.0.1";
    words[count++] = "--dir";
    words[count++] = server->folder;
    words[count++] = "--save";
    words[count++] = "";
    words[count++] = "--enable-debug-command";
    words[count++] = "yes";
    for (size_t i = 0; server->options[i]; i++)
        words[count++] = server->options[i];
    words[count] = NULL;
    execvp(program, (char *const *)words);
    _exit(127);
}

/* Has it an open port, and its data? */
static bool answers(struct redis_server *server)
{
    struct timeval second = {.tv_sec = 1};
    redisContext *client =
        redisConnectWithTimeout("127.0.0.1", server->port, second);
    redisReply *reply = NULL;
    bool is_well = false;

    if (client && !client->err)
        reply = redisCommand(client, "PING");
    if (reply) /* who asks for a password is there, too */
        is_well = reply->type == REDIS_REPLY_STATUS ||
                  !strncmp(reply->str, "NOAUTH", 6);
    if (reply)
        freeReplyObject(reply);
    if (client)
        redisFree(client);
    return is_well;
}

/* false: it has ended, since somebody else was faster to take the port. */
static bool spawn(struct redis_server *server)
{
    fflush(stdout);
    server->pid = fork();
    assert_true(server->pid >= 0);
    if (!server->pid)
        become(server);
    for (int waited = 0; waited < WAIT_MS; waited += 10) {
        int status;

        if (answers(server))
            return true;
        if (waitpid(server->pid, &status, WNOHANG) == server->pid) {
            server->pid = 0;
            if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
                fail_msg("redis-server is not installed: .ci/deps.sh test");
            return false;
        }
        nap_ms(10);
    }
    fail_msg("redis-server does not answer");
    return false;
}

void redis_server_start(struct redis_server *server,
                        const char *const *options)
{
    *server = (struct redis_server){.folder = "/tmp/rnnd-redis-XXXXXX"};
    assert_non_null(mkdtemp(server->folder));
    for (size_t i = 0; options && options[i]; i++) {
        assert_true(i + 1 < REDIS_SERVER_OPTIONS);
        server->options[i] = options[i];
    }
    for (int i = 0; i < 10; i++) {
        server->port = free_port();
        snprintf(server->url, sizeof(server->url), "redis://127.0.0.1:%u",
                 server->port);
        if (spawn(server))
            return;
    }
    fail_msg("no port is free for redis-server");
}

void redis_server_signal(const struct redis_server *server, int number)
{
    assert_true(server->pid > 0);
    kill(server->pid, number);
}

void redis_server_kill(struct redis_server *server)
{
    int status;

    if (!server->pid)
        return;
    kill(server->pid, SIGKILL);
    waitpid(server->pid, &status, 0);
    server->pid = 0;
    drop_client(server);
}

void redis_server_go_on(struct redis_server *server)
{
    for (int i = 0; i < 20 && !server->pid; i++)
        if (!spawn(server))
            nap_ms(100);
    assert_true(server->pid > 0);
}

static void remove_folder(const char *folder)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
}

void redis_server_stop(struct redis_server *server)
{
    redis_server_kill(server);
    drop_client(server);
    remove_folder(server->folder);
}

const redisReply *redis_server_command(struct redis_server *server,
                                       const char *format, ...)
{
    va_list args;

    if (!server->client) {
        server->client = redisConnectWithTimeout("127.0.0.1", server->port,
                                                 (struct timeval){10, 0});
        redisSetTimeout(server->client, (struct timeval){30, 0});
        assert_non_null(server->client);
    }
    if (server->reply)
        freeReplyObject(server->reply);
    va_start(args, format);
    server->reply = redisvCommand(server->client, format, args);
    va_end(args);
    if (!server->reply)
        fail_msg("%s", ((redisContext *)server->client)->errstr);
    return server->reply;
}
