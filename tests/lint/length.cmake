# A C file says one thing: over 1,200 lines it says more, and is split by the protocol's words.
cmake_minimum_required(VERSION 3.25)
file(GLOB_RECURSE files ${ROOT}/common/*.[ch] ${ROOT}/ipc/*.[ch] ${ROOT}/certd/*.[ch] ${ROOT}/sipd/*.[ch]
	${ROOT}/mediad/*.[ch] ${ROOT}/dectd/*.[ch] ${ROOT}/presenced/*.[ch] ${ROOT}/tests/*.[ch] ${ROOT}/bench/*.[ch])
execute_process(COMMAND awk "FNR==1201 {print FILENAME}" ${files} OUTPUT_VARIABLE long COMMAND_ERROR_IS_FATAL ANY)
if(long)
	message(FATAL_ERROR "files over 1,200 lines:\n${long}")
endif()
