// The order of things: each part starts when what it talks to answers, and stops
// before it. A part that ends by itself ends the control plane with an error.
package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

func run(ctx context.Context, o options) error {
	began := time.Now()
	dir, err := filepath.Abs(o.dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	// The listener is opened here and handed over, so that port 0 is free of races.
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", o.port))
	if err != nil {
		return err
	}
	pki, err := loadOrCreatePKI(dir, "https://"+listener.Addr().String())
	if err != nil {
		return err
	}
	certificate, err := tls.LoadX509KeyPair(pki.file("apiserver.crt"), pki.file("apiserver.key"))
	if err != nil {
		return err
	}
	egress, err := writeEgressConfig(dir)
	if err != nil {
		return err
	}
	etcd, err := startEtcd(dir)
	if err != nil {
		return err
	}
	defer etcd.Close()

	// The clients of the API server stop before it does, and etcd stops last.
	apiserver := start(context.WithoutCancel(ctx), func(ctx context.Context) error {
		return runAPIServer(ctx, pki, etcd.Clients[0].Addr().String(), egress, listener, o.apiserverFlags)
	})
	defer apiserver.stop()
	config, err := clientcmd.BuildConfigFromFlags("", pki.kubeconfig)
	if err != nil {
		return err
	}
	config.UserAgent = "kubelet"
	config.QPS = -1
	config.ContentType = "application/vnd.kubernetes.protobuf"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	if err := poll(ctx, apiserver, func() bool {
		return client.RESTClient().Get().AbsPath("/readyz").Do(ctx).Error() == nil
	}); err != nil {
		return err
	}
	fmt.Printf("readyz after %.1fs\n", time.Since(began).Seconds())

	manager := start(ctx, func(ctx context.Context) error { return runControllerManager(ctx, pki) })
	defer manager.stop()
	scheduler := start(ctx, func(ctx context.Context) error { return runScheduler(ctx, pki) })
	defer scheduler.stop()
	kubelet := start(ctx, func(ctx context.Context) error { return runKubelet(ctx, client, o.nodes, dir, certificate) })
	defer kubelet.stop()

	// A pod is refused until its namespace has its service account.
	if err := poll(ctx, manager, func() bool {
		_, err := client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
		return err == nil
	}); err != nil {
		return err
	}
	if err := registerMetrics(ctx, client); err != nil && ctx.Err() == nil {
		return err
	}
	if err := poll(ctx, kubelet, func() bool { return metricsServed(client) }); err != nil {
		return err
	}
	fmt.Printf("kubeconfig %s\nready after %.1fs\nready\n", pki.kubeconfig, time.Since(began).Seconds())

	select {
	case <-ctx.Done():
		return nil
	case <-apiserver.done:
		return fmt.Errorf("kube-apiserver ended: %w", apiserver.err)
	case <-manager.done:
		return fmt.Errorf("kube-controller-manager ended: %w", manager.err)
	case <-scheduler.done:
		return fmt.Errorf("kube-scheduler ended: %w", scheduler.err)
	case <-kubelet.done:
		return fmt.Errorf("kubelet ended: %w", kubelet.err)
	}
}
