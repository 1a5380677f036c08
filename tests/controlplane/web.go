// The web server that every simulated pod is: pure functions of the pod as the
// API shows it, so that traffic sees what a watcher sees.
package main

import (
	"fmt"
	"net/http"
	"slices"

	v1 "k8s.io/api/core/v1"
)

// listens tells whether a connection to a port of the pod is accepted: a container
// has to run. Where the containers declare ports, they have no others.
func listens(pod *v1.Pod, port int32) bool {
	if !slices.ContainsFunc(pod.Status.ContainerStatuses, func(s v1.ContainerStatus) bool { return s.State.Running != nil }) {
		return false
	}
	var declared []v1.ContainerPort
	for _, c := range slices.Concat(pod.Spec.Containers, pod.Spec.InitContainers) {
		declared = append(declared, c.Ports...)
	}
	return len(declared) == 0 || slices.ContainsFunc(declared, func(p v1.ContainerPort) bool { return p.ContainerPort == port })
}

// answer says the same to every request: what the pod's annotation asks for and,
// before the pod is ready, that the service is unavailable.
func answer(pod *v1.Pod) http.Handler {
	status := http.StatusServiceUnavailable
	if s, err := parseScript(pod.Annotations); err == nil && isReady(pod) {
		status = int(s.httpStatus)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		fmt.Fprintf(w, "%d from pod %s: %s %s\n", status, pod.Name, r.Method, r.URL.RequestURI())
	})
}

func isReady(pod *v1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c v1.PodCondition) bool {
		return c.Type == v1.PodReady && c.Status == v1.ConditionTrue
	})
}
