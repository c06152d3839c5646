package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"time"
)

// pair implements train.Peers for two processes that are connected by a socket.
type pair struct {
	rank    int
	conn    net.Conn
	to, was []byte
}

// connect waits for the other process if rank is 0, and dials it otherwise.
func connect(rank int, address string) (*pair, error) {
	if rank == 0 {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return nil, err
		}
		defer l.Close()
		conn, err := l.Accept()
		return &pair{rank: rank, conn: conn}, err
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil || time.Now().After(deadline) {
			return &pair{rank: rank, conn: conn}, err
		}
	}
}

func (p *pair) Rank() int   { return p.rank }
func (p *pair) Size() int   { return 2 }
func (p *pair) Leave(error) { _ = p.conn.Close() } // the other rank's call fails

// chunk is the number of elements that are sent at once.
const chunk = 1 << 16

// Sum adds the other rank's slices, one chunk at a time.
func (p *pair) Sum(x ...[]float32) error {
	for _, one := range x {
		if err := p.sum(one); err != nil {
			return err
		}
	}
	return nil
}

func (p *pair) sum(x []float32) error {
	for len(x) > 0 {
		part := x[:min(chunk, len(x))]
		x = x[len(part):]
		p.to = p.to[:0]
		for _, v := range part {
			p.to = binary.LittleEndian.AppendUint32(p.to, math.Float32bits(v))
		}
		if err := p.exchange(); err != nil {
			return err
		}
		for i := range part {
			part[i] += math.Float32frombits(binary.LittleEndian.Uint32(p.was[4*i:]))
		}
	}
	return nil
}

// SumScalars is Sum for float64 numbers, in place.
func (p *pair) SumScalars(x []float64) ([]float64, error) {
	p.to = p.to[:0]
	for _, v := range x {
		p.to = binary.LittleEndian.AppendUint64(p.to, math.Float64bits(v))
	}
	if err := p.exchange(); err != nil {
		return nil, err
	}
	for i := range x {
		x[i] += math.Float64frombits(binary.LittleEndian.Uint64(p.was[8*i:]))
	}
	return x, nil
}

// Give replaces x by the slice of rank from. It computes the sum of that slice and of -0, which does not change
// any bits.
func (p *pair) Give(x []float32, from int) error {
	if p.rank != from {
		for i := range x {
			x[i] = float32(math.Copysign(0, -1))
		}
	}
	return p.Sum(x)
}

// exchange sends p.to and reads the same number of bytes into p.was.
func (p *pair) exchange() error {
	sent := make(chan error, 1)
	go func() {
		_, err := p.conn.Write(p.to)
		sent <- err
	}()
	if cap(p.was) < len(p.to) {
		p.was = make([]byte, len(p.to))
	}
	p.was = p.was[:len(p.to)]
	_, err := io.ReadFull(p.conn, p.was)
	if failed := <-sent; failed != nil || err != nil {
		return fmt.Errorf("the other rank: %w", errors.Join(failed, err))
	}
	return nil
}
