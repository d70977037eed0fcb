#include "core/mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum rnn_status rnn_file_open(const char *path, int *fd, struct rnn_error *err)
{
    /* Without O_NONBLOCK a named pipe nobody writes to would hang here. */
    int opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (opened < 0 && (errno == ENOENT || errno == ENOTDIR))
        return rnn_fail(err, RNN_NOT_FOUND, "there is no such file");
    if (opened < 0)
        return rnn_fail(err, RNN_IO, "it cannot be opened: %s",
                        strerror(errno));
    *fd = opened;
    return RNN_OK;
}

static enum rnn_status refuse_folder(int fd, struct rnn_error *err)
{
    struct stat inside;

    if (fstatat(fd, "saved_model.pb", &inside, 0) == 0)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "this is a TensorFlow SavedModel folder; load it in "
                        "Python and save it as one file with "
                        "model.save(\"model.keras\")");
    if (fstatat(fd, "config.json", &inside, 0) == 0)
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "this is a folder that holds an unpacked .keras "
                        "file; zip its files again, or name the .keras file "
                        "itself");
    return rnn_fail(err, RNN_UNSUPPORTED,
                    "this is a folder, not a model file; name a .keras, .h5 "
                    "or .safetensors file");
}

enum rnn_status rnn_mapping_init(int fd, struct rnn_mapping *mapping,
                                 struct rnn_error *err)
{
    struct stat file;
    void *bytes;

    if (fstat(fd, &file))
        return rnn_fail(err, RNN_IO, "it cannot be read: %s", strerror(errno));
    if (S_ISDIR(file.st_mode))
        return refuse_folder(fd, err);
    if (!S_ISREG(file.st_mode))
        return rnn_fail(err, RNN_UNSUPPORTED,
                        "this is a pipe, a socket or a device, not a model "
                        "file");
    if (file.st_size == 0)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "the file is empty; was it copied or downloaded to "
                        "the end?");
    if ((uint64_t)file.st_size > PTRDIFF_MAX)
        return rnn_fail(err, RNN_LIMIT, "the file is too large to map");
    bytes = mmap(NULL, (size_t)file.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return rnn_fail(err, errno == ENOMEM ? RNN_NO_MEMORY : RNN_IO,
                        "%lld bytes cannot be mapped: %s",
                        (long long)file.st_size, strerror(errno));
    mapping->bytes = bytes;
    mapping->size = (size_t)file.st_size;
    return RNN_OK;
}

void rnn_mapping_release(struct rnn_mapping *mapping)
{
    if (mapping->bytes)
        munmap((void *)mapping->bytes, mapping->size);
    memset(mapping, 0, sizeof(*mapping));
}
