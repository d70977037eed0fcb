/* fault_vfs.h: a disk for SQLite that can fail and lose its power.
 *
 * Files are in memory.  Every write, truncation, creation, deletion and sync
 * is written down, so that the disk can be put back to what might have been
 * on it had the power gone after any of them: what was synced is there; what
 * came after the last sync of its file is there, is not, or is there in
 * parts of 512 bytes, in any combination.
 *
 *     fault_vfs_install();        from here on SQLite has this disk alone
 *     ...                         a life, with fault_vfs_mark(n) in it
 *     for (op = 0; op <= fault_vfs_count(); op++) {
 *         mark = fault_vfs_cut(op, FAULT_DROP, seed);
 *         ...                     what is on the disk now?
 *     }
 *
 * or calls fail:
 *
 *     fault_vfs_fail(n, SQLITE_IOERR, false);   the n-th from now on, from 1
 *
 * Threads  One user of SQLite at a time; fail, stop and counts from another.
 */
#ifndef TESTS_SUPPORT_FAULT_VFS_H
#define TESTS_SUPPORT_FAULT_VFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void fault_vfs_install(void);
/* An empty disk with nothing written down. */
void fault_vfs_reset(void);

/* ---- power -------------------------------------------------------------- */

/* Note that the life has come to `number`. */
void fault_vfs_mark(int number);
/* Note that the folder has been synced, which SQLite is not asked for: the
 * names in it are what they are. */
void fault_vfs_sync_folder(void);
/* What has been written down so far, marks not counted. */
size_t fault_vfs_count(void);

enum fault_fate { FAULT_DROP, FAULT_KEEP, FAULT_MIX };

/* Put the disk to what may be left after `op` of them; what was not synced
 * goes the way of `fate`.  Returns the last mark before it, 0: none.  What is
 * done from here on is not written down. */
int fault_vfs_cut(size_t op, enum fault_fate fate, uint64_t seed);

/* ---- errors ------------------------------------------------------------- */

/* Call number `n` (read, write, truncate, sync, open, delete) ends with
 * `code`, and with `for_good` all after it. */
void fault_vfs_fail(size_t n, int code, bool for_good);
/* No more of that; returns whether a call has failed. */
bool fault_vfs_heal(void);

#endif
