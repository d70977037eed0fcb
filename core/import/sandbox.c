#include "core/import/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||    \
    __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

bool sandbox_memory_is_unlimited(void)
{
    return SANITIZED;
}

/* The hard limit lies `grace` above. */
static enum rnn_status set_limit(int resource, rlim_t value, rlim_t grace,
                                 const char *name, struct rnn_error *err)
{
    struct rlimit limit;

    if (getrlimit(resource, &limit))
        return rnn_fail(err, RNN_IO, "the limit of %s cannot be read: %s",
                        name, strerror(errno));
    if (limit.rlim_max != RLIM_INFINITY && value > limit.rlim_max)
        value = limit.rlim_max;
    limit.rlim_cur = value;
    if (limit.rlim_max == RLIM_INFINITY || limit.rlim_max - value > grace)
        limit.rlim_max = value + grace;
    if (setrlimit(resource, &limit))
        return rnn_fail(err, RNN_IO, "the limit of %s cannot be set: %s", name,
                        strerror(errno));
    return RNN_OK;
}

static enum rnn_status set_limits(const struct sandbox_limits *limits,
                                  struct rnn_error *err)
{
    enum rnn_status status = RNN_OK;

    if (limits->memory_bytes && !SANITIZED)
        status = set_limit(RLIMIT_AS, limits->memory_bytes, 0, "memory", err);
    if (!status)
        status =
            set_limit(RLIMIT_CPU, limits->cpu_seconds, 1, "CPU time", err);
    if (!status)
        status =
            set_limit(RLIMIT_FSIZE, limits->file_bytes, 0, "file size", err);
    if (!status)
        status = set_limit(RLIMIT_CORE, 0, 0, "core dumps", err);
    return status;
}

/* A ruleset that handles every right this kernel knows and grants none.  A
 * kernel without Landlock is left to seccomp. */
static enum rnn_status drop_files(struct rnn_error *err)
{
    const uint64_t first = LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1;
    struct landlock_ruleset_attr rights = {.handled_access_fs = first};
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
                       LANDLOCK_CREATE_RULESET_VERSION);
    int ruleset;
    long entered;

    if (abi < 1)
        return RNN_OK;
    if (abi >= 2)
        rights.handled_access_fs |= LANDLOCK_ACCESS_FS_REFER;
    if (abi >= 3)
        rights.handled_access_fs |= UINT64_C(1) << 14; /* truncate */
    ruleset =
        (int)syscall(SYS_landlock_create_ruleset, &rights, sizeof(rights), 0);
    if (ruleset < 0)
        return rnn_fail(err, RNN_IO, "Landlock refused its rules: %s",
                        strerror(errno));
    entered = syscall(SYS_landlock_restrict_self, ruleset, 0);
    close(ruleset);
    return entered ? rnn_fail(err, RNN_IO, "Landlock cannot be entered: %s",
                              strerror(errno))
                   : RNN_OK;
}

/* Memory, the descriptors that are open, and the end of the process. */
static const int allowed_calls[] = {
    SCMP_SYS(read),
    SCMP_SYS(pread64),
    SCMP_SYS(readv),
    SCMP_SYS(write),
    SCMP_SYS(pwrite64),
    SCMP_SYS(writev),
    SCMP_SYS(lseek),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat), /* how glibc does fstat() */
    SCMP_SYS(close),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(futex),
    SCMP_SYS(getrandom),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(sched_yield),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(tgkill), /* abort() */
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

static int allow_calls(scmp_filter_ctx filter)
{
    size_t count = sizeof(allowed_calls) / sizeof(allowed_calls[0]);
    struct scmp_arg_cmp not_executable =
        SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    struct scmp_arg_cmp reads_flags = SCMP_A1(SCMP_CMP_EQ, F_GETFL, 0);
    int failed = 0;

    for (size_t i = 0; i < count && !failed; i++)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed_calls[i], 0);
    /* Memory may be had, but never memory that can be run. */
    if (!failed)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                                  not_executable);
    if (!failed)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect),
                                  1, not_executable);
    if (!failed)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
                                  reads_flags);
    return failed;
}

static enum rnn_status drop_calls(struct rnn_error *err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int failed = filter ? allow_calls(filter) : -ENOMEM;

    if (!failed)
        failed = seccomp_load(filter);
    seccomp_release(filter);
    return failed ? rnn_fail(err, RNN_IO, "the seccomp filter is refused: %s",
                             strerror(-failed))
                  : RNN_OK;
}

enum rnn_status sandbox_enter(const struct sandbox_limits *limits,
                              struct rnn_error *err)
{
    enum rnn_status status = set_limits(limits, err);

    if (!status && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        status = rnn_fail(err, RNN_IO, "privileges cannot be dropped: %s",
                          strerror(errno));
    if (!status)
        status = drop_files(err);
    if (!status)
        status = drop_calls(err);
    return status;
}
