/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <loadwise/loadwise.h>
#include <stdio.h>

int main(void) {
    struct {
        const char *address;
        double load;
    } backends[] = {{"10.0.0.1:80", 0.2}, {"10.0.0.2:80", 0.7}, {"10.0.0.3:80", 0.4}};
    lw_nodes nodes;
    lw_nodes_init(&nodes, 3);
    LW_SET(nodes, name, backends, address);
    LW_SET(nodes, load, backends, load);

    lw_strategy *strategy;
    if (lw_strategy_new(&strategy, NULL, "p2c") != LW_OK) {
        return 1;
    }
    ptrdiff_t i = lw_select(strategy, &nodes, NULL);
    puts(i >= 0 ? backends[i].address : lw_error_message((int)i));
    lw_strategy_free(strategy);
}
