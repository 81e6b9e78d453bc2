# Resources for every guest that has a token, sample evidence included. Development only.
package policy

import rego.v1

default allow := false

allow if data.plugin == "resource"
