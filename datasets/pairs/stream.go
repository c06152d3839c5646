package pairs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"

	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// Config is the shape of a stream's batches and what their order depends on.
type Config struct {
	Batch   int    // B, pairs in a batch
	Context int    // T, maximum number of tokens in a pair
	Seed    uint64 // of the order, which differs from epoch to epoch
	Once    bool   // one epoch in the order of the set, as for validation
	Ends    []int  // tokens that end the model's texts, if not only the tokenizer's end-of-text token

	// Prompt, if not nil, encodes a prompt in place of the tokenizer, for example as a turn of a conversation.
	Prompt func(text string) ([]int, error)
}

// Stream yields batches in which each row is one pair: prompt, first response, end of text.
// If a pair is longer than the context, the beginning of its prompt is cut off, since the
// response follows the end.
type Stream struct {
	config  Config
	rows    []encoded
	print   string // digest of the rows and of what the order depends on
	cut     int
	order   []int
	epoch   int
	taken   int // rows of the epoch handed out
	closed  bool
	batch   datasets.Batch
	filling int // padding token
	width   int // tokens in a row of a batch
}

// encoded is a pair as tokens; those from answer on have a target.
type encoded struct {
	ids    []int
	answer int
}

// NewStream encodes a set. A response that does not fit into the context with a token before it
// is an error, as is a tokenizer without an end-of-text token: the model could not be trained to
// stop.
func NewStream(set []Pair, tok tokenizer.Tokenizer, c Config) (*Stream, error) {
	if c.Batch < 1 || c.Context < 1 {
		return nil, fmt.Errorf("pairs: a batch of %d × %d, want 1 or more of each", c.Batch, c.Context)
	}
	if len(set) == 0 {
		return nil, errors.New("pairs: the set is empty")
	}
	end, ok := tok.EndOfText()
	if len(c.Ends) > 0 && !(ok && slices.Contains(c.Ends, end)) {
		end, ok = c.Ends[0], true // at which generation stops
	}
	if !ok {
		return nil, fmt.Errorf("pairs: the tokenizer %s has no end-of-text token, which must end a response", tok.Name())
	}
	s := &Stream{config: c, filling: end, width: c.Context}
	sum := sha256.New()
	fmt.Fprintln(sum, c.Batch, c.Context, c.Seed, c.Once)
	for _, p := range set {
		row, cut, err := encode(p, tok, end, c)
		if err != nil {
			return nil, fmt.Errorf("pair on line %d: %w", p.Line, err)
		}
		if cut {
			s.cut++
		}
		fmt.Fprintln(sum, row.answer, row.ids)
		s.rows = append(s.rows, row)
	}
	s.print = hex.EncodeToString(sum.Sum(nil)[:16])
	s.shuffle()
	return s, nil
}

func encode(p Pair, tok tokenizer.Tokenizer, end int, c Config) (row encoded, cut bool, err error) {
	if len(p.Responses) == 0 {
		return row, false, errors.New("no response")
	}
	var front, prompt []int // front is what generation also puts before a text, such as Llama's beginning-of-text token
	if c.Prompt != nil {
		prompt, err = c.Prompt(p.Prompt)
	} else {
		front, _ = tokenizer.Around(tok)
		prompt, err = tok.Append(nil, []byte(p.Prompt))
	}
	if err != nil {
		return row, false, fmt.Errorf("prompt: %w", err)
	}
	response, err := tok.Append(nil, []byte(p.Responses[0]))
	if err != nil {
		return row, false, fmt.Errorf("response: %w", err)
	}
	if len(front)+len(prompt) == 0 {
		prompt = []int{end} // the beginning of a text
	}
	response = append(response, end)
	// The last token is only a target, so T+1 fit.
	room := c.Context + 1 - len(response)
	if room < 1 {
		return row, false, fmt.Errorf("the response takes %s, more than the context of %d", plural.Of(len(response), "token"), c.Context)
	}
	if len(prompt) > 0 && len(front) >= room { // no room for any of the prompt
		front = nil
	}
	front = front[:min(len(front), room)]
	if len(front)+len(prompt) > room {
		prompt, cut = prompt[len(prompt)-room+len(front):], true
	}
	ids := slices.Concat(front, prompt, response)
	return encoded{ids, len(ids) - len(response)}, cut, nil
}

// Cut returns the number of pairs whose prompt lost its beginning.
func (s *Stream) Cut() int { return s.cut }

// Len returns the number of pairs.
func (s *Stream) Len() int { return len(s.rows) }

// Longest returns the number of positions that the longest pair takes.
func (s *Stream) Longest() (n int) {
	for _, row := range s.rows {
		n = max(n, len(row.ids)-1)
	}
	return n
}

// Narrow makes the rows of batches width tokens long instead of Config.Context, but no shorter than the longest pair.
func (s *Stream) Narrow(width int) {
	s.width, s.batch = max(width, s.Longest()), datasets.Batch{}
}

func (s *Stream) shuffle() {
	if s.order == nil {
		s.order = make([]int, len(s.rows))
	}
	for i := range s.order {
		s.order[i] = i
	}
	if !s.config.Once {
		random := rand.New(rand.NewPCG(s.config.Seed, uint64(s.epoch)))
		random.Shuffle(len(s.order), func(i, j int) { s.order[i], s.order[j] = s.order[j], s.order[i] })
	}
}

// Next returns the next batch. A stream of one epoch ends with io.EOF; rows of its last
// batch for which there is no pair have no targets.
func (s *Stream) Next(ctx context.Context) (datasets.Batch, error) {
	if s.closed {
		return datasets.Batch{}, errors.New("pairs: the stream is closed")
	}
	if err := ctx.Err(); err != nil {
		return datasets.Batch{}, err
	}
	if s.config.Once && s.taken == len(s.rows) {
		return datasets.Batch{}, io.EOF
	}
	b, t := s.config.Batch, s.width
	if s.batch.Tokens == nil {
		s.batch = datasets.Batch{Size: b, Context: t, Tokens: make([]int, b*t), Targets: make([]int, b*t)}
	}
	for i := range s.batch.Tokens {
		s.batch.Tokens[i], s.batch.Targets[i] = s.filling, datasets.Ignore
	}
	for r := range b {
		if s.taken == len(s.rows) {
			if s.config.Once {
				break
			}
			s.epoch, s.taken = s.epoch+1, 0
			s.shuffle()
		}
		row := s.rows[s.order[s.taken]]
		s.taken++
		copy(s.batch.Tokens[r*t:(r+1)*t], row.ids[:len(row.ids)-1])
		copy(s.batch.Targets[r*t+row.answer-1:(r+1)*t], row.ids[row.answer:])
	}
	return s.batch, nil
}

// position is the stored form of a state.
type position struct {
	Format string `json:"format"`
	Print  string `json:"print"`
	Epoch  int    `json:"epoch"`
	Taken  int    `json:"taken"`
}

const format = "gorgpt pairs 1"

// State returns the position after the batches handed out so far.
func (s *Stream) State() ([]byte, error) {
	return json.Marshal(position{format, s.print, s.epoch, s.taken})
}

// Restore moves to a position of a stream with the same pairs, tokenizer and Config.
func (s *Stream) Restore(state []byte) error {
	var p position
	if err := json.Unmarshal(state, &p); err != nil || p.Format != format {
		return fmt.Errorf("pairs: not a position in a stream of pairs (%q)", format)
	}
	if p.Print != s.print {
		return errors.New("pairs: the position belongs to different pairs, or to a different batch, context, seed or tokenizer")
	}
	if p.Epoch < 0 || p.Taken < 0 || p.Taken > len(s.rows) {
		return fmt.Errorf("pairs: position %d of epoch %d is outside of %d pairs", p.Taken, p.Epoch, len(s.rows))
	}
	s.epoch, s.taken = p.Epoch, p.Taken
	s.shuffle()
	return nil
}

// Close ends the stream.
func (s *Stream) Close() error {
	s.closed = true
	return nil
}
