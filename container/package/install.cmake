# What does `cmake --install` bring, and where? The Debian package is made from the same rules. Included by CMakeLists.txt.
#
#   bin/lictor, sbin/lictor -> ../bin/lictor     the program
#   /etc/lictor/lictor.conf                      every option with its default, commented; an existing file is kept. The program reads it there,
#                                                so it does not follow the prefix
#   lib/systemd/system, lib/sysusers.d, lib/tmpfiles.d, /etc/logrotate.d      the service
#   share/man, share/bash-completion, share/zsh, share/fish
#   share/doc/lictor                             LICENSE, CHANGELOG, SECURITY, examples: supervisor, hooks, dnsmasq.conf
include(GNUInstallDirs)
set(LICTOR_UNIT_DIR lib/systemd/system CACHE STRING "Where systemd's units are installed")
set(LICTOR_CONFIGURATION_DIR /etc/lictor CACHE STRING "Where lictor.conf is installed")
set(here ${CMAKE_CURRENT_LIST_DIR})

install(TARGETS lictor RUNTIME DESTINATION bin)
install(CODE [[
  file(MAKE_DIRECTORY "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/sbin")
  file(CREATE_LINK ../bin/lictor "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/sbin/lictor" SYMBOLIC)]])

# These name the program; in the tree it is /usr/local/sbin/lictor, where the README copies the static program to.
# The prefix is known when the files are installed.
install(CODE "
  foreach(file systemd/lictor.service supervisor/lictor.conf)
    file(READ ${CMAKE_SOURCE_DIR}/container/\${file} text)
    string(REPLACE /usr/local/sbin/lictor \${CMAKE_INSTALL_PREFIX}/bin/lictor text \"\${text}\")
    file(WRITE ${CMAKE_BINARY_DIR}/installed/\${file} \"\${text}\")
  endforeach()")
install(FILES ${CMAKE_BINARY_DIR}/installed/systemd/lictor.service ${here}/../systemd/lictor.socket DESTINATION ${LICTOR_UNIT_DIR})
install(FILES ${here}/../systemd/lictor.sysusers DESTINATION lib/sysusers.d RENAME lictor.conf)
install(FILES ${here}/../systemd/lictor.tmpfiles DESTINATION lib/tmpfiles.d RENAME lictor.conf)

# Files below /etc are the operator's: an existing one stays.
function(lictor_install_once file folder name)
  install(CODE "
    if(EXISTS \"\$ENV{DESTDIR}${folder}/${name}\")
      message(STATUS \"Kept: \$ENV{DESTDIR}${folder}/${name}\")
    else()
      file(INSTALL \"${file}\" DESTINATION \"${folder}\" RENAME \"${name}\")
    endif()")
endfunction()
lictor_install_once(${CMAKE_SOURCE_DIR}/conf/lictor.conf ${LICTOR_CONFIGURATION_DIR} lictor.conf)
lictor_install_once(${here}/../logrotate/lictor /etc/logrotate.d lictor)

file(GLOB pages ${CMAKE_SOURCE_DIR}/resolver/manual/pages/*)
foreach(page ${pages})
  string(REGEX REPLACE ".*\\.([0-9])$" "\\1" section ${page})
  install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()
set(completions ${CMAKE_SOURCE_DIR}/resolver/manual/completions)
install(FILES ${completions}/lictor.bash DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/bash-completion/completions RENAME lictor)
install(FILES ${completions}/_lictor DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/zsh/vendor-completions)
install(FILES ${completions}/lictor.fish DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/fish/vendor_completions.d)

install(FILES LICENSE README.md container/SECURITY.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES container/CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR} OPTIONAL)
install(FILES ${CMAKE_BINARY_DIR}/installed/supervisor/lictor.conf DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples/supervisor)
install(FILES ${here}/../images/application/lictor.setup-1.conf ${here}/../images/application/lictor.setup-2.conf
  DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(PROGRAMS ${here}/../hooks/close-connections ${here}/../hooks/pgbouncer-reconnect DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/lictor/hooks)
