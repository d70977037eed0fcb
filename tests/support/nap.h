/* nap.h: do nothing for a while. */
#ifndef TESTS_SUPPORT_NAP_H
#define TESTS_SUPPORT_NAP_H

/* At least `ms` milliseconds, unless a signal comes. */
void nap_ms(int ms);

#endif
