#include "server/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/clock.h"

static void the_kernel_knows_this_process(void **state)
{
    struct process_numbers numbers;
    double now = (double)clock_wall_ms() / 1000;

    (void)state;
    process_read(&numbers);
    assert_true(numbers.cpu_seconds >= 0 && numbers.cpu_seconds < 1000);
    /* The kernel's start of the machine is a whole second. */
    assert_true(numbers.start_seconds > now - 600);
    assert_true(numbers.start_seconds < now + 2);
    assert_true(numbers.resident_bytes > 100000);
    assert_true(numbers.virtual_bytes >= numbers.resident_bytes);
    assert_true(numbers.max_files >= numbers.open_files);
    assert_true(numbers.threads >= 1);
}

static void an_open_file_is_counted(void **state)
{
    struct process_numbers before, after;
    int fd;

    (void)state;
    process_read(&before);
    fd = dup(STDOUT_FILENO);
    process_read(&after);
    close(fd);
    assert_int_equal(after.open_files, before.open_files + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_kernel_knows_this_process),
        cmocka_unit_test(an_open_file_is_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
