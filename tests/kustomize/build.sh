#!/bin/sh
# Builds the real kustomize at the release that go.mod pins: ./build.sh OUTPUT
# It is a tool of this module, so that there is no source of ours to drift from it.
set -eu
case $1 in /*) output=$1 ;; *) output=$PWD/$1 ;; esac
cd "$(dirname "$0")"
exec go build -o "$output" sigs.k8s.io/kustomize/kustomize/v5
