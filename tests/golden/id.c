/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Ids of names: one length at least for each branch of the hash. */
#include "golden.h"

int main(void) {
    unsigned char bytes[2000];
    for (unsigned i = 0; i < sizeof bytes; i++) {
        bytes[i] = (unsigned char)((i * 131 + 7) % 256);
    }
    for (size_t i = 0; i < GOLDEN_COUNT(id_sizes); i++) {
        GOLDEN_CHECK(lw_id(bytes, id_sizes[i]) == id_expected[i]);
    }
    GOLDEN_CHECK(lw_id(NULL, 0) == id_expected[0]);
    return golden_verdict();
}
