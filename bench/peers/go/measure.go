// SPDX-License-Identifier: MIT OR Apache-2.0

package main

import (
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	runs  = 15
	runNs = 4e6
)

// sink keeps the answers alive.
var sink uint64

// pinHere binds the goroutine to its thread, and the thread to the number-th processor that it may use.
func pinHere(number int) {
	runtime.LockOSThread()
	var may, one unix.CPUSet
	if unix.SchedGetaffinity(0, &may) != nil {
		return
	}
	for cpu := 0; cpu < 1024; cpu++ {
		if may.IsSet(cpu) {
			if number == 0 {
				one.Set(cpu)
				_ = unix.SchedSetaffinity(0, &one)
				return
			}
			number--
		}
	}
}

// second is the other thread: asleep while one is measured, and for a run of two both start on a spin barrier.
type second struct {
	work  chan func() uint64
	ready atomic.Bool
	start atomic.Bool
	done  atomic.Bool
}

var other *second

func startSecond() *second {
	s := &second{work: make(chan func() uint64)}
	all := allowed
	go func() {
		runtime.LockOSThread()
		_ = unix.SchedSetaffinity(0, &all)
		pinHere(1)
		for work := range s.work {
			s.ready.Store(true)
			for !s.start.Load() {
			}
			atomic.AddUint64(&sink, work())
			s.done.Store(true)
		}
	}()
	return s
}

// allowed is where the program may run, as it was before the first thread was bound.
var allowed = func() unix.CPUSet {
	var set unix.CPUSet
	_ = unix.SchedGetaffinity(0, &set)
	return set
}()

// run makes picks on one thread or two and returns the ns for each pick of one thread.
func run(s subject, threads, picks int) float64 {
	if threads == 2 {
		if other == nil {
			other = startSecond()
		}
		other.ready.Store(false)
		other.start.Store(false)
		other.done.Store(false)
		other.work <- func() uint64 { return s.pick(1, picks) }
		for !other.ready.Load() {
		}
	}
	start := time.Now()
	if threads == 2 {
		other.start.Store(true)
	}
	atomic.AddUint64(&sink, s.pick(0, picks))
	for threads == 2 && !other.done.Load() {
	}
	return float64(time.Since(start).Nanoseconds()) / float64(picks)
}

func quickest(s subject, threads, picks int) float64 {
	least := run(s, threads, picks)
	for again := 0; again < 2; again++ {
		least = min(least, run(s, threads, picks))
	}
	return least * float64(picks)
}

// measure returns the median of runs that take about runNs each.
func measure(s subject, threads int) float64 {
	picks := 16
	elapsed := quickest(s, threads, picks)
	for elapsed < runNs/4 {
		picks *= 2
		elapsed = quickest(s, threads, picks)
	}
	picks = int(float64(picks)*runNs/elapsed) + 1
	times := make([]float64, runs)
	for i := range times {
		times[i] = run(s, threads, picks)
	}
	return median(times)
}
