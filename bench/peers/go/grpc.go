// SPDX-License-Identifier: MIT OR Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	v3orca "github.com/cncf/xds/go/xds/data/orca/v3"
	"google.golang.org/grpc/balancer"
	"google.golang.org/grpc/balancer/leastrequest"
	"google.golang.org/grpc/balancer/ringhash"
	"google.golang.org/grpc/balancer/roundrobin"
	"google.golang.org/grpc/balancer/weightedroundrobin"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/experimental/stats"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/serviceconfig"
)

// channel stands in for the client connection: its sub-connections are ready as soon as they are asked to connect.
type channel struct {
	balancer.ClientConn
	mutex  sync.Mutex
	due    []func()
	picker balancer.Picker
	state  connectivity.State
}

type nobody struct {
	stats.UnimplementedMetricsRecorder
}

func (c *channel) MetricsRecorder() stats.MetricsRecorder               { return nobody{} }
func (c *channel) Target() string                                       { return "dns:///service" }
func (c *channel) ResolveNow(resolver.ResolveNowOptions)                {}
func (c *channel) RemoveSubConn(sc balancer.SubConn)                    { sc.Shutdown() }
func (c *channel) UpdateAddresses(balancer.SubConn, []resolver.Address) {}

func (c *channel) UpdateState(s balancer.State) {
	c.picker, c.state = s.Picker, s.ConnectivityState
}

func (c *channel) NewSubConn(addrs []resolver.Address, opts balancer.NewSubConnOptions) (balancer.SubConn, error) {
	var number int
	_, err := fmt.Sscanf(addrs[0].Addr, "node-%d", &number)
	return &connection{channel: c, number: number, listener: opts.StateListener}, err
}

// later puts off what a balancer is to be told: it may hold locks while it calls us.
func (c *channel) later(tell func()) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.due = append(c.due, tell)
}

func (c *channel) first() func() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if len(c.due) == 0 {
		return nil
	}
	first := c.due[0]
	c.due = c.due[1:]
	return first
}

// settle delivers what is due, until nothing is.
func (c *channel) settle() {
	for tell := c.first(); tell != nil; tell = c.first() {
		tell()
	}
}

type connection struct {
	balancer.SubConn
	channel  *channel
	number   int
	listener func(balancer.SubConnState)
}

func (c *connection) tell(state connectivity.State) {
	c.channel.later(func() { c.listener(balancer.SubConnState{ConnectivityState: state}) })
}

func (c *connection) Connect() {
	c.tell(connectivity.Connecting)
	c.tell(connectivity.Ready)
}

func (c *connection) Shutdown()                          { c.tell(connectivity.Shutdown) }
func (c *connection) UpdateAddresses([]resolver.Address) {}

func (c *connection) RegisterHealthListener(listener func(balancer.SubConnState)) {
	if listener != nil {
		c.channel.later(func() { listener(balancer.SubConnState{ConnectivityState: connectivity.Ready}) })
	}
}

func (c *connection) GetOrBuildProducer(balancer.ProducerBuilder) (balancer.Producer, func()) {
	return nil, func() {}
}

// service is one balancer over such a channel.
type service struct {
	s        *scene
	channel  *channel
	balancer balancer.Balancer
	config   serviceconfig.LoadBalancingConfig
	infos    []balancer.PickInfo
	ends     bool // each request ends at once
	lazy     bool // connects when it is asked first
}

func (v *service) resolve(names []string) error {
	state := resolver.State{}
	for _, name := range names {
		address := resolver.Address{Addr: name}
		state.Endpoints = append(state.Endpoints, resolver.Endpoint{Addresses: []resolver.Address{address}})
		state.Addresses = append(state.Addresses, address)
	}
	err := v.balancer.UpdateClientConnState(balancer.ClientConnState{ResolverState: state, BalancerConfig: v.config})
	v.channel.settle()
	v.balancer.ExitIdle()
	v.channel.settle()
	for begin := time.Now(); v.lazy && v.wake() > 0 && time.Since(begin) < 10*time.Second; {
		runtime.Gosched() // it wakes them in the background
		v.channel.settle()
	}
	if err == nil && v.channel.state != connectivity.Ready {
		err = errors.New("the balancer did not get ready")
	}
	return err
}

// wake picks with every key and returns how many of them found nobody: their nodes are being woken.
func (v *service) wake() (asleep int) {
	for _, info := range v.infos {
		if _, err := v.channel.picker.Pick(info); err != nil {
			asleep++
		}
	}
	return
}

func (v *service) change() error {
	if err := v.resolve(v.s.fewer()); err != nil {
		return err
	}
	return v.resolve(v.s.names)
}

func (v *service) close() { v.balancer.Close() }

func (v *service) pick(_, picks int) (sum uint64) {
	picker := v.channel.picker
	for i := 0; i < picks; i++ {
		result, err := picker.Pick(v.infos[i%len(v.infos)])
		if err != nil {
			continue
		}
		if v.ends && result.Done != nil {
			result.Done(balancer.DoneInfo{})
		}
		if result.SubConn != nil {
			sum++
		}
	}
	return
}

func openService(name, config string) (*service, func(*scene) error) {
	builder := balancer.Get(name)
	v := &service{channel: &channel{}, infos: []balancer.PickInfo{{Ctx: context.Background()}}}
	return v, func(s *scene) error {
		v.s = s
		if parser, ok := builder.(balancer.ConfigParser); ok && config != "" {
			parsed, err := parser.ParseConfig(json.RawMessage(config))
			if err != nil {
				return err
			}
			v.config = parsed
		}
		v.balancer = builder.Build(v.channel, balancer.BuildOptions{})
		return v.resolve(s.names)
	}
}

func openRoundRobin(s *scene) (subject, error) {
	v, open := openService(roundrobin.Name, "")
	return v, open(s)
}

func openLeastRequest(s *scene) (subject, error) {
	v, open := openService(leastrequest.Name, `{"choiceCount": 2}`)
	v.ends = true
	return v, open(s)
}

// weighted learns its weights from reports, so each node reports before picks begin; the scheduler knows them 0.1 s
// later. With reports for each call, as is the default, a pick also makes the function that takes the report.
type weighted struct{ *service }

func openWeighted(s *scene) (subject, error) {
	v, open := openService(weightedroundrobin.Name, `{"blackoutPeriod": "0s", "weightUpdatePeriod": "0.1s"}`)
	return weighted{v}, open(s)
}

func (w weighted) learn() error {
	for reported := 0; reported < len(w.s.names); reported++ {
		result, err := w.channel.picker.Pick(w.infos[0])
		if err != nil || result.Done == nil {
			return errors.New("it takes no reports")
		}
		weight := w.s.weights[result.SubConn.(*connection).number]
		result.Done(balancer.DoneInfo{ServerLoad: &v3orca.OrcaLoadReport{
			ApplicationUtilization: 1, RpsFractional: float64(100 * weight)}})
	}
	time.Sleep(250 * time.Millisecond)
	return nil
}

// The key comes as a header, in contexts made beforehand. The ring is capped at 4096 points in all.
func openRingHash(s *scene) (subject, error) {
	v, open := openService(ringhash.Name, `{"minRingSize": 4096, "maxRingSize": 4096, "requestHashHeader": "key"}`)
	v.infos, v.lazy = nil, true
	for _, text := range s.texts {
		ctx := metadata.NewOutgoingContext(context.Background(), metadata.Pairs("key", text))
		v.infos = append(v.infos, balancer.PickInfo{Ctx: ctx})
	}
	return v, open(s)
}

const quadratic = "it makes its picker anew at each connection, in all for n squared"

func grpcCases() []peerCase {
	return []peerCase{
		{name: "grpc-go/round_robin", threads: true, changes: true, most: 1024, why: quadratic, open: openRoundRobin},
		{name: "grpc-go/smooth_wrr", threads: true, changes: true, most: 1024, why: quadratic,
			open: openWeighted},
		{name: "grpc-go/p2c_inflight", threads: true, changes: true, most: 1024, why: quadratic,
			open: openLeastRequest},
		{name: "grpc-go/ring", beside: "loadwise-text", threads: true, changes: true, most: 128, why: quadratic,
			open: openRingHash},
	}
}
