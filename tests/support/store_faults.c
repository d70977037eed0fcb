#include "tests/support/store_faults.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

void store_faults_assert_refusal(const struct store_faults *faults)
{
    const struct problem *problem = &faults->world->problem;
    bool is_known =
        problem->type == PROBLEM_STORE_UNREACHABLE ||
        (faults->is_out_of_memory && problem->type == PROBLEM_OVERLOADED);

    if (!is_known)
        fail_msg("%s: %s", problem_type_name(problem->type), problem->detail);
}

void store_faults_go_on(const struct store_faults *faults,
                        struct store_call call)
{
    struct store_world *world = faults->world;

    call.want = call.step == 1 ? SESSION_WANT_NEW : SESSION_WANT_LIVE;
    call.ttl_ms = 3600000;
    call.number = (float)call.step;
    call.reply = "a reply that is kept";
    if (store_world_call(world, &call) == SESSION_OK)
        return;
    store_faults_assert_refusal(faults);
    faults->heal();
    if (call.step == 1)
        store_world_refuse(world, call.id, PROBLEM_NO_SUCH_SESSION);
    else
        store_world_assert(world, call.id, call.step - 1,
                           (float)(call.step - 1));
    if (store_world_call(world, &call) != SESSION_OK)
        fail_msg("%s", world->problem.detail);
}
