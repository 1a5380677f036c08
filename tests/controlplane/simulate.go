// The life of a simulated pod, as a pure function of the pod, its start and the
// time: nothing here waits, and the same question has the same answer.
package main

import (
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// imagePullFail anywhere in an image's tag makes its pull fail.
const imagePullFail = "imagepullfail"

// podRun is what the kubelet remembers of a pod. The start is kept here as the
// API rounds times to seconds.
type podRun struct {
	start time.Time
	ip    string
}

type warning struct{ reason, message string }

// scene is where a pod has got to: all that its status is written from.
type scene struct {
	phase     v1.PodPhase
	ready     bool
	container func(v1.Container) v1.ContainerStatus
	event     *warning
	again     time.Duration // until it next changes by itself; 0 is never
}

// simulate sets the status that the pod has at now, and returns a warning to
// record if the status changed, and after how long it next changes by itself.
func simulate(pod *v1.Pod, run podRun, now time.Time) (*warning, time.Duration) {
	at := play(pod, run, now)
	writeStatus(pod, run, now, at)
	return at.event, at.again
}

func play(pod *v1.Pod, run podRun, now time.Time) scene {
	s, err := parseScript(pod.Annotations)
	if err != nil {
		return unstarted(&warning{"InvalidAnnotation", err.Error()}, func(v1.Container) v1.ContainerState {
			return waiting("CreateContainerConfigError", err.Error())
		})
	}
	if pullFails(pod) {
		return unstarted(&warning{"Failed", "Error: ImagePullBackOff"}, func(c v1.Container) v1.ContainerState {
			if imageFails(c.Image) {
				return waiting("ImagePullBackOff", "Back-off pulling image "+c.Image)
			}
			return waiting("ContainerCreating", "")
		})
	}
	age := now.Sub(run.start)
	mayEnd := pod.Spec.RestartPolicy != v1.RestartPolicyAlways
	switch {
	case s.crashLoop || s.jobFail && pod.Spec.RestartPolicy == v1.RestartPolicyOnFailure:
		return crashing(pod, s, run, now)
	case mayEnd && age >= s.jobRun && s.jobFail:
		return started(pod, scene{phase: v1.PodFailed}, v1.ContainerStatus{State: terminated(1, "Error", run.start, now)})
	case mayEnd && age >= s.jobRun:
		return started(pod, scene{phase: v1.PodSucceeded}, v1.ContainerStatus{State: terminated(0, "Completed", run.start, now)})
	}
	at := scene{phase: v1.PodRunning}
	if s.notReady {
		at.event = &warning{"Unhealthy", "Readiness probe failed"}
	} else if wait := s.readyAfter - age; wait > 0 {
		at.again = wait
	} else {
		at.ready = true
	}
	if wait := s.jobRun - age; mayEnd && (at.again == 0 || wait < at.again) {
		at.again = wait
	}
	return started(pod, at, v1.ContainerStatus{State: running(run.start)})
}

// crashing shows the pause between two runs: the run itself takes no time.
func crashing(pod *v1.Pod, s script, run podRun, now time.Time) scene {
	age := now.Sub(run.start)
	status := v1.ContainerStatus{
		RestartCount: 1 + int32(age/s.crashPeriod),
		State:        waiting("CrashLoopBackOff", "back-off restarting failed container"),
	}
	// The recorded end stays as it is between restarts, or every look would be a change.
	if before := pod.Status.ContainerStatuses; len(before) > 0 && before[0].RestartCount == status.RestartCount {
		status.LastTerminationState = before[0].LastTerminationState
	} else {
		status.LastTerminationState = terminated(1, "Error", run.start, now)
	}
	return started(pod, scene{
		phase: v1.PodRunning,
		event: &warning{"BackOff", "Back-off restarting failed container"},
		again: s.crashPeriod - age%s.crashPeriod,
	}, status)
}

// started gives every container of a scene the same status.
func started(pod *v1.Pod, at scene, status v1.ContainerStatus) scene {
	status.Ready, status.Started = at.ready, ptr.To(status.State.Running != nil)
	at.container = func(c v1.Container) v1.ContainerStatus {
		s := *status.DeepCopy()
		s.ImageID, s.ContainerID = "sim://"+c.Image, "sim://"+string(pod.UID)+"/"+c.Name
		return s
	}
	return at
}

// unstarted is a pod whose containers never came to be.
func unstarted(event *warning, state func(v1.Container) v1.ContainerState) scene {
	return scene{phase: v1.PodPending, event: event, container: func(c v1.Container) v1.ContainerStatus {
		return v1.ContainerStatus{State: state(c), Started: ptr.To(false)}
	}}
}

func pullFails(pod *v1.Pod) bool {
	for _, c := range pod.Spec.Containers {
		if imageFails(c.Image) {
			return true
		}
	}
	return false
}

func imageFails(image string) bool {
	// A colon before the last slash belongs to the registry's port.
	_, tag, _ := strings.Cut(image[strings.LastIndex(image, "/")+1:], ":")
	return strings.Contains(tag, imagePullFail)
}

func running(since time.Time) v1.ContainerState {
	return v1.ContainerState{Running: &v1.ContainerStateRunning{StartedAt: metav1.NewTime(since)}}
}

func waiting(reason, message string) v1.ContainerState {
	return v1.ContainerState{Waiting: &v1.ContainerStateWaiting{Reason: reason, Message: message}}
}

func terminated(code int32, reason string, from, to time.Time) v1.ContainerState {
	return v1.ContainerState{Terminated: &v1.ContainerStateTerminated{
		ExitCode: code, Reason: reason, StartedAt: metav1.NewTime(from), FinishedAt: metav1.NewTime(to),
	}}
}
