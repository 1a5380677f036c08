// The cluster's network, entered as the API server does.
package main

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/server/egressselector"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
)

// enter serves a network of these pods, and is a client in it.
func enter(t *testing.T, pods ...*v1.Pod) *http.Client {
	dir := t.TempDir()
	keys, err := loadOrCreatePKI(dir, "https://127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := tls.LoadX509KeyPair(keys.file("apiserver.crt"), keys.file("apiserver.key"))
	if err != nil {
		t.Fatal(err)
	}
	index := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{byIP: podIPs, cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	for _, pod := range pods {
		if err := index.Add(pod); err != nil {
			t.Fatal(err)
		}
	}
	lister := corelisters.NewPodLister(index)
	cluster := &network{pods: index, kubelet: kubeletServer(lister), metrics: metricsServer(lister), certificate: certificate}
	served := start(context.Background(), func(ctx context.Context) error { return cluster.serve(ctx, dir) })
	t.Cleanup(func() {
		served.stop()
		if served.err != nil {
			t.Error(served.err)
		}
	})

	path, err := writeEgressConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	config, err := egressselector.ReadEgressSelectorConfiguration(path)
	if err != nil {
		t.Fatal(err)
	}
	if errs := egressselector.ValidateEgressSelectorConfiguration(config); len(errs) > 0 {
		t.Fatal(errs.ToAggregate())
	}
	selector, err := egressselector.NewEgressSelector(config)
	if err != nil {
		t.Fatal(err)
	}
	dial, err := selector.Lookup(egressselector.Cluster.AsNetworkContext())
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DialContext: dial, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
	for deadline := time.Now().Add(10 * time.Second); ; {
		_, err := client.Get("http://192.0.2.255")
		if err != nil && strings.Contains(err.Error(), "connection refused") && !strings.Contains(err.Error(), "dial unix") {
			return client
		}
		if time.Now().After(deadline) {
			t.Fatal("nothing serves the tunnel: ", err)
		}
	}
}

func get(client *http.Client, url string) (int, string) {
	response, err := client.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(body)
}

func TestNetwork(t *testing.T) {
	type a = map[string]string
	pod := func(name, ip string, annotations a, ports ...int32) *v1.Pod {
		pod := podOf(v1.RestartPolicyAlways, "i:1", annotations)
		pod.Name, pod.Labels = name, a{"app": name}
		for _, port := range ports {
			pod.Spec.Containers[0].Ports = append(pod.Spec.Containers[0].Ports, v1.ContainerPort{ContainerPort: port})
		}
		simulate(pod, podRun{start: birth, ip: ip}, birth.Add(2*time.Second))
		return pod
	}
	client := enter(t,
		pod("web", "10.128.0.1", a{"sim/cpu": "80m"}),
		pod("sick", "10.128.0.2", a{"sim/http-status": "503"}, 8080),
		pod("late", "10.128.0.3", a{"sim/not-ready": "true"}),
		pod("crash", "10.128.0.4", a{"sim/crashloop": "true", "sim/cpu": "80m"}),
	)
	const metrics = "https://metrics.sim/apis/metrics.k8s.io/v1beta1"
	for name, c := range map[string]struct {
		url    string
		status int
		body   string
	}{
		"a pod answers on any port":        {"http://10.128.0.1:8080/up?x=1", 200, "200 from pod web: GET /up?x=1"},
		"a pod answers as it is told":      {"http://10.128.0.2:8080/", 503, "503 from pod sick: GET /"},
		"other ports than declared refuse": {"http://10.128.0.2:8081/", 0, "503 connection refused"},
		"a pod that is not ready is busy":  {"http://10.128.0.3/", 503, "503 from pod late: GET /"},
		"a crashing pod refuses":           {"http://10.128.0.4/", 0, "503 connection refused"},
		"nobody has that address":          {"http://10.128.0.5/", 0, "503 connection refused"},
		"the kubelet has logs":             {"https://192.0.2.1:10250/containerLogs/n/crash/c?tailLines=1&previous=true", 200, "c: failed, exit code 1\n"},
		"the kubelet refuses":              {"https://192.0.2.1:10250/containerLogs/n/web/c?previous=true", 400, "not found"},
		"the kubelet knows its pods":       {"https://192.0.2.1:10250/containerLogs/n/gone/c", 404, "not found"},
		"metrics of a pod":                 {metrics + "/namespaces/n/pods/web", 200, `"usage":{"cpu":"80m"}`},
		"metrics of no pod":                {metrics + "/namespaces/n/pods/late", 404, `"reason":"NotFound"`},
		"metrics of a stopped pod":         {metrics + "/namespaces/n/pods/crash", 404, `"reason":"NotFound"`},
		"metrics by label":                 {metrics + "/namespaces/n/pods?labelSelector=app%3Dlate", 200, `"items":[]`},
		"metrics by a wrong label":         {metrics + "/pods?labelSelector=%3D", 400, `"reason":"BadRequest"`},
		"metrics of all":                   {metrics + "/pods", 200, `"name":"web"`},
		"metrics of another namespace":     {metrics + "/namespaces/m/pods", 200, `"items":[]`},
	} {
		if status, body := get(client, c.url); status != c.status || !strings.Contains(body, c.body) {
			t.Errorf("%s: got %d %q", name, status, body)
		}
	}
}

func TestASocketLeftBehindIsReplaced(t *testing.T) {
	dir := t.TempDir()
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: tunnelSocket(dir)})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	left.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := (&network{}).serve(ctx, dir); err != nil {
		t.Error(err)
	}
}
