#include "server/json/predict_rules.h"

#include "server/json/session_wish.h"

static const char *const names[] = {
#define XX(name, text) #text,
    PREDICT_FIELD_MAP(XX)
#undef XX
};

#define WISH_FIELDS                                                           \
    (PREDICT_GIVEN(MODE) | PREDICT_GIVEN(WINDOW) | PREDICT_GIVEN(TTL))
#define SESSION_FIELDS                                                        \
    (PREDICT_GIVEN(START) | PREDICT_GIVEN(END) | PREDICT_GIVEN(STEP) |        \
     PREDICT_GIVEN(COMMIT) | WISH_FIELDS)

const char *predict_field_name(enum predict_field field)
{
    return names[field];
}

static enum predict_field first_of(uint32_t fields)
{
    return (enum predict_field)__builtin_ctz(fields);
}

const char *predict_rules_check(const struct predict_body *body,
                                uint32_t given, enum predict_field *field)
{
    const char *fault;

    if (!body->session) {
        if (!(given & SESSION_FIELDS))
            return NULL;
        *field = first_of(given & SESSION_FIELDS);
        return "needs \"session\"";
    }
    if (given & PREDICT_GIVEN(SEQUENCES)) {
        *field = PREDICT_SEQUENCES_FIELD;
        return "does not go with \"session\", which takes one sequence";
    }
    if ((given & PREDICT_GIVEN(INPUTS)) && body->form == PREDICT_INPUTS_LIST) {
        *field = PREDICT_INPUTS_FIELD;
        return "must be one object with \"session\"";
    }
    if (body->start == SESSION_START_NO && (given & WISH_FIELDS)) {
        *field = first_of(given & WISH_FIELDS);
        return "needs \"start\"";
    }
    if (!body->commit && (body->end || body->start != SESSION_START_NO)) {
        *field = PREDICT_COMMIT_FIELD;
        return "must not be false with \"start\" or \"end\"";
    }
    fault = session_wish_window_fault(&body->wish);
    if (fault)
        *field = PREDICT_WINDOW_FIELD;
    return fault;
}
