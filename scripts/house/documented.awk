# SPDX-License-Identifier: MIT OR Apache-2.0
# Prints name:file:line:yes|no for every function that a public header offers: does a comment stand in its paragraph?
FNR == 1 { commented = 0 }

/^[ \t]*$/ { commented = 0 }
/\/\*/ { commented = 1 }

/^LW_API / {
    declaration = $0
    sub(/\(.*/, "", declaration)
    sub(/.*[ *]/, "", declaration)
    print declaration ":" FILENAME ":" FNR ":" (commented ? "yes" : "no")
}
