// The server as git sees it: the real command against the real program's parts.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func git(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	command := exec.Command("git", args...)
	command.Dir = dir
	command.Env = append(os.Environ(),
		"GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_SSL_NO_VERIFY=1",
		"GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@t", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@t")
	out, err := command.CombinedOutput()
	return string(out), err
}

func mustGit(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := git(t, dir, args...)
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// serve gives the address of a server that has one empty repository, r.git.
func serve(t *testing.T, a access) string {
	t.Helper()
	root := t.TempDir()
	mustGit(t, root, "init", "-q", "--bare", "-b", "main", "r.git")
	backend, err := gitBackend(root)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(a.guard(backend))
	t.Cleanup(server.Close)
	return server.URL
}

func TestPushAndClone(t *testing.T) {
	url, work := serve(t, access{})+"/r.git", t.TempDir()
	mustGit(t, work, "clone", "-q", url, "a")
	content := make([]byte, 3<<20) // above http.postBuffer, so git sends it in chunks
	rand.Read(content)
	if err := os.WriteFile(filepath.Join(work, "a", "big"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	a := filepath.Join(work, "a")
	mustGit(t, a, "add", "big")
	mustGit(t, a, "commit", "-q", "-m", "one")
	mustGit(t, a, "push", "-q", "origin", "HEAD:main")
	mustGit(t, work, "clone", "-q", "--depth=1", url, "b")
	got, err := os.ReadFile(filepath.Join(work, "b", "big"))
	if err != nil || !bytes.Equal(got, content) {
		t.Fatalf("the clone differs from what was pushed (%v)", err)
	}
}

func TestAccess(t *testing.T) {
	both := access{user: "ann", password: "p", token: "secret"}
	for name, c := range map[string]struct {
		access
		userinfo, header string
		allowed          bool
	}{
		"open to all":        {access{}, "", "", true},
		"nobody":             {both, "", "", false},
		"user":               {both, "ann:p@", "", true},
		"wrong password":     {both, "ann:q@", "", false},
		"token":              {both, "", "Authorization: Bearer secret", true},
		"wrong token":        {both, "", "Authorization: Bearer other", false},
		"no user configured": {access{token: "secret"}, ":@", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			url := strings.Replace(serve(t, c.access), "https://", "https://"+c.userinfo, 1) + "/r.git"
			out, err := git(t, t.TempDir(), "-c", "http.extraHeader="+c.header, "ls-remote", url)
			if (err == nil) != c.allowed {
				t.Fatalf("allowed %t, want %t\n%s", err == nil, c.allowed, out)
			}
		})
	}
}

func TestDelayEndsWithTheRequest(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	reached := false
	guarded := access{delay: time.Hour}.guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	guarded.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/", nil))
	if reached {
		t.Fatal("answered before the delay was over")
	}
}

func TestHang(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go hang(listener)
	defer listener.Close()
	connection, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	connection.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if _, err := connection.Read(make([]byte, 1)); !os.IsTimeout(err) {
		t.Fatalf("want silence, got %v", err)
	}
}

func TestCertificate(t *testing.T) {
	dir := t.TempDir()
	first, err := loadOrCreateCertificate(dir)
	if err != nil {
		t.Fatal(err)
	}
	authority, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	if _, err := first.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "127.0.0.1"}); err != nil {
		t.Errorf("ca.crt does not vouch for the server: %v", err)
	}
	second, err := loadOrCreateCertificate(dir)
	if err != nil || !bytes.Equal(first.Certificate[0], second.Certificate[0]) {
		t.Errorf("a second start has another certificate (%v)", err)
	}
}
