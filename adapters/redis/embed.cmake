# SPDX-License-Identifier: MIT OR Apache-2.0
# Writes Lua scripts as a C source: cmake -D OUTPUT=FILE.c -P embed.cmake SCRIPT.lua...
# For each NAME.lua there comes `const struct lw__redis_script lw__redis_NAME`, with the whole text of the file and its
# SHA-1, by which a server names it.
set(source "/* Made by embed.cmake. */\n#include \"scripts.h\"\n")
set(index 0)
while(index LESS CMAKE_ARGC)
    set(file "${CMAKE_ARGV${index}}")
    math(EXPR index "${index} + 1")
    if(NOT file MATCHES "\\.lua$")
        continue()
    endif()
    cmake_path(GET file STEM name)
    file(SHA1 "${file}" sha1)
    file(READ "${file}" text)
    string(LENGTH "${text}" size)
    string(REPLACE "\\" "\\\\" text "${text}")
    string(REPLACE "\"" "\\\"" text "${text}")
    string(REPLACE "\n" "\\n\"\n    \"" text "${text}")
    string(APPEND source "
const struct lw__redis_script lw__redis_${name} = {
    \"${name}\",
    \"${sha1}\",
    ${size},
    \"${text}\",
};
")
endwhile()
file(WRITE "${OUTPUT}" "${source}")
