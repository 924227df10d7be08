// SPDX-License-Identifier: MIT OR Apache-2.0

package main

import "fmt"

const keyCount = 4096

// scene is the nodes and keys of one question, the same as with everybody.
type scene struct {
	names   []string
	weights []int
	loads   []float64
	keys    []uint64
	texts   []string
}

func splitmix(state *uint64) uint64 {
	*state += 0x9e3779b97f4a7c15
	z := *state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func newScene(nodes int, seed uint64) *scene {
	s := &scene{}
	for i := 0; i < nodes; i++ {
		s.names = append(s.names, fmt.Sprintf("node-%05d", i))
		s.weights = append(s.weights, i*7%5+1)
		s.loads = append(s.loads, float64(splitmix(&seed)>>11)/(1<<53))
	}
	for i := 0; i < nodes; i++ {
		splitmix(&seed) // the free shares, which nobody here asks for
	}
	for i := 0; i < keyCount; i++ {
		key := splitmix(&seed)
		s.keys = append(s.keys, key)
		s.texts = append(s.texts, fmt.Sprintf("%016x", key))
	}
	return s
}

// fewer returns the names without the one in the middle.
func (s *scene) fewer() []string {
	middle := len(s.names) / 2
	return append(append([]string{}, s.names[:middle]...), s.names[middle+1:]...)
}

// middle is the node that leaves and comes back.
func (s *scene) middle() string { return s.names[len(s.names)/2] }
