// Command controlplane runs a Kubernetes control plane in one process for
// integration tests: etcd, kube-apiserver, kube-controller-manager,
// kube-scheduler and a simulated kubelet, all on the loopback interface.
//
//	controlplane --dir DIR [--port P] [--nodes N] [--exit-with-stdin] [-- kube-apiserver flags]
//
// It writes DIR/kubeconfig, prints "ready" once pods can be created, and stops
// on SIGTERM, SIGINT and, with --exit-with-stdin, when its standard input ends.
// DIR keeps the cluster's state: started again on the same DIR, it resumes.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

type options struct {
	dir            string
	port, nodes    int
	exitWithStdin  bool
	apiserverFlags []string
}

func main() {
	var o options
	flags := flag.NewFlagSet("controlplane", flag.ExitOnError)
	flags.StringVar(&o.dir, "dir", "", "directory for state, keys and kubeconfig (required)")
	flags.IntVar(&o.port, "port", 0, "port of the API server on 127.0.0.1; 0 takes a free one")
	flags.IntVar(&o.nodes, "nodes", 1, "number of simulated nodes")
	flags.BoolVar(&o.exitWithStdin, "exit-with-stdin", false, "end when standard input does, so that a killed test leaves no orphan")
	flags.Parse(os.Args[1:])
	if o.dir == "" {
		flags.Usage()
		os.Exit(2)
	}
	o.apiserverFlags = flags.Args()
	// Clients take the name of the process as their field manager by default.
	os.Args[0] = "kube-controller-manager"
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	if o.exitWithStdin {
		go func() {
			io.Copy(io.Discard, os.Stdin)
			stop()
		}()
	}
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "controlplane:", err)
		os.Exit(1)
	}
}
