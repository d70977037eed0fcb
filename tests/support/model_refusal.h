/* model_refusal.h: a model that cannot be served is refused in words. */
#ifndef TESTS_SUPPORT_MODEL_REFUSAL_H
#define TESTS_SUPPORT_MODEL_REFUSAL_H

#include "core/status.h"
#include "tests/support/model_builder.h"

/* The builder's model, finished here and released, does not load, and the
 * sentence holds `says`; why it does not.  A failure ends the test. */
enum rnn_status model_assert_refused(struct model_builder *builder,
                                     const char *says);

/* The same of a graph (graph_builder.h) that is begun, has an input x, and
 * ends with this operator. */
enum rnn_status operator_assert_refused(struct model_builder *builder,
                                        const char *class_name,
                                        const char *fields,
                                        const char *arguments,
                                        const char *says);

#endif
