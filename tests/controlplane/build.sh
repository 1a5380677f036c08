#!/bin/sh
# Builds the control plane: ./build.sh OUTPUT
# Its version comes from go.mod, so that `kubectl version` tells what is tested.
set -eu
case $1 in /*) output=$1 ;; *) output=$PWD/$1 ;; esac
cd "$(dirname "$0")"
v=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
minor=${v#v1.} minor=${minor%%.*}
p=k8s.io/component-base/version # reports v0.0.0 without these
# No -trimpath: it shares no cache with `go vet` and `go test`, and builds everything twice.
exec go build -o "$output" -ldflags "-s -w -X $p.gitVersion=$v -X $p.gitMajor=1 -X $p.gitMinor=$minor" .
