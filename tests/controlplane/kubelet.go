// The simulated kubelet: it watches the pods bound to its nodes and writes the
// status that simulate gives them. It runs nothing, and what it forgets over a
// restart it finds again in the API.
package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/tools/reference"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
	"k8s.io/utils/ptr"
)

// kubelet plays the kubelets of all simulated nodes: it keeps the nodes ready
// and walks the pods bound to them through their phases (see simulate).
type kubelet struct {
	client kubernetes.Interface
	pods   corelisters.PodLister
	index  cache.Indexer
	queue  workqueue.TypedRateLimitingInterface[cache.ObjectName]
	events record.EventRecorder

	mu      sync.Mutex
	runs    map[types.UID]podRun
	started int // pods so far
}

// runKubelet also serves the cluster's network, which is made of the pods.
func runKubelet(ctx context.Context, client kubernetes.Interface, nodes int, dir string, certificate tls.Certificate) error {
	for i := 1; i <= nodes; i++ {
		if err := createNode(ctx, client, fmt.Sprintf("node-%d", i)); err != nil {
			return err
		}
	}
	broadcaster := record.NewBroadcaster(record.WithContext(ctx))
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: client.CoreV1().Events("")})
	defer broadcaster.Shutdown()

	factory := informers.NewSharedInformerFactory(client, 0)
	informer := factory.Core().V1().Pods().Informer()
	if err := informer.AddIndexers(cache.Indexers{byIP: podIPs}); err != nil {
		return err
	}
	k := &kubelet{
		client: client,
		pods:   factory.Core().V1().Pods().Lister(),
		index:  informer.GetIndexer(),
		queue:  workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[cache.ObjectName]()),
		events: broadcaster.NewRecorder(scheme.Scheme, v1.EventSource{Component: "kubelet"}),
		runs:   map[types.UID]podRun{},
	}
	enqueue := func(obj any) {
		if pod, ok := obj.(*v1.Pod); ok && pod.Spec.NodeName != "" {
			k.queue.Add(cache.MetaObjectToName(pod))
		}
	}
	if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    enqueue,
		UpdateFunc: func(_, obj any) { enqueue(obj) },
		DeleteFunc: func(obj any) {
			if gone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
				obj = gone.Obj
			}
			if pod, ok := obj.(*v1.Pod); ok {
				k.mu.Lock()
				delete(k.runs, pod.UID)
				k.mu.Unlock()
			}
		},
	}); err != nil {
		return err
	}
	if err := startCloud(factory, client); err != nil {
		return err
	}
	watching, stop := context.WithCancel(ctx)
	factory.Start(watching.Done())
	defer factory.Shutdown()
	defer stop()
	factory.WaitForCacheSync(watching.Done())

	net := &network{pods: k.index, kubelet: kubeletServer(k.pods), metrics: metricsServer(k.pods), certificate: certificate}
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return net.serve(ctx, dir) })
	for range 8 {
		parts.Go(func() error { k.work(ctx); return nil })
	}
	parts.Go(func() error {
		wait.UntilWithContext(ctx, func(ctx context.Context) {
			for i := 1; i <= nodes; i++ {
				if err := renewLease(ctx, client, fmt.Sprintf("node-%d", i)); err != nil && ctx.Err() == nil {
					klog.ErrorS(err, "Renewing the lease of a node")
				}
			}
		}, 10*time.Second)
		k.queue.ShutDown()
		return nil
	})
	return parts.Wait()
}

func (k *kubelet) work(ctx context.Context) {
	for {
		key, quit := k.queue.Get()
		if quit {
			return
		}
		if again, err := k.sync(ctx, key); err != nil {
			k.queue.AddRateLimited(key)
		} else {
			k.queue.Forget(key)
			if again > 0 {
				k.queue.AddAfter(key, again)
			}
		}
		k.queue.Done(key)
	}
}

// sync brings one pod's status up to date and says when to look again.
func (k *kubelet) sync(ctx context.Context, key cache.ObjectName) (time.Duration, error) {
	pod, err := k.pods.Pods(key.Namespace).Get(key.Name)
	if err != nil {
		return 0, nil // gone
	}
	if pod.DeletionTimestamp != nil {
		err := k.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{
			GracePeriodSeconds: ptr.To[int64](0),
			Preconditions:      metav1.NewUIDPreconditions(string(pod.UID)),
		})
		if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
			err = nil
		}
		return 0, err
	}
	if pod.Status.Phase == v1.PodSucceeded || pod.Status.Phase == v1.PodFailed {
		return 0, nil
	}
	want := pod.DeepCopy()
	events, again := simulate(want, k.run(pod), time.Now())
	if equality.Semantic.DeepEqual(pod.Status, want.Status) {
		return again, nil
	}
	if _, err := k.client.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, want, metav1.UpdateOptions{}); err != nil {
		return 0, err
	}
	return again, k.record(pod, events)
}

// record counts an event up where it was recorded before.
func (k *kubelet) record(pod *v1.Pod, events []event) error {
	for _, event := range events {
		about, err := reference.GetReference(scheme.Scheme, pod)
		if err != nil {
			return err
		}
		if event.container != "" {
			about.FieldPath = fmt.Sprintf("spec.containers{%s}", event.container)
		}
		k.events.Event(about, event.kind, event.reason, event.message)
	}
	return nil
}

func (k *kubelet) run(pod *v1.Pod) podRun {
	k.mu.Lock()
	defer k.mu.Unlock()
	r, ok := k.runs[pod.UID]
	if !ok {
		r = podRun{start: time.Now(), ip: pod.Status.PodIP}
		if pod.Status.StartTime != nil { // from before a restart
			r.start = pod.Status.StartTime.Time
		}
		for r.ip == "" {
			k.started++
			ip := fmt.Sprintf("10.%d.%d.%d", 128+k.started>>16&127, k.started>>8&255, k.started&255)
			// One from before a restart may have it: there is no other error than an unknown index.
			if taken, _ := k.index.IndexKeys(byIP, ip); len(taken) == 0 {
				r.ip = ip
			}
		}
		k.runs[pod.UID] = r
	}
	return r
}
