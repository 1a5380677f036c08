#!/usr/bin/env python3
"""Makes schema.tsv: which lists of which Kubernetes types are merged by key.

    python3 make_schema.py CASES KINDS > schema.tsv

CASES is the folder of the conformance cases (it holds schema_compact.json and mergekeys.tsv: the Kubernetes 1.21.2
definitions that kustomize 5.8.1 merges by). KINDS is kyaml's openapi/openapi.go, whose table
precomputedIsNamespaceScoped lists the served kinds (`go mod download sigs.k8s.io/kustomize/kyaml@v0.21.1`).
cluster_scoped.tsv holds the rows of that table that are false; the other tables are kustomize's field specs
(api/internal/konfig/builtinpluginconsts), a row each.
"""
import json
import re
import sys

cases, kinds_file = sys.argv[1:3]
types = json.load(open(f"{cases}/schema_compact.json"))
merge_rows = [line.rstrip("\n").split("\t") for line in open(f"{cases}/mergekeys.tsv")]
merge_keys = {(row[0], row[1]): (row + [""] * 6)[:6] for row in merge_rows}
kinds = sorted(re.findall(r'\{APIVersion: "([^"]+)", Kind: "([^"]+)"\}', open(kinds_file).read()))


def child(field):
    return field.get("r") or field.get("i") or field.get("a")


def merges(name, field):
    row = merge_keys.get((name, field))
    return row and "merge" in row[2].split(",") and types[name][field].get("t") == "array"


def short(name):
    return re.sub(
        r"^io\.k8s\.(api\.|apimachinery\.pkg\.(apis|api)\.|apiextensions-apiserver\.pkg\.apis\.|kube-aggregator\.pkg\.apis\.)",
        "", name)


reaching, before = set(), -1  # types from which a merged list can be reached
while len(reaching) != before:
    before = len(reaching)
    reaching |= {n for n, fs in types.items() if any(merges(n, f) or child(x) in reaching for f, x in fs.items())}

roots = []
for api_version, kind in kinds:
    group, _, version = api_version.rpartition("/")
    suffix = f".{(group or 'core').split('.')[0]}.{version}.{kind}"
    roots += [(api_version, kind, n) for n in types if n.endswith(suffix) and n in reaching]
needed, queue = {r[2] for r in roots}, [r[2] for r in roots]
while queue:
    below = {child(x) for x in types[queue.pop()].values()} & reaching - needed
    needed |= below
    queue += below

print("# What strategic merge needs of the Kubernetes 1.21.2 schema that kustomize 5.8.1 merges by.")
print("# `kind` rows: apiVersion, kind, type. Other rows: type, field, how (field, list, map; merge = a list merged by key),")
print("# the merge keys (`=` for a set of scalars), the type below. Types that reach no merged list are left out.")
print("# Made by make_schema.py, which says from what.")
for api_version, kind, name in roots:
    print("kind", api_version, kind, short(name), sep="\t")
for name in sorted(needed):
    for field, x in sorted(types[name].items()):
        below = short(child(x)) if child(x) in needed else "-"
        if merges(name, field):
            row = merge_keys[(name, field)]
            print(short(name), field, "merge", row[4].replace("+", ",") or row[3] or "=", below, sep="\t")
        elif child(x) in reaching:
            how = "map" if x.get("a") else "list" if x.get("i") else "field"
            print(short(name), field, how, "-", below, sep="\t")
