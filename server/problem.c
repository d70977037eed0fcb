#include "server/problem.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
    unsigned status;
    const char *type, *title;
} problems[] = {
#define XX(name, status, type, title) {status, type, title},
    PROBLEM_MAP(XX)
#undef XX
};

unsigned problem_status(enum problem_type type)
{
    return problems[type].status;
}

const char *problem_type_name(enum problem_type type)
{
    return problems[type].type;
}

const char *problem_title(enum problem_type type)
{
    return problems[type].title;
}

static void set(struct problem *problem, enum problem_type type,
                const char *pointer, const char *format, va_list args)
{
    unsigned status = problem_status(type);

    *problem = (struct problem){.type = type};
    if (status == 429 || status == 503)
        problem->retry_after_s = 1;
    snprintf(problem->pointer, sizeof(problem->pointer), "%s", pointer);
    vsnprintf(problem->detail, sizeof(problem->detail), format, args);
}

bool(problem_set)(struct problem *problem, enum problem_type type,
                  const char *format, ...)
{
    va_list args;

    va_start(args, format);
    set(problem, type, "", format, args);
    va_end(args);
    return false;
}

bool(problem_set_at)(struct problem *problem, enum problem_type type,
                     const char *pointer, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    set(problem, type, pointer, format, args);
    va_end(args);
    return false;
}
