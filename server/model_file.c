#include "server/model_file.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/mapping.h"
#include "core/sniff.h"
#include "server/fingerprint_thread.h"
#include "server/import_child.h"

/* `origin`, which may be NULL, is what the file was imported from. */
static enum rnn_status load_bytes(const struct rnn_mapping *file,
                                  const struct rnn_mapping *origin,
                                  const struct model_file_options *options,
                                  struct rnn_model **model,
                                  struct rnn_error *err)
{
    struct rnn_model_options how = {.isa = options->isa};
    struct fingerprint_thread fingerprint;
    enum rnn_status status;

    if (origin) {
        how.origin = origin->bytes;
        how.origin_size = origin->size;
    }
    fingerprint_thread_begin(&fingerprint, file->bytes, file->size, &how);
    status = rnn_model_load(file->bytes, file->size, &how, model, err);
    fingerprint_thread_end(&fingerprint);
    return status;
}

static enum rnn_status load_foreign(const char *path, int fd,
                                    const struct rnn_mapping *file,
                                    const struct model_file_options *options,
                                    struct rnn_model **model,
                                    struct rnn_error *err)
{
    struct import_job job = {options->importer, path, options->import_memory,
                             options->import_timeout_ms, options->log};
    struct rnn_mapping made = {0};
    int made_fd;
    enum rnn_status status = import_child_run(&job, fd, &made_fd, err);

    if (status)
        return status;
    status = rnn_mapping_init(made_fd, &made, err);
    if (!status)
        status = load_bytes(&made, file, options, model, err);
    rnn_mapping_release(&made);
    close(made_fd);
    return status;
}

static enum rnn_status load_mapped(const char *path, int fd,
                                   const struct rnn_mapping *file,
                                   const struct model_file_options *options,
                                   struct rnn_model **model,
                                   struct rnn_error *err)
{
    enum rnn_file_kind kind;
    enum rnn_status status = rnn_sniff(file->bytes, file->size, &kind, err);

    if (status)
        return status;
    if (kind == RNN_FILE_SAFETENSORS)
        status = load_bytes(file, NULL, options, model, err);
    else
        status = load_foreign(path, fd, file, options, model, err);
    return status;
}

/* The numbers are used where they lie in the file, after they have been
 * looked at: whoever writes into it meanwhile makes a model that nobody
 * saved. */
static enum rnn_status refuse_changed(int fd, const struct stat *before,
                                      struct rnn_error *err)
{
    struct stat now;

    if (fstat(fd, &now) == 0 && now.st_size == before->st_size &&
        now.st_mtim.tv_sec == before->st_mtim.tv_sec &&
        now.st_mtim.tv_nsec == before->st_mtim.tv_nsec)
        return RNN_OK;
    return rnn_fail(err, RNN_IO,
                    "it was written to while it was read; write a new file "
                    "beside it and rename that, then start again");
}

static enum rnn_status load_open(const char *path, int fd,
                                 const struct model_file_options *options,
                                 struct rnn_model **model,
                                 struct rnn_error *err)
{
    struct rnn_mapping file = {0};
    struct rnn_model *made = NULL;
    struct stat before = {0};
    enum rnn_status status;

    fstat(fd, &before);
    status = rnn_mapping_init(fd, &file, err);
    if (!status)
        status = load_mapped(path, fd, &file, options, &made, err);
    if (!status)
        status = refuse_changed(fd, &before, err);
    rnn_mapping_release(&file);
    if (!status) {
        *model = made;
        made = NULL;
    }
    rnn_model_free(made);
    return status;
}

/* Of a path that leaves no room for the sentence, the end tells more. */
static enum rnn_status blame(const char *path, enum rnn_status status,
                             const struct rnn_error *reason,
                             struct rnn_error *err)
{
    const size_t most = 160, length = strlen(path);

    if (length <= most)
        return rnn_fail(err, status, "%s: %s", path, reason->message);
    return rnn_fail(err, status, "...%s: %s", path + length - most,
                    reason->message);
}

enum rnn_status model_file_load(const char *path,
                                const struct model_file_options *options,
                                struct rnn_model **model,
                                struct rnn_error *err)
{
    struct rnn_error reason;
    int fd;
    enum rnn_status status = rnn_file_open(path, &fd, &reason);

    if (!status) {
        status = load_open(path, fd, options, model, &reason);
        close(fd);
    }
    return status ? blame(path, status, &reason, err) : RNN_OK;
}
