/* bench_load.c: what it takes to load a large .h5: time against reading the
 * file, memory of the daemon, the importer and the memory file between them
 * against its size.
 *
 * The file holds three LSTM(1024), as Keras 3 lays them out: 100.7 MB.  It is
 * loaded with all cores that this process may use, and with one of them.
 * Memory is the most that was seen, looking every two milliseconds: the
 * private and file pages of both processes (Pss_Anon, Pss_File) and what the
 * memory file holds. */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/limits.h"
#include "tests/support/keras_large.h"
#include "tests/support/program_path.h"

#define LAYERS  3
#define UNITS   1024
#define ROUNDS  5
#define MB      1e6
#define GOAL_MB 3.2
#define GOAL_MS 3.0

/* ---- reading it ----------------------------------------------------------*/

/* Out of the page cache, where the system can. */
static void forget(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    fdatasync(fd);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
}

static double read_ms(const char *path)
{
    static char buffer[1 << 20];
    double start = now_ns();
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    while (read(fd, buffer, sizeof(buffer)) > 0)
        continue;
    close(fd);
    return (now_ns() - start) / 1e6;
}

/* ---- loading it ----------------------------------------------------------*/

/* The sum of two lines of smaps_rollup, in bytes. */
static double own_pages(pid_t pid)
{
    char path[64], line[128];
    double sum = 0.0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
    file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file)) {
        double kb = 0.0;

        if (sscanf(line, "Pss_Anon: %lf", &kb) == 1 ||
            sscanf(line, "Pss_File: %lf", &kb) == 1)
            sum += kb * 1024.0;
    }
    if (file)
        fclose(file);
    return sum;
}

/* What the memory files among its descriptors hold. */
static double memory_files(pid_t pid)
{
    char path[64], link[400], target[64];
    double sum = 0.0;
    struct dirent *entry;
    DIR *folder;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    folder = opendir(path);
    while (folder && (entry = readdir(folder))) {
        struct stat about;
        ssize_t length;

        snprintf(link, sizeof(link), "%s/%s", path, entry->d_name);
        length = readlink(link, target, sizeof(target) - 1);
        if (length < 0)
            continue;
        target[length] = '\0';
        if (strncmp(target, "/memfd:", 7) == 0 && stat(link, &about) == 0)
            sum += (double)about.st_blocks * 512.0;
    }
    if (folder)
        closedir(folder);
    return sum;
}

/* All of the daemon, its importer and what is between them. */
static double memory_now(pid_t daemon)
{
    char path[64];
    double sum = own_pages(daemon) + memory_files(daemon);
    FILE *children;
    int child;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)daemon,
             (int)daemon);
    children = fopen(path, "r");
    while (children && fscanf(children, "%d", &child) == 1)
        sum += own_pages(child);
    if (children)
        fclose(children);
    return sum;
}

static pid_t start(const char *program, char *model, int *log)
{
    int ends[2];
    pid_t pid;

    if (pipe(ends) < 0)
        abort();
    pid = fork();
    if (pid == 0) {
        char *argv[] = {(char *)(uintptr_t)program, (char *)"--listen",
                        (char *)"127.0.0.1:0", model, NULL};

        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        execv(program, argv);
        _exit(127);
    }
    close(ends[1]);
    *log = ends[0];
    return pid;
}

/* Milliseconds until it listens; with `most`, looking at its memory. */
static double load_ms(const char *program, char *model, double *most)
{
    char text[16384];
    size_t length = 0;
    double start_ns = now_ns(), done;
    int log;
    pid_t pid = start(program, model, &log);

    for (;;) {
        struct pollfd ready = {.fd = log, .events = POLLIN};
        ssize_t got;

        if (most) {
            double bytes = memory_now(pid);

            *most = bytes > *most ? bytes : *most;
        }
        if (poll(&ready, 1, most ? 2 : -1) == 0)
            continue;
        got = read(log, text + length, sizeof(text) - 1 - length);
        if (got <= 0) {
            printf("rnnd ended: %s\n", text);
            exit(EXIT_FAILURE);
        }
        length += (size_t)got;
        text[length] = '\0';
        if (strstr(text, "listening on"))
            break;
    }
    done = (now_ns() - start_ns) / 1e6;
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
    close(log);
    return done;
}

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

/* ---- what is printed -----------------------------------------------------*/

struct times {
    double cold_read, cold_load, warm_read, warm_load; /* ms, the best */
};

static struct times measure(const char *program, char *path)
{
    struct times best = {1e9, 1e9, 1e9, 1e9};

    for (int i = 0; i < ROUNDS; i++) {
        forget(path);
        best.cold_read = smaller(best.cold_read, read_ms(path));
        best.warm_read = smaller(best.warm_read, read_ms(path));
        forget(path);
        best.cold_load = smaller(best.cold_load, load_ms(program, path, NULL));
        best.warm_load = smaller(best.warm_load, load_ms(program, path, NULL));
    }
    return best;
}

static void print(const struct times *best, const char *goal)
{
    printf("  from disk:  read in %6.1f ms, served after %6.1f ms: %.2f"
           " times%s\n",
           best->cold_read, best->cold_load, best->cold_load / best->cold_read,
           goal);
    printf("  from cache: read in %6.1f ms, served after %6.1f ms: %.2f"
           " times\n",
           best->warm_read, best->warm_load,
           best->warm_load / best->warm_read);
}

/* This process, and what it starts, to the last of its cores. */
static int keep_to_one_core(void)
{
    cpu_set_t cores;
    int last = 0;

    sched_getaffinity(0, sizeof(cores), &cores);
    for (int i = 0; i < CPU_SETSIZE; i++)
        last = CPU_ISSET(i, &cores) ? i : last;
    CPU_ZERO(&cores);
    CPU_SET(last, &cores);
    return sched_setaffinity(0, sizeof(cores), &cores);
}

int main(void)
{
    char program[PROGRAM_PATH_BYTES], folder[] = "/tmp/rnnd-bench-XXXXXX",
                                      path[64], goal[32];
    double most = 0.0;
    struct times all, one;
    struct stat about;

    program_path("rnnd", program);
    if (!mkdtemp(folder))
        return EXIT_FAILURE;
    snprintf(path, sizeof(path), "%s/large.h5", folder);
    keras_write_large_h5(path, LAYERS, UNITS);
    stat(path, &about);
    all = measure(program, path);
    load_ms(program, path, &most);
    if (keep_to_one_core())
        return EXIT_FAILURE;
    one = measure(program, path);
    unlink(path);
    rmdir(folder);
    snprintf(goal, sizeof(goal), " (goal %.0f)", GOAL_MS);
    printf("a .h5 of %.1f MB, best of %d\n", (double)about.st_size / MB,
           ROUNDS);
    print(&all, goal);
    printf("  memory at its most: %.1f MB: %.2f times the file (goal %.1f)\n",
           most / MB, most / (double)about.st_size, GOAL_MB);
    printf("with one core\n");
    print(&one, "");
    return EXIT_SUCCESS;
}
