/* The sandbox holds: what a process cannot do after it, tried in a child. */
#include "core/import/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/scratch_file.h"

static const struct sandbox_limits limits = {
    .memory_bytes = (size_t)1 << 30,
    .cpu_seconds = 5,
    .file_bytes = (size_t)1 << 20,
};

/* valgrind knows nothing of seccomp and Landlock, and needs calls that they
 * take away. */
static bool is_under_valgrind(void)
{
    const char *preload = getenv("LD_PRELOAD");

    return preload && strstr(preload, "vgpreload");
}

/* Run `attempt` in a child that has entered the sandbox; 0 is what a child
 * returns whose attempt went as it should. */
static int in_sandbox(int (*attempt)(void *arg), void *arg)
{
    pid_t child;
    int how;

    if (is_under_valgrind())
        skip();
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (sandbox_enter(&limits, NULL))
            _exit(100);
        _exit(attempt(arg));
    }
    assert_int_equal(waitpid(child, &how, 0), child);
    return how;
}

static void assert_holds(int (*attempt)(void *arg), void *arg)
{
    int how = in_sandbox(attempt, arg);

    assert_true(WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), 0);
}

/* 0 when the call failed for want of permission. */
static int refused(long result)
{
    return result < 0 && (errno == EPERM || errno == EACCES) ? 0 : 1;
}

static int open_for_reading(void *arg)
{
    (void)arg;
    return refused(open("/etc/passwd", O_RDONLY));
}

static int open_for_writing(void *arg)
{
    return refused(open(arg, O_WRONLY | O_CREAT | O_TRUNC, 0600));
}

static int remove_file(void *arg)
{
    return refused(unlink(arg));
}

static void no_file_can_be_opened_made_or_removed(void **state)
{
    char path[SCRATCH_PATH_BYTES];

    (void)state;
    scratch_file("kept", 4, path);
    assert_holds(open_for_reading, NULL);
    assert_holds(open_for_writing, path);
    assert_holds(remove_file, path);
    assert_int_equal(access(path, F_OK), 0);
    scratch_file_remove(path);
}

static int make_socket(void *arg)
{
    (void)arg;
    return refused(socket(AF_INET, SOCK_STREAM, 0)) ||
           refused(socket(AF_UNIX, SOCK_STREAM, 0));
}

static void no_socket_can_be_made(void **state)
{
    (void)state;
    assert_holds(make_socket, NULL);
}

static int start_program(void *arg)
{
    char *const argv[] = {"true", NULL};

    (void)arg;
    execv("/bin/true", argv);
    return refused(-1);
}

static int start_process(void *arg)
{
    (void)arg;
    return refused(syscall(SYS_clone, (unsigned long)SIGCHLD, 0L, 0L, 0L, 0L));
}

static void no_program_or_process_can_be_started(void **state)
{
    (void)state;
    assert_holds(start_program, NULL);
    assert_holds(start_process, NULL);
}

static int touch_parent(void *arg)
{
    (void)arg;
    return refused(kill(getppid(), 0)) ||
           refused(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static void other_processes_are_out_of_reach(void **state)
{
    (void)state;
    assert_holds(touch_parent, NULL);
}

static int make_code(void *arg)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)arg;
    if (page == MAP_FAILED)
        return 2;
    return refused(mprotect(page, 4096, PROT_READ | PROT_EXEC)) ||
           refused(mmap(NULL, 4096, PROT_READ | PROT_EXEC,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
                       ? -1
                       : 0);
}

static void no_memory_can_be_made_to_run(void **state)
{
    (void)state;
    assert_holds(make_code, NULL);
}

static int undo(void *arg)
{
    struct rlimit more = {RLIM_INFINITY, RLIM_INFINITY};

    (void)arg;
    return refused(setrlimit(RLIMIT_FSIZE, &more)) ||
           refused(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static void limits_cannot_be_lifted(void **state)
{
    (void)state;
    assert_holds(undo, NULL);
}

/* ---- what is left ------------------------------------------------------- */

static int use_descriptors(void *arg)
{
    const int *fds = arg;
    char word[5] = "";
    struct stat about;

    if (read(fds[0], word, 4) != 4 || strcmp(word, "word") != 0)
        return 1;
    return write(fds[1], "said", 4) != 4 || fstat(fds[1], &about) != 0 ||
           about.st_size != 4;
}

static void open_descriptors_can_be_read_and_written(void **state)
{
    char path[SCRATCH_PATH_BYTES], word[5] = "";
    int fds[2];

    (void)state;
    scratch_file("word", 4, path);
    fds[0] = open(path, O_RDONLY);
    fds[1] = memfd_create("out", 0);
    assert_true(fds[0] >= 0 && fds[1] >= 0);
    assert_holds(use_descriptors, fds);
    assert_int_equal(pread(fds[1], word, 4, 0), 4);
    assert_string_equal(word, "said");
    close(fds[0]);
    close(fds[1]);
    scratch_file_remove(path);
}

static int use_memory(void *arg)
{
    char *block = malloc((size_t)64 << 20);
    int good = block != NULL;

    (void)arg;
    if (block)
        memset(block, 1, (size_t)64 << 20);
    free(block);
    return !good;
}

static int use_too_much_memory(void *arg)
{
    void *block = mmap(NULL, (size_t)2 << 30, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    (void)arg;
    return block == MAP_FAILED && errno == ENOMEM ? 0 : 1;
}

static void memory_is_there_up_to_the_limit(void **state)
{
    (void)state;
    assert_holds(use_memory, NULL);
    if (!sandbox_memory_is_unlimited())
        assert_holds(use_too_much_memory, NULL);
}

static int write_too_much(void *arg)
{
    static const char block[1 << 16];
    int fd = *(int *)arg;

    signal(SIGXFSZ, SIG_IGN);
    for (int i = 0; i < 16; i++) {
        if (write(fd, block, sizeof(block)) != sizeof(block))
            return 1;
    }
    return write(fd, block, sizeof(block)) < 0 && errno == EFBIG ? 0 : 2;
}

static void file_is_written_up_to_the_limit(void **state)
{
    int fd = memfd_create("out", 0);

    (void)state;
    assert_holds(write_too_much, &fd);
    close(fd);
}

static int end_by_signal(void *arg)
{
    (void)arg;
    abort();
}

static void abort_still_ends_the_process(void **state)
{
    int how = in_sandbox(end_by_signal, NULL);

    (void)state;
    assert_true(WIFSIGNALED(how) || WEXITSTATUS(how) != 0);
}

static int read_limits(void *arg)
{
    (void)arg;
    return 0;
}

/* The parent keeps its limits and its files. */
static void only_the_child_is_inside(void **state)
{
    struct rlimit limit;

    (void)state;
    assert_holds(read_limits, NULL);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_true(limit.rlim_cur == RLIM_INFINITY ||
                limit.rlim_cur > limits.file_bytes);
    assert_int_equal(access("/etc/passwd", R_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_file_can_be_opened_made_or_removed),
        cmocka_unit_test(no_socket_can_be_made),
        cmocka_unit_test(no_program_or_process_can_be_started),
        cmocka_unit_test(other_processes_are_out_of_reach),
        cmocka_unit_test(no_memory_can_be_made_to_run),
        cmocka_unit_test(limits_cannot_be_lifted),
        cmocka_unit_test(open_descriptors_can_be_read_and_written),
        cmocka_unit_test(memory_is_there_up_to_the_limit),
        cmocka_unit_test(file_is_written_up_to_the_limit),
        cmocka_unit_test(abort_still_ends_the_process),
        cmocka_unit_test(only_the_child_is_inside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
