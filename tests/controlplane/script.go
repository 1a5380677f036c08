// What a pod's annotations ask of its simulation. A pod that asks for something
// unknown or unreadable is told so: a typing error never passes for a healthy pod.
package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

const scriptPrefix = "sim/"

type script struct {
	crashLoop   bool               // containers keep crashing
	crashPeriod time.Duration      // one more restart each
	notReady    bool               // runs, but is never ready
	readyAfter  time.Duration      // from start to ready
	jobRun      time.Duration      // a pod that may end runs so long
	jobFail     bool               // and then fails
	exitCode    int32              // of a container that crashes or fails
	exitMessage string             // what it writes to its termination log
	log         *string            // what each container writes; nil for the usual lines
	httpStatus  int32              // of every answer once ready
	cpu         *resource.Quantity // what each container uses; nil for not measured
}

// parseScript reads the annotations as they are now: changing one on a running
// pod takes effect.
func parseScript(annotations map[string]string) (script, error) {
	s := script{crashPeriod: 5 * time.Second, readyAfter: 200 * time.Millisecond, jobRun: time.Second, exitCode: 1, httpStatus: 200}
	settings := map[string]func(string) error{
		"crashloop":    boolean(&s.crashLoop),
		"crash-period": duration(&s.crashPeriod),
		"not-ready":    boolean(&s.notReady),
		"ready-after":  duration(&s.readyAfter),
		"job-run":      duration(&s.jobRun),
		"job-fail":     boolean(&s.jobFail),
		"exit-code":    number(&s.exitCode, 0, 255),
		"exit-message": func(value string) error { s.exitMessage = value; return nil },
		"log":          func(value string) error { s.log = &value; return nil },
		"http-status":  number(&s.httpStatus, 200, 599),
		"cpu":          quantity(&s.cpu),
	}
	for _, annotation := range slices.Sorted(maps.Keys(annotations)) {
		name, ours := strings.CutPrefix(annotation, scriptPrefix)
		if !ours {
			continue
		}
		set := settings[name]
		if set == nil {
			return s, fmt.Errorf("%s: no such annotation of a pod", annotation)
		}
		if err := set(annotations[annotation]); err != nil {
			return s, fmt.Errorf("%s: %q is %w", annotation, annotations[annotation], err)
		}
	}
	return s, nil
}

// lines is what a container of the pod has written.
func (s script) lines(c v1.Container) []string {
	switch {
	case s.log != nil && *s.log == "":
		return nil
	case s.log != nil:
		return strings.Split(strings.TrimSuffix(*s.log, "\n"), "\n")
	case s.crashLoop || s.jobFail:
		return []string{c.Name + ": starting " + c.Image, fmt.Sprintf("%s: failed, exit code %d", c.Name, s.exitCode)}
	}
	return []string{c.Name + ": starting " + c.Image, c.Name + ": started"}
}

func boolean(into *bool) func(string) error {
	return func(value string) error {
		if value != "true" && value != "false" {
			return errors.New("neither true nor false")
		}
		*into = value == "true"
		return nil
	}
}

func duration(into *time.Duration) func(string) error {
	return func(value string) error {
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 {
			return errors.New("not a duration above zero")
		}
		*into = d
		return nil
	}
}

func number(into *int32, least, most int64) func(string) error {
	return func(value string) error {
		n, err := strconv.ParseInt(value, 10, 32)
		if err != nil || n < least || n > most {
			return fmt.Errorf("not a number from %d to %d", least, most)
		}
		*into = int32(n)
		return nil
	}
}

func quantity(into **resource.Quantity) func(string) error {
	return func(value string) error {
		q, err := resource.ParseQuantity(value)
		if err != nil || q.Sign() < 0 {
			return errors.New("not a quantity such as 80m")
		}
		*into = &q
		return nil
	}
}
