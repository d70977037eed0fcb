/* print_digest.c: the digest of every instruction set that this machine can
 * run; exit 1 when one differs.  Needs nothing but librnn's inner loops, so
 * that it can be built for another CPU and run in an emulator:
 *
 *     make CROSS=aarch64 build/aarch64/tests/unit/core/ukernels/print_digest
 *     qemu-aarch64-static -L /usr/aarch64-linux-gnu .../print_digest
 */
#include <inttypes.h>
#include <stdio.h>

#include "tests/unit/core/ukernels/digest.h"

int main(void)
{
    int status = 0;

    for (int isa = RNN_ISA_SCALAR; isa <= RNN_ISA_NEON; isa++) {
        uint64_t digest;

        if (!rnn_isa_available((enum rnn_isa)isa))
            continue;
        digest = digest_of((enum rnn_isa)isa);
        printf("%s %016" PRIx64 "\n", rnn_isa_name((enum rnn_isa)isa), digest);
        if (digest != DIGEST_GOLDEN)
            status = 1;
    }
    printf("auto is %s\n",
           rnn_isa_name(rnn_ukernels_find(RNN_ISA_AUTO, 100)->isa));
    return status;
}
