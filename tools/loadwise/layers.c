/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Everything printed here comes from the declarations of the layers themselves. */
#include "layers.h"

#include "help.h"
#include "params.h"
#include "text.h"

#include <getopt.h>
#include <loadwise/layer.h>
#include <stdio.h>
#include <string.h>

enum { LAYERS_COLUMN = 22 };

static void layers_list(void) {
    printf("Layers (`loadwise layers NAME` tells more of one)\n\n");
    for (const lw_layer *const *layer = lw_layers(); *layer != NULL; layer++) {
        help_entry((*layer)->name, LAYERS_COLUMN, (*layer)->help);
    }
    help_paragraph("A stack has them outermost first: `timeout 2s | retry max=3 | hedge p95 | balance p2c | timeout "
                   "500ms`.");
}

static enum status layers_show(const char *name, struct problem *problem) {
    for (const lw_layer *const *layer = lw_layers(); *layer != NULL; layer++) {
        if (strcmp((*layer)->name, name) == 0) {
            printf("%s\n", name);
            help_paragraph((*layer)->help);
            if ((*layer)->make == NULL) {
                help_paragraph("Its parameters come first, what follows is a strategy: `balance wait=1s p2c`. What is "
                               "left of it in a stack stands above the pool, what is right of it around each node.");
            } else {
                help_paragraph("The first parameter may be given by its value alone.");
            }
            params_show((*layer)->params, (*layer)->param_count, "layer");
            return STATUS_DONE;
        }
    }
    return problem_set(problem, STATUS_BAD_STRATEGY,
                       "no layer is called \"%s\"; `loadwise layers` lists those that are there",
                       text_shown(name, strlen(name)).text);
}

static void layers_help(void) {
    printf("Usage: loadwise layers [NAME]\n");
    help_paragraph(
        "Lists the layers of which stacks are made, such as `loadwise fetch --stack` takes; with a name, what "
        "the parameters of this one are.");
}

enum status layers_run(int argc, char **argv, struct problem *problem) {
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    opterr = 0;
    switch (getopt_long(argc, argv, "h", options, NULL)) {
    case 'h': layers_help(); return STATUS_DONE;
    case -1: break;
    default: return problem_set(problem, STATUS_USAGE, "%s is not an option of layers", argv[optind - 1]);
    }
    if (argc - optind > 1) {
        return problem_set(problem, STATUS_USAGE, "layers takes one name at most");
    }
    if (optind < argc) {
        return layers_show(argv[optind], problem);
    }
    layers_list();
    return STATUS_DONE;
}
