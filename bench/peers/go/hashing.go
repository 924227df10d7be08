// SPDX-License-Identifier: MIT OR Apache-2.0

package main

import (
	"errors"

	"github.com/cespare/xxhash/v2"
	"github.com/dgryski/go-jump"
	"github.com/dgryski/go-rendezvous"
	"github.com/golang/groupcache/consistenthash"
	"github.com/kkdai/maglev"
	"github.com/serialx/hashring"
	"github.com/stathat/consistent"
)

const (
	points = 150   // a node, where a ring can be told
	slots  = 65537 // of a Maglev table
)

// last is something of an answer that cannot be known before the pick.
func last(name string) uint64 { return uint64(name[len(name)-1]) }

// keyed picks by key: `get` answers for one. An interface would cost a call more than the peer itself.
type keyed struct {
	s   *scene
	get func(picks int) uint64
	to  func() error
}

func (k *keyed) pick(_, picks int) uint64 { return k.get(picks) }
func (k *keyed) change() error            { return k.to() }

func openStathat(s *scene) (subject, error) {
	ring := consistent.New()
	ring.NumberOfReplicas = points
	ring.Set(s.names)
	get := func(picks int) (sum uint64) {
		for i := 0; i < picks; i++ {
			name, _ := ring.Get(s.texts[i%keyCount])
			sum += last(name)
		}
		return
	}
	return &keyed{s, get, func() error {
		ring.Remove(s.middle())
		ring.Add(s.middle())
		return nil
	}}, nil
}

// It gives a node as many points as its weight says, which is one without it.
func openSerialx(s *scene) (subject, error) {
	weights := map[string]int{}
	for _, name := range s.names {
		weights[name] = points
	}
	ring := hashring.NewWithWeights(weights)
	get := func(picks int) (sum uint64) {
		for i := 0; i < picks; i++ {
			name, _ := ring.GetNode(s.texts[i%keyCount])
			sum += last(name)
		}
		return
	}
	return &keyed{s, get, func() error {
		ring = ring.RemoveNode(s.middle()).AddWeightedNode(s.middle(), points)
		return nil
	}}, nil
}

func openGroupcache(s *scene) (subject, error) {
	ring := consistenthash.New(points, nil)
	ring.Add(s.names...)
	get := func(picks int) (sum uint64) {
		for i := 0; i < picks; i++ {
			sum += last(ring.Get(s.texts[i%keyCount]))
		}
		return
	}
	return &keyed{s: s, get: get}, nil
}

func openMaglev(s *scene) (subject, error) {
	table, err := maglev.NewMaglev(s.names, slots)
	if err != nil {
		return nil, err
	}
	get := func(picks int) (sum uint64) {
		for i := 0; i < picks; i++ {
			name, _ := table.Get(s.texts[i%keyCount])
			sum += last(name)
		}
		return
	}
	return &keyed{s, get, func() error {
		if err := table.Remove(s.middle()); err != nil {
			return err
		}
		return table.Add(s.middle())
	}}, nil
}

func openJump(s *scene) (subject, error) {
	count := len(s.names)
	return &keyed{s: s, get: func(picks int) (sum uint64) {
		for i := 0; i < picks; i++ {
			sum += uint64(jump.Hash(s.keys[i%keyCount], count))
		}
		return
	}}, nil
}

func openRendezvous(s *scene) (subject, error) {
	nodes := rendezvous.New(s.names, xxhash.Sum64String)
	get := func(picks int) (sum uint64) {
		for i := 0; i < picks; i++ {
			sum += last(nodes.Lookup(s.texts[i%keyCount]))
		}
		return
	}
	return &keyed{s, get, func() error {
		return errors.New("its Remove reads beyond the last node, which ends the program")
	}}, nil
}

func hashingCases() []peerCase {
	return []peerCase{
		{name: "stathat/ring", beside: "loadwise-text", threads: true, changes: true, most: 128,
			why: "it sorts all its points anew for each node that it is given", open: openStathat},
		{name: "serialx/ring", beside: "loadwise-text", threads: true, changes: true, most: 1024,
			why: "it makes its whole ring anew at each change, in seconds", open: openSerialx},
		{name: "groupcache/ring", beside: "loadwise-text", threads: true, open: openGroupcache},
		{name: "go-maglev/maglev", beside: "loadwise-text", threads: true, changes: true, most: 1024,
			why: "half a megabyte a node, and as slow to build", open: openMaglev},
		{name: "go-jump/jump", threads: true, onlyPicks: true, open: openJump},
		{name: "go-rendezvous/rendezvous", beside: "loadwise-text", threads: true, changes: true,
			open: openRendezvous},
	}
}
