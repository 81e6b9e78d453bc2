#!/bin/sh
# The names of the scenarios that come with cocobox, for meson: one test each.
cd "$(dirname "$0")/../../scenarios" && ls ./*.yaml | sed -n '/\.pod\.yaml$/d; s,^\./\(.*\)\.yaml$,\1,p'
