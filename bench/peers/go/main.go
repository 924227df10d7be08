// SPDX-License-Identifier: MIT OR Apache-2.0

// peer-go: balancers and hashes written in Go, each called through what it exports. It speaks ../protocol.h.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sort"
	"strings"
	"time"
)

// subject is what a case has built; it lives for one question.
type subject interface {
	// pick makes so many picks on behalf of thread 0 or 1 and returns something of each answer.
	pick(thread, picks int) uint64
}

// changer is a subject of which one node can leave and come back.
type changer interface{ change() error }

// closer is a subject with more to end than memory.
type closer interface{ close() }

// learner is a subject that must be told something before its picks are what they should be; that is not timed.
type learner interface{ learn() error }

// peerCase is one case of one peer.
type peerCase struct {
	name      string
	beside    string // the row of ours that it is held against, "" for loadwise
	threads   bool   // two threads may pick from one subject
	changes   bool
	onlyPicks bool // nothing is built
	most      int  // nodes; 0: any number
	why       string
	open      func(*scene) (subject, error)
}

const (
	leastBuilds = 3
	mostBuilds  = 15
	buildBudget = 100 * time.Millisecond
)

func median(values []float64) float64 {
	sort.Float64s(values)
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}

func closeSubject(s subject) {
	if c, ok := s.(closer); ok {
		c.close()
	}
}

// repeated runs an action some times, until the budget is spent, and returns the median of the times in ns.
func repeated(action func() (time.Duration, error)) (float64, error) {
	var times []float64
	var spent time.Duration
	for len(times) < leastBuilds || (len(times) < mostBuilds && spent < buildBudget) {
		took, err := action()
		if err != nil {
			return 0, err
		}
		spent += took
		times = append(times, float64(took.Nanoseconds()))
	}
	return median(times), nil
}

func (c *peerCase) build(s *scene) (float64, error) {
	return repeated(func() (time.Duration, error) {
		runtime.GC()
		start := time.Now()
		subject, err := c.open(s)
		took := time.Since(start)
		if err == nil {
			closeSubject(subject)
		}
		return took, err
	})
}

func (c *peerCase) change(s *scene) (float64, error) {
	subject, err := c.open(s)
	if err != nil {
		return 0, err
	}
	defer closeSubject(subject)
	changing := subject.(changer)
	if err := changing.change(); err != nil {
		return 0, err
	}
	return repeated(func() (time.Duration, error) {
		start := time.Now()
		err := changing.change()
		return time.Since(start) / 2, err
	})
}

func heap() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

func (c *peerCase) bytes(s *scene) (float64, error) {
	before := heap()
	subject, err := c.open(s)
	if err != nil {
		return 0, err
	}
	after := heap()
	runtime.KeepAlive(subject)
	closeSubject(subject)
	return float64(int64(after)-int64(before)) / float64(len(s.names)), nil
}

func (c *peerCase) time(s *scene, threads int) (float64, error) {
	subject, err := c.open(s)
	if err != nil {
		return 0, err
	}
	defer closeSubject(subject)
	if l, ok := subject.(learner); ok {
		if err := l.learn(); err != nil {
			return 0, err
		}
	}
	runtime.GC()
	return measure(subject, threads), nil
}

func (c *peerCase) answer(what string, nodes, threads int, seed uint64) string {
	if c.most > 0 && nodes > c.most {
		return "none " + c.why
	}
	s := newScene(nodes, seed)
	var value float64
	var err error
	unit := "ns"
	switch {
	case what == "pick" && (threads == 1 || c.threads):
		value, err = c.time(s, threads)
	case what == "build" && !c.onlyPicks:
		value, err = c.build(s)
	case what == "change" && c.changes:
		value, err = c.change(s)
	case what == "bytes" && !c.onlyPicks:
		unit = "bytes"
		value, err = c.bytes(s)
	default:
		return "none not asked of this case"
	}
	if err != nil {
		return "none " + strings.ReplaceAll(err.Error(), "\n", " ")
	}
	return fmt.Sprintf("%s %.4f", unit, value)
}

func take(cases []peerCase, line string) string {
	var what, name string
	var nodes int
	var seed uint64
	threads := 1
	if strings.HasPrefix(line, "pick ") {
		if _, err := fmt.Sscanf(line, "%s %s %d %d %d", &what, &name, &nodes, &threads, &seed); err != nil {
			return "none cannot read that question"
		}
	} else if _, err := fmt.Sscanf(line, "%s %s %d %d", &what, &name, &nodes, &seed); err != nil {
		return "none cannot read that question"
	}
	for i := range cases {
		if cases[i].name == name {
			return cases[i].answer(what, nodes, threads, seed)
		}
	}
	return "none no such case"
}

func introduce(cases []peerCase) {
	named := map[string]bool{}
	for _, c := range cases {
		peer := strings.SplitN(c.name, "/", 2)[0]
		if !named[peer] {
			fmt.Printf("peer %s %s\n", peer, versionOf(peer))
			named[peer] = true
		}
	}
	for _, c := range cases {
		words := []string{"case", c.name, "pick"}
		if !c.onlyPicks {
			words = append(words, "build", "bytes")
		}
		if c.threads {
			words = append(words, "threads")
		}
		if c.changes {
			words = append(words, "change")
		}
		if c.beside != "" {
			words = append(words, "beside", c.beside)
		}
		fmt.Println(strings.Join(words, " "))
	}
	fmt.Println("ready")
}

// modules tells where the peers come from.
var modules = map[string]string{
	"grpc-go":       "google.golang.org/grpc",
	"kratos":        "github.com/go-kratos/kratos/v2",
	"stathat":       "github.com/stathat/consistent",
	"serialx":       "github.com/serialx/hashring",
	"groupcache":    "github.com/golang/groupcache",
	"go-maglev":     "github.com/kkdai/maglev",
	"go-jump":       "github.com/dgryski/go-jump",
	"go-rendezvous": "github.com/dgryski/go-rendezvous",
}

func versionOf(peer string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if module.Path == modules[peer] {
				return module.Version + " (" + module.Path + ", " + runtime.Version() + ")"
			}
		}
	}
	return "of unknown version"
}

func main() {
	pinHere(0)
	cases := append(grpcCases(), append(kratosCases(), hashingCases()...)...)
	introduce(cases)
	questions := bufio.NewScanner(os.Stdin)
	for questions.Scan() && questions.Text() != "quit" {
		fmt.Println(take(cases, questions.Text()))
		debug.FreeOSMemory()
	}
}
