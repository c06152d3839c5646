package eval

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// Perplexity is exp of the mean negative log-likelihood of a text, per token, per word and
// per byte. The text is one sequence, over which a window moves.
type Perplexity struct {
	// Stride is how far the window moves: each time, the last Stride tokens count, and
	// those before are only read. 0 is the whole window, the fastest and the harshest.
	Stride int
	// Detokenizer undoes the tokenisation of a text before the model sees it (GPT-2, §3.1);
	// see Detokenizers. Words and bytes are counted in the text as it is.
	Detokenizer string
	// BOS puts the end of text in front, so that the first token is predicted too.
	BOS bool
	// Limit ends the text after so many tokens; 0 is all of it.
	Limit int
	// Published are values of others.
	Published []Published
}

// Evaluate measures a text file.
func (p Perplexity) Evaluate(ctx context.Context, s *Subject, path string) (Result, error) {
	data, protocol, err := file(path)
	if err != nil {
		return Result{}, err
	}
	detokenize, err := findDetokenizer(p.Detokenizer)
	if err != nil {
		return Result{}, err
	}
	ids, err := s.Tokenizer.Append(nil, []byte(detokenize(string(data))))
	if err != nil {
		return Result{}, fmt.Errorf("%s: %w", path, err)
	}
	partly := p.Limit > 0 && p.Limit < len(ids)
	if partly {
		ids = ids[:p.Limit]
	}
	r, err := p.IDs(ctx, s, ids)
	if err != nil {
		return Result{}, fmt.Errorf("%s: %w", path, err)
	}
	r.Published = p.Published
	protocol = append(protocol, Setting{"detokenizer", orNone(p.Detokenizer)}, Setting{"tokenizer", s.Tokenizer.Name()})
	if partly {
		protocol = append(protocol, Setting{"limit", strconv.Itoa(p.Limit) + " tokens"})
	} else { // words of a part of the tokens cannot be counted
		nll, _ := r.Metrics.Get("loss_per_token")
		nll *= float64(r.Tokens)
		words := len(bytes.Fields(data)) + bytes.Count(data, []byte("\n"))
		r.Metrics = append(r.Metrics,
			Number{"perplexity_per_word", math.Exp(nll / float64(words))},
			Number{"perplexity_per_byte", math.Exp(nll / float64(len(data)))},
			Number{"bits_per_byte", nll / float64(len(data)) / math.Ln2},
		)
		protocol = append(protocol,
			Setting{"words", fmt.Sprintf("%d of the original text, line ends included", words)},
			Setting{"bytes", fmt.Sprintf("%d of the original text", len(data))})
	}
	r.Protocol = append(protocol, r.Protocol...)
	return r, nil
}

// IDs measures a sequence of tokens.
func (p Perplexity) IDs(ctx context.Context, s *Subject, ids []int) (Result, error) {
	t, stride := s.Window, p.Stride
	if stride == 0 {
		stride = t
	}
	if stride < 1 || stride > t {
		return Result{}, fmt.Errorf("eval: a stride of %d is not between 1 and the window of %d", stride, t)
	}
	bos := "none; the first token is not predicted"
	if p.BOS {
		id, ok := s.Tokenizer.EndOfText()
		if !ok {
			return Result{}, fmt.Errorf("eval: no beginning of text: the tokenizer %s has no end of text", s.Tokenizer.Name())
		}
		ids = append([]int{id}, ids...)
		bos = "end of text"
	}
	n := len(ids) - 1 // to predict
	if n < 1 {
		return Result{}, errors.New("eval: fewer than two tokens")
	}
	// A short text needs no whole window. Short windows are too little work for a run, so
	// several go into one.
	t = min(t, n)
	batch := max(1, min(1024/t, 1+(n-t+stride-1)/stride))
	tokens, targets := make([]int, batch*t), make([]int, batch*t)
	var sum float64
	var counted int
	for next, done := 0, 0; done < n; {
		for b := range batch {
			in, out := tokens[b*t:(b+1)*t], targets[b*t:(b+1)*t]
			clear(in)
			for i := range out {
				out[i] = -1
			}
			if done == n {
				continue
			}
			// The window reads ids[next:end] and predicts ids[next+1:end+1], of which those
			// up to done were predicted before.
			end := min(next+t, n)
			copy(in, ids[next:end])
			for i := done; i < end; i++ {
				out[i-next] = ids[i+1]
			}
			done = end
			next += stride
		}
		nll, k, err := s.windows(batch, tokens, targets)
		if err != nil {
			return Result{}, err
		}
		sum, counted = sum+nll, counted+k
		if err := s.step(ctx, done, n); err != nil {
			return Result{}, err
		}
	}
	mean := sum / float64(counted)
	return Result{
		Metric: "perplexity_per_token", Value: math.Exp(mean), Tokens: int64(counted),
		Metrics: Numbers{{"perplexity_per_token", math.Exp(mean)}, {"loss_per_token", mean}},
		Protocol: Settings{
			{"window", strconv.Itoa(s.Window)}, {"stride", strconv.Itoa(stride)}, {"bos", bos},
			{"tokens", strconv.Itoa(counted)},
		},
	}, nil
}

func orNone(name string) string {
	if name == "" {
		return "none"
	}
	return name
}
