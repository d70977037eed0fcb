/* When memory is out, at whatever allocation, the importer says so, keeps
 * nothing and leaves nothing open. */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/import/hdf5_file.h"
#include "core/import/import.h"
#include "tests/support/effort.h"
#include "tests/support/fail_malloc.h"
#include "tests/support/golden_case.h"

#define ROOM ((size_t)1 << 20)

/* Takes without allocating. */
static bool take(void *arg, const void *bytes, size_t size)
{
    size_t *used = arg;

    (void)bytes;
    *used += size;
    return *used <= ROOM;
}

static void check_file(const char *path, size_t first)
{
    size_t size;
    unsigned char *bytes = golden_read_file(path, &size);
    bool happened;

    /* Where time is short each third, elsewhere in each file. */
    for (size_t n = first;; n += effort_is_quick() ? 3 : 1) {
        size_t used = 0;
        struct byte_sink sink = {take, &used, ROOM, false};
        struct rnn_error err = {0};
        enum rnn_status status;

        fail_malloc_start_for_good(n);
        status = import_model(bytes, size, &sink, NULL, &err);
        fail_malloc_stop();
        happened = fail_malloc_happened();
        if (fail_malloc_live() != 0)
            fail_msg("%s: %ld blocks are left, none given from %zu on", path,
                     fail_malloc_live(), n);
        if (H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL) != 0)
            fail_msg("%s: objects are open, none given from %zu on", path, n);
        if (!happened) {
            assert_int_equal(status, RNN_OK);
            break;
        }
        if (status != RNN_NO_MEMORY)
            fail_msg("%s: none given from allocation %zu on, but the status "
                     "is %d: %s",
                     path, n, (int)status, err.message);
        if (!strstr(err.message, "memory"))
            fail_msg("%s: \"%s\" says nothing of memory", path, err.message);
    }
    free(bytes);
}

/* Golden files of every kind: both containers, both generations, nested
 * models, wrappers. */
static void memory_out_at_each_allocation(void **state)
{
    static const char *const patterns[] = {
        "tests/golden/models/stacked_lstm.*.[kh]*",
        "tests/golden/models/graph_nested.*.[kh]*",
        "tests/golden/models/graph_both_ways.*.[kh]*",
        "tests/golden/models/normalization.*.[kh]*"};
    size_t files = 0;
    glob_t found;

    (void)state;
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        assert_int_equal(glob(patterns[i], 0, NULL, &found), 0);
        for (size_t k = 0; k < found.gl_pathc; k++, files++)
            check_file(found.gl_pathv[k], 1 + files % 3);
        globfree(&found);
    }
    assert_true(files >= 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_out_at_each_allocation),
    };
    struct rnn_error err;

    if (hdf5_start(&err))
        return EXIT_FAILURE;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
