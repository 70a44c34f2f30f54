# .clang-format decides the layout of every C file.
cmake_minimum_required(VERSION 3.25)
find_program(CLANG_FORMAT clang-format)
if(NOT CLANG_FORMAT)
	message(STATUS "clang-format is not installed: layout not checked (apt install clang-format)")
	return()
endif()
file(GLOB_RECURSE files ${ROOT}/common/*.[ch] ${ROOT}/ipc/*.[ch] ${ROOT}/certd/*.[ch] ${ROOT}/sipd/*.[ch]
	${ROOT}/mediad/*.[ch] ${ROOT}/dectd/*.[ch] ${ROOT}/presenced/*.[ch] ${ROOT}/tests/*.[ch] ${ROOT}/bench/*.[ch])
execute_process(COMMAND ${CLANG_FORMAT} --dry-run -Werror ${files} RESULT_VARIABLE rc ERROR_VARIABLE err)
if(NOT rc EQUAL 0)
	string(SUBSTRING "${err}" 0 3000 err)
	message(FATAL_ERROR "${err}\nRun: clang-format -i on the files above")
endif()
