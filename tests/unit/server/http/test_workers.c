/* test_workers.c: idle workers take parts of others' work, and what they have
 * not begun can be taken back. */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/team.h"
#include "server/http/workers.h"

struct work {
    struct rnn_team_part part;
    sem_t begun, may_end;
    pthread_t by;
    int times;
};

static void run(void *arg)
{
    struct work *work = arg;

    work->by = pthread_self();
    work->times++;
    sem_post(&work->begun);
    sem_wait(&work->may_end);
}

static void make(struct work *work)
{
    *work = (struct work){.part = {.run = run, .arg = work}};
    sem_init(&work->begun, 0, 0);
    sem_init(&work->may_end, 0, 0);
}

static struct workers *begin(size_t count, struct rnn_team **team)
{
    struct workers *workers = NULL;
    struct rnn_error err;

    assert_int_equal(workers_create(count, &workers, &err), RNN_OK);
    *team = workers_team(workers);
    while ((*team)->idle(*team) < count)
        sched_yield();
    return workers;
}

static void idle_workers_make_parts(void **state)
{
    struct rnn_team *team;
    struct workers *workers = begin(2, &team);
    struct work work[2];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        make(&work[i]);
        team->offer(team, &work[i].part);
    }
    /* Both at the same time: neither may end before both have begun. */
    for (size_t i = 0; i < 2; i++)
        sem_wait(&work[i].begun);
    assert_int_equal(team->idle(team), 0);
    for (size_t i = 0; i < 2; i++) {
        sem_post(&work[i].may_end);
        assert_false(team->take_back(team, &work[i].part));
        assert_int_equal(work[i].times, 1);
        assert_false(pthread_equal(work[i].by, pthread_self()));
    }
    assert_false(pthread_equal(work[0].by, work[1].by));
    workers_free(workers);
}

static void what_nobody_has_begun_is_taken_back(void **state)
{
    struct rnn_team *team;
    struct workers *workers = begin(1, &team);
    struct work work[3];

    (void)state;
    for (size_t i = 0; i < 3; i++)
        make(&work[i]);
    team->offer(team, &work[0].part);
    sem_wait(&work[0].begun);
    team->offer(team, &work[1].part);
    team->offer(team, &work[2].part);
    /* The one behind the other first: it has to be found in the list. */
    assert_true(team->take_back(team, &work[1].part));
    assert_true(team->take_back(team, &work[2].part));
    sem_post(&work[0].may_end);
    assert_false(team->take_back(team, &work[0].part));
    assert_int_equal(work[1].times + work[2].times, 0);
    workers_free(workers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_workers_make_parts),
        cmocka_unit_test(what_nobody_has_begun_is_taken_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
