/* predict_rules.h: which fields of /predict go together.
 *
 * A JSON body and a query string (binary calls) take the same fields, so the
 * rules between them are written once.
 */
#ifndef SERVER_JSON_PREDICT_RULES_H
#define SERVER_JSON_PREDICT_RULES_H

#include <stdint.h>

#include "server/json/predict_body.h"

/* In the order of docs/api.md, section 1. */
#define PREDICT_FIELD_MAP(XX)                                                 \
    XX(SEQUENCE, sequence)                                                    \
    XX(SEQUENCES, sequences)                                                  \
    XX(INPUTS, inputs)                                                        \
    XX(EVERY_STEP, every_step)                                                \
    XX(SESSION, session)                                                      \
    XX(START, start)                                                          \
    XX(END, end)                                                              \
    XX(STEP, step)                                                            \
    XX(COMMIT, commit)                                                        \
    XX(MODEL, model)                                                          \
    XX(MODE, mode)                                                            \
    XX(WINDOW, window)                                                        \
    XX(TTL, ttl)

enum predict_field {
#define XX(name, text) PREDICT_##name##_FIELD,
    PREDICT_FIELD_MAP(XX)
#undef XX
        PREDICT_FIELD_COUNT
};

#define PREDICT_GIVEN(name) (UINT32_C(1) << PREDICT_##name##_FIELD)

const char *predict_field_name(enum predict_field field);

/* Does the session that `body` names, if any, go with the other fields?
 * `given` has the bit of every field that was given.  Returns NULL, or a
 * sentence about `*field`, the field at fault. */
const char *predict_rules_check(const struct predict_body *body,
                                uint32_t given, enum predict_field *field);

#endif
