// What a pod's annotations ask of its simulation. A pod that asks for something
// unknown or unreadable is told so: a typing error never passes for a healthy pod.
package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

const scriptPrefix = "sim/"

type script struct {
	crashLoop   bool          // containers keep crashing
	crashPeriod time.Duration // one more restart each
	notReady    bool          // runs, but is never ready
	readyAfter  time.Duration // from start to ready
	jobRun      time.Duration // a pod that may end runs so long
	jobFail     bool          // and then fails
}

// parseScript reads the annotations as they are now: changing one on a running
// pod takes effect.
func parseScript(annotations map[string]string) (script, error) {
	s := script{crashPeriod: 5 * time.Second, readyAfter: 200 * time.Millisecond, jobRun: time.Second}
	flags := map[string]*bool{"crashloop": &s.crashLoop, "not-ready": &s.notReady, "job-fail": &s.jobFail}
	durations := map[string]*time.Duration{"crash-period": &s.crashPeriod, "ready-after": &s.readyAfter, "job-run": &s.jobRun}
	for _, annotation := range slices.Sorted(maps.Keys(annotations)) {
		name, ours := strings.CutPrefix(annotation, scriptPrefix)
		if !ours {
			continue
		}
		value := annotations[annotation]
		if flag := flags[name]; flag != nil {
			if value != "true" && value != "false" {
				return s, fmt.Errorf("%s: %q is neither true nor false", annotation, value)
			}
			*flag = value == "true"
		} else if duration := durations[name]; duration != nil {
			d, err := time.ParseDuration(value)
			if err != nil || d <= 0 {
				return s, fmt.Errorf("%s: %q is not a duration above zero", annotation, value)
			}
			*duration = d
		} else {
			return s, fmt.Errorf("%s: no such annotation of a pod", annotation)
		}
	}
	return s, nil
}
