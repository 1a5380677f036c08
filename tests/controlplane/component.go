// A part of the control plane that runs until it is stopped.
package main

import (
	"context"
	"errors"
	"os"
	"time"
)

type component struct {
	cancel context.CancelFunc
	done   chan struct{}
	err    error // set when done is closed
}

func start(ctx context.Context, run func(context.Context) error) *component {
	ctx, cancel := context.WithCancel(ctx)
	c := &component{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		c.err = run(ctx)
	}()
	return c
}

func (c *component) stop() {
	c.cancel()
	<-c.done
}

// poll waits until ok, and gives up when the component ends. When ctx ends it
// leaves the process: an API server that is stopped half-started calls that
// fatal, and there is nothing yet to stop with care.
func poll(ctx context.Context, c *component, ok func() bool) error {
	for !ok() {
		select {
		case <-ctx.Done():
			os.Exit(0)
		case <-c.done:
			return errors.Join(errors.New("a component ended during start"), c.err)
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}
