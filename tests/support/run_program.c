#include "tests/support/run_program.h"

#include <poll.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* One end of a pipe and the text that came out of it. */
struct stream {
    int fd;
    char *text;
    size_t length, room;
};

/* False at the end of the stream. */
static bool take(struct stream *stream)
{
    char piece[1024];
    ssize_t got = read(stream->fd, piece, sizeof(piece));
    size_t left = stream->room - 1 - stream->length;

    if (got <= 0)
        return false;
    if ((size_t)got > left)
        got = (ssize_t)left;
    memcpy(stream->text + stream->length, piece, (size_t)got);
    stream->length += (size_t)got;
    stream->text[stream->length] = '\0';
    return true;
}

static void drain(struct stream streams[2])
{
    int open_count = 2;

    while (open_count > 0) {
        struct pollfd fds[2] = {{streams[0].fd, POLLIN, 0},
                                {streams[1].fd, POLLIN, 0}};

        if (poll(fds, 2, -1) < 0)
            abort();
        for (int i = 0; i < 2; i++) {
            if (fds[i].revents && !take(&streams[i])) {
                close(streams[i].fd);
                streams[i].fd = -1;
                open_count--;
            }
        }
    }
}

struct program_result run_program(char *const argv[])
{
    struct program_result result = {.exit_code = -1};
    posix_spawn_file_actions_t actions;
    int out[2], err[2], how;
    pid_t child;

    if (pipe(out) || pipe(err))
        abort();
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    if (posix_spawn(&child, argv[0], &actions, NULL, argv, environ)) {
        fprintf(stderr, "%s cannot be started\n", argv[0]);
        abort();
    }
    posix_spawn_file_actions_destroy(&actions);
    close(out[1]);
    close(err[1]);
    drain((struct stream[2]){{out[0], result.out, 0, sizeof(result.out)},
                             {err[0], result.err, 0, sizeof(result.err)}});
    if (waitpid(child, &how, 0) != child)
        abort();
    if (WIFEXITED(how))
        result.exit_code = WEXITSTATUS(how);
    return result;
}
