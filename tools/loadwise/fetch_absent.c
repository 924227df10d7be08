/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `loadwise fetch` where there was no libcurl or no libuv to build it with. */
#include "fetch.h"

enum status fetch_run(int argc, char **argv, struct problem *problem) {
    (void)argc;
    (void)argv;
    return problem_set(problem, STATUS_UNFIT, "fetch: this loadwise was built without libcurl and libuv");
}
