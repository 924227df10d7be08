/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Linkage of the public functions. Everything without LW_API stays inside the library. */
#ifndef LOADWISE_API_H
#define LOADWISE_API_H

#ifdef __cplusplus
#define LW_BEGIN extern "C" {
#define LW_END }
#else
#define LW_BEGIN
#define LW_END
#endif

/* The accessors of nodes.h and view.h rest on the atomic builtins of gcc and clang. */
#if !defined(__GNUC__)
#error "loadwise needs gcc or clang"
#endif

#define LW_API __attribute__((visibility("default")))

#endif
