package train

import (
	"github.com/gorgpt/gorgpt/graph"
)

// overlap adds up gradients over the ranks while the last micro-batch of this one still computes others: in buckets, each as soon as all
// of its parameters are ready, in an order that is the same on all ranks.
type overlap struct {
	peers   Peers
	buckets [][]*graph.Param
	of      map[*graph.Param]int // the bucket of each

	left   []int // parameters of a bucket that are not ready
	next   int   // the bucket that is to be added up first
	queue  chan int
	result chan error
}

// bucketSize is how many weights a bucket has at least, 25 MB of them: fewer are too little for a network, more leave the
// sum of the last to wait for.
var bucketSize = 25 << 20 / 4 // fewer in tests

// newOverlap is for parameters that are ready in this order.
func newOverlap(peers Peers, order []*graph.Param) *overlap {
	o := &overlap{peers: peers, of: make(map[*graph.Param]int)}
	size := bucketSize
	for _, p := range order {
		if size >= bucketSize {
			o.buckets, size = append(o.buckets, nil), 0
		}
		at := len(o.buckets) - 1
		o.buckets[at], o.of[p] = append(o.buckets[at], p), at
		size += p.Size()
	}
	return o
}

// begin is for an update.
func (o *overlap) begin() {
	o.left, o.next = o.left[:0], 0
	for _, b := range o.buckets {
		o.left = append(o.left, len(b))
	}
	o.queue, o.result = make(chan int, len(o.buckets)), make(chan error, 1)
	go func() {
		var err error
		for at := range o.queue {
			var all [][]float32
			for _, p := range o.buckets[at] {
				all = append(all, p.GradData())
			}
			if err == nil {
				err = o.peers.Sum(all...)
			}
		}
		o.result <- err
	}()
}

// ready tells that the gradient of a parameter is this rank's.
func (o *overlap) ready(p *graph.Param) {
	if at, ok := o.of[p]; ok {
		o.left[at]--
	}
	for o.next < len(o.buckets) && o.left[o.next] <= 0 {
		o.queue <- o.next
		o.next++
	}
}

// end waits for the sums. Where this rank could not compute its gradients, it adds up what there is: the others, who wait for that, are
// told then.
func (o *overlap) end() error {
	for ; o.next < len(o.buckets); o.next++ {
		o.queue <- o.next
	}
	close(o.queue)
	return <-o.result
}

// overlaps tells whether gradients are added up while they are computed.
func (r *run) overlaps() bool { return r.Overlap && r.peers.Size() > 1 }

// startSums begins to add up gradients, where that is to be done while they are computed.
func (r *run) startSums() {
	if !r.overlaps() {
		return
	}
	if r.overlap == nil {
		r.overlap = newOverlap(r.peers, r.readyOrder)
	}
	r.overlap.begin()
}

// endSums waits for what startSums has begun.
func (r *run) endSums() error {
	if !r.overlaps() {
		return nil
	}
	return r.summed(r.overlap.end())
}

// runGrad runs a micro-batch. After the last, the gradients are those of all of this rank's.
func (r *run) runGrad(p *graph.Program, weight float32, last bool) error {
	if last && r.overlaps() {
		return r.runLast(p, weight)
	}
	err := p.RunGrad(weight)
	if err == nil && r.tree != nil {
		r.tree.add(last)
	}
	return err
}

// runLast is runGrad of the last, which hands over each gradient as soon as it is whole.
func (r *run) runLast(p *graph.Program, weight float32) error {
	p.Ready(func(param *graph.Param) {
		if r.tree != nil {
			r.tree.addLast(param)
		}
		r.overlap.ready(param)
	})
	defer p.Ready(nil)
	err := p.RunGrad(weight)
	if r.tree != nil {
		r.tree.reset()
	}
	return err
}
