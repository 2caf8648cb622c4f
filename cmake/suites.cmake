# Read by ctest when it starts, for each GoogleTest program (lupo_suites): a suite is a ctest of its own. A process a case would
# take longer to start than most cases run; long suites are dealt out to several processes, so that all cores have something
# to do. Set by who includes it: program, emulator, label, and the patterns chosen and left_out.
set(cases_a_process 25)

function(lupo_add_suite suite n_cases)
  math(EXPR n "(${n_cases} + ${cases_a_process} - 1) / ${cases_a_process}")
  foreach(i RANGE 1 ${n})
    set(name ${suite})
    if(n GREATER 1)
      string(APPEND name ".${i}_of_${n}")
    endif()
    math(EXPR index "${i} - 1")
    add_test("${name}" ${emulator} "${program}" --gtest_brief=1 "--gtest_filter=${suite}.*-${left_out}")
    set_tests_properties(
      "${name}" PROPERTIES LABELS ${label} ENVIRONMENT "GTEST_TOTAL_SHARDS=${n};GTEST_SHARD_INDEX=${index}")
  endforeach()
endfunction()

if(NOT EXISTS "${program}")  # some presets build a few programs only
  return()
endif()
execute_process(
  COMMAND ${emulator} "${program}" --gtest_list_tests "--gtest_filter=${chosen}-${left_out}"
  OUTPUT_VARIABLE listed COMMAND_ERROR_IS_FATAL ANY)
string(REGEX REPLACE " *#[^\n]*" "" listed "${listed}")  # a parameter's value may be any text
string(REPLACE "\n" ";" listed "${listed}")
set(suite "")
set(n_cases 0)
foreach(line IN LISTS listed ITEMS "end.")
  if(line MATCHES "^  ")
    math(EXPR n_cases "${n_cases} + 1")
  elseif(line MATCHES "^([^ ]+)\\.$")
    set(next ${CMAKE_MATCH_1})
    if(n_cases GREATER 0)
      lupo_add_suite("${suite}" ${n_cases})
    endif()
    set(suite ${next})
    set(n_cases 0)
  endif()
endforeach()
