/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Says which server `ketama flavour=nginx` chooses for each key, a line of standard input: nginx.sh compares.
 *
 *     nginx_choice DOWN SERVER WEIGHT [SERVER WEIGHT]...
 *
 * DOWN is the server that may not be chosen, or - for none.
 */
#include <loadwise/loadwise.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHOICE_MOST = 32, CHOICE_LINE = 256 };

struct choice {
    const char *name[CHOICE_MOST];
    uint32_t weight[CHOICE_MOST];
    uint64_t up[LW_BITMAP_WORDS(CHOICE_MOST)];
    lw_nodes nodes;
};

static void read_servers(struct choice *choice, int argc, char **argv) {
    uint32_t count = (uint32_t)(argc - 2) / 2;
    lw_nodes_init(&choice->nodes, count);
    for (uint32_t i = 0; i < count; i++) {
        choice->name[i] = argv[2 + 2 * i];
        choice->weight[i] = (uint32_t)strtoul(argv[3 + 2 * i], NULL, 10);
        if (strcmp(choice->name[i], argv[1]) != 0) {
            lw_bitmap_set(choice->up, i);
        }
    }
    LW_SET_VALUES(choice->nodes, name, choice->name);
    LW_SET_VALUES(choice->nodes, weight, choice->weight);
    choice->nodes.set = 1;
    choice->nodes.eligible = choice->up;
}

int main(int argc, char **argv) {
    static struct choice choice;
    char key[CHOICE_LINE];
    lw_strategy *strategy;
    if (argc < 4 || argc > 2 + 2 * CHOICE_MOST || lw_strategy_new(&strategy, NULL, "ketama flavour=nginx") != LW_OK) {
        return 2;
    }
    read_servers(&choice, argc, argv);
    while (fgets(key, sizeof key, stdin) != NULL) {
        lw_request request = LW_REQUEST_INIT;
        request.flags = LW_REQUEST_KEYED;
        request.key = lw_key_nginx(key, strcspn(key, "\n"));
        ptrdiff_t index = lw_select(strategy, &choice.nodes, &request);
        puts(index < 0 ? lw_error_name((int)index) : choice.name[index]);
    }
    lw_strategy_free(strategy);
    return 0;
}
