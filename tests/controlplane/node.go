// The simulated nodes: each has more room than any test fills, and is ready for
// as long as the process renews its lease.
package main

import (
	"context"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"
)

func createNode(ctx context.Context, client kubernetes.Interface, name string) error {
	capacity := v1.ResourceList{
		v1.ResourceCPU:              resource.MustParse("10000"),
		v1.ResourceMemory:           resource.MustParse("100Ti"),
		v1.ResourceEphemeralStorage: resource.MustParse("100Ti"),
		v1.ResourcePods:             resource.MustParse("100000"),
	}
	now := metav1.Now()
	nodes := client.CoreV1().Nodes()
	node, err := nodes.Create(ctx, &v1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name:   name,
			Labels: map[string]string{v1.LabelHostname: name, v1.LabelOSStable: "linux", v1.LabelArchStable: "amd64"},
		},
	}, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	if err != nil {
		return err
	}
	node.Status = v1.NodeStatus{
		Capacity:    capacity,
		Allocatable: capacity,
		Conditions: []v1.NodeCondition{{
			Type: v1.NodeReady, Status: v1.ConditionTrue, Reason: "KubeletReady",
			LastHeartbeatTime: now, LastTransitionTime: now,
		}},
		Addresses:       []v1.NodeAddress{{Type: v1.NodeInternalIP, Address: hostIP}},
		DaemonEndpoints: v1.NodeDaemonEndpoints{KubeletEndpoint: v1.DaemonEndpoint{Port: kubeletPort}},
		NodeInfo:        v1.NodeSystemInfo{Architecture: "amd64", OperatingSystem: "linux", KubeletVersion: "v0.0.0-simulated"},
	}
	if node, err = nodes.UpdateStatus(ctx, node, metav1.UpdateOptions{}); err != nil {
		return err
	}
	// Admission taints every new node as not ready; the controller that would
	// lift the taint does not run here.
	node.Spec.Taints = nil
	_, err = nodes.Update(ctx, node, metav1.UpdateOptions{})
	return err
}

func renewLease(ctx context.Context, client kubernetes.Interface, name string) error {
	leases := client.CoordinationV1().Leases(v1.NamespaceNodeLease)
	lease, err := leases.Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		lease, err = leases.Create(ctx, &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	}
	if err != nil {
		return err
	}
	lease.Spec = coordinationv1.LeaseSpec{
		HolderIdentity:       &name,
		LeaseDurationSeconds: ptr.To[int32](40),
		RenewTime:            &metav1.MicroTime{Time: time.Now()},
	}
	_, err = leases.Update(ctx, lease, metav1.UpdateOptions{})
	return err
}
