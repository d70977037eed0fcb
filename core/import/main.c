/* rnn-import: reads what Keras saved and writes safetensors.
 *
 * By hand, to convert ahead of time:   rnn-import MODEL OUT.safetensors
 * By rnnd, over descriptors it opened: rnn-import --fd IN OUT MEMORY SECONDS
 *
 * Either way the bytes are parsed in a process that has entered the sandbox.
 * With --fd this one is it, and what it has to say are lines on stderr that
 * begin with `note: ` or `error: `; it ends with 0, or 1 after an error.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/import/hdf5_file.h"
#include "core/import/import.h"
#include "core/import/sandbox.h"
#include "core/mapping.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

#define DEFAULT_MEMORY  ((size_t)2 << 30)
#define DEFAULT_SECONDS 300

static const char usage[] =
    "usage: rnn-import [--memory SIZE] MODEL OUT.safetensors\n"
    "\n"
    "Reads MODEL, a network saved by Keras 2 or 3 (.keras or .h5), and "
    "writes\n"
    "it as safetensors, which rnnd serves without this program.\n"
    "\n"
    "  --memory SIZE  most memory it may use, with k, M or G (default 2G)\n"
    "  --version      say the version\n"
    "  --help         this text\n";

struct job {
    int in, out;
    const char *prefix; /* of each line on stderr */
    bool is_for_rnnd;   /* which has the model's file open, too */
    struct sandbox_limits limits;
};

static bool write_all(void *arg, const void *bytes, size_t size)
{
    const struct job *job = arg;
    const char *at = bytes;

    while (size > 0) {
        ssize_t done = write(job->out, at, size);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        at += done;
        size -= (size_t)done;
    }
    return true;
}

/* stderr is not buffered, so that a line leaves in one piece or not at all. */
static void say(const struct job *job, const char *kind, const char *sentence)
{
    fprintf(stderr, "%s%s%s\n", job->prefix, kind, sentence);
}

static void say_note(void *arg, const char *sentence)
{
    say(arg, "note: ", sentence);
}

/* libhdf5 runs in circles over some damaged files.  Reading takes time in
 * proportion to the size, and this is twenty times as much as it needs. */
static unsigned enough_seconds(const struct job *job, size_t model_bytes)
{
    size_t seconds = 1 + (model_bytes >> 24);

    return seconds < job->limits.cpu_seconds ? (unsigned)seconds
                                             : job->limits.cpu_seconds;
}

/* The sentence of a reading that has no end, ready for a signal handler. */
static char endless[PATH_MAX + 160];

static void on_no_end(int number)
{
    (void)number;
    if (write(STDERR_FILENO, endless, strlen(endless)) < 0)
        _exit(EXIT_FAILED);
    _exit(EXIT_FAILED);
}

static void expect_an_end(struct job *job, size_t model_bytes)
{
    job->limits.cpu_seconds = enough_seconds(job, model_bytes);
    snprintf(endless, sizeof(endless),
             "%serror: reading it does not come to an end (%u s of CPU time): "
             "the file is damaged; copy or download it again\n",
             job->prefix, job->limits.cpu_seconds);
    signal(SIGXCPU, on_no_end);
}

/* All that needs the file system happens before the sandbox, and nothing has
 * looked at the file's content until then. */
static enum rnn_status read_model(struct job *job, struct rnn_error *err)
{
    struct rnn_mapping model = {0};
    struct byte_sink sink = {write_all, job, job->limits.file_bytes,
                             job->is_for_rnnd};
    struct import_notes notes = {say_note, job};
    enum rnn_status status = hdf5_start(err);

    if (!status)
        status = rnn_mapping_init(job->in, &model, err);
    if (!status && sandbox_memory_is_unlimited())
        say_note(job, "built with a sanitizer: there is no limit of memory");
    if (!status) {
        expect_an_end(job, model.size);
        status = sandbox_enter(&job->limits, err);
    }
    if (!status)
        status = import_model(model.bytes, model.size, &sink, &notes, err);
    return status;
}

/* Ends without destructors: a leak checker's would need calls that the
 * sandbox has taken away. */
static void run_job(struct job *job)
{
    struct rnn_error err;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGXFSZ, SIG_IGN);
    if (read_model(job, &err) == RNN_OK)
        _exit(EXIT_SUCCESS);
    say(job, "error: ", err.message);
    _exit(EXIT_FAILED);
}

/* ---- by rnnd ------------------------------------------------------------ */

static bool parse_size(const char *text, size_t *size)
{
    static const char units[] = "kMG";
    char *end;
    unsigned long long number;
    const char *unit;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    number = strtoull(text, &end, 10);
    if (errno)
        return false;
    unit = *end ? strchr(units, *end) : NULL;
    if (*end && (!unit || end[1]))
        return false;
    for (const char *u = units; unit && u <= unit; u++) {
        if (number > SIZE_MAX / 1024)
            return false;
        number *= 1024;
    }
    *size = (size_t)number;
    return true;
}

static int serve_descriptors(char **argv)
{
    size_t in, out, memory, seconds;
    struct job job = {.prefix = "", .is_for_rnnd = true};

    if (!parse_size(argv[0], &in) || !parse_size(argv[1], &out) ||
        !parse_size(argv[2], &memory) || !parse_size(argv[3], &seconds) ||
        in > INT_MAX || out > INT_MAX || seconds > INT_MAX) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    job.in = (int)in;
    job.out = (int)out;
    job.limits = (struct sandbox_limits){memory, (unsigned)seconds, memory};
    run_job(&job);
    return EXIT_FAILED;
}

/* ---- by hand ------------------------------------------------------------ */

/* What became of the child; its own sentence is on stderr already. */
static int wait_for_child(pid_t child, const char *model)
{
    int how;

    while (waitpid(child, &how, 0) < 0) {
        if (errno != EINTR)
            return EXIT_FAILED;
    }
    if (WIFEXITED(how))
        return WEXITSTATUS(how);
    fprintf(stderr,
            "rnn-import: %s: error: reading it ended with signal %d (%s); "
            "the file is damaged, or Keras did not write it\n",
            model, WTERMSIG(how), strsignal(WTERMSIG(how)));
    return EXIT_FAILED;
}

static int convert_in_child(const char *model, size_t memory, int in, int out)
{
    char prefix[PATH_MAX + 16];
    struct job job = {.in = in,
                      .out = out,
                      .prefix = prefix,
                      .limits = {memory, DEFAULT_SECONDS, memory}};
    pid_t child;

    snprintf(prefix, sizeof(prefix), "rnn-import: %s: ", model);
    fflush(NULL);
    child = fork();
    if (child < 0) {
        perror("rnn-import: fork");
        return EXIT_FAILED;
    }
    if (child == 0)
        run_job(&job);
    return wait_for_child(child, model);
}

static bool is_same_file(int fd, const char *path)
{
    struct stat one, other;

    return fstat(fd, &one) == 0 && stat(path, &other) == 0 &&
           one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/* Written beside OUT and renamed, so that OUT is whole or not there. */
static int convert_to(const char *model, const char *out_path, size_t memory,
                      int in)
{
    char partial[PATH_MAX];
    mode_t mask = umask(0);
    int out, exit_code;

    umask(mask);
    if (snprintf(partial, sizeof(partial), "%s.XXXXXX", out_path) >=
        (int)sizeof(partial)) {
        fprintf(stderr, "rnn-import: the name %s is too long\n", out_path);
        return EXIT_FAILED;
    }
    out = mkostemp(partial, O_CLOEXEC);
    if (out < 0) {
        fprintf(stderr, "rnn-import: %s cannot be written: %s\n", out_path,
                strerror(errno));
        return EXIT_FAILED;
    }
    exit_code = convert_in_child(model, memory, in, out);
    if (exit_code == EXIT_SUCCESS &&
        (fchmod(out, 0666 & ~mask) || rename(partial, out_path))) {
        fprintf(stderr, "rnn-import: %s cannot be written: %s\n", out_path,
                strerror(errno));
        exit_code = EXIT_FAILED;
    }
    if (exit_code != EXIT_SUCCESS)
        unlink(partial);
    close(out);
    return exit_code;
}

static int convert(const char *model, const char *out_path, size_t memory)
{
    struct rnn_error err;
    int in, exit_code = EXIT_FAILED;

    if (rnn_file_open(model, &in, &err)) {
        fprintf(stderr, "rnn-import: %s: error: %s\n", model, err.message);
        return EXIT_FAILED;
    }
    if (is_same_file(in, out_path))
        fprintf(stderr, "rnn-import: MODEL and OUT are the same file, %s\n",
                model);
    else
        exit_code = convert_to(model, out_path, memory, in);
    close(in);
    return exit_code;
}

int main(int argc, char **argv)
{
    size_t memory = DEFAULT_MEMORY;
    int at = 1;

    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return puts("rnn-import " RNND_VERSION) < 0 ? EXIT_FAILED
                                                    : EXIT_SUCCESS;
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return fputs(usage, stdout) < 0 ? EXIT_FAILED : EXIT_SUCCESS;
    if (argc == 6 && strcmp(argv[1], "--fd") == 0)
        return serve_descriptors(argv + 2);
    if (argc > 2 && strcmp(argv[1], "--memory") == 0) {
        if (!parse_size(argv[2], &memory) || memory < (size_t)16 << 20) {
            fprintf(stderr,
                    "rnn-import: --memory takes a size of at least 16M, not "
                    "\"%s\"\n",
                    argv[2]);
            return EXIT_USAGE;
        }
        at = 3;
    }
    if (argc - at != 2 || argv[at][0] == '-' || argv[at + 1][0] == '-') {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    return convert(argv[at], argv[at + 1], memory);
}
