// The life of a pod, looked at at chosen times.
package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var birth = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func podOf(restart v1.RestartPolicy, image string, annotations map[string]string) *v1.Pod {
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "p", UID: "u", Annotations: annotations},
		Spec:       v1.PodSpec{RestartPolicy: restart, Containers: []v1.Container{{Name: "c", Image: image}}},
	}
}

func look(pod *v1.Pod, age time.Duration) ([]event, time.Duration) {
	return simulate(pod, podRun{start: birth, ip: "10.0.0.1"}, birth.Add(age))
}

func TestSimulate(t *testing.T) {
	type a = map[string]string
	for name, c := range map[string]struct {
		restart     v1.RestartPolicy
		image       string
		annotations a
		age         time.Duration
		phase       v1.PodPhase
		ready       bool
		waiting     string
		restarts    int32
		again       time.Duration
	}{
		"young":              {v1.RestartPolicyAlways, "i:1", nil, 50 * time.Millisecond, v1.PodRunning, false, "", 0, 150 * time.Millisecond},
		"ready":              {v1.RestartPolicyAlways, "i:1", nil, time.Second, v1.PodRunning, true, "", 0, 0},
		"slow":               {v1.RestartPolicyAlways, "i:1", a{"sim/ready-after": "5s"}, time.Second, v1.PodRunning, false, "", 0, 4 * time.Second},
		"never ready":        {v1.RestartPolicyAlways, "i:1", a{"sim/not-ready": "true"}, time.Hour, v1.PodRunning, false, "", 0, 0},
		"told false":         {v1.RestartPolicyAlways, "i:1", a{"sim/not-ready": "false"}, time.Hour, v1.PodRunning, true, "", 0, 0},
		"first crash":        {v1.RestartPolicyAlways, "i:1", a{"sim/crashloop": "true"}, 0, v1.PodRunning, false, "CrashLoopBackOff", 1, 5 * time.Second},
		"third crash":        {v1.RestartPolicyAlways, "i:1", a{"sim/crashloop": "true"}, 11 * time.Second, v1.PodRunning, false, "CrashLoopBackOff", 3, 4 * time.Second},
		"quick crashes":      {v1.RestartPolicyAlways, "i:1", a{"sim/crashloop": "true", "sim/crash-period": "500ms"}, 1200 * time.Millisecond, v1.PodRunning, false, "CrashLoopBackOff", 3, 300 * time.Millisecond},
		"pull fails":         {v1.RestartPolicyAlways, "r.example:5000/i:imagepullfail-1", nil, 0, v1.PodPending, false, "ErrImagePull", 0, time.Second},
		"pull pauses":        {v1.RestartPolicyAlways, "i:imagepullfail", nil, 3 * time.Second, v1.PodPending, false, "ImagePullBackOff", 0, 7 * time.Second},
		"pull fails again":   {v1.RestartPolicyAlways, "i:imagepullfail", nil, 10500 * time.Millisecond, v1.PodPending, false, "ErrImagePull", 0, 500 * time.Millisecond},
		"not the tag":        {v1.RestartPolicyAlways, "imagepullfail.example:5000/i", nil, time.Hour, v1.PodRunning, true, "", 0, 0},
		"job runs":           {v1.RestartPolicyNever, "i:1", nil, 500 * time.Millisecond, v1.PodRunning, true, "", 0, 500 * time.Millisecond},
		"job done":           {v1.RestartPolicyNever, "i:1", nil, time.Second, v1.PodSucceeded, false, "", 0, 0},
		"job failed":         {v1.RestartPolicyNever, "i:1", a{"sim/job-fail": "true"}, time.Second, v1.PodFailed, false, "", 0, 0},
		"job tries again":    {v1.RestartPolicyOnFailure, "i:1", a{"sim/job-fail": "true"}, time.Second, v1.PodRunning, false, "CrashLoopBackOff", 1, 4 * time.Second},
		"not a job":          {v1.RestartPolicyAlways, "i:1", a{"sim/job-fail": "true"}, time.Hour, v1.PodRunning, true, "", 0, 0},
		"unknown annotation": {v1.RestartPolicyAlways, "i:1", a{"sim/crashlop": "true"}, time.Hour, v1.PodPending, false, "CreateContainerConfigError", 0, 0},
		"bad duration":       {v1.RestartPolicyAlways, "i:1", a{"sim/crash-period": "0s"}, time.Hour, v1.PodPending, false, "CreateContainerConfigError", 0, 0},
		"bad flag":           {v1.RestartPolicyAlways, "i:1", a{"sim/crashloop": "yes"}, time.Hour, v1.PodPending, false, "CreateContainerConfigError", 0, 0},
		"no such exit code":  {v1.RestartPolicyAlways, "i:1", a{"sim/exit-code": "256"}, time.Hour, v1.PodPending, false, "CreateContainerConfigError", 0, 0},
		"bad quantity":       {v1.RestartPolicyAlways, "i:1", a{"sim/cpu": "much"}, time.Hour, v1.PodPending, false, "CreateContainerConfigError", 0, 0},
		"not ours":           {v1.RestartPolicyAlways, "i:1", a{"example.org/crashloop": "yes"}, time.Hour, v1.PodRunning, true, "", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			pod := podOf(c.restart, c.image, c.annotations)
			_, again := look(pod, c.age)
			container, waiting := pod.Status.ContainerStatuses[0], ""
			if container.State.Waiting != nil {
				waiting = container.State.Waiting.Reason
			}
			if pod.Status.Phase != c.phase || isReady(pod) != c.ready || container.Ready != c.ready ||
				waiting != c.waiting || container.RestartCount != c.restarts || again != c.again {
				t.Errorf("phase %s, ready %t, waiting %q, restarts %d, again %v; want %+v",
					pod.Status.Phase, isReady(pod), waiting, container.RestartCount, again, c)
			}
		})
	}
}

func TestASecondLookChangesNothing(t *testing.T) {
	for _, annotations := range []map[string]string{nil, {"sim/crashloop": "true"}, {"sim/not-ready": "true"}, {"sim/x": ""}} {
		pod := podOf(v1.RestartPolicyAlways, "i:1", annotations)
		look(pod, 6*time.Second)
		before := pod.Status.DeepCopy()
		look(pod, 7*time.Second)
		if !equality.Semantic.DeepEqual(*before, pod.Status) {
			t.Errorf("%v: the kubelet would write this pod for ever", annotations)
		}
	}
}

func TestReadinessGateHoldsThePodOnly(t *testing.T) {
	pod := podOf(v1.RestartPolicyAlways, "i:1", nil)
	pod.Spec.ReadinessGates = []v1.PodReadinessGate{{ConditionType: "example.org/open"}}
	look(pod, time.Second)
	if isReady(pod) || !pod.Status.ContainerStatuses[0].Ready {
		t.Error("want a ready container in a pod that is not")
	}
	pod.Status.Conditions = append(pod.Status.Conditions, v1.PodCondition{Type: "example.org/open", Status: v1.ConditionTrue})
	look(pod, time.Second)
	if !isReady(pod) {
		t.Error("want the pod ready once its gate is open")
	}
}

func TestConditionKeepsItsTime(t *testing.T) {
	pod := podOf(v1.RestartPolicyAlways, "i:1", nil)
	look(pod, time.Second)
	look(pod, time.Hour)
	if got := pod.Status.Conditions[0].LastTransitionTime.Time; !got.Equal(birth.Add(time.Second)) {
		t.Errorf("condition changed at %v", got)
	}
}

func TestHowAContainerEnds(t *testing.T) {
	type a = map[string]string
	for name, c := range map[string]struct {
		restart     v1.RestartPolicy
		policy      v1.TerminationMessagePolicy
		annotations a
		code        int32
		reason      string
		message     string
	}{
		"crash":                   {v1.RestartPolicyAlways, "", a{"sim/crashloop": "true"}, 1, "Error", ""},
		"crash with code":         {v1.RestartPolicyAlways, "", a{"sim/crashloop": "true", "sim/exit-code": "137"}, 137, "Error", ""},
		"loop without an error":   {v1.RestartPolicyAlways, v1.TerminationMessageFallbackToLogsOnError, a{"sim/crashloop": "true", "sim/exit-code": "0"}, 0, "Completed", ""},
		"last words":              {v1.RestartPolicyAlways, v1.TerminationMessageFallbackToLogsOnError, a{"sim/crashloop": "true", "sim/exit-message": "no disk"}, 1, "Error", "no disk"},
		"last words from the log": {v1.RestartPolicyAlways, v1.TerminationMessageFallbackToLogsOnError, a{"sim/crashloop": "true", "sim/log": "one\ntwo\n"}, 1, "Error", "one\ntwo"},
		"failed job":              {v1.RestartPolicyNever, "", a{"sim/job-fail": "true", "sim/exit-code": "2"}, 2, "Error", ""},
		"done job":                {v1.RestartPolicyNever, "", a{"sim/exit-code": "2"}, 0, "Completed", ""},
	} {
		t.Run(name, func(t *testing.T) {
			pod := podOf(c.restart, "i:1", c.annotations)
			pod.Spec.Containers[0].TerminationMessagePolicy = c.policy
			look(pod, 6*time.Second)
			status := pod.Status.ContainerStatuses[0]
			end := status.LastTerminationState.Terminated
			if end == nil {
				end = status.State.Terminated
			}
			if end == nil || end.ExitCode != c.code || end.Reason != c.reason || end.Message != c.message || end.ContainerID != status.ContainerID {
				t.Errorf("got %+v, want %+v", end, c)
			}
		})
	}
}

func TestALongLastWordIsCut(t *testing.T) {
	pod := podOf(v1.RestartPolicyAlways, "i:1", map[string]string{"sim/crashloop": "true", "sim/log": strings.Repeat("x", 5000) + "end"})
	pod.Spec.Containers[0].TerminationMessagePolicy = v1.TerminationMessageFallbackToLogsOnError
	look(pod, 0)
	message := pod.Status.ContainerStatuses[0].LastTerminationState.Terminated.Message
	if len(message) != messageBytes || !strings.HasSuffix(message, "end") {
		t.Errorf("got %d bytes that end with %q", len(message), message[len(message)-3:])
	}
}

func TestEventsSayTheSameEachTime(t *testing.T) {
	for name, c := range map[string]struct {
		pod  *v1.Pod
		ages [2]time.Duration
		want []event
	}{
		"crash": {podOf(v1.RestartPolicyAlways, "i:1", map[string]string{"sim/crashloop": "true"}), [2]time.Duration{0, time.Minute}, []event{
			{"c", "Warning", "BackOff", "Back-off restarting failed container c in pod p_n(u)"},
		}},
		"pull": {podOf(v1.RestartPolicyAlways, "i:imagepullfail", nil), [2]time.Duration{0, 10 * time.Second}, []event{
			{"c", "Warning", "Failed", `Failed to pull image "i:imagepullfail": rpc error: code = NotFound desc = failed to pull and unpack image "i:imagepullfail": not found`},
			{"c", "Warning", "Failed", "Error: ErrImagePull"},
		}},
		"pause": {podOf(v1.RestartPolicyAlways, "i:imagepullfail", nil), [2]time.Duration{2 * time.Second, 15 * time.Second}, []event{
			{"c", "Normal", "BackOff", `Back-off pulling image "i:imagepullfail"`},
			{"c", "Warning", "Failed", "Error: ImagePullBackOff"},
		}},
		"well": {podOf(v1.RestartPolicyAlways, "i:1", nil), [2]time.Duration{0, time.Minute}, nil},
	} {
		for _, age := range c.ages {
			if got, _ := look(c.pod, age); !slices.Equal(got, c.want) {
				t.Errorf("%s after %s: got %q, want %q", name, age, got, c.want)
			}
		}
	}
}
