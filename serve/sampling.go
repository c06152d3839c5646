package serve

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/gorgpt/gorgpt/generate"
)

// Limits of what a request may ask for.
const (
	mostChoices = 128
	mostStops   = 32
	mostPrompts = 2048
	mostBest    = 20 // log-probabilities for each token
)

// sampled says how a request chooses tokens.
type sampled struct {
	generate.Options
	seeded  bool // the client gave the seed
	endless bool // tokens that end a text do not end it
}

// sampling reads the options by which tokens are chosen, which completions and chat share.
func sampling(b *Body, m *Model) (o sampled) {
	o.Temperature = b.Float("temperature", 1, 0, 100)
	o.TopP = b.Float("top_p", 1, 0, 1)
	if o.TopP == 0 { // package generate keeps all tokens for 0
		o.TopP = math.SmallestNonzeroFloat64
	}
	o.TopK = max(0, b.Int("top_k", 0, -1, 1<<30)) // some clients send −1 for all
	o.MinP = b.Float("min_p", 0, 0, 1)
	o.PresencePenalty = b.Float("presence_penalty", 0, -2, 2)
	o.FrequencyPenalty = b.Float("frequency_penalty", 0, -2, 2)
	o.RepetitionPenalty = b.Float("repetition_penalty", 1, generate.LeastRepetition, generate.MostRepetition)
	o.Seed = rand.Uint64()
	if seed, there := b.take("seed"); there {
		n, whole := wholeOf(seed)
		o.Seed, o.seeded = uint64(n), true
		if !whole {
			var err error
			if o.Seed, err = strconv.ParseUint(string(seed), 10, 64); err != nil {
				b.fail("seed", "%s is not a whole number of 64 bits", short(seed))
			}
		}
	}
	o.Bias = b.bias(m.vocab())
	o.Stop = b.stopTokens(m.vocab())
	if o.endless = b.Bool("ignore_eos", false); !o.endless {
		o.Stop = slices.Concat(o.Stop, m.Ends)
	}
	return o
}

// bias reads logit_bias, numbers to add to the logits of tokens, by token id.
func (b *Body) bias(vocab int) map[int]float64 {
	value, there := b.take("logit_bias")
	if !there {
		return nil
	}
	if value[0] != '{' {
		b.fail("logit_bias", "%s is not an object that maps token ids to numbers", short(value))
		return nil
	}
	bias := make(map[int]float64)
	d := json.NewDecoder(bytes.NewReader(value)) // a map would not show that a key is given twice
	_, _ = d.Token()                             // value is valid JSON
	for d.More() {
		name, _ := d.Token()
		key := name.(string)
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			b.fail("logit_bias", "not valid JSON%s", because(err))
			return nil
		}
		id, err := strconv.Atoi(key)
		if err != nil || id < 0 || id >= vocab {
			b.fail("logit_bias", "%s is not a token id from 0 to %d", short(json.RawMessage(strconv.Quote(key))), vocab-1)
			return nil
		}
		x, err := numberOf(value)
		if err != nil || x < -100 || x > 100 {
			b.fail("logit_bias", "%s for token %d is not a number from -100 to 100", short(value), id)
			return nil
		}
		if _, again := bias[id]; again { // as 5 and 05
			b.fail("logit_bias", "token %d is given twice", id)
			return nil
		}
		bias[id] = x
	}
	return bias
}

// stopTokens reads stop_token_ids.
func (b *Body) stopTokens(vocab int) []int {
	value, there := b.take("stop_token_ids")
	if !there {
		return nil
	}
	ids, ok := idsOf(value)
	if !ok || slices.ContainsFunc(ids, func(id int) bool { return id < 0 || id >= vocab }) {
		b.fail("stop_token_ids", "%s is not a list of token ids from 0 to %d", short(value), vocab-1)
		return nil
	}
	return ids
}

// idsOf reads a list of whole numbers.
func idsOf(value json.RawMessage) (ids []int, ok bool) {
	var list []json.RawMessage
	if json.Unmarshal(value, &list) != nil || string(value) == "null" {
		return nil, false
	}
	ids = make([]int, len(list))
	for i, item := range list {
		n, whole := wholeOf(item)
		if !whole || n != int64(int(n)) {
			return nil, false
		}
		ids[i] = int(n)
	}
	return ids, true
}

// stops reads stop, the texts before which generated text ends.
func stops(b *Body) []string {
	all := b.Texts("stop", mostStops)
	if slices.Contains(all, "") && len(all) > 0 {
		b.fail("stop", "want strings that are not empty")
	}
	return all
}

// streaming reads whether the answer is streamed, and whether the stream ends with the usage.
func streaming(b *Body) (stream, usage bool) {
	stream = b.Bool("stream", false)
	if in, there := b.Within("stream_options"); there {
		usage = in.Bool("include_usage", false)
		in.Ignore("include_obfuscation")
		if b.err == nil {
			b.err = in.Err()
		}
		if !stream {
			b.fail("stream_options", "only with stream")
		}
	}
	return stream, usage
}

// common accepts the fields of OpenAI's API that have no effect here.
func common(b *Body) {
	b.Ignore("user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention")
}
