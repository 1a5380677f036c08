// The resource metrics of pods (metrics.k8s.io), an API aggregated into that of
// the API server: what `kubectl top pods` shows and HorizontalPodAutoscalers read.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/klog/v2"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

const (
	metricsHost = "metrics.sim"
	metricsPort = 443
)

// registerMetrics makes the API server ask metricsHost. Its Service has a name for
// an address, as one with pods would need them to run before it is available.
func registerMetrics(ctx context.Context, client kubernetes.Interface) error {
	apply := func(path, object string) error {
		return client.CoreV1().RESTClient().Patch(types.ApplyYAMLPatchType).AbsPath(path).
			Param("fieldManager", "metrics").Body([]byte(object)).Do(ctx).Error()
	}
	return errors.Join(
		apply("/api/v1/namespaces/kube-system/services/metrics", fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {name: metrics, namespace: kube-system}
spec: {type: ExternalName, externalName: %s}
`, metricsHost)),
		apply("/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io", fmt.Sprintf(`apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.metrics.k8s.io}
spec:
  group: metrics.k8s.io
  version: v1beta1
  service: {name: metrics, namespace: kube-system, port: %d}
  insecureSkipTLSVerify: true
  groupPriorityMinimum: 100
  versionPriority: 100
`, metricsPort)),
	)
}

// metricsServed tells whether the API server has found the metrics: until then
// its discovery is incomplete, which hinders many a client.
func metricsServed(client kubernetes.Interface) bool {
	_, lists, err := client.Discovery().ServerGroupsAndResources()
	return err == nil && slices.ContainsFunc(lists, func(list *metav1.APIResourceList) bool {
		return list.GroupVersion == metricsv1beta1.SchemeGroupVersion.String()
	})
}

func metricsServer(pods corelisters.PodLister) http.Handler {
	const root = "/apis/metrics.k8s.io/v1beta1"
	meta := func(kind string) metav1.TypeMeta {
		return metav1.TypeMeta{APIVersion: metricsv1beta1.SchemeGroupVersion.String(), Kind: kind}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+root, func(w http.ResponseWriter, r *http.Request) {
		reply(w, http.StatusOK, metav1.APIResourceList{
			TypeMeta:     metav1.TypeMeta{APIVersion: "v1", Kind: "APIResourceList"},
			GroupVersion: metricsv1beta1.SchemeGroupVersion.String(),
			APIResources: []metav1.APIResource{{Name: "pods", Kind: "PodMetrics", Namespaced: true, Verbs: metav1.Verbs{"get", "list"}}},
		})
	})
	list := func(w http.ResponseWriter, r *http.Request) {
		selector, err := labels.Parse(r.URL.Query().Get("labelSelector"))
		if err != nil {
			refuse(w, apierrors.NewBadRequest(err.Error()))
			return
		}
		found, err := pods.Pods(r.PathValue("namespace")).List(selector) // no namespace is all of them
		if err != nil {
			refuse(w, apierrors.NewInternalError(err))
			return
		}
		result := metricsv1beta1.PodMetricsList{TypeMeta: meta("PodMetricsList"), Items: []metricsv1beta1.PodMetrics{}}
		for _, pod := range found {
			if measured := measure(pod, time.Now()); measured != nil {
				result.Items = append(result.Items, *measured)
			}
		}
		reply(w, http.StatusOK, result)
	}
	mux.HandleFunc("GET "+root+"/pods", list)
	mux.HandleFunc("GET "+root+"/namespaces/{namespace}/pods", list)
	mux.HandleFunc("GET "+root+"/namespaces/{namespace}/pods/{pod}", func(w http.ResponseWriter, r *http.Request) {
		pod, err := pods.Pods(r.PathValue("namespace")).Get(r.PathValue("pod"))
		var measured *metricsv1beta1.PodMetrics
		if err == nil {
			measured = measure(pod, time.Now())
		}
		if measured == nil {
			refuse(w, apierrors.NewNotFound(metricsv1beta1.Resource("pods"), r.PathValue("pod")))
			return
		}
		measured.TypeMeta = meta("PodMetrics")
		reply(w, http.StatusOK, measured)
	})
	return mux
}

// measure is what the pod uses: nil for one that does not run or says nothing of it.
func measure(pod *v1.Pod, now time.Time) *metricsv1beta1.PodMetrics {
	s, err := parseScript(pod.Annotations)
	if err != nil || s.cpu == nil {
		return nil
	}
	metrics := &metricsv1beta1.PodMetrics{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, Labels: pod.Labels, CreationTimestamp: metav1.NewTime(now)},
		Timestamp:  metav1.NewTime(now),
		Window:     metav1.Duration{Duration: time.Second},
	}
	for _, status := range pod.Status.ContainerStatuses {
		if status.State.Running == nil {
			return nil
		}
		metrics.Containers = append(metrics.Containers, metricsv1beta1.ContainerMetrics{
			Name: status.Name, Usage: v1.ResourceList{v1.ResourceCPU: *s.cpu},
		})
	}
	if len(metrics.Containers) == 0 {
		return nil
	}
	return metrics
}

func refuse(w http.ResponseWriter, err *apierrors.StatusError) {
	status := err.Status()
	status.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
	reply(w, int(status.Code), status)
}

func reply(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		klog.ErrorS(err, "Answering with metrics")
	}
}
