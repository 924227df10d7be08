# SPDX-License-Identifier: MIT OR Apache-2.0
# How an adapter becomes a library of its own: libloadwise-NAME, shared and static, both made from one compilation, which
# sees the public headers only. Offers loadwise::NAME and loadwise::NAME_static.

# Is what an adapter needs there? Sets OUT; an error where the option says ON. The rest are names of pkg-config, which
# become targets PkgConfig::THE_NAME in capitals.
function(lw_adapter_needs out option what packages)
    set(${out} OFF PARENT_SCOPE)
    find_package(PkgConfig)
    foreach(package IN LISTS packages)
        string(TOUPPER ${package} name)
        string(MAKE_C_IDENTIFIER ${name} name)
        if(PkgConfig_FOUND)
            pkg_check_modules(${name} QUIET IMPORTED_TARGET GLOBAL ${package})
        endif()
        if(NOT ${name}_FOUND)
            set(problem "${what} needs ${package}, which pkg-config does not find")
            if(NOT ${option} STREQUAL AUTO)
                message(FATAL_ERROR "${problem}; or configure with ${option}=OFF")
            endif()
            message(STATUS "${problem}; it is left out")
            return()
        endif()
    endforeach()
    set(${out} ON PARENT_SCOPE)
endfunction()

# lw_adapter(NAME SOURCES file... PUBLIC library... PRIVATE library...): PUBLIC are libraries whose headers ours include,
# PRIVATE the rest; of other adapters their NAME.
function(lw_adapter name)
    cmake_parse_arguments(PARSE_ARGV 1 adapter "" "" "SOURCES;ADAPTERS;PUBLIC;PRIVATE")
    set(objects loadwise_${name}_objects)
    add_library(${objects} OBJECT ${adapter_SOURCES})
    target_compile_options(${objects} PRIVATE -Wmissing-prototypes)
    target_include_directories(
        ${objects}
        PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/src ${CMAKE_CURRENT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/include
    )
    foreach(other IN LISTS adapter_ADAPTERS)
        target_include_directories(${objects} PRIVATE ${PROJECT_SOURCE_DIR}/adapters/${other}/include)
    endforeach()
    target_link_libraries(${objects} PRIVATE ${adapter_PUBLIC} ${adapter_PRIVATE})
    set_target_properties(${objects} PROPERTIES POSITION_INDEPENDENT_CODE ON)

    foreach(kind IN ITEMS shared static)
        set(library loadwise_${name}_${kind})
        string(TOUPPER ${kind} KIND)
        add_library(${library} ${KIND} $<TARGET_OBJECTS:${objects}>)
        set_target_properties(${library} PROPERTIES OUTPUT_NAME loadwise-${name} LINKER_LANGUAGE C)
        target_include_directories(${library} PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>)
        target_link_libraries(
            ${library}
            PUBLIC loadwise_${kind} ${adapter_PUBLIC}
            PRIVATE ${adapter_PRIVATE} Threads::Threads
        )
        foreach(other IN LISTS adapter_ADAPTERS)
            target_link_libraries(${library} PUBLIC loadwise_${other}_${kind})
        endforeach()
    endforeach()
    set_target_properties(
        loadwise_${name}_shared
        PROPERTIES
            EXPORT_NAME ${name}
            VERSION ${PROJECT_VERSION}
            SOVERSION ${PROJECT_VERSION_MAJOR}
            # The installed library finds libloadwise beside it wherever the tree is moved to.
            INSTALL_RPATH $ORIGIN
    )
    set_target_properties(loadwise_${name}_static PROPERTIES EXPORT_NAME ${name}_static)
    add_library(loadwise::${name} ALIAS loadwise_${name}_shared)
    add_library(loadwise::${name}_static ALIAS loadwise_${name}_static)
endfunction()
