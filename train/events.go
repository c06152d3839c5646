package train

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// EventsFile is the name of an event file, of the form that TensorBoard recognizes.
const EventsFile = "events.out.tfevents.gorgpt"

// Events is an [Observer] that writes a file of TensorBoard events: the scalars loss/train,
// loss/validation, learning_rate, grad_norm, tokens_per_s and skipped over the steps; NAME/train
// and NAME/validation for the values that the task and layers report beside the loss; and
// NAME/0/train, NAME/1/train and so on for vectors. TensorBoard overlays the curves of several
// runs:
//
//	tensorboard --logdir runs
//
// A file is a sequence of records (TensorFlow's tfrecord_writer: the length, its masked CRC-32C,
// the bytes, and their masked CRC-32C), each of which is an Event message
// (tensorflow/core/util/event.proto).
type Events struct {
	f      *os.File
	record []byte
	event  []byte
	mended string
	from   int // the step from which events are missing
}

// OpenEvents opens an event file for appending, creating it if need be. Like [OpenMetrics], it
// keeps the events up to the given step.
func OpenEvents(path string, step int) (*Events, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	e := &Events{f: f}
	keep := int64(0)
	if step >= 0 {
		if keep, err = e.mend(step); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
		}
	}
	if err := f.Truncate(keep); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if _, err := f.Seek(keep, io.SeekStart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
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

// Mended describes what was wrong with the file when it was opened, and what was done about it. It
// is empty if nothing was wrong.
func (e *Events) Mended() string { return e.mended }

// Refill writes the events that a mended file lacks, up to its step, from the metrics of the run.
// Their wall time is the current time.
func (e *Events) Refill(metrics io.Reader) error {
	if e.mended == "" {
		return nil
	}
	return Replay(metrics, since{e.from, e})
}

// since passes on steps and evaluations from a given step on.
type since struct {
	step int
	to   Observer
}

func (s since) OnStep(x Step) error {
	if x.Step < s.step {
		return nil
	}
	return s.to.OnStep(x)
}

func (s since) OnEvaluation(x Evaluation) error {
	if x.Step < s.step {
		return nil
	}
	return s.to.OnEvaluation(x)
}

// mend returns the length of the leading events up to a step. If they end before that step because
// the file is damaged or gone, Refill has to supply the rest; a damaged file is first copied aside.
func (e *Events) mend(step int) (int64, error) {
	name := filepath.Base(e.f.Name())
	kept, err := keptEvents(e.f, step)
	var damaged *badRecord
	switch {
	case errors.As(err, &damaged):
		aside, err := setAside(e.f)
		if err != nil {
			return 0, err
		}
		e.mended = fmt.Sprintf("%s: %v; the original file is kept as %s, and the rest is rewritten", name, damaged, aside)
	case err != nil:
		return 0, err
	case kept.last < step:
		e.mended = fmt.Sprintf("%s: ends at step %d, before the checkpoint at step %d; the rest is restored from the metrics", name, kept.last, step)
	default:
		return kept.end, nil
	}
	e.from = kept.last
	return kept.lastBegin, nil
}

// OnStep writes the scalars of a step.
func (e *Events) OnStep(s Step) error {
	skipped := 0.0
	if s.Skipped {
		skipped = 1
	}
	e.begin(s.Step)
	all := withValues(s.Values, "/train",
		scalar{"loss/train", s.Loss}, scalar{"learning_rate", s.LearnRate}, scalar{"grad_norm", s.GradNorm},
		scalar{"tokens_per_s", s.TokensPerSecond}, scalar{"skipped", skipped})
	for _, name := range slices.Sorted(maps.Keys(s.Vectors)) {
		for i, x := range s.Vectors[name] {
			all = append(all, scalar{fmt.Sprintf("%s/%d/train", name, i), x})
		}
	}
	e.scalars(all...)
	return e.write()
}

// OnEvaluation writes the validation loss, and the values beside it.
func (e *Events) OnEvaluation(v Evaluation) error {
	e.begin(v.Step)
	e.scalars(withValues(v.Values, "/validation", scalar{"loss/validation", v.Loss})...)
	return e.write()
}

// withValues appends the values that are reported beside the loss.
func withValues(values map[string]float64, of string, all ...scalar) []scalar {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		all = append(all, scalar{name + of, values[name]})
	}
	return all
}

// Sync flushes the file to disk.
func (e *Events) Sync() error { return e.f.Sync() }

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

// maskedSum is the CRC-32C, rotated and offset as in TensorFlow, because a CRC over bytes that
// contain CRCs is weak.
func maskedSum(b []byte) uint32 {
	sum := crc32.Checksum(b, castagnoli)
	return (sum>>15 | sum<<17) + 0xa282ead8
}

// longestEvent bounds a record. Those written here stay below 300 bytes plus what the task and
// layers report, which takes 128 bytes for each of mostReported numbers.
const longestEvent = 1 << 22

// badRecord is the error for bytes that are not a record of events.
type badRecord struct {
	offset int64
	why    string
}

func (b *badRecord) Error() string { return fmt.Sprintf("offset %d: %s", b.offset, b.why) }

// kept describes the part of an event file up to a step.
type kept struct {
	end       int64 // of the whole records
	last      int   // the step of the last
	lastBegin int64 // where the records of that step begin
}

// keptEvents finds the leading whole records up to a step. If a record is damaged, it returns those
// before it, and a badRecord.
func keptEvents(r io.Reader, step int) (k kept, err error) {
	br := bufio.NewReader(r)
	var head [12]byte
	var body []byte
	for {
		if _, err := io.ReadFull(br, head[:]); err != nil {
			return k, unlessEnd(err)
		}
		n := binary.LittleEndian.Uint64(head[:])
		if maskedSum(head[:8]) != binary.LittleEndian.Uint32(head[8:]) || n > longestEvent {
			return k, &badRecord{k.end, "not a record of events: its length is damaged"}
		}
		body = slices.Grow(body[:0], int(n)+4)[:n+4]
		if _, err := io.ReadFull(br, body); err != nil {
			return k, unlessEnd(err)
		}
		event := body[:n]
		if maskedSum(event) != binary.LittleEndian.Uint32(body[n:]) {
			return k, &badRecord{k.end, "not a record of events: its bytes are damaged"}
		}
		at, err := stepOf(event)
		if err != nil {
			return k, &badRecord{k.end, "not an event: " + err.Error()}
		}
		if at > step {
			return k, nil
		}
		if at != k.last {
			k.last, k.lastBegin = at, k.end
		}
		k.end += int64(len(head) + len(body))
	}
}

// unlessEnd returns nil if err only says that the file ends, after a record or within one that a
// crash cut short; otherwise it returns err.
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
