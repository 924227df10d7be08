# SPDX-License-Identifier: MIT OR Apache-2.0
# The strangers' programs once per language standard and kind of library, each a test.
add_compile_options(-Wall -Wextra -Wpedantic -Werror)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_NO_SYSTEM_FROM_IMPORTED ON) # or the compiler would not warn about our headers
enable_testing()

# consumers(SOURCE TARGET...): programs made from one source, linked to each of the targets.
function(consumers source)
    configure_file(${CMAKE_CURRENT_FUNCTION_LIST_DIR}/${source}.c ${source}.cc COPYONLY)
    foreach(kind IN LISTS ARGN)
        foreach(standard IN ITEMS C_99 C_11 CXX_17)
            set(program ${kind}_${standard})
            if(standard STREQUAL CXX_17)
                add_executable(${program} ${CMAKE_CURRENT_BINARY_DIR}/${source}.cc)
                set_target_properties(${program} PROPERTIES CXX_STANDARD 17 CXX_STANDARD_REQUIRED ON)
            else()
                string(REPLACE C_ "" year ${standard})
                add_executable(${program} ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/${source}.c)
                set_target_properties(${program} PROPERTIES C_STANDARD ${year} C_STANDARD_REQUIRED ON)
            endif()
            target_link_libraries(${program} PRIVATE loadwise::${kind})
            add_test(NAME ${program} COMMAND ${program})
        endforeach()
    endforeach()
endfunction()

consumers(consumer loadwise static)
consumers(redis redis redis_static)
consumers(uv uv uv_static)
consumers(curl curl curl_static)
