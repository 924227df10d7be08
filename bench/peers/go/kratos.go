// SPDX-License-Identifier: MIT OR Apache-2.0

package main

import (
	"context"
	"strconv"

	"github.com/go-kratos/kratos/v2/registry"
	"github.com/go-kratos/kratos/v2/selector"
	"github.com/go-kratos/kratos/v2/selector/p2c"
	"github.com/go-kratos/kratos/v2/selector/random"
	"github.com/go-kratos/kratos/v2/selector/wrr"
)

// kratos is a selector of that framework; each request ends at once.
type kratos struct {
	s        *scene
	selector selector.Selector
	nodes    []selector.Node
}

func openKratos(builder selector.Builder, weighted bool) func(*scene) (subject, error) {
	return func(s *scene) (subject, error) {
		k := &kratos{s: s, selector: builder.Build()}
		for i, name := range s.names {
			weight := 100
			if weighted {
				weight = s.weights[i]
			}
			k.nodes = append(k.nodes, selector.NewNode("http", name, &registry.ServiceInstance{
				ID: name, Name: "service", Metadata: map[string]string{"weight": strconv.Itoa(weight)}}))
		}
		k.selector.Apply(k.nodes)
		return k, nil
	}
}

func (k *kratos) pick(_, picks int) (sum uint64) {
	ctx := context.Background()
	for i := 0; i < picks; i++ {
		node, done, err := k.selector.Select(ctx)
		if err != nil {
			continue
		}
		done(ctx, selector.DoneInfo{})
		sum += last(node.Address())
	}
	return
}

func (k *kratos) change() error {
	middle := len(k.nodes) / 2
	k.selector.Apply(append(append([]selector.Node{}, k.nodes[:middle]...), k.nodes[middle+1:]...))
	k.selector.Apply(k.nodes)
	return nil
}

func kratosCases() []peerCase {
	return []peerCase{
		{name: "kratos/random", threads: true, changes: true, open: openKratos(random.NewBuilder(), false)},
		{name: "kratos/smooth_wrr", threads: true, changes: true, open: openKratos(wrr.NewBuilder(), true)},
		{name: "kratos/p2c_peak_ewma", threads: true, changes: true, open: openKratos(p2c.NewBuilder(), false)},
	}
}
