#include "server/process.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

static uint64_t count_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    uint64_t count = 0;

    if (!folder)
        return 0;
    /* The stream is this call's own. */
    /* cppcheck-suppress readdirCalled */
    while (readdir(folder))
        count++;
    closedir(folder);
    return count > 3 ? count - 3 : 0; /* without ., .. and the folder's own */
}

/* Field `number` (from 1) of /proc/self/stat, counted behind the name in
 * parentheses, which may hold blanks. */
static unsigned long long stat_field(const char *stat, int number)
{
    const char *at = strrchr(stat, ')');

    for (int i = 2; at && i < number; i++)
        at = strchr(at + 1, ' ');
    return at ? strtoull(at, NULL, 10) : 0;
}

/* The first line of a file of /proc, or "". */
static void read_line(const char *path, char *text, int size)
{
    FILE *file = fopen(path, "re");

    text[0] = '\0';
    if (!file)
        return;
    if (!fgets(text, size, file))
        text[0] = '\0';
    fclose(file);
}

static double boot_seconds(void)
{
    FILE *file = fopen("/proc/stat", "re");
    char line[256];
    double seconds = 0;

    if (!file)
        return 0;
    while (fgets(line, sizeof(line), file))
        if (strncmp(line, "btime ", 6) == 0)
            seconds = strtod(line + 6, NULL);
    fclose(file);
    return seconds;
}

void process_read(struct process_numbers *numbers)
{
    double ticks = (double)sysconf(_SC_CLK_TCK);
    struct rlimit limit;
    struct rusage usage;
    char stat[1024];

    *numbers = (struct process_numbers){.threads = 0};
    read_line("/proc/self/stat", stat, sizeof(stat));
    numbers->threads = stat_field(stat, 20);
    numbers->start_seconds =
        boot_seconds() + (double)stat_field(stat, 22) / ticks;
    numbers->virtual_bytes = stat_field(stat, 23);
    numbers->resident_bytes =
        stat_field(stat, 24) * (uint64_t)sysconf(_SC_PAGESIZE);
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        numbers->cpu_seconds =
            (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
            (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    numbers->open_files = count_files();
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        numbers->max_files = limit.rlim_cur;
}
