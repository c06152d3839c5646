package pickle

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// The values of a pickle are nil, bool, int64, float64, string, and these.
type (
	tuple  []any
	list   struct{ items []any }
	dict   struct{ items []item }
	item   struct{ key, value any }
	long   string   // an integer beyond int64: its bytes, little-endian
	global string   // a known name, as in "collections.OrderedDict"
	inert  struct{} // an object that is not created, since nothing reads it
)

// maxText bounds the length of a string, a name or an integer in a pickle.
const maxText = 1 << 16

// machine runs one pickle.
type machine struct {
	r     *bufio.Reader
	at    int64 // offset of the next byte
	stack []any
	marks []int // height of the stack at each mark
	memo  map[uint32]any

	storages []*storage // all that were named
}

// run reads one pickle from r, which starts at offset at in the file. It returns the pickle's value, and the
// machine, positioned after the pickle. It allocates at most a constant multiple of what it reads.
func run(r *bufio.Reader, at int64) (any, *machine, error) {
	m := &machine{r: r, at: at, memo: make(map[uint32]any)}
	for {
		start := m.at
		op, err := m.byte()
		if err == nil {
			if op == '.' {
				break
			}
			err = m.step(op)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("the pickle ends too early")
		}
		if err != nil {
			return nil, nil, fmt.Errorf("offset %d: %w", start, err)
		}
	}
	v, err := m.pop()
	if err != nil {
		return nil, nil, fmt.Errorf("offset %d: %w", m.at-1, err)
	}
	return v, m, nil
}

func (m *machine) byte() (byte, error) {
	b, err := m.r.ReadByte()
	if err == nil {
		m.at++
	}
	return b, err
}

// bytes reads n bytes.
func (m *machine) bytes(n uint64) ([]byte, error) {
	if n > maxText {
		return nil, fmt.Errorf("a string of %d bytes, want at most %d", n, maxText)
	}
	b := make([]byte, n)
	got, err := io.ReadFull(m.r, b)
	m.at += int64(got)
	return b, err
}

// number reads an unsigned number of n bytes.
func (m *machine) number(n uint64) (uint64, error) {
	b, err := m.bytes(n)
	var whole [8]byte
	copy(whole[:], b)
	return binary.LittleEndian.Uint64(whole[:]), err
}

// line reads up to a line feed.
func (m *machine) line() (string, error) {
	var text []byte
	for len(text) <= maxText {
		b, err := m.byte()
		if err != nil {
			return "", err
		}
		if b == '\n' {
			return string(text), nil
		}
		text = append(text, b)
	}
	return "", fmt.Errorf("a name of more than %d bytes", maxText)
}

func (m *machine) push(v any) { m.stack = append(m.stack, v) }

var errStack = errors.New("the stack is empty: not a pickle")

// floor is the height of the stack at the last mark.
func (m *machine) floor() int {
	if n := len(m.marks); n > 0 {
		return m.marks[n-1]
	}
	return 0
}

func (m *machine) pop() (any, error) {
	n := len(m.stack)
	if n <= m.floor() {
		return nil, errStack
	}
	v := m.stack[n-1]
	m.stack = m.stack[:n-1]
	return v, nil
}

// top pops the last n values from the stack.
func (m *machine) top(n int) (tuple, error) {
	at := len(m.stack) - n
	if at < m.floor() {
		return nil, errStack
	}
	items := append(tuple(nil), m.stack[at:]...)
	m.stack = m.stack[:at]
	return items, nil
}

// marked pops the values since the last mark from the stack.
func (m *machine) marked() (tuple, error) {
	if len(m.marks) == 0 {
		return nil, errors.New("no mark: not a pickle")
	}
	at := m.floor()
	m.marks = m.marks[:len(m.marks)-1]
	return m.top(len(m.stack) - at)
}

// The maps hold the instructions that differ only in a size.
var (
	texts   = map[byte]uint64{'X': 4, 0x8c: 1, 0x8d: 8, 'U': 1, 'T': 4}
	numbers = map[byte]uint64{'K': 1, 'M': 2, 'J': 4}
	tuples  = map[byte]int{')': 0, 0x85: 1, 0x86: 2, 0x87: 3}
	gets    = map[byte]uint64{'h': 1, 'j': 4}
	puts    = map[byte]uint64{'q': 1, 'r': 4}
)

// step runs one instruction. The opcodes are those of Python's pickle module, protocols 2 to 5.
func (m *machine) step(op byte) error {
	if n, ok := texts[op]; ok {
		size, err := m.number(n)
		if err != nil {
			return err
		}
		b, err := m.bytes(size)
		m.push(string(b))
		return err
	}
	if n, ok := numbers[op]; ok {
		v, err := m.number(n)
		if op == 'J' {
			v = uint64(int32(v)) // the only signed one
		}
		m.push(int64(v))
		return err
	}
	if n, ok := tuples[op]; ok {
		v, err := m.top(n)
		m.push(v)
		return err
	}
	if n, ok := gets[op]; ok {
		key, err := m.number(n)
		v, found := m.memo[uint32(key)]
		if err == nil && !found {
			return fmt.Errorf("value %d is used before it is made", key)
		}
		m.push(v)
		return err
	}
	if n, ok := puts[op]; ok {
		key, err := m.number(n)
		if err != nil {
			return err
		}
		return m.keep(uint32(key))
	}
	return m.other(op)
}

// keep stores the top of the stack in the memo.
func (m *machine) keep(key uint32) error {
	v, err := m.pop()
	if err != nil {
		return err
	}
	m.push(v)
	m.memo[key] = v
	return nil
}

// other runs an instruction that needs its own code: one that pushes a value or changes values on the stack.
func (m *machine) other(op byte) error {
	switch op {
	case 0x80: // protocol
		v, err := m.byte()
		if err == nil && (v < 2 || v > 5) {
			return fmt.Errorf("pickle protocol %d, want 2 to 5", v)
		}
		return err
	case 0x95: // frame: a size that only helps with buffering
		_, err := m.number(8)
		return err
	case '(':
		m.marks = append(m.marks, len(m.stack))
	case '}':
		m.push(&dict{})
	case ']':
		m.push(&list{})
	case 'N':
		m.push(nil)
	case 0x88, 0x89:
		m.push(op == 0x88)
	case 'G':
		b, err := m.bytes(8)
		if err != nil {
			return err
		}
		m.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
	case 0x8a: // an integer of any length
		n, err := m.byte()
		if err != nil {
			return err
		}
		b, err := m.bytes(uint64(n))
		m.push(integer(b))
		return err
	case 't':
		v, err := m.marked()
		m.push(v)
		return err
	case 's', 'u':
		return m.setItems(op == 'u')
	case 'a', 'e':
		return m.append(op == 'e')
	case 0x94: // memoize
		return m.keep(uint32(len(m.memo)))
	default:
		return m.object(op)
	}
	return nil
}

// object runs an instruction that names, makes or fills an object.
func (m *machine) object(op byte) error {
	switch op {
	case 'c':
		module, err := m.line()
		if err != nil {
			return err
		}
		name, err := m.line()
		if err != nil {
			return err
		}
		return m.global(module, name)
	case 'Q':
		id, err := m.pop()
		if err != nil {
			return err
		}
		s, err := persistent(id)
		if err != nil {
			return err
		}
		m.storages = append(m.storages, s)
		m.push(s)
		return nil
	case 'b':
		return m.build()
	case 0x93, 'R', 0x81:
		v, err := m.top(2)
		if err != nil {
			return err
		}
		return m.pair(op, v[0], v[1])
	}
	return fmt.Errorf("instruction 0x%02x, which a file of weights has no use for: refused", op)
}

// pair runs an instruction on the two values that were on top of the stack.
func (m *machine) pair(op byte, a, b any) error {
	switch op {
	case 0x93: // a global by its names
		module, _ := a.(string)
		name, _ := b.(string)
		return m.global(module, name)
	case 'R':
		result, err := call(a, b)
		m.push(result)
		return err
	}
	if name, ok := a.(global); !ok || !ignored[name] { // a new object
		return errors.New("an object that a file of weights has no use for: refused")
	}
	m.push(inert{})
	return nil
}

// integer decodes two's complement, little-endian.
func integer(b []byte) any {
	if len(b) > 8 {
		return long(b)
	}
	var whole [8]byte
	copy(whole[:], b)
	v := int64(binary.LittleEndian.Uint64(whole[:]))
	unused := 64 - 8*len(b)
	return v << unused >> unused
}

// setItems adds one pair, or those since the mark, to a dictionary.
func (m *machine) setItems(many bool) error {
	pairs, err := m.operands(many, 2)
	if err != nil {
		return err
	}
	v, err := m.top(1)
	if err != nil {
		return err
	}
	d, ok := v[0].(*dict)
	if !ok || len(pairs)%2 != 0 {
		return errors.New("items for something that is not a dictionary: not a pickle")
	}
	for i := 0; i < len(pairs); i += 2 {
		d.items = append(d.items, item{pairs[i], pairs[i+1]})
	}
	m.push(d)
	return nil
}

// append adds one value, or those since the mark, to a list.
func (m *machine) append(many bool) error {
	values, err := m.operands(many, 1)
	if err != nil {
		return err
	}
	v, err := m.top(1)
	if err != nil {
		return err
	}
	l, ok := v[0].(*list)
	if !ok {
		return errors.New("items for something that is not a list: not a pickle")
	}
	l.items = append(l.items, values...)
	m.push(l)
	return nil
}

func (m *machine) operands(many bool, n int) (tuple, error) {
	if many {
		return m.marked()
	}
	return m.top(n)
}

// build discards the attributes of an object. In a dictionary of tensors, they are the versions of modules,
// which do not concern the weights.
func (m *machine) build() error {
	v, err := m.top(2)
	if err != nil {
		return err
	}
	switch v[0].(type) {
	case *dict, inert:
	default:
		return errors.New("attributes for something that is not a dictionary: refused")
	}
	m.push(v[0])
	return nil
}

func (m *machine) global(module, name string) error {
	g := global(module + "." + name)
	if _, ok := storageTypes[g]; !ok && !functions[g] && !ignored[g] {
		return fmt.Errorf("it calls %s, which a file of weights has no use for: refused", weights.Show(string(g)))
	}
	m.push(g)
	return nil
}
