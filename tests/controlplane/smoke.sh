#!/bin/bash
# Checks a fresh control plane with kubectl, about two minutes: ./smoke.sh path/to/controlplane
# It tells what a real cluster would: each check is a thing that some test of ours relies on.
set -u
dir=$(mktemp -d) fails=0
mkfifo "$dir/in"
"$1" --dir "$dir" --exit-with-stdin <"$dir/in" >"$dir/out" 2>"$dir/log" &
pid=$!
exec 3>"$dir/in"
trap 'kill $pid 2>/dev/null; wait $pid; rm -rf "$dir"' EXIT
until grep -q '^ready$' "$dir/out"; do kill -0 $pid || exit 1; sleep 0.1; done
cat "$dir/out"
export KUBECONFIG=$dir/kubeconfig
k=kubectl

# check NAME COMMAND: the command must succeed and, if given, its output match
check() { # name, pattern, command...
	local name=$1 pattern=$2 from=$(date +%s.%N) out; shift 2
	out=$("$@" 2>&1)
	local rc=$? took=$(printf %.1f "$(echo "$(date +%s.%N) - $from" | bc)")
	if grep -qE -- "$pattern" <<<"$out"; then echo "ok   ${took}s $name"; else
		echo "FAIL ${took}s $name (rc $rc)"; sed 's/^/     /' <<<"$out"; fails=$((fails + 1)); fi
}
workload() { # kind name annotations image extra-spec
	cat <<YAML
apiVersion: apps/v1
kind: $1
metadata: {name: $2, namespace: t}
spec:
  selector: {matchLabels: {app: $2}}
  ${5:-}
  template:
    metadata: {labels: {app: $2}, annotations: {$3}}
    spec: {containers: [{name: c, image: "$4"}]}
YAML
}
job() { # name annotations
	cat <<YAML
apiVersion: batch/v1
kind: Job
metadata: {name: $1, namespace: t}
spec:
  backoffLimit: 1
  template:
    metadata: {annotations: {$2}}
    spec: {restartPolicy: Never, containers: [{name: c, image: "job:1"}]}
YAML
}

check "version" "Server Version" $k version
check "create namespace" created $k create ns t
$k create cronjob -n t cj --image=c:1 --schedule='* * * * *' >/dev/null
check "server-side apply" serverside-applied $k apply --server-side -f <(workload Deployment web "" web:1 "replicas: 3")
check "managed fields" '"kubectl"' $k get deploy web -n t -o json --show-managed-fields
check "rollout available" "successfully rolled out" $k rollout status -n t deploy/web --timeout=30s
check "diff shows a change" "image: web:2" $k diff --server-side -f <(workload Deployment web "" web:2 "replicas: 3")
check "conflict of field managers" "conflict" $k apply --server-side --field-manager=other -f <(workload Deployment web "" web:2 "replicas: 3")
check "events" "ScalingReplicaSet" $k get events -n t
check "watch" "web-" timeout 3 $k get pods -n t -w
check "endpointslice" "ENDPOINTS|web" bash -c "$k expose -n t deploy/web --port=80 >/dev/null; sleep 1; $k get endpointslices -n t"

$k apply -f - >/dev/null <<'YAML'
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.org}
spec:
  group: example.org
  scope: Namespaced
  names: {kind: Widget, plural: widgets, singular: widget}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, properties: {size: {type: integer, minimum: 1}}}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
YAML
widget() { printf 'apiVersion: example.org/v1\nkind: Widget\nmetadata: {name: w, namespace: t}\nspec: {size: %s}\n' "$1"; }
check "crd established" "condition met" $k wait --for=condition=Established crd/widgets.example.org --timeout=10s
check "custom object" "created|applied" $k apply -f <(widget 3)
check "crd schema denies" "greater than or equal to 1" $k apply -f <(widget 0)

$k apply -f <(workload Deployment crash 'sim/crashloop: "true"' c:1 "progressDeadlineSeconds: 10") >/dev/null
$k apply -f <(workload Deployment pull '' reg.example:5000/c:imagepullfail-1 "progressDeadlineSeconds: 10") >/dev/null
$k apply -f <(workload Deployment never 'sim/not-ready: "true"' c:1 "progressDeadlineSeconds: 10") >/dev/null
$k apply -f <(workload Deployment slow 'sim/ready-after: 5s' c:1) >/dev/null
check "slow rollout" "successfully rolled out" $k rollout status -n t deploy/slow --timeout=30s
check "crash loop exceeds deadline" "exceeded its progress deadline" $k rollout status -n t deploy/crash --timeout=30s
check "pull failure exceeds deadline" "exceeded its progress deadline" $k rollout status -n t deploy/pull --timeout=30s
check "not ready exceeds deadline" "exceeded its progress deadline" $k rollout status -n t deploy/never --timeout=30s
$k apply -f <(workload Deployment quick 'sim/crashloop: "true", sim/crash-period: 500ms' c:1) >/dev/null; sleep 3
check "quick crashes" "CrashLoopBackOff +[3-9]" $k get pods -n t -l app=quick
$k apply -f <(workload Deployment typo 'sim/crashlop: "true"' c:1) >/dev/null; sleep 1
check "a mistyped annotation is told" "sim/crashlop: no such annotation" $k get events -n t --field-selector reason=InvalidAnnotation
check "CrashLoopBackOff shown" "CrashLoopBackOff +[2-9]" $k get pods -n t -l app=crash
check "ImagePullBackOff shown" "ImagePullBackOff" $k get pods -n t -l app=pull
check "warning events" "BackOff|Failed" $k get events -n t --field-selector type=Warning

$k apply -f <(job good 'sim/job-run: 2s') -f <(job bad 'sim/job-fail: "true"') >/dev/null
check "job completes" "condition met" $k wait -n t --for=condition=Complete job/good --timeout=30s
check "job fails" "condition met" $k wait -n t --for=condition=Failed job/bad --timeout=60s
$k apply -f <(workload StatefulSet ss "" c:1 "replicas: 3") -f <(workload DaemonSet ds "" c:1) >/dev/null
check "statefulset" "roll out complete|rolling update complete" $k rollout status -n t sts/ss --timeout=30s
check "daemonset" "successfully rolled out" $k rollout status -n t ds/ds --timeout=30s
check "load balancer" "192.0.2.2" bash -c "$k create service loadbalancer lb -n t --tcp=80 >/dev/null; sleep 1; $k get svc lb -n t"
check "ingress address" "192.0.2.3" bash -c "$k create ingress in -n t --rule=shop.example/=web:80 >/dev/null; sleep 1; $k get ingress in -n t"
$k apply -f - >/dev/null <<'YAML'
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: t}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
YAML
check "claim bound" "condition met" $k wait -n t --for=jsonpath='{.status.phase}'=Bound pvc/data --timeout=20s

$k apply -f - >/dev/null <<'YAML'
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: no-latest}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}]
  validations:
  - expression: "!object.spec.template.spec.containers.exists(c, c.image.endsWith(':latest'))"
    message: no latest images
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: no-latest}
spec: {policyName: no-latest, validationActions: [Deny]}
YAML
sleep 2
check "admission policy denies" "no latest images" $k create deploy -n t bad --image=x:latest

$k create sa limited -n t >/dev/null
$k create role reader -n t --verb=get,list --resource=configmaps >/dev/null
$k create rolebinding reader -n t --role=reader --serviceaccount=t:limited >/dev/null
token=$($k create token limited -n t)
server=$($k config view -o jsonpath='{.clusters[0].cluster.server}')
limited="$k --kubeconfig=/dev/null --server=$server --insecure-skip-tls-verify --token=$token -n t"
check "token may read" "kube-root-ca.crt" $limited get cm
check "token may not write" "forbidden" $limited create cm x
check "auth whoami" "system:serviceaccount:t:limited" $limited auth whoami

$k create quota few -n t --hard=configmaps=2 >/dev/null; sleep 1
check "quota denies" "exceeded quota" bash -c "for i in 1 2 3; do $k create cm -n t q\$i; done"

check "cronjob fires" "^job.batch/cj" bash -c "for i in \$(seq 70); do $k get jobs -n t -o name | grep cj- && break; sleep 1; done"
$k apply -f - >/dev/null <<'YAML'
apiVersion: flowcontrol.apiserver.k8s.io/v1
kind: PriorityLevelConfiguration
metadata: {name: none}
spec: {type: Limited, limited: {nominalConcurrencyShares: 0, borrowingLimitPercent: 0, limitResponse: {type: Reject}}}
---
apiVersion: flowcontrol.apiserver.k8s.io/v1
kind: FlowSchema
metadata: {name: none}
spec:
  matchingPrecedence: 10
  priorityLevelConfiguration: {name: none}
  rules:
  - subjects: [{kind: ServiceAccount, serviceAccount: {namespace: t, name: limited}}]
    resourceRules: [{verbs: ["*"], apiGroups: ["*"], resources: ["*"], namespaces: ["*"]}]
YAML
sleep 1 # a level of no shares still runs one request at a time
check "too many requests" " 429" bash -c "seq 200 | xargs -P 50 -I{} curl -sk -o /dev/null -w '%{http_code}\n' -H 'Authorization: Bearer $token' $server/api/v1/namespaces/t/configmaps | sort | uniq -c"
check "pod deletion" "deleted" $k delete pod -n t -l app=ds --timeout=10s
$k delete quota few -n t >/dev/null
until $k create cm -n t held >/dev/null 2>&1; do sleep 0.2; done
$k patch cm -n t held --type=merge -p '{"metadata":{"finalizers":["example.org/hold"]}}' >/dev/null
$k delete ns t --wait=false >/dev/null
check "namespace waits for a finalizer" "condition met" $k wait ns/t --for=condition=NamespaceFinalizersRemaining --timeout=40s
check "... and names it" "example.org/hold" $k get ns t -o yaml
$k patch cm -n t held --type=merge -p '{"metadata":{"finalizers":null}}' >/dev/null
check "namespace deletion ends" "condition met" $k wait --for=delete ns/t --timeout=30s
check "volume released" "Released" $k get pv
exec 3>&-
check "ends with its standard input" "^0$" bash -c "timeout 10 tail --pid=$pid -f /dev/null; echo \$?"
wait $pid || { echo "FAIL exit status $?"; fails=$((fails + 1)); }
echo "$fails failed"
[ $fails = 0 ]
