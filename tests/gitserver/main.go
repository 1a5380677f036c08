// Command gitserver serves Git repositories over HTTPS for tests, by git's own
// http-backend: what a clone meets here is what it meets at a real server.
//
//	gitserver --root REPOSITORIES --dir DIR [flags]
//
// It writes DIR/ca.crt, then prints "ready https://127.0.0.1:PORT". It never
// listens beyond the loopback interface, and it ends on SIGTERM, SIGINT and,
// with --exit-with-stdin, when its standard input ends.
package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

type options struct {
	access
	root, dir     string
	port          int
	hang          bool
	exitWithStdin bool
}

func main() {
	var o options
	flag.StringVar(&o.root, "root", "", "directory of bare repositories (required)")
	flag.StringVar(&o.dir, "dir", "", "directory for ca.crt and the server's key (required)")
	flag.IntVar(&o.port, "port", 0, "port on 127.0.0.1; 0 takes a free one")
	flag.StringVar(&o.user, "user", "", "demand this user, with --password")
	flag.StringVar(&o.password, "password", "", "password of --user")
	flag.StringVar(&o.token, "token", "", "demand this bearer token, or --user if that is given too")
	flag.DurationVar(&o.delay, "delay", 0, "wait so long before each answer")
	flag.BoolVar(&o.hang, "hang", false, "accept connections and never say a word, not even of TLS")
	flag.BoolVar(&o.exitWithStdin, "exit-with-stdin", false, "end when standard input does, so that a killed test leaves no orphan")
	flag.Parse()
	if o.root == "" || o.dir == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	if o.exitWithStdin {
		go func() {
			io.Copy(io.Discard, os.Stdin)
			stop()
		}()
	}
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "gitserver:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	root, err := filepath.Abs(o.root)
	if err != nil {
		return err
	}
	git, err := gitBackend(root)
	if err != nil {
		return err
	}
	certificate, err := loadOrCreateCertificate(o.dir)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", o.port))
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:   o.access.guard(git),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}},
	}
	context.AfterFunc(ctx, func() {
		listener.Close()
		server.Close()
	})
	fmt.Printf("ready https://%s\n", listener.Addr())
	if o.hang {
		err = hang(listener)
	} else {
		err = server.ServeTLS(listener, "", "")
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// hang accepts connections and leaves each as it is.
func hang(listener net.Listener) error {
	var held []net.Conn // the collector closes a connection that nothing reaches
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		held = append(held, connection)
	}
}
