# SPDX-License-Identifier: MIT OR Apache-2.0
# How an adapter becomes a library of its own: libloadwise-NAME, shared and static, both made from one compilation, which
# sees the public headers only. Offers loadwise::NAME and loadwise::NAME_static.

# lw_adapter_needs(OUT OPTION WHAT PACKAGE DEBIAN): is what an adapter needs there? Sets OUT; an error where the option
# says ON. PACKAGE is a name of pkg-config, which becomes a target PkgConfig::PACKAGE in capitals.
function(lw_adapter_needs out option what package debian)
    string(TOUPPER ${package} name)
    find_package(PkgConfig QUIET)
    if(PkgConfig_FOUND)
        pkg_check_modules(${name} QUIET IMPORTED_TARGET GLOBAL ${package})
    endif()
    if(${name}_FOUND)
        set(${out} ON PARENT_SCOPE)
        return()
    endif()
    set(${out} OFF PARENT_SCOPE)
    set(problem "${what} needs ${package}, which pkg-config does not find (Debian: ${debian})")
    if(NOT ${option} STREQUAL AUTO)
        message(FATAL_ERROR "${problem}; or configure with ${option}=OFF")
    endif()
    message(STATUS "${problem}; it is left out")
endfunction()

# lw_adapter(NAME DESCRIPTION text SOURCES file... [ADAPTER other] [PUBLIC package] [PRIVATE package]): PUBLIC is a library
# whose header ours includes, PRIVATE one that ours hides, by their names in pkg-config; ADAPTER is one that this stands on.
function(lw_adapter name)
    cmake_parse_arguments(PARSE_ARGV 1 adapter "" "DESCRIPTION;ADAPTER;PUBLIC;PRIVATE" "SOURCES")
    foreach(access IN ITEMS PUBLIC PRIVATE)
        set(${access} ${adapter_${access}})
        list(TRANSFORM ${access} TOUPPER)
        list(TRANSFORM ${access} PREPEND PkgConfig::)
    endforeach()

    set(objects loadwise_${name}_objects)
    add_library(${objects} OBJECT ${adapter_SOURCES})
    target_compile_options(${objects} PRIVATE -Wmissing-prototypes)
    target_include_directories(
        ${objects}
        PRIVATE
            ${CMAKE_CURRENT_SOURCE_DIR}/src
            ${CMAKE_CURRENT_SOURCE_DIR}/include
            ${PROJECT_SOURCE_DIR}/adapters
            ${PROJECT_SOURCE_DIR}/include
    )
    target_link_libraries(${objects} PRIVATE ${PUBLIC} ${PRIVATE})
    set_target_properties(${objects} PROPERTIES POSITION_INDEPENDENT_CODE ON)

    foreach(kind IN ITEMS shared static)
        set(library loadwise_${name}_${kind})
        string(TOUPPER ${kind} KIND)
        add_library(${library} ${KIND} $<TARGET_OBJECTS:${objects}>)
        set_target_properties(${library} PROPERTIES OUTPUT_NAME loadwise-${name} LINKER_LANGUAGE C)
        target_include_directories(${library} PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>)
        target_link_libraries(${library} PUBLIC loadwise_${kind} ${PUBLIC} PRIVATE ${PRIVATE} Threads::Threads)
        foreach(other IN LISTS adapter_ADAPTER)
            target_link_libraries(${objects} PRIVATE loadwise_${other}_shared)
            target_link_libraries(${library} PUBLIC loadwise_${other}_${kind})
        endforeach()
    endforeach()
    set(requires "loadwise = ${PROJECT_VERSION}")
    foreach(other IN LISTS adapter_ADAPTER)
        string(APPEND requires ", loadwise-${other} = ${PROJECT_VERSION}")
    endforeach()
    foreach(other IN LISTS adapter_PUBLIC)
        string(APPEND requires ", ${other}")
    endforeach()
    set_target_properties(
        loadwise_${name}_shared
        PROPERTIES
            EXPORT_NAME ${name}
            VERSION ${PROJECT_VERSION}
            SOVERSION ${PROJECT_VERSION_MAJOR}
            # The installed library finds libloadwise beside it wherever the tree is moved to.
            INSTALL_RPATH $ORIGIN
            LW_DESCRIPTION "${adapter_DESCRIPTION}"
            LW_REQUIRES "${requires}"
            LW_REQUIRES_PRIVATE "${adapter_PRIVATE}"
    )
    set_target_properties(loadwise_${name}_static PROPERTIES EXPORT_NAME ${name}_static)
    add_library(loadwise::${name} ALIAS loadwise_${name}_shared)
    add_library(loadwise::${name}_static ALIAS loadwise_${name}_static)
endfunction()

# lw_adapter_install(NAME): its headers, both libraries, a pkg-config file and the files of a CMake component. The static
# library needs others to be linked, so it has a file of its own.
function(lw_adapter_install name)
    foreach(kind IN ITEMS shared static)
        install(
            TARGETS loadwise_${name}_${kind}
            EXPORT loadwise_${name}_${kind}
            ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
            LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
            INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        )
        install(
            EXPORT loadwise_${name}_${kind}
            NAMESPACE loadwise::
            DESTINATION ${package_dir}
            FILE loadwise-${name}-${kind}.cmake
        )
    endforeach()
    install(
        DIRECTORY adapters/${name}/include/loadwise
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING
        PATTERN "*.h"
    )
    get_target_property(description loadwise_${name}_shared LW_DESCRIPTION)
    get_target_property(requires loadwise_${name}_shared LW_REQUIRES)
    get_target_property(requires_private loadwise_${name}_shared LW_REQUIRES_PRIVATE)
    configure_file(cmake/loadwise-adapter.pc.in loadwise-${name}.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/loadwise-${name}.pc DESTINATION ${pkgconfig_dir})
endfunction()
