// What a kubelet answers to those who ask for a log.
package main

import (
	"net/url"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
)

func TestContainerLog(t *testing.T) {
	type a = map[string]string
	crashing := a{"sim/crashloop": "true", "sim/log": "one\ntwo\nthree\n"}
	for name, c := range map[string]struct {
		image       string
		annotations a
		container   string
		query       string
		log, err    string
	}{
		"usual lines":         {"i:1", nil, "c", "", "c: starting i:1\nc: started\n", ""},
		"usual lines, failed": {"i:1", a{"sim/crashloop": "true", "sim/exit-code": "3"}, "c", "", "c: starting i:1\nc: failed, exit code 3\n", ""},
		"steered":             {"i:1", a{"sim/log": "one\ntwo"}, "c", "", "one\ntwo\n", ""},
		"silent":              {"i:1", a{"sim/log": ""}, "c", "", "", ""},
		"tail":                {"i:1", crashing, "c", "tailLines=2", "two\nthree\n", ""},
		"a long tail":         {"i:1", crashing, "c", "tailLines=20", "one\ntwo\nthree\n", ""},
		"no tail":             {"i:1", crashing, "c", "tailLines=0", "", ""},
		"limit":               {"i:1", crashing, "c", "limitBytes=6", "one\ntw", ""},
		"previous":            {"i:1", crashing, "c", "previous=true&tailLines=1", "three\n", ""},
		"timestamps":          {"i:1", a{"sim/log": "one"}, "c", "timestamps=true", "2026-01-02T03:04:05Z one\n", ""},
		"no previous":         {"i:1", nil, "c", "previous=true", "", `previous terminated container "c" in pod "p" not found`},
		"no such container":   {"i:1", nil, "d", "", "", `container "d" in pod "p" is not available`},
		"pull fails":          {"i:imagepullfail", nil, "c", "", "", `container "c" in pod "p" is waiting to start: trying and failing to pull image`},
		"misread":             {"i:1", a{"sim/x": ""}, "c", "", "", `container "c" in pod "p" is waiting to start: CreateContainerConfigError`},
		"not simulated":       {"i:1", nil, "c", "follow=true", "", "the simulated kubelet knows no follow of a log"},
		"nonsense":            {"i:1", nil, "c", "tailLines=all", "", `tailLines: "all" is not a number from 0 to 2147483647`},
	} {
		t.Run(name, func(t *testing.T) {
			pod := podOf(v1.RestartPolicyAlways, c.image, c.annotations)
			look(pod, 2*time.Second)
			query, err := url.ParseQuery(c.query)
			if err != nil {
				t.Fatal(err)
			}
			log, err := containerLog(pod, c.container, query)
			said := ""
			if err != nil {
				said = err.Error()
			}
			if log != c.log || said != c.err {
				t.Errorf("got %q, error %q", log, said)
			}
		})
	}
}
