// The network between the API server and its cluster. The API server opens each
// connection to a node, a pod or an aggregated API through a tunnel (HTTP CONNECT
// over a unix socket), and here are their other ends: no address is listened on.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

func tunnelSocket(dir string) string { return filepath.Join(dir, "tunnel.sock") }

// writeEgressConfig tells the API server to use the tunnel. As long as nothing
// serves the socket, its connections fail at once.
func writeEgressConfig(dir string) (string, error) {
	path := filepath.Join(dir, "egress.yaml")
	return path, os.WriteFile(path, fmt.Appendf(nil, `apiVersion: apiserver.k8s.io/v1beta1
kind: EgressSelectorConfiguration
egressSelections:
- name: cluster
  connection: {proxyProtocol: HTTPConnect, transport: {uds: {udsName: %q}}}
`, tunnelSocket(dir)), 0o600)
}

// network knows what answers at the addresses of the cluster.
type network struct {
	pods             cache.Indexer
	kubelet, metrics http.Handler
	certificate      tls.Certificate // of those two; nobody checks whose it is
}

// byIP indexes pods by their address.
const byIP = "ip"

func podIPs(obj any) ([]string, error) {
	if pod, ok := obj.(*v1.Pod); ok && pod.Status.PodIP != "" {
		return []string{pod.Status.PodIP}, nil
	}
	return nil, nil
}

// serve carries connections until ctx ends.
func (n *network) serve(ctx context.Context, dir string) error {
	if err := os.Remove(tunnelSocket(dir)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err // one that a killed process left would be in the way
	}
	listener, err := net.Listen("unix", tunnelSocket(dir))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: n, ReadHeaderTimeout: tunnelTimeout}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

const tunnelTimeout = 10 * time.Second

// ServeHTTP answers a CONNECT, and then is the other end itself.
func (n *network) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		http.Error(w, "only CONNECT", http.StatusMethodNotAllowed)
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		klog.ErrorS(err, "Opening a tunnel", "to", r.Host)
		return
	}
	end, config := n.end(r.Host)
	status := "200 OK"
	if end == nil {
		status = "503 connection refused" // the API server repeats it
	}
	if _, err := fmt.Fprintf(conn, "HTTP/1.1 %s\r\n\r\n", status); err != nil || end == nil {
		conn.Close()
		return
	}
	if config != nil {
		conn = tls.Server(conn, config)
	}
	server := &http.Server{Handler: end, ReadHeaderTimeout: tunnelTimeout, WriteTimeout: tunnelTimeout}
	server.SetKeepAlivesEnabled(false) // or a pod that is gone would answer on
	if err := server.Serve(&single{conn}); !errors.Is(err, net.ErrClosed) {
		klog.ErrorS(err, "Serving a tunnel", "to", r.Host)
	}
}

// end finds what listens at an address, and its TLS if it speaks that.
func (n *network) end(address string) (http.Handler, *tls.Config) {
	host, portText, err := net.SplitHostPort(address)
	port, portErr := strconv.ParseUint(portText, 10, 16)
	if err != nil || portErr != nil {
		return nil, nil
	}
	secure := &tls.Config{Certificates: []tls.Certificate{n.certificate}}
	switch {
	case host == hostIP && port == kubeletPort:
		return n.kubelet, secure
	case host == metricsHost && port == metricsPort:
		return n.metrics, secure
	}
	found, err := n.pods.ByIndex(byIP, host)
	if err != nil || len(found) != 1 || !listens(found[0].(*v1.Pod), int32(port)) {
		return nil, nil
	}
	return answer(found[0].(*v1.Pod)), nil
}

// single is a listener of one connection that is already there.
type single struct{ conn net.Conn }

func (s *single) Accept() (net.Conn, error) {
	conn := s.conn
	if s.conn = nil; conn == nil {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (*single) Close() error   { return nil }
func (*single) Addr() net.Addr { return &net.UnixAddr{} }
