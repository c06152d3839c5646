package train

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// EventsFile is the name that TensorBoard knows a file of events by.
const EventsFile = "events.out.tfevents.gorgpt"

// Events is an [Observer] that writes a file of TensorBoard events: the scalars
// loss/train, loss/validation, learning_rate, grad_norm, tokens_per_s and skipped over
// the steps. TensorBoard shows the folders of several runs over one another:
//
//	tensorboard --logdir runs
//
// A file is a sequence of records (TensorFlow's tfrecord_writer: length, masked CRC-32C
// of it, bytes, masked CRC-32C of them) of Event messages (tensorflow/core/util/event.proto).
type Events struct {
	f      *os.File
	record []byte
	event  []byte
}

// OpenEvents opens a file of events to append to, creating it if need be. Like
// [OpenMetrics] it keeps what is up to the given step.
func OpenEvents(path string, step int) (*Events, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	keep := int64(0)
	if step >= 0 {
		if keep, err = keptEvents(f, step); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
		}
	}
	if err := f.Truncate(keep); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if _, err := f.Seek(keep, io.SeekStart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	e := &Events{f: f}
	if keep > 0 {
		return e, nil
	}
	e.begin(0)
	e.event = protowire.AppendTag(e.event, 3, protowire.BytesType) // file_version
	e.event = protowire.AppendString(e.event, "brain.Event:2")
	if err := e.write(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return e, nil
}

// OnStep writes the scalars of a step.
func (e *Events) OnStep(s Step) error {
	skipped := 0.0
	if s.Skipped {
		skipped = 1
	}
	e.begin(s.Step)
	e.scalars(
		scalar{"loss/train", s.Loss}, scalar{"learning_rate", s.LearnRate}, scalar{"grad_norm", s.GradNorm},
		scalar{"tokens_per_s", s.TokensPerSecond}, scalar{"skipped", skipped})
	return e.write()
}

// OnEvaluation writes the validation loss.
func (e *Events) OnEvaluation(v Evaluation) error {
	e.begin(v.Step)
	e.scalars(scalar{"loss/validation", v.Loss})
	return e.write()
}

// Close closes the file.
func (e *Events) Close() error { return e.f.Close() }

// begin starts the Event of a step.
func (e *Events) begin(step int) {
	e.event = protowire.AppendTag(e.event[:0], 1, protowire.Fixed64Type) // wall_time
	e.event = protowire.AppendFixed64(e.event, math.Float64bits(float64(time.Now().UnixNano())/1e9))
	e.event = protowire.AppendTag(e.event, 2, protowire.VarintType) // step
	e.event = protowire.AppendVarint(e.event, uint64(step))
}

type scalar struct {
	tag   string
	value float64
}

// scalars adds the summary: a Value, of tag and simple_value, for each scalar.
func (e *Events) scalars(scalars ...scalar) {
	size := func(s scalar) int {
		return protowire.SizeTag(1) + protowire.SizeBytes(len(s.tag)) + protowire.SizeTag(2) + protowire.SizeFixed32()
	}
	n := 0
	for _, s := range scalars {
		n += protowire.SizeTag(1) + protowire.SizeBytes(size(s))
	}
	e.event = protowire.AppendTag(e.event, 5, protowire.BytesType) // summary
	e.event = protowire.AppendVarint(e.event, uint64(n))
	for _, s := range scalars {
		e.event = protowire.AppendTag(e.event, 1, protowire.BytesType) // value
		e.event = protowire.AppendVarint(e.event, uint64(size(s)))
		e.event = protowire.AppendTag(e.event, 1, protowire.BytesType)
		e.event = protowire.AppendString(e.event, s.tag)
		e.event = protowire.AppendTag(e.event, 2, protowire.Fixed32Type)
		e.event = protowire.AppendFixed32(e.event, math.Float32bits(float32(s.value)))
	}
}

// write appends the event as a record, in one piece.
func (e *Events) write() error {
	r := binary.LittleEndian.AppendUint64(e.record[:0], uint64(len(e.event)))
	r = binary.LittleEndian.AppendUint32(r, maskedSum(r))
	r = append(r, e.event...)
	e.record = binary.LittleEndian.AppendUint32(r, maskedSum(e.event))
	_, err := e.f.Write(e.record)
	return err
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// maskedSum is the CRC-32C, rotated and shifted as TensorFlow does, because a sum over
// bytes that hold sums is weak.
func maskedSum(b []byte) uint32 {
	sum := crc32.Checksum(b, castagnoli)
	return (sum>>15 | sum<<17) + 0xa282ead8
}

// longestEvent bounds a record; those written here stay below 300 bytes.
const longestEvent = 1 << 16

// keptEvents returns the length of the leading whole records up to a step.
func keptEvents(r io.Reader, step int) (int64, error) {
	br := bufio.NewReader(r)
	var kept int64
	var head [12]byte
	var body []byte
	for {
		if _, err := io.ReadFull(br, head[:]); err != nil {
			return kept, unlessEnd(err)
		}
		n := binary.LittleEndian.Uint64(head[:])
		if maskedSum(head[:8]) != binary.LittleEndian.Uint32(head[8:]) || n > longestEvent {
			return 0, fmt.Errorf("offset %d: not a record of events: its length is damaged", kept)
		}
		body = slices.Grow(body[:0], int(n)+4)[:n+4]
		if _, err := io.ReadFull(br, body); err != nil {
			return kept, unlessEnd(err)
		}
		event := body[:n]
		if maskedSum(event) != binary.LittleEndian.Uint32(body[n:]) {
			return 0, fmt.Errorf("offset %d: not a record of events: its bytes are damaged", kept)
		}
		at, err := stepOf(event)
		if err != nil {
			return 0, fmt.Errorf("offset %d: not an event: %w", kept, err)
		}
		if at > step {
			return kept, nil
		}
		kept += int64(len(head) + len(body))
	}
}

// unlessEnd is an error unless the file ends, within a record that a crash cut short or
// after one.
func unlessEnd(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return nil
	}
	return err
}

// stepOf returns the step of an Event.
func stepOf(event []byte) (int, error) {
	step := 0
	for len(event) > 0 {
		number, kind, n := protowire.ConsumeTag(event)
		if n < 0 {
			return 0, protowire.ParseError(n)
		}
		event = event[n:]
		if number == 2 && kind == protowire.VarintType {
			v, n := protowire.ConsumeVarint(event)
			if n < 0 {
				return 0, protowire.ParseError(n)
			}
			step = int(v)
			event = event[n:]
			continue
		}
		if n = protowire.ConsumeFieldValue(number, kind, event); n < 0 {
			return 0, protowire.ParseError(n)
		}
		event = event[n:]
	}
	return step, nil
}
