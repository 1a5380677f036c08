#!/bin/sh
# Regenerates go.mod and go.sum for one Kubernetes release: ./gen-gomod.sh 1.35.4 3.6.5
# k8s.io/kubernetes replaces its staging modules by relative paths that the
# proxy does not carry, so every one of them is replaced by its published tag.
set -eu
k8s=$1 etcd=$2
export GOFLAGS=-mod=mod
dir=$(go mod download -json "k8s.io/kubernetes@v$k8s" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
{
	echo "module taffrail.dev/tests/controlplane"
	echo
	sed -n 's/^go [0-9.]*$/&/p; s/^godebug .*/&/p' "$dir/go.mod"
	printf '\nrequire (\n\tgo.etcd.io/etcd/server/v3 v%s\n\tk8s.io/kubernetes v%s\n)\n' "$etcd" "$k8s"
	printf '\n// the staging modules of k8s.io/kubernetes\nreplace (\n'
	sed -n "s|^\t\(k8s.io/[a-z-]*\) => \./staging.*|\t\1 => \1 v0.${k8s#1.}|p" "$dir/go.mod"
	echo ")"
} >go.mod
rm -f go.sum
go mod tidy
