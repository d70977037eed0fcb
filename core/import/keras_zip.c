#include "core/import/keras_zip.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#define BOMB_BYTES (64u << 20)
#define BOMB_RATIO 100

enum rnn_status keras_zip_open(const void *bytes, size_t size,
                               struct keras_zip *zip, struct rnn_error *err)
{
    zip_error_t reason;
    zip_source_t *source;
    enum rnn_status status = RNN_OK;

    zip_error_init(&reason);
    source = zip_source_buffer_create(bytes, size, 0, &reason);
    if (source)
        zip->archive = zip_open_from_source(source, ZIP_RDONLY, &reason);
    if (!source || !zip->archive) {
        zip_source_free(source);
        status = rnn_fail(err, RNN_BAD_MODEL,
                          "this looks like a .keras file (a zip) that is "
                          "damaged: %s",
                          zip_error_strerror(&reason));
    }
    zip_error_fini(&reason);
    return status;
}

void keras_zip_close(struct keras_zip *zip)
{
    if (zip->archive)
        zip_discard(zip->archive);
    zip->archive = NULL;
}

bool keras_zip_has(const struct keras_zip *zip, const char *name)
{
    return zip_name_locate(zip->archive, name, 0) >= 0;
}

static enum rnn_status check_size(const zip_stat_t *about, const char *name,
                                  size_t max_bytes, struct rnn_error *err)
{
    const zip_uint64_t wanted = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE;

    if ((about->valid & wanted) != wanted)
        return rnn_fail(err, RNN_BAD_MODEL, "%s in the zip has no size", name);
    if (about->size > BOMB_BYTES &&
        about->size / BOMB_RATIO > about->comp_size)
        return rnn_fail(err, RNN_BAD_MODEL,
                        "%s in the zip says that %llu bytes unpack to %llu, "
                        "more than %d times as many, as a zip bomb does",
                        name, (unsigned long long)about->comp_size,
                        (unsigned long long)about->size, BOMB_RATIO);
    if (about->size > max_bytes)
        return rnn_fail(err, RNN_LIMIT,
                        "%s in the zip has %llu bytes, more than the %zu "
                        "that the importer may use",
                        name, (unsigned long long)about->size, max_bytes);
    return RNN_OK;
}

/* Read to the very end: only then does libzip compare the CRC. */
static enum rnn_status read_all(zip_file_t *file, const char *name,
                                struct keras_member *member,
                                struct rnn_error *err)
{
    const char *reason = "it ends";
    size_t done = 0;
    char beyond;
    zip_int64_t got = 1;

    while (done < member->size && got > 0) {
        got = zip_fread(file, member->bytes + done, member->size - done);
        if (got > 0)
            done += (size_t)got;
    }
    if (done == member->size)
        got = zip_fread(file, &beyond, 1);
    if (done == member->size && got == 0)
        return RNN_OK;
    if (got > 0)
        reason = "it goes on";
    else if (got < 0)
        reason = zip_error_strerror(zip_file_get_error(file));
    return rnn_fail(err, RNN_BAD_MODEL,
                    "%s in the zip is damaged: %s after %zu of %zu bytes",
                    name, reason, done, member->size);
}

enum rnn_status keras_zip_read(const struct keras_zip *zip, const char *name,
                               size_t max_bytes, struct keras_member *member,
                               struct rnn_error *err)
{
    struct keras_member made = {0};
    zip_stat_t about;
    zip_file_t *file;
    enum rnn_status status;

    if (zip_stat(zip->archive, name, 0, &about))
        return rnn_fail(err, RNN_BAD_MODEL, "the zip has no %s", name);
    status = check_size(&about, name, max_bytes, err);
    if (status)
        return status;
    made.size = (size_t)about.size;
    made.bytes = malloc(made.size + 1);
    if (!made.bytes)
        return rnn_fail(err, RNN_NO_MEMORY,
                        "%s in the zip needs %zu bytes, more memory than the "
                        "importer may use (import_memory)",
                        name, made.size);
    file = zip_fopen(zip->archive, name, 0);
    if (!file)
        status = rnn_fail(err, RNN_BAD_MODEL, "%s in the zip: %s", name,
                          zip_strerror(zip->archive));
    else
        status = read_all(file, name, &made, err);
    if (file)
        zip_fclose(file);
    made.bytes[made.size] = '\0';
    if (status)
        keras_member_release(&made);
    else
        *member = made;
    return status;
}

void keras_member_release(struct keras_member *member)
{
    free(member->bytes);
    memset(member, 0, sizeof(*member));
}
