#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/model_run.h"
#include "tests/support/program_path.h"
#include "tests/support/run_program.h"

/* The text of a file; free() it. */
static char *text_of(const char *path)
{
    char *text = calloc(1, 1 << 16);
    FILE *file = fopen(path, "rb");

    assert_non_null(file);
    assert_in_range(fread(text, 1, (1 << 16) - 1, file), 1, (1 << 16) - 2);
    fclose(file);
    return text;
}

static void the_example_prints_what_the_model_answers(void **state)
{
    static const float x[6] = {0.5f, -1, 0.25f, 2, 0, -0.75f};
    char program[PROGRAM_PATH_BYTES], path[] = "/tmp/rnn-model-XXXXXX";
    char *const argv[] = {program, path, "0.5",   "-1", "0.25",
                          "2",     "0",  "-0.75", NULL};
    struct program_result result;
    struct model_builder b;
    struct rnn_model *model;
    char expected[200];
    float *y;

    (void)state;
    program_path("examples/librnn", program);
    model_builder_init(&b, 0, 3);
    model_builder_add(&b,
                      &(struct model_layer){.class_name = "GRU", .units = 4});
    model_builder_add(
        &b, &(struct model_layer){.class_name = "Dense", .units = 2});
    close(mkstemp(path));
    model_builder_write(&b, path);
    model = model_load(&b, RNN_ISA_AUTO);
    y = model_run_one(model, x, 2, true, NULL);
    snprintf(expected, sizeof(expected), "%.9g %.9g\n%.9g %.9g\n",
             (double)y[0], (double)y[1], (double)y[2], (double)y[3]);
    result = run_program(argv);
    unlink(path);
    assert_string_equal(result.err, "");
    assert_int_equal(result.exit_code, 0);
    assert_string_equal(result.out, expected);
    free(y);
    rnn_model_free(model);
    model_builder_release(&b);
}

static void the_example_says_why_a_file_is_no_model(void **state)
{
    char program[PROGRAM_PATH_BYTES];
    char *const argv[] = {program, "Makefile", NULL};
    struct program_result result;

    (void)state;
    program_path("examples/librnn", program);
    result = run_program(argv);
    assert_int_equal(result.exit_code, 1);
    assert_non_null(strstr(result.err, "safetensors"));
}

static void the_readme_shows_the_example_as_it_is(void **state)
{
    char *readme = text_of("core/README.md");
    char *example = text_of("examples/librnn.c");
    char *shown = strstr(readme, "```c\n");

    (void)state;
    assert_non_null(shown);
    shown += strlen("```c\n");
    assert_int_equal(strncmp(shown, example, strlen(example)), 0);
    assert_int_equal(strncmp(shown + strlen(example), "```", 3), 0);
    free(readme);
    free(example);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_prints_what_the_model_answers),
        cmocka_unit_test(the_example_says_why_a_file_is_no_model),
        cmocka_unit_test(the_readme_shows_the_example_as_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
