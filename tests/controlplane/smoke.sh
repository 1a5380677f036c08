#!/bin/bash
# Checks a fresh control plane with kubectl, about three minutes: ./smoke.sh path/to/controlplane
# It tells what a real cluster would: each check is a thing that some test of ours relies on.
set -u
dir=$(mktemp -d) fails=0
mkfifo "$dir/in"
"$1" --dir "$dir" --exit-with-stdin <"$dir/in" >"$dir/out" 2>"$dir/log" &
pid=$! hook=
exec 3>"$dir/in"
trap 'kill $pid $hook 2>/dev/null; wait $pid; rm -rf "$dir"' EXIT
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
# eventually NAME PATTERN COMMAND: as check, but the output may take 20 s to match
eventually() {
	local name=$1 pattern=$2 end=$((SECONDS + 20)); shift 2
	until "$@" 2>&1 | grep -qE -- "$pattern" || [ $SECONDS -ge $end ]; do sleep 0.2; done
	check "$name" "$pattern" "$@"
}
api() { # path: the answer and its status, as administrator
	curl -s --cacert "$dir/pki/ca.crt" --cert "$dir/pki/admin.crt" --key "$dir/pki/admin.key" -w '[%{http_code}]' "$server$1" | tr '\n' ' '
}
server=$($k config view -o jsonpath='{.clusters[0].cluster.server}')
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

proxy=/api/v1/namespaces/t/services
pod=$($k get pods -n t -l app=web -o jsonpath='{.items[0].metadata.name}')
eventually "service proxy" "200 from pod web-.*: GET /up\?x=1" $k get --raw "$proxy/http:web:80/proxy/up?x=1"
check "pod proxy" "200 from pod $pod: GET /up" $k get --raw "/api/v1/namespaces/t/pods/$pod:8080/proxy/up"
check "no such port of the service" "no service port 81" api "$proxy/web:81/proxy/"
$k annotate pods -n t -l app=web sim/http-status=418 >/dev/null
eventually "a steered answer" "418 from pod web-.*\[418\]" api "$proxy/web:80/proxy/"
$k annotate pods -n t -l app=web sim/http-status- >/dev/null
check "logs" "^c: starting web:1" $k logs -n t "$pod"
check "no logs of a previous run" "previous terminated container .* not found" $k logs -n t "$pod" --previous

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
$k expose -n t deploy/never --port=80 >/dev/null
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
check "no traffic to a pod that is not ready" "no endpoints available" api "$proxy/never:80/proxy/"
pod=$($k get pods -n t -l app=crash -o jsonpath='{.items[0].metadata.name}')
check "a pod without a running container refuses" "error trying to reach service.*connection refused.*\[503\]" api "/api/v1/namespaces/t/pods/$pod/proxy/"
check "the end of a crash" "^1 Error $" $k get pod -n t "$pod" -o jsonpath='{range .status.containerStatuses[*].lastState.terminated}{.exitCode} {.reason} {.message}{end}'
check "logs of a crash" "^c: failed, exit code 1" $k logs -n t "$pod" --previous --tail=1
$k apply -f <(workload Deployment talks 'sim/crashloop: "true", sim/exit-code: "3", sim/exit-message: no disk, sim/log: "one\ntwo\n"' c:1) >/dev/null
eventually "a steered end" "^3 Error no disk$" $k get pods -n t -l app=talks -o jsonpath='{range .items[*].status.containerStatuses[*].lastState.terminated}{.exitCode} {.reason} {.message}{end}'
check "steered logs" "^two$" $k logs -n t deploy/talks -c c --tail=1
counted() { $k get events -n t -o jsonpath="{range .items[?(@.involvedObject.fieldPath==\"spec.containers{c}\")]}{.involvedObject.name} {.reason} {.count} {.message}{\"\\n\"}{end}"; }
eventually "crashes are counted up" "^crash-[^ ]+ BackOff [2-9] Back-off restarting failed container c in pod crash-" counted
check "... in one event" "^1$" bash -c "$k get events -n t --field-selector involvedObject.name=$pod,reason=BackOff -o name | wc -l"
eventually "pulls are counted up" "^pull-[^ ]+ Failed [2-9] Failed to pull image \"reg.example:5000/c:imagepullfail-1\"" counted
eventually "ImagePullBackOff shown" "ImagePullBackOff" $k get pods -n t -l app=pull
check "no logs of what never ran" "is waiting to start: .* image" $k logs -n t deploy/pull

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

# A webhook outside the cluster, with the API server's own certificate for 127.0.0.1.
python3 - "$dir" <<'PYTHON' &
import base64, http.server, json, os, ssl, sys
class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        review = json.loads(self.rfile.read(int(self.headers["content-length"])))
        patch = [{"op": "add", "path": "/data", "value": {"from": "the webhook"}}]
        review["response"] = {"uid": review["request"]["uid"], "allowed": True, "patchType": "JSONPatch",
                              "patch": base64.b64encode(json.dumps(patch).encode()).decode()}
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(review).encode())
    def log_message(self, *_): pass
folder = sys.argv[1]
server = http.server.HTTPServer(("127.0.0.1", 0), Hook)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(folder + "/pki/apiserver.crt", folder + "/pki/apiserver.key")
server.socket = tls.wrap_socket(server.socket, server_side=True)
with open(folder + "/hook.new", "w") as port: port.write(str(server.server_port))
os.rename(folder + "/hook.new", folder + "/hook")
server.serve_forever()
PYTHON
hook=$!
until [ -s "$dir/hook" ]; do kill -0 $hook || exit 1; sleep 0.1; done
$k apply -f - >/dev/null <<YAML
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: fill}
webhooks:
- name: fill.example.org
  clientConfig: {url: "https://127.0.0.1:$(cat "$dir/hook")/fill", caBundle: $(base64 -w0 "$dir/pki/ca.crt")}
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]
  objectSelector: {matchLabels: {fill: me}}
  admissionReviewVersions: [v1]
  sideEffects: None
YAML
filled() { printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: filled-, namespace: t, labels: {fill: me}}\n' | $k create -f - -o jsonpath='{.data.from}'; }
eventually "a webhook changes an object" "^the webhook$" filled
kill $hook; wait $hook 2>/dev/null
check "a webhook that is away fails the request" "failed calling webhook" filled
$k delete mutatingwebhookconfiguration fill >/dev/null

scaled() { $k get deploy -n t "$1" -o jsonpath='{.spec.replicas}'; }
autoscaler() { # name min max
	printf 'apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: %s, namespace: t}\nspec:\n  minReplicas: %s\n  maxReplicas: %s\n' "$@"
	printf '  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: %s}\n' "$1"
	printf '  metrics: [{type: Resource, resource: {name: cpu, target: {type: AverageValue, averageValue: 50m}}}]\n'
}
$k apply -f <(autoscaler slow 2 4) >/dev/null
eventually "an autoscaler reaches its minimum without metrics" "^2$" scaled slow
eventually "... and says that it has none" "FailedGetResourceMetric" $k get hpa -n t slow -o yaml
$k delete hpa -n t slow >/dev/null; sleep 2
check "replicas stay without it" "^2$" scaled slow
$k apply -f <(workload Deployment busy 'sim/cpu: 80m' c:1) -f <(autoscaler busy 1 3) >/dev/null
eventually "an autoscaler scales up" "^3$" scaled busy
check "kubectl top" "busy-.* 80m " $k top pods -n t
$k annotate pods -n t -l app=busy sim/cpu=10m --overwrite >/dev/null
eventually "... and down" "^1$" scaled busy

$k create sa limited -n t >/dev/null
$k create role reader -n t --verb=get,list --resource=configmaps >/dev/null
$k create rolebinding reader -n t --role=reader --serviceaccount=t:limited >/dev/null
token=$($k create token limited -n t)
limited="$k --kubeconfig=/dev/null --server=$server --insecure-skip-tls-verify --token=$token -n t"
check "token may read" "kube-root-ca.crt" $limited get cm
check "token may not write" "forbidden" $limited create cm x
check "auth whoami" "system:serviceaccount:t:limited" $limited auth whoami
check "token may not impersonate" "cannot impersonate" $limited --as=system:serviceaccount:t:default get cm
check "impersonation" "system:serviceaccount:t:limited" $k auth whoami --as=system:serviceaccount:t:limited
check "the impersonated may read" "kube-root-ca.crt" $k get cm -n t --as=system:serviceaccount:t:limited
check "... and not write" "forbidden" $k create cm -n t x --as=system:serviceaccount:t:limited
check "network policy" "created" $k apply -f - <<'YAML'
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: t}
spec: {podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 80}]}]}
YAML

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
