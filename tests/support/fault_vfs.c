#include "tests/support/fault_vfs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#define FILES  4
#define SECTOR 512

enum kind { CREATE, WRITE, TRUNCATE, DELETE, SYNC, SYNC_FOLDER };

struct content {
    unsigned char *bytes;
    size_t length, capacity;
    bool exists;
};

struct op {
    enum kind kind;
    size_t file;
    size_t offset, length; /* TRUNCATE: the new length */
    unsigned char *bytes;
    int mark; /* the last one before it */
};

/* What SQLite holds: its methods, and which file. */
struct handle {
    sqlite3_file base;
    size_t file;
};

/* A disk has memory of its own, when tests take ours away (fail_malloc.h). */
void *__real_malloc(size_t size);
void *__real_realloc(void *memory, size_t size);
void __real_free(void *memory);

static struct disk {
    char names[FILES][256];
    struct content now[FILES];
    struct op *ops;
    size_t op_count, op_capacity;
    int mark;
    bool is_writing_down;
} disk;

static atomic_size_t calls, fail_at;
static atomic_bool for_good, has_failed;
static atomic_int fail_code;

static bool fails(int *code)
{
    size_t call = ++calls;

    if (!fail_at || call < fail_at || (call > fail_at && !for_good))
        return false;
    has_failed = true;
    *code = fail_code;
    return true;
}

/* ---- content ------------------------------------------------------------ */

static void reserve(struct content *content, size_t length)
{
    if (length <= content->capacity)
        return;
    content->capacity = 2 * length;
    content->bytes = __real_realloc(content->bytes, content->capacity);
    assert_non_null(content->bytes);
}

static void set_length(struct content *content, size_t length)
{
    reserve(content, length);
    if (length > content->length)
        memset(content->bytes + content->length, 0, length - content->length);
    content->length = length;
}

static void put_bytes(struct content *content, size_t offset,
                      const void *bytes, size_t length)
{
    if (offset + length > content->length)
        set_length(content, offset + length);
    memcpy(content->bytes + offset, bytes, length);
}

static void apply(struct content *content, const struct op *op)
{
    switch (op->kind) {
    case CREATE:
        content->exists = true;
        break;
    case DELETE:
        content->exists = false;
        content->length = 0;
        break;
    case TRUNCATE:
        set_length(content, op->length);
        break;
    case WRITE:
        put_bytes(content, op->offset, op->bytes, op->length);
        break;
    case SYNC:
    case SYNC_FOLDER:
        break;
    }
}

static void do_op(const struct op *op)
{
    apply(&disk.now[op->file], op);
    if (!disk.is_writing_down)
        return;
    if (disk.op_count == disk.op_capacity) {
        disk.op_capacity = 2 * disk.op_capacity + 64;
        disk.ops =
            __real_realloc(disk.ops, disk.op_capacity * sizeof(*disk.ops));
        assert_non_null(disk.ops);
    }
    disk.ops[disk.op_count] = *op;
    disk.ops[disk.op_count].mark = disk.mark;
    if (op->kind == WRITE) {
        disk.ops[disk.op_count].bytes = __real_malloc(op->length);
        assert_non_null(disk.ops[disk.op_count].bytes);
        memcpy(disk.ops[disk.op_count].bytes, op->bytes, op->length);
    }
    disk.op_count++;
}

/* ---- SQLite's calls ----------------------------------------------------- */

static size_t file_of(sqlite3_file *file)
{
    return ((struct handle *)file)->file;
}

static int on_close(sqlite3_file *file)
{
    (void)file;
    return SQLITE_OK;
}

static int on_read(sqlite3_file *file, void *to, int length,
                   sqlite3_int64 offset)
{
    const struct content *content = &disk.now[file_of(file)];
    size_t at = (size_t)offset, wanted = (size_t)length, there = 0;
    int code;

    if (fails(&code))
        return code == SQLITE_IOERR ? SQLITE_IOERR_READ : code;
    if (at < content->length)
        there = content->length - at < wanted ? content->length - at : wanted;
    if (there)
        memcpy(to, content->bytes + at, there);
    memset((char *)to + there, 0, wanted - there);
    return there == wanted ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int on_write(sqlite3_file *file, const void *bytes, int length,
                    sqlite3_int64 offset)
{
    struct op op = {.kind = WRITE,
                    .file = file_of(file),
                    .offset = (size_t)offset,
                    .length = (size_t)length,
                    .bytes = (unsigned char *)bytes};
    int code;

    if (!fails(&code)) {
        do_op(&op);
        return SQLITE_OK;
    }
    /* A full disk takes half of it. */
    op.length /= 2;
    if (code == SQLITE_FULL && op.length)
        do_op(&op);
    return code == SQLITE_IOERR ? SQLITE_IOERR_WRITE : code;
}

static int on_truncate(sqlite3_file *file, sqlite3_int64 length)
{
    int code;

    if (fails(&code))
        return code == SQLITE_IOERR ? SQLITE_IOERR_TRUNCATE : code;
    do_op(&(struct op){
        .kind = TRUNCATE, .file = file_of(file), .length = (size_t)length});
    return SQLITE_OK;
}

static int on_sync(sqlite3_file *file, int flags)
{
    int code;

    (void)flags;
    if (fails(&code))
        return code == SQLITE_IOERR ? SQLITE_IOERR_FSYNC : code;
    do_op(&(struct op){.kind = SYNC, .file = file_of(file)});
    return SQLITE_OK;
}

static int on_size(sqlite3_file *file, sqlite3_int64 *length)
{
    *length = (sqlite3_int64)disk.now[file_of(file)].length;
    return SQLITE_OK;
}

static int on_lock(sqlite3_file *file, int level)
{
    (void)file;
    (void)level;
    return SQLITE_OK;
}

static int on_reserved(sqlite3_file *file, int *is_held)
{
    (void)file;
    *is_held = 0;
    return SQLITE_OK;
}

static int on_control(sqlite3_file *file, int what, void *arg)
{
    (void)file;
    (void)what;
    (void)arg;
    return SQLITE_NOTFOUND;
}

static int on_sector(sqlite3_file *file)
{
    (void)file;
    return SECTOR;
}

static int on_features(sqlite3_file *file)
{
    (void)file;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE; /* as on unix */
}

static const sqlite3_io_methods methods = {.iVersion = 1,
                                           .xClose = on_close,
                                           .xRead = on_read,
                                           .xWrite = on_write,
                                           .xTruncate = on_truncate,
                                           .xSync = on_sync,
                                           .xFileSize = on_size,
                                           .xLock = on_lock,
                                           .xUnlock = on_lock,
                                           .xCheckReservedLock = on_reserved,
                                           .xFileControl = on_control,
                                           .xSectorSize = on_sector,
                                           .xDeviceCharacteristics =
                                               on_features};

/* The file of this name; FILES: there is none. */
static size_t find(const char *name)
{
    size_t i = 0;

    while (i < FILES && strcmp(disk.names[i], name) != 0)
        i++;
    return i;
}

static int on_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file,
                   int flags, int *out_flags)
{
    size_t at = find(name);
    int code;

    (void)vfs;
    file->pMethods = NULL;
    if (fails(&code))
        return code == SQLITE_IOERR ? SQLITE_CANTOPEN : code;
    if (at == FILES) {
        at = find("");
        assert_true(at < FILES && strlen(name) < sizeof(disk.names[0]));
        strcpy(disk.names[at], name);
    }
    if (!disk.now[at].exists)
        do_op(&(struct op){.kind = CREATE, .file = at});
    ((struct handle *)file)->file = at;
    file->pMethods = &methods;
    if (out_flags)
        *out_flags = flags;
    return SQLITE_OK;
}

static int on_delete(sqlite3_vfs *vfs, const char *name, int must_sync)
{
    size_t at = find(name);
    int code;

    (void)vfs;
    if (fails(&code))
        return code == SQLITE_IOERR ? SQLITE_IOERR_DELETE : code;
    if (at == FILES || !disk.now[at].exists)
        return SQLITE_IOERR_DELETE_NOENT;
    do_op(&(struct op){.kind = DELETE, .file = at});
    if (must_sync)
        do_op(&(struct op){.kind = SYNC, .file = at});
    return SQLITE_OK;
}

static int on_access(sqlite3_vfs *vfs, const char *name, int flags,
                     int *result)
{
    size_t at = find(name);

    (void)vfs;
    (void)flags;
    *result = at < FILES && disk.now[at].exists;
    return SQLITE_OK;
}

static int on_full_name(sqlite3_vfs *vfs, const char *name, int size,
                        char *full)
{
    (void)vfs;
    return strlen(name) < (size_t)size ? (strcpy(full, name), SQLITE_OK)
                                       : SQLITE_CANTOPEN;
}

static sqlite3_vfs vfs = {.iVersion = 1,
                          .szOsFile = sizeof(struct handle),
                          .mxPathname = 255,
                          .zName = "fault",
                          .xOpen = on_open,
                          .xDelete = on_delete,
                          .xAccess = on_access,
                          .xFullPathname = on_full_name};

void fault_vfs_install(void)
{
    const sqlite3_vfs *real;

    assert_int_equal(sqlite3_initialize(), SQLITE_OK);
    real = sqlite3_vfs_find("unix");
    assert_non_null(real);
    vfs.xRandomness = real->xRandomness;
    vfs.xSleep = real->xSleep;
    vfs.xCurrentTime = real->xCurrentTime;
    vfs.xGetLastError = real->xGetLastError;
    assert_int_equal(sqlite3_vfs_register(&vfs, 1), SQLITE_OK);
    fault_vfs_reset();
}

void fault_vfs_reset(void)
{
    for (size_t i = 0; i < disk.op_count; i++)
        __real_free(disk.ops[i].bytes);
    __real_free(disk.ops);
    for (size_t i = 0; i < FILES; i++)
        __real_free(disk.now[i].bytes);
    disk = (struct disk){.is_writing_down = true};
    fault_vfs_heal();
}

/* ---- power -------------------------------------------------------------- */

void fault_vfs_mark(int number)
{
    disk.mark = number;
}

void fault_vfs_sync_folder(void)
{
    do_op(&(struct op){.kind = SYNC_FOLDER});
}

size_t fault_vfs_count(void)
{
    return disk.op_count;
}

static bool toss(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed >> 32 & 1;
}

/* An operation that was not synced, or parts of it. */
static void apply_part(struct content *content, const struct op *op,
                       uint64_t *seed)
{
    if (op->kind != WRITE) {
        if (toss(seed))
            apply(content, op);
        return;
    }
    for (size_t at = 0; at < op->length;) {
        size_t left = SECTOR - (op->offset + at) % SECTOR;
        size_t length = op->length - at < left ? op->length - at : left;

        if (toss(seed))
            put_bytes(content, op->offset + at, op->bytes + at, length);
        at += length;
    }
}

/* What is before the last sync of its file, or of the folder's names, before
 * `op`, is on the disk. */
static bool is_synced(size_t i, size_t op)
{
    const struct op *done = &disk.ops[i];
    bool is_name = done->kind == CREATE || done->kind == DELETE;

    for (size_t later = i + 1; later < op; later++)
        if ((disk.ops[later].kind == SYNC &&
             disk.ops[later].file == done->file) ||
            (disk.ops[later].kind == SYNC_FOLDER && is_name))
            return true;
    return false;
}

int fault_vfs_cut(size_t op, enum fault_fate fate, uint64_t seed)
{
    assert_true(op <= disk.op_count);
    disk.is_writing_down = false;
    seed = seed * 0x9e3779b97f4a7c15u + 1;
    for (size_t f = 0; f < FILES; f++) {
        disk.now[f].length = 0;
        disk.now[f].exists = false;
    }
    for (size_t i = 0; i < op; i++) {
        const struct op *done = &disk.ops[i];
        struct content *content = &disk.now[done->file];

        if (fate == FAULT_KEEP || is_synced(i, op))
            apply(content, done);
        else if (fate == FAULT_MIX)
            apply_part(content, done, &seed);
    }
    return op ? disk.ops[op - 1].mark : 0;
}

/* ---- errors ------------------------------------------------------------- */

void fault_vfs_fail(size_t n, int code, bool is_for_good)
{
    calls = 0;
    has_failed = false;
    fail_code = code;
    for_good = is_for_good;
    fail_at = n;
}

bool fault_vfs_heal(void)
{
    fail_at = 0;
    return has_failed;
}
