#include "core/layers/pace.h"

size_t pace_steps(const struct pace *pace, size_t timesteps)
{
    int64_t n;

    if (pace->before) {
        timesteps = pace_steps(pace->before, timesteps);
        if (!timesteps)
            return 0;
    }
    if (timesteps > INT64_MAX ||
        __builtin_mul_overflow((int64_t)timesteps, pace->up, &n) ||
        __builtin_add_overflow(n, pace->add, &n))
        return SIZE_MAX;
    return n < pace->down ? 0 : (size_t)(n / pace->down);
}

size_t pace_least(const struct pace *pace)
{
    int64_t least = 1;

    for (; pace; pace = pace->before) {
        if (__builtin_mul_overflow(least, pace->down, &least) ||
            __builtin_sub_overflow(least, pace->add, &least))
            return SIZE_MAX;
        least = least < 1 ? 1 : (least - 1) / pace->up + 1;
    }
    return (size_t)least;
}

static int64_t common_divisor(int64_t a, int64_t b)
{
    while (b) {
        int64_t rest = a % b;

        a = b;
        b = rest;
    }
    return a;
}

/* What up and down have in common leaves the floor where it is. */
static void shorten(struct pace *pace)
{
    int64_t common = common_divisor(pace->up, pace->down);
    int64_t add = pace->add / common;

    if (add * common > pace->add)
        add--; /* towards minus infinity */
    pace->up /= common;
    pace->down /= common;
    pace->add = add;
}

bool pace_join(const struct pace *pace, const struct pace *change,
               struct pace *joined)
{
    struct pace made = {.up = change->up,
                        .add = change->add,
                        .down = change->down,
                        .before = pace};
    bool fits = true;

    if (pace && pace->down == 1) {
        fits = !__builtin_mul_overflow(pace->up, change->up, &made.up) &&
               !__builtin_mul_overflow(pace->add, change->up, &made.add) &&
               !__builtin_add_overflow(made.add, change->add, &made.add);
        made.before = pace->before;
    } else if (pace && change->up == 1) {
        fits = !__builtin_mul_overflow(pace->down, change->down, &made.down) &&
               !__builtin_mul_overflow(change->add, pace->down, &made.add) &&
               !__builtin_add_overflow(made.add, pace->add, &made.add);
        made.up = pace->up;
        made.before = pace->before;
    }
    if (!fits)
        return false;
    shorten(&made);
    *joined = made;
    return true;
}

bool pace_is_identity(const struct pace *pace)
{
    return pace->up == 1 && !pace->add && pace->down == 1;
}
