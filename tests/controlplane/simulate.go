// The life of a simulated pod, as a pure function of the pod, its start and the
// time: nothing here waits, and the same question has the same answer.
package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// imagePullFail anywhere in an image's tag makes its pull fail.
const imagePullFail = "imagepullfail"

// A pull that fails is tried again so often, and shown as failed so long.
const (
	pullPeriod  = 10 * time.Second
	pullFailing = time.Second
)

// What a termination message may take from the end of the log.
const (
	messageLines = 80
	messageBytes = 2048
)

// podRun is what the kubelet remembers of a pod. The start is kept here as the
// API rounds times to seconds.
type podRun struct {
	start time.Time
	ip    string
}

// event is what a kubelet records about one container of the pod, or about all
// of the pod. The same event again is counted, so it says nothing that varies.
type event struct{ container, kind, reason, message string }

// scene is where a pod has got to: all that its status is written from.
type scene struct {
	phase     v1.PodPhase
	ready     bool
	container func(v1.Container) v1.ContainerStatus
	events    []event
	again     time.Duration // until it next changes by itself; 0 is never
}

// simulate sets the status that the pod has at now, and returns the events to
// record if the status changed, and after how long it next changes by itself.
func simulate(pod *v1.Pod, run podRun, now time.Time) ([]event, time.Duration) {
	at := play(pod, run, now)
	writeStatus(pod, run, now, at)
	return at.events, at.again
}

func play(pod *v1.Pod, run podRun, now time.Time) scene {
	s, err := parseScript(pod.Annotations)
	if err != nil {
		return unstarted(func(v1.Container) v1.ContainerState {
			return waiting("CreateContainerConfigError", err.Error())
		}, event{"", v1.EventTypeWarning, "InvalidAnnotation", err.Error()})
	}
	age := now.Sub(run.start)
	if slices.ContainsFunc(pod.Spec.Containers, pullFails) {
		return pulling(pod, age)
	}
	mayEnd := pod.Spec.RestartPolicy != v1.RestartPolicyAlways
	switch {
	case s.crashLoop || s.jobFail && pod.Spec.RestartPolicy == v1.RestartPolicyOnFailure:
		return crashing(pod, s, run, now)
	case mayEnd && age >= s.jobRun && s.jobFail:
		return started(pod, scene{phase: v1.PodFailed}, func(c v1.Container) v1.ContainerStatus {
			return v1.ContainerStatus{State: failed(c, s, run.start, now)}
		})
	case mayEnd && age >= s.jobRun:
		return started(pod, scene{phase: v1.PodSucceeded}, func(v1.Container) v1.ContainerStatus {
			return v1.ContainerStatus{State: terminated(0, "Completed", run.start, now)}
		})
	}
	at := scene{phase: v1.PodRunning}
	if s.notReady {
		at.events = []event{{"", v1.EventTypeWarning, "Unhealthy", "Readiness probe failed"}}
	} else if wait := s.readyAfter - age; wait > 0 {
		at.again = wait
	} else {
		at.ready = true
	}
	if wait := s.jobRun - age; mayEnd && (at.again == 0 || wait < at.again) {
		at.again = wait
	}
	return started(pod, at, func(v1.Container) v1.ContainerStatus {
		return v1.ContainerStatus{State: running(run.start)}
	})
}

// pulling shows a pull that just failed, or the pause until the next one.
func pulling(pod *v1.Pod, age time.Duration) scene {
	since := age % pullPeriod
	failing, again := since < pullFailing, pullPeriod-since
	if failing {
		again = pullFailing - since
	}
	var events []event
	record := func(c v1.Container, kind, reason, message string) {
		events = append(events, event{c.Name, kind, reason, message})
	}
	for _, c := range pod.Spec.Containers {
		switch {
		case !pullFails(c):
		case failing:
			record(c, v1.EventTypeWarning, "Failed", fmt.Sprintf("Failed to pull image %q: %s", c.Image, pullError(c)))
			record(c, v1.EventTypeWarning, "Failed", "Error: ErrImagePull")
		default:
			record(c, v1.EventTypeNormal, "BackOff", fmt.Sprintf("Back-off pulling image %q", c.Image))
			record(c, v1.EventTypeWarning, "Failed", "Error: ImagePullBackOff")
		}
	}
	at := unstarted(func(c v1.Container) v1.ContainerState {
		switch {
		case !pullFails(c):
			return waiting("ContainerCreating", "")
		case failing:
			return waiting("ErrImagePull", pullError(c))
		}
		return waiting("ImagePullBackOff", fmt.Sprintf("Back-off pulling image %q: ErrImagePull: %s", c.Image, pullError(c)))
	}, events...)
	at.again = again
	return at
}

// crashing shows the pause between two runs: the run itself takes no time.
func crashing(pod *v1.Pod, s script, run podRun, now time.Time) scene {
	age := now.Sub(run.start)
	restarts := 1 + int32(age/s.crashPeriod)
	name := fmt.Sprintf("%s_%s(%s)", pod.Name, pod.Namespace, pod.UID)
	at := scene{phase: v1.PodRunning, again: s.crashPeriod - age%s.crashPeriod}
	for _, c := range pod.Spec.Containers {
		message := fmt.Sprintf("Back-off restarting failed container %s in pod %s", c.Name, name)
		at.events = append(at.events, event{c.Name, v1.EventTypeWarning, "BackOff", message})
	}
	return started(pod, at, func(c v1.Container) v1.ContainerStatus {
		message := fmt.Sprintf("back-off %s restarting failed container=%s pod=%s", s.crashPeriod, c.Name, name)
		last := failed(c, s, run.start, now)
		// The recorded end stays as it is between restarts, or every look would be a change.
		if before := statusOf(pod, c.Name); before != nil && before.RestartCount == restarts {
			last = before.LastTerminationState
		}
		return v1.ContainerStatus{RestartCount: restarts, State: waiting("CrashLoopBackOff", message), LastTerminationState: last}
	})
}

// started completes the status of containers that have come to be.
func started(pod *v1.Pod, at scene, status func(v1.Container) v1.ContainerStatus) scene {
	at.container = func(c v1.Container) v1.ContainerStatus {
		s := status(c)
		s.Ready, s.Started = at.ready, ptr.To(s.State.Running != nil)
		s.ImageID, s.ContainerID = "sim://"+c.Image, "sim://"+string(pod.UID)+"/"+c.Name
		for _, state := range []v1.ContainerState{s.State, s.LastTerminationState} {
			if state.Terminated != nil {
				state.Terminated.ContainerID = s.ContainerID
			}
		}
		return s
	}
	return at
}

// unstarted is a pod whose containers never came to be.
func unstarted(state func(v1.Container) v1.ContainerState, events ...event) scene {
	return scene{phase: v1.PodPending, events: events, container: func(c v1.Container) v1.ContainerStatus {
		return v1.ContainerStatus{State: state(c), Started: ptr.To(false)}
	}}
}

func statusOf(pod *v1.Pod, container string) *v1.ContainerStatus {
	for _, s := range slices.Concat(pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses) {
		if s.Name == container {
			return &s
		}
	}
	return nil
}

func pullFails(c v1.Container) bool {
	// A colon before the last slash belongs to the registry's port.
	_, tag, _ := strings.Cut(c.Image[strings.LastIndex(c.Image, "/")+1:], ":")
	return strings.Contains(tag, imagePullFail)
}

func pullError(c v1.Container) string {
	return fmt.Sprintf("rpc error: code = NotFound desc = failed to pull and unpack image %q: not found", c.Image)
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

// failed is the end of a container as its script has it. Its message is what it
// wrote to its termination log or, where it asks for that, the end of its log.
func failed(c v1.Container, s script, from, to time.Time) v1.ContainerState {
	reason, message := "Error", s.exitMessage
	if s.exitCode == 0 {
		reason = "Completed"
	} else if message == "" && c.TerminationMessagePolicy == v1.TerminationMessageFallbackToLogsOnError {
		message = strings.Join(last(s.lines(c), messageLines), "\n")
		message = message[max(0, len(message)-messageBytes):]
	}
	state := terminated(s.exitCode, reason, from, to)
	state.Terminated.Message = message
	return state
}

func last(lines []string, most int) []string { return lines[max(0, len(lines)-most):] }
