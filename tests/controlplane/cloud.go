// The cloud around a cluster: load balancers and Ingresses get an address, and
// claims a volume, unless their annotation holds them back.
package main

import (
	"context"
	"errors"
	"time"

	v1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"k8s.io/utils/ptr"
)

// annPending on a Service, an Ingress or a PersistentVolumeClaim keeps it pending.
const annPending = "sim/pending"

func startCloud(factory informers.SharedInformerFactory, client kubernetes.Interface) error {
	return errors.Join(
		handle(factory.Core().V1().Services().Informer(), func(ctx context.Context, service *v1.Service) error {
			if service.Spec.Type != v1.ServiceTypeLoadBalancer || len(service.Status.LoadBalancer.Ingress) > 0 {
				return nil
			}
			service = service.DeepCopy()
			service.Status.LoadBalancer.Ingress = []v1.LoadBalancerIngress{{IP: "192.0.2.2"}}
			_, err := client.CoreV1().Services(service.Namespace).UpdateStatus(ctx, service, metav1.UpdateOptions{})
			return err
		}),
		handle(factory.Networking().V1().Ingresses().Informer(), func(ctx context.Context, ingress *networkingv1.Ingress) error {
			if len(ingress.Status.LoadBalancer.Ingress) > 0 {
				return nil
			}
			ingress = ingress.DeepCopy()
			ingress.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{IP: "192.0.2.3"}}
			_, err := client.NetworkingV1().Ingresses(ingress.Namespace).UpdateStatus(ctx, ingress, metav1.UpdateOptions{})
			return err
		}),
		handle(factory.Core().V1().PersistentVolumeClaims().Informer(), func(ctx context.Context, claim *v1.PersistentVolumeClaim) error {
			if claim.Status.Phase != v1.ClaimPending || claim.Spec.VolumeName != "" {
				return nil
			}
			_, err := client.CoreV1().PersistentVolumes().Create(ctx, volumeFor(claim), metav1.CreateOptions{})
			return err
		}),
	)
}

// volumeFor makes a volume that only this claim can bind.
func volumeFor(claim *v1.PersistentVolumeClaim) *v1.PersistentVolume {
	return &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: "pvc-" + string(claim.UID)},
		Spec: v1.PersistentVolumeSpec{
			Capacity:                      claim.Spec.Resources.Requests,
			AccessModes:                   claim.Spec.AccessModes,
			VolumeMode:                    claim.Spec.VolumeMode,
			StorageClassName:              ptr.Deref(claim.Spec.StorageClassName, ""),
			PersistentVolumeReclaimPolicy: v1.PersistentVolumeReclaimRetain,
			ClaimRef:                      &v1.ObjectReference{Kind: "PersistentVolumeClaim", Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID},
			PersistentVolumeSource:        v1.PersistentVolumeSource{HostPath: &v1.HostPathVolumeSource{Path: "/sim"}},
		},
	}
}

// handle calls do for every change of an object that is not held back. A stale
// object is no fault: the change that made it so brings another call.
func handle[T metav1.Object](informer cache.SharedIndexInformer, do func(context.Context, T) error) error {
	on := func(obj any) {
		object := obj.(T)
		if object.GetAnnotations()[annPending] == "true" {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := do(ctx, object); err != nil && !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) {
			klog.ErrorS(err, "Simulating the cloud", "object", klog.KObj(object))
		}
	}
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: on, UpdateFunc: func(_, obj any) { on(obj) }})
	return err
}
