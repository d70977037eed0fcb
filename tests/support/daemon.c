#include "tests/support/daemon.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/program_path.h"

#define MAX_ARGUMENTS 40
/* Sanitizers, a busy machine: far more than it ever needs. */
#define WAIT_MS 60000

static void nap(void)
{
    struct timespec time = {.tv_nsec = 2000000};

    nanosleep(&time, NULL);
}

void daemon_path(const char *name, char *path, size_t size)
{
    char program[PROGRAM_PATH_BYTES];

    /* It lies in build/<flavour>/ of the tree. */
    program_path("rnnd", program);
    for (int i = 0; i < 3; i++) {
        char *slash = strrchr(program, '/');

        assert_non_null(slash);
        *slash = '\0';
    }
    assert_true((size_t)snprintf(path, size, "%s/%s", program, name) < size);
}

static bool has_option(const char *const *options, const char *name)
{
    for (; *options; options++)
        if (strcmp(*options, name) == 0)
            return true;
    return false;
}

static bool has_model(const char *const *words, size_t count)
{
    static const char *const ends[] = {".keras", ".h5", ".safetensors"};

    for (size_t i = 0; i < count; i++)
        for (size_t e = 0; e < 3; e++) {
            size_t length = strlen(words[i]), tail = strlen(ends[e]);

            if (length > tail &&
                strcmp(words[i] + length - tail, ends[e]) == 0)
                return true;
        }
    return false;
}

/* In the child: become rnnd, with stdout and stderr in `output`. */
static void become(const char *program, char *const *arguments, int output)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    execv(program, arguments);
    _exit(127);
}

static void program_to_start(char program[PROGRAM_PATH_BYTES])
{
    const char *other = getenv("RNND_TEST_PROGRAM");

    if (!other) {
        program_path("rnnd", program);
        return;
    }
    assert_true(strlen(other) < PROGRAM_PATH_BYTES);
    strcpy(program, other);
}

static pid_t spawn(const char *const *arguments, int output)
{
    const char *words[MAX_ARGUMENTS] = {"rnnd"};
    char program[PROGRAM_PATH_BYTES];
    size_t count = 1;
    pid_t pid;

    program_to_start(program);
    while (*arguments && count < MAX_ARGUMENTS - 1)
        words[count++] = *arguments++;
    assert_null(*arguments);
    fflush(stdout);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        become(program, (char *const *)words, output);
    return pid;
}

const char *daemon_log(struct daemon *daemon)
{
    ssize_t length =
        pread(daemon->log_fd, daemon->log, DAEMON_LOG_SIZE - 1, 0);

    daemon->log[length > 0 ? length : 0] = '\0';
    return daemon->log;
}

static void show_and_fail(struct daemon *daemon, const char *what)
{
    print_message("rnnd's log:\n%s", daemon_log(daemon));
    fail_msg("%s", what);
}

void daemon_wait_for(struct daemon *daemon, const char *text)
{
    for (int waited = 0; waited < WAIT_MS; waited += 2) {
        int status;

        if (strstr(daemon_log(daemon), text))
            return;
        if (waitpid(daemon->pid, &status, WNOHANG) == daemon->pid) {
            daemon->pid = 0;
            if (strstr(daemon_log(daemon), text))
                return;
            show_and_fail(daemon, "rnnd has ended");
        }
        nap();
    }
    show_and_fail(daemon, text);
}

static void read_address(struct daemon *daemon)
{
    static const char mark[] = "listening on http://";
    const char *at = strstr(daemon->log, mark);
    const char *colon;
    size_t length;

    assert_non_null(at);
    at += strlen(mark);
    length = strcspn(at, "\"\n");
    assert_true(length < sizeof(daemon->address));
    memcpy(daemon->address, at, length);
    daemon->address[length] = '\0';
    colon = strrchr(daemon->address, ':');
    assert_non_null(colon);
    daemon->port = (uint16_t)atoi(colon + 1);
    snprintf(daemon->url, sizeof(daemon->url), "http://%s", daemon->address);
}

void daemon_start(struct daemon *daemon, const char *const *options)
{
    static const char *const none[] = {NULL};
    const char *words[MAX_ARGUMENTS];
    char model[PATH_MAX];
    size_t count = 0;

    if (!options)
        options = none;
    if (!has_option(options, "--listen")) {
        words[count++] = "--listen";
        words[count++] = "127.0.0.1:0";
    }
    while (*options && count < MAX_ARGUMENTS - 2)
        words[count++] = *options++;
    if (!has_model(words, count)) {
        daemon_path("examples/seed.keras", model, sizeof(model));
        words[count++] = model;
    }
    words[count] = NULL;
    daemon->log_fd = memfd_create("rnnd log", MFD_CLOEXEC);
    assert_true(daemon->log_fd >= 0);
    daemon->pid = spawn(words, daemon->log_fd);
    daemon_wait_for(daemon, "listening on http://");
    /* The line may have been seen before its end. */
    daemon_wait_for(daemon, "\n");
    daemon_log(daemon);
    read_address(daemon);
}

void daemon_find(struct daemon *daemon)
{
    const char *address = getenv("RNND_TEST_ADDRESS");

    if (!address) {
        daemon_start(daemon, NULL);
        return;
    }
    *daemon = (struct daemon){.log_fd = -1};
    snprintf(daemon->log, sizeof(daemon->log), "listening on http://%s\n",
             address);
    read_address(daemon);
}

void daemon_signal(const struct daemon *daemon, int number)
{
    assert_true(daemon->pid > 0);
    assert_int_equal(kill(daemon->pid, number), 0);
}

static int exit_code(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

int daemon_wait(struct daemon *daemon)
{
    int status;

    for (int waited = 0; waited < WAIT_MS; waited += 2) {
        if (waitpid(daemon->pid, &status, WNOHANG) == daemon->pid) {
            daemon->pid = 0;
            daemon_log(daemon);
            close(daemon->log_fd);
            daemon->log_fd = -1;
            return exit_code(status);
        }
        nap();
    }
    kill(daemon->pid, SIGKILL);
    show_and_fail(daemon, "rnnd does not end");
    return -1;
}

void daemon_stop(struct daemon *daemon)
{
    int code;

    if (daemon->pid <= 0)
        return;
    daemon_signal(daemon, SIGTERM);
    code = daemon_wait(daemon);
    if (code != 0) {
        print_message("rnnd's log:\n%s", daemon->log);
        fail_msg("rnnd ended with %d", code);
    }
}

int daemon_run(const char *const *arguments, char *output, size_t size)
{
    int fd = memfd_create("rnnd output", MFD_CLOEXEC);
    ssize_t length;
    int status;
    pid_t pid;

    assert_true(fd >= 0);
    pid = spawn(arguments, fd);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    length = pread(fd, output, size - 1, 0);
    output[length > 0 ? length : 0] = '\0';
    close(fd);
    return exit_code(status);
}
