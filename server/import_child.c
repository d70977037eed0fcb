#include "server/import_child.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/clock.h"
#include "server/log.h"

#define MAX_WORDS ((size_t)16 << 10)

/* Where the child finds its descriptors. */
enum { CHILD_MODEL = 3, CHILD_MADE = 4 };

/* What the child said on stderr, as it came. */
struct words {
    char text[MAX_WORDS];
    size_t length;
};

/* ---- which program ------------------------------------------------------ */

/* "rnn-import" in the folder that holds the program that is running. */
static bool beside_ours(char program[PATH_MAX])
{
    static const char name[] = "rnn-import";
    ssize_t length = readlink("/proc/self/exe", program, PATH_MAX - 1);
    char *slash;

    if (length <= 0)
        return false;
    program[length] = '\0';
    slash = strrchr(program, '/');
    if (!slash || (size_t)(slash + 1 - program) + sizeof(name) > PATH_MAX)
        return false;
    memcpy(slash + 1, name, sizeof(name));
    return true;
}

static enum rnn_status find_importer(const struct import_job *job,
                                     char program[PATH_MAX],
                                     struct rnn_error *err)
{
    if (job->importer)
        snprintf(program, PATH_MAX, "%s", job->importer);
    else if (!beside_ours(program))
        return rnn_fail(err, RNN_NOT_FOUND,
                        "a Keras file, which only the program rnn-import "
                        "reads; name that program with --importer");
    if (access(program, X_OK) == 0)
        return RNN_OK;
    return rnn_fail(err, RNN_NOT_FOUND,
                    "a Keras file, which only the program rnn-import reads, "
                    "and %.200s cannot be run (%s); install it there, name "
                    "it with --importer, or convert the file where it is: "
                    "rnn-import MODEL OUT.safetensors",
                    program, strerror(errno));
}

/* ---- start -------------------------------------------------------------- */

/* Only what the loader and the sanitizers need; ours may hold secrets. */
static void choose_environment(char *environment[], size_t room)
{
    static const char *const kept[] = {
        "LD_LIBRARY_PATH=", "ASAN_OPTIONS=", "UBSAN_OPTIONS=", "TSAN_OPTIONS=",
        "LSAN_OPTIONS="};
    size_t count = 0;

    for (char **item = environ; item && *item; item++) {
        for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
            if (count + 1 < room &&
                strncmp(*item, kept[i], strlen(kept[i])) == 0)
                environment[count++] = *item;
        }
    }
    environment[count] = NULL;
}

/* The descriptors of the child, each in its place and no other.  The sources
 * are first moved out of the way of the places. */
static int place_descriptors(posix_spawn_file_actions_t *actions,
                             const int from[3])
{
    static const int to[3] = {CHILD_MODEL, CHILD_MADE, STDERR_FILENO};
    int failed = posix_spawn_file_actions_addopen(actions, STDIN_FILENO,
                                                  "/dev/null", O_RDONLY, 0);

    if (!failed)
        failed = posix_spawn_file_actions_addopen(actions, STDOUT_FILENO,
                                                  "/dev/null", O_WRONLY, 0);
    for (size_t i = 0; i < 3 && !failed; i++)
        failed = posix_spawn_file_actions_adddup2(actions, from[i], to[i]);
    if (!failed)
        failed =
            posix_spawn_file_actions_addclosefrom_np(actions, CHILD_MADE + 1);
    return failed;
}

static int spawn(const char *program, const struct import_job *job,
                 const int from[3], pid_t *child)
{
    char memory[24], seconds[24];
    char model[] = "3", made[] = "4", name[] = "rnn-import", option[] = "--fd";
    char *argv[] = {name, option, model, made, memory, seconds, NULL};
    char *environment[16];
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    int failed;

    snprintf(memory, sizeof(memory), "%zu", job->memory_bytes);
    snprintf(seconds, sizeof(seconds), "%" PRIu64, job->timeout_ms / 1000 + 1);
    choose_environment(environment, 16);
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    failed = place_descriptors(&actions, from);
    if (!failed)
        failed = posix_spawn(child, program, &actions, &attributes, argv,
                             environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return failed;
}

/* ---- listen, wait, end -------------------------------------------------- */

static void hear(struct words *words, int pipe_fd, bool *is_open)
{
    char piece[1024];
    ssize_t got = read(pipe_fd, piece, sizeof(piece));
    size_t room = sizeof(words->text) - 1 - words->length;

    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    *is_open = got > 0;
    if (got <= 0)
        return;
    if ((size_t)got > room)
        got = (ssize_t)room;
    memcpy(words->text + words->length, piece, (size_t)got);
    words->length += (size_t)got;
    words->text[words->length] = '\0';
}

/* Until the child closes its stderr, which it does by ending.  False: the
 * time is up. */
static bool listen_until(struct words *words, int pipe_fd, uint64_t deadline)
{
    bool is_open = true;

    while (is_open) {
        struct pollfd poll_fd = {pipe_fd, POLLIN, 0};
        uint64_t now = clock_monotonic_ms();
        int ready;

        if (now >= deadline)
            return false;
        ready = poll(&poll_fd, 1, (int)(deadline - now));
        if (ready > 0)
            hear(words, pipe_fd, &is_open);
        else if (ready < 0 && errno != EINTR)
            return false;
    }
    return true;
}

/* A program that closed its stderr need not have ended; the importer's does
 * so by ending, a moment before it can be seen to have. */
static bool ends_until(pid_t child, uint64_t deadline)
{
    siginfo_t info = {.si_pid = 0};
    bool is_known = true;

    while (is_known && info.si_pid != child) {
        if (clock_monotonic_ms() >= deadline)
            return false;
        is_known = waitid(P_PID, (id_t)child, &info,
                          WEXITED | WNOHANG | WNOWAIT) == 0;
        if (is_known && info.si_pid != child)
            poll(NULL, 0, 1);
    }
    return true;
}

/* False: the system knows nothing of the child. */
static bool reap(pid_t child, int *how)
{
    pid_t reaped;

    do
        reaped = waitpid(child, how, 0);
    while (reaped < 0 && errno == EINTR);
    return reaped == child;
}

/* ---- what it said ------------------------------------------------------- */

/* Notes go to the log, the last error is the sentence. */
static const char *read_words(struct words *words,
                              const struct import_job *job)
{
    const char *sentence = NULL;
    char *rest = words->text;

    for (char *line; (line = strsep(&rest, "\n"));) {
        for (char *c = line; *c; c++) {
            if ((unsigned char)*c < 0x20 || *c == 0x7f)
                *c = '?';
        }
        if (strncmp(line, "error: ", 7) == 0)
            sentence = line + 7;
        else if (strncmp(line, "note: ", 6) == 0 && job->log)
            log_line(job->log, LOG_INFO, "%s: %s", job->path, line + 6);
    }
    return sentence;
}

static enum rnn_status judge(int how, const char *sentence,
                             struct rnn_error *err)
{
    if (WIFEXITED(how) && WEXITSTATUS(how) == 0)
        return RNN_OK;
    if (WIFEXITED(how) && sentence)
        return rnn_fail(err, RNN_BAD_MODEL, "%s", sentence);
    if (WIFEXITED(how))
        return rnn_fail(err, RNN_IO,
                        "the importer ended with code %d and no word; is it "
                        "rnn-import of this version, with its libraries?",
                        WEXITSTATUS(how));
    return rnn_fail(err, RNN_BAD_MODEL,
                    "the importer broke on it (signal %d, %s): the file is "
                    "damaged, or Keras did not write it",
                    WTERMSIG(how), strsignal(WTERMSIG(how)));
}

static enum rnn_status run(const char *program, const struct import_job *job,
                           const int from[3], int pipe_fd,
                           struct rnn_error *err)
{
    uint64_t deadline = clock_monotonic_ms() + job->timeout_ms;
    struct words words = {.length = 0};
    pid_t child;
    bool in_time;
    int how = 0, failed = spawn(program, job, from, &child);

    close(from[2]);
    if (failed)
        return rnn_fail(err, RNN_IO, "%.200s cannot be started: %s", program,
                        strerror(failed));
    in_time =
        listen_until(&words, pipe_fd, deadline) && ends_until(child, deadline);
    if (!in_time)
        kill(child, SIGKILL);
    if (!reap(child, &how))
        return rnn_fail(err, RNN_IO, "the importer was lost sight of: %s",
                        strerror(errno));
    if (!in_time)
        return rnn_fail(err, RNN_CANCELLED,
                        "reading it took longer than %llu ms "
                        "(import_timeout), and was ended",
                        (unsigned long long)job->timeout_ms);
    return judge(how, read_words(&words, job), err);
}

/* The importer has ended, so nobody else holds the file for writing. */
static enum rnn_status seal(int fd, struct rnn_error *err)
{
    struct stat made;

    if (fstat(fd, &made) == 0 && made.st_size == 0)
        return rnn_fail(err, RNN_IO,
                        "the importer ended well but wrote nothing; is it "
                        "rnn-import of this version?");
    if (fcntl(fd, F_ADD_SEALS,
              F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0)
        return RNN_OK;
    return rnn_fail(err, RNN_IO, "the importer's result cannot be sealed: %s",
                    strerror(errno));
}

/* Descriptors above the places of the child, so that dup2 in the child
 * overwrites none of them. */
static int lift(int fd)
{
    int lifted = fcntl(fd, F_DUPFD_CLOEXEC, CHILD_MADE + 1);

    close(fd);
    return lifted;
}

/* Whoever started us may have left SIGCHLD ignored; then the system would
 * reap the child and forget how it ended. */
static void watch_children(struct sigaction *before)
{
    struct sigaction usual = {.sa_handler = SIG_DFL};

    sigaction(SIGCHLD, &usual, before);
}

enum rnn_status import_child_run(const struct import_job *job, int model_fd,
                                 int *made_fd, struct rnn_error *err)
{
    char program[PATH_MAX];
    int ends[2] = {-1, -1}, made = -1, model = -1;
    struct sigaction before;
    enum rnn_status status = find_importer(job, program, err);

    if (status)
        return status;
    model = fcntl(model_fd, F_DUPFD_CLOEXEC, CHILD_MADE + 1);
    made = lift(memfd_create("model", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (pipe2(ends, O_CLOEXEC) == 0)
        ends[1] = lift(ends[1]);
    if (model < 0 || made < 0 || ends[0] < 0 || ends[1] < 0) {
        status = rnn_fail(err, RNN_IO, "no descriptors for the importer: %s",
                          strerror(errno));
        if (ends[1] >= 0)
            close(ends[1]);
    } else {
        watch_children(&before);
        status = run(program, job, (const int[3]){model, made, ends[1]},
                     ends[0], err);
        sigaction(SIGCHLD, &before, NULL);
    }
    if (!status)
        status = seal(made, err);
    if (!status)
        *made_fd = made;
    else if (made >= 0)
        close(made);
    if (model >= 0)
        close(model);
    if (ends[0] >= 0)
        close(ends[0]);
    return status;
}
