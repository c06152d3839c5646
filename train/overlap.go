package train

import (
	"github.com/gorgpt/gorgpt/graph"
)

// overlap adds up gradients over the ranks while this rank's last micro-batch is still computing
// others. It does so in buckets, each as soon as all of its parameters are ready, in an order that
// is the same on all ranks.
type overlap struct {
	peers   Peers
	buckets [][]*graph.Param
	of      map[*graph.Param]int // the bucket of each parameter

	left   []int // for each bucket, the number of parameters that are not ready
	next   int   // the next bucket to be added up
	queue  chan int
	result chan error
}

// bucketSize is the least number of weights in a bucket, 25 MB of them. Smaller buckets are
// inefficient on a network; larger ones lengthen the wait for the last sum.
var bucketSize = 25 << 20 / 4 // fewer in tests

// newOverlap returns an overlap for parameters whose gradients are ready in this order.
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

// begin starts an update.
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

// ready records that this rank's gradient of a parameter is complete.
func (o *overlap) ready(p *graph.Param) {
	if at, ok := o.of[p]; ok {
		o.left[at]--
	}
	for o.next < len(o.buckets) && o.left[o.next] <= 0 {
		o.queue <- o.next
		o.next++
	}
}

// end waits for the sums. If this rank could not compute its gradients, it adds up whatever is
// there: the other ranks wait for the sums, and learn of the failure afterwards.
func (o *overlap) end() error {
	for ; o.next < len(o.buckets); o.next++ {
		o.queue <- o.next
	}
	close(o.queue)
	return <-o.result
}

// overlaps reports whether gradients are added up while others are being computed.
func (r *run) overlaps() bool { return r.Overlap && r.peers.Size() > 1 }

// startSums begins to add up gradients, if that is to be done while they are computed.
func (r *run) startSums() {
	if !r.overlaps() {
		return
	}
	if r.overlap == nil {
		r.overlap = newOverlap(r.peers, r.readyOrder)
	}
	r.overlap.begin()
}

// endSums waits for the sums that startSums has begun.
func (r *run) endSums() error {
	if !r.overlaps() {
		return nil
	}
	return r.summed(r.overlap.end())
}

// runGrad runs a micro-batch. After the last, the gradients are the sums of all of this rank's.
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

// runLast is runGrad for the last micro-batch. It hands over each gradient as soon as it is
// complete.
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
