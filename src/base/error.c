/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Names and messages of the one error list. Cost: a switch. */
#include <loadwise/error.h>

const char *lw_error_name(int code) {
    switch (code) {
#define NAME_CASE(name, value, message)                                                                                \
    case value: return "LW_" #name;
        LW_ERROR_LIST(NAME_CASE)
#undef NAME_CASE
    default: return code >= 0 ? "LW_OK" : "LW_?";
    }
}

const char *lw_error_message(int code) {
    switch (code) {
#define MESSAGE_CASE(name, value, message)                                                                             \
    case value: return message;
        LW_ERROR_LIST(MESSAGE_CASE)
#undef MESSAGE_CASE
    default: return code >= 0 ? "success" : "not a code of this library";
    }
}
