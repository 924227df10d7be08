# SPDX-License-Identifier: MIT OR Apache-2.0
# What `cmake --install` puts where: headers, both libraries, a pkg-config file and a CMake package.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/loadwise)
set(pkgconfig_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(
    TARGETS loadwise_shared loadwise_static
    EXPORT loadwise_targets
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
    INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
)
install(DIRECTORY include/loadwise DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")

# pkg-config finds the prefix from where its file lies, so the installed tree can be moved.
if(IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR})
    set(pkgconfig_prefix ${CMAKE_INSTALL_PREFIX})
    set(pkgconfig_libdir ${CMAKE_INSTALL_LIBDIR})
else()
    file(RELATIVE_PATH up /${pkgconfig_dir} /)
    string(REGEX REPLACE "/$" "" up ${up})
    set(pkgconfig_prefix "\${pcfiledir}/${up}")
    set(pkgconfig_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
endif()
cmake_path(APPEND pkgconfig_includedir "\${prefix}" ${CMAKE_INSTALL_INCLUDEDIR})
configure_file(cmake/loadwise.pc.in loadwise.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/loadwise.pc DESTINATION ${pkgconfig_dir})

configure_package_config_file(
    cmake/loadwise-config.cmake.in loadwise-config.cmake
    INSTALL_DESTINATION ${package_dir}
)
# While the major version is 0, a new minor version may break.
write_basic_package_version_file(loadwise-config-version.cmake COMPATIBILITY SameMinorVersion)
install(
    FILES ${PROJECT_BINARY_DIR}/loadwise-config.cmake ${PROJECT_BINARY_DIR}/loadwise-config-version.cmake
    DESTINATION ${package_dir}
)
install(EXPORT loadwise_targets NAMESPACE loadwise:: DESTINATION ${package_dir} FILE loadwise-targets.cmake)

foreach(adapter IN ITEMS redis uv curl)
    if(TARGET loadwise_${adapter}_shared)
        lw_adapter_install(${adapter})
    endif()
endforeach()
