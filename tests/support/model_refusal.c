#include "tests/support/model_refusal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/model.h"
#include "tests/support/graph_builder.h"

enum rnn_status model_assert_refused(struct model_builder *builder,
                                     const char *says)
{
    struct rnn_model *model = NULL;
    struct rnn_error err = {.message = ""};
    enum rnn_status status;

    model_builder_finish(builder);
    status = rnn_model_load(builder->bytes, builder->size, NULL, &model, &err);
    assert_int_not_equal(status, RNN_OK);
    if (!strstr(err.message, says))
        fail_msg("\"%s\" does not say \"%s\"", err.message, says);
    model_builder_release(builder);
    return status;
}

enum rnn_status operator_assert_refused(struct model_builder *builder,
                                        const char *class_name,
                                        const char *fields,
                                        const char *arguments,
                                        const char *says)
{
    graph_operator(builder, class_name, "op", fields, arguments);
    graph_end(builder, "x,0,0", "op,0,0", NULL);
    return model_assert_refused(builder, says);
}
