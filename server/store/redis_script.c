/* redis_script.c: redis_script.lua as it is, and a NUL.  The Makefile makes
 * this again when that changes.
 */
#include "server/store/redis_request.h"

__asm__(".pushsection .rodata.redis_script, \"a\"\n"
        ".global redis_script\n"
        "redis_script:\n"
        ".incbin \"server/store/redis_script.lua\"\n"
        ".byte 0\n"
        ".popsection\n");
