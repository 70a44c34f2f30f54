# What is installed beside the programs, and the Debian package (cpack -G DEB).
install(DIRECTORY systemd/ DESTINATION lib/systemd/system FILES_MATCHING PATTERN "*.service" PATTERN "*.socket"
	PATTERN "*.target")
install(FILES systemd/ipdect.sysusers DESTINATION lib/sysusers.d RENAME ipdect.conf)
install(FILES systemd/ipdect.tmpfiles DESTINATION lib/tmpfiles.d RENAME ipdect.conf)
install(FILES packaging/ipdect.conf DESTINATION /etc/ipdect)
install(FILES README.md DESTINATION share/doc/ipdect)
install(FILES packaging/completion/dectctl DESTINATION share/bash-completion/completions)
install(FILES packaging/completion/_dectctl DESTINATION share/zsh/vendor-completions)
# ipdect.conf(5) is printed by the daemons themselves.
foreach(name IN ITEMS certd sipd mediad dectd presenced)
	if(TARGET ${name})
		list(APPEND conf_daemons ${name})
	endif()
endforeach()
add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/ipdect.conf.5 DEPENDS docs/ipdect.conf.5.head ${conf_daemons}
	COMMAND sh ${CMAKE_SOURCE_DIR}/packaging/conf-man ${CMAKE_SOURCE_DIR}/docs/ipdect.conf.5.head ${CMAKE_BINARY_DIR}
	${conf_daemons} > ${CMAKE_BINARY_DIR}/ipdect.conf.5 VERBATIM)
add_custom_target(conf_man ALL DEPENDS ${CMAKE_BINARY_DIR}/ipdect.conf.5)
install(FILES ${CMAKE_BINARY_DIR}/ipdect.conf.5 DESTINATION share/man/man5)
file(GLOB MAN1 docs/*.1)
file(GLOB MAN8 docs/*.8)
install(FILES ${MAN1} DESTINATION share/man/man1)
install(FILES ${MAN8} DESTINATION share/man/man8)
install(CODE [[file(GLOB pages $ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/share/man/man*/*.[0-9])
	if(pages)
		execute_process(COMMAND gzip -9nf ${pages} COMMAND_ERROR_IS_FATAL ANY)
	endif()]])
install(DIRECTORY docs/ DESTINATION share/doc/ipdect FILES_MATCHING PATTERN "*.md" PATTERN "*.json")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_NAME ipdect)
set(CPACK_PACKAGE_CONTACT "ipdect maintainers <ipdect@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "open IP-DECT server for Lync, Skype for Business and SIP")
set(CPACK_PACKAGE_DESCRIPTION "A mobility manager that drives multi-cell DECT base stations (Mitel
RFPs) and joins their handsets to Microsoft Lync / Skype for Business
and to any SIP PBX. Five privilege-separated daemons under systemd,
administered with dectctl.")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser, systemd")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "ca-certificates, libsasl2-modules-gssapi-mit")
set(CPACK_DEBIAN_PACKAGE_SECTION comm)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_SOURCE_DIR}/packaging/deb/postinst
	${CMAKE_SOURCE_DIR}/packaging/deb/prerm ${CMAKE_SOURCE_DIR}/packaging/deb/postrm
	${CMAKE_SOURCE_DIR}/packaging/deb/conffiles)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
