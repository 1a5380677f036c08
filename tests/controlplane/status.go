// Writes a scene into a pod's status, field by field as a kubelet does. A
// condition keeps the time of its last change for as long as its value stays.
package main

import (
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

const hostIP = "192.0.2.1"

func writeStatus(pod *v1.Pod, run podRun, now time.Time, at scene) {
	status := &pod.Status
	status.Phase = at.phase
	status.ObservedGeneration = pod.Generation
	status.StartTime = ptr.To(metav1.NewTime(run.start))
	status.HostIP, status.HostIPs = hostIP, []v1.HostIP{{IP: hostIP}}
	status.PodIP, status.PodIPs = run.ip, []v1.PodIP{{IP: run.ip}}
	var containers []v1.ContainerStatus
	for _, c := range pod.Spec.Containers {
		s := at.container(c) // may look at the status before
		s.Name, s.Image = c.Name, c.Image
		containers = append(containers, s)
	}
	status.ContainerStatuses = containers
	status.InitContainerStatuses = nil
	for _, c := range pod.Spec.InitContainers {
		status.InitContainerStatuses = append(status.InitContainerStatuses, initStatus(pod, c, run))
	}
	reason := ""
	if at.phase == v1.PodSucceeded {
		reason = "PodCompleted"
	} else if !at.ready {
		reason = "ContainersNotReady"
	}
	setCondition(pod, v1.PodInitialized, true, "", now)
	setCondition(pod, v1.ContainersReady, at.ready, reason, now)
	setCondition(pod, v1.PodReady, at.ready && gatesOpen(pod), reason, now)
}

// initStatus has an init container done at once, and a sidecar running.
func initStatus(pod *v1.Pod, c v1.Container, run podRun) v1.ContainerStatus {
	s := v1.ContainerStatus{
		Name: c.Name, Image: c.Image, Ready: true,
		ImageID: "sim://" + c.Image, ContainerID: "sim://" + string(pod.UID) + "/" + c.Name,
		State: terminated(0, "Completed", run.start, run.start),
	}
	if ptr.Deref(c.RestartPolicy, "") == v1.ContainerRestartPolicyAlways {
		s.State, s.Started = running(run.start), ptr.To(true)
	}
	return s
}

func gatesOpen(pod *v1.Pod) bool {
	for _, gate := range pod.Spec.ReadinessGates {
		if !slices.ContainsFunc(pod.Status.Conditions, func(c v1.PodCondition) bool {
			return c.Type == gate.ConditionType && c.Status == v1.ConditionTrue
		}) {
			return false
		}
	}
	return true
}

func setCondition(pod *v1.Pod, kind v1.PodConditionType, is bool, reason string, now time.Time) {
	next := v1.PodCondition{Type: kind, Status: v1.ConditionFalse, Reason: reason, ObservedGeneration: pod.Generation, LastTransitionTime: metav1.NewTime(now)}
	if is {
		next.Status = v1.ConditionTrue
	}
	i := slices.IndexFunc(pod.Status.Conditions, func(c v1.PodCondition) bool { return c.Type == kind })
	if i < 0 {
		pod.Status.Conditions = append(pod.Status.Conditions, next)
		return
	}
	if pod.Status.Conditions[i].Status == next.Status {
		next.LastTransitionTime = pod.Status.Conditions[i].LastTransitionTime
	}
	pod.Status.Conditions[i] = next
}
