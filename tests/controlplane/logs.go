// The kubelet's own server, as far as `kubectl logs` needs it. A container has
// written its lines at once when it started, and the same in each of its runs.
package main

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
)

const kubeletPort = 10250

func kubeletServer(pods corelisters.PodLister) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", func(w http.ResponseWriter, r *http.Request) {
		pod, err := pods.Pods(r.PathValue("namespace")).Get(r.PathValue("pod"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		log, err := containerLog(pod, r.PathValue("container"), r.URL.Query())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprint(w, log)
	})
	return mux
}

// containerLog reads the log of one container as the query asks for it. A query
// for more than is simulated is refused.
func containerLog(pod *v1.Pod, container string, query url.Values) (string, error) {
	previous, timestamps, tail, limit := false, false, int32(-1), int32(-1)
	const most = 1<<31 - 1
	settings := map[string]func(string) error{
		"previous":   boolean(&previous),
		"timestamps": boolean(&timestamps),
		"tailLines":  number(&tail, 0, most),
		"limitBytes": number(&limit, 1, most),
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		set := settings[name]
		if set == nil {
			return "", fmt.Errorf("the simulated kubelet knows no %s of a log", name)
		}
		if err := set(query.Get(name)); err != nil {
			return "", fmt.Errorf("%s: %q is %w", name, query.Get(name), err)
		}
	}
	began, err := runOf(pod, container, previous)
	if err != nil {
		return "", err
	}
	s, err := parseScript(pod.Annotations)
	if err != nil {
		return "", err
	}
	containers := slices.Concat(pod.Spec.Containers, pod.Spec.InitContainers)
	i := slices.IndexFunc(containers, func(c v1.Container) bool { return c.Name == container })
	if i < 0 {
		return "", fmt.Errorf("container %q in pod %q is not available", container, pod.Name)
	}
	lines := s.lines(containers[i])
	if tail >= 0 {
		lines = last(lines, int(tail))
	}
	var log strings.Builder
	for _, line := range lines {
		if timestamps {
			line = began.UTC().Format(time.RFC3339Nano) + " " + line
		}
		log.WriteString(line + "\n")
	}
	if limit >= 0 {
		return log.String()[:min(int(limit), log.Len())], nil
	}
	return log.String(), nil
}

// runOf finds when the run of a container began whose log is asked for, or says
// as a kubelet does why there is none. Between two runs the last one is the current one.
func runOf(pod *v1.Pod, container string, previous bool) (time.Time, error) {
	status := statusOf(pod, container)
	if status == nil {
		return time.Time{}, fmt.Errorf("container %q in pod %q is not available", container, pod.Name)
	}
	state, before := status.State, status.LastTerminationState.Terminated
	switch {
	case previous && before == nil:
		return time.Time{}, fmt.Errorf("previous terminated container %q in pod %q not found", container, pod.Name)
	case previous:
		return before.StartedAt.Time, nil
	case state.Running != nil:
		return state.Running.StartedAt.Time, nil
	case state.Terminated != nil:
		return state.Terminated.StartedAt.Time, nil
	case before != nil:
		return before.StartedAt.Time, nil
	case state.Waiting == nil:
		return time.Time{}, errors.New("no logs yet")
	}
	why := state.Waiting.Reason
	switch why {
	case "ErrImagePull":
		why = "image can't be pulled"
	case "ImagePullBackOff":
		why = "trying and failing to pull image"
	}
	return time.Time{}, fmt.Errorf("container %q in pod %q is waiting to start: %s", container, pod.Name, why)
}
