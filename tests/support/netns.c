#include "tests/support/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/run_program.h"

#define COMMAND_BYTES 256

static struct program_result shell(const char *command)
{
    char text[COMMAND_BYTES + 64];

    /* Debian has them in /usr/sbin, which is not in everybody's PATH. */
    snprintf(text, sizeof(text), "PATH=$PATH:/usr/sbin:/sbin; exec %s",
             command);
    return run_program((char *[]){"/bin/sh", "-c", text, NULL});
}

/* The namespace of the calling thread. */
static int open_own(void)
{
    int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        fail_msg("/proc/thread-self/ns/net: %s", strerror(errno));
    return fd;
}

bool netns_begin(int *home, char *why, size_t size)
{
    struct program_result result;

    if (shell("ip -V").exit_code)
        fail_msg("iproute2 is not installed: .ci/deps.sh test");
    if (unshare(CLONE_NEWNET)) {
        snprintf(why, size, "no network namespace is allowed here: %s",
                 strerror(errno));
        return false;
    }
    result = shell("ip link add one type veth peer name other");
    if (result.exit_code) {
        result.err[strcspn(result.err, "\n")] = '\0';
        snprintf(why, size, "no veth is possible here: %.200s", result.err);
        return false;
    }
    *home = open_own();
    netns_run(*home, *home, "ip link del one");
    netns_run(*home, *home, "ip link set lo up");
    return true;
}

void netns_enter(int space)
{
    if (setns(space, CLONE_NEWNET))
        fail_msg("setns: %s", strerror(errno));
}

int netns_make(int home)
{
    int space;

    if (unshare(CLONE_NEWNET))
        fail_msg("unshare: %s", strerror(errno));
    space = open_own();
    netns_enter(home);
    netns_run(home, space, "ip link set lo up");
    return space;
}

void netns_link(int home, const char *name, int space, const char *peer_name)
{
    netns_run(home, home,
              "ip link add %s type veth peer name %s netns /proc/%d/fd/%d",
              name, peer_name, (int)getpid(), space);
    netns_run(home, home, "ip link set %s up", name);
    netns_run(home, space, "ip link set %s up", peer_name);
}

static struct program_result run_in(int home, int space, const char *command)
{
    struct program_result result;

    netns_enter(space);
    result = shell(command);
    netns_enter(home);
    return result;
}

bool netns_try(int home, int space, const char *command)
{
    return run_in(home, space, command).exit_code == 0;
}

void netns_run(int home, int space, const char *format, ...)
{
    char command[COMMAND_BYTES];
    struct program_result result;
    va_list args;

    va_start(args, format);
    assert_true((size_t)vsnprintf(command, sizeof(command), format, args) <
                sizeof(command));
    va_end(args);
    result = run_in(home, space, command);
    if (result.exit_code)
        fail_msg("%s: %s", command, result.err);
}
