/* scratch_folder.h: a state directory that lives as long as a test.
 *
 * Ownership  scratch_folder() makes it, scratch_folder_remove() takes it
 *            away with what a store leaves in it.
 */
#ifndef TESTS_SUPPORT_SCRATCH_FOLDER_H
#define TESTS_SUPPORT_SCRATCH_FOLDER_H

#define SCRATCH_FOLDER_BYTES 32
#define SCRATCH_STORE_BYTES  64

/* A new folder and, in it, the name of the store's database. */
void scratch_folder(char folder[SCRATCH_FOLDER_BYTES],
                    char file[SCRATCH_STORE_BYTES]);
/* The same where an fsync costs nothing, if there is such a place. */
void scratch_folder_fast(char folder[SCRATCH_FOLDER_BYTES],
                         char file[SCRATCH_STORE_BYTES]);
/* Fails the test when anything else is in it. */
void scratch_folder_remove(const char *folder);

#endif
