/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is common to all stores: their end. */
#include <loadwise/store.h>

void lw_store_free(lw_store *store) {
    if (store != NULL) {
        store->ops->free(store);
    }
}
