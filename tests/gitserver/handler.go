// The way of a request: wait, check who asks, hand over to git http-backend.
// Every answer leaves one line on standard error, so that a test can count them.
package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// access says who may ask, and how long everybody waits. Without a user and a
// token, anybody may.
type access struct {
	user, password, token string
	delay                 time.Duration
}

func (a access) allows(r *http.Request) bool {
	if a.user == "" && a.token == "" {
		return true
	}
	if a.token != "" && r.Header.Get("Authorization") == "Bearer "+a.token {
		return true
	}
	user, password, ok := r.BasicAuth()
	return ok && a.user != "" && user == a.user && password == a.password
}

func (a access) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(a.delay):
		case <-r.Context().Done():
			return
		}
		allowed := a.allows(r)
		fmt.Fprintf(os.Stderr, "%s %s allowed=%t\n", r.Method, r.URL, allowed)
		if !allowed {
			w.Header().Set("WWW-Authenticate", `Basic realm="gitserver"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// gitBackend serves the bare repositories below root, for fetch and for push.
func gitBackend(root string) (http.Handler, error) {
	path, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		return nil, fmt.Errorf("git --exec-path: %w", err)
	}
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(path)), "git-http-backend"),
		Env: []string{
			"GIT_PROJECT_ROOT=" + root,
			"GIT_HTTP_EXPORT_ALL=1",
			"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=http.receivepack", "GIT_CONFIG_VALUE_0=true",
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// CGI wants a length, and git sends what exceeds http.postBuffer without one.
		if r.ContentLength < 0 {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
		}
		backend.ServeHTTP(w, r)
	}), nil
}
