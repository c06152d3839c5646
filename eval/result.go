package eval

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/internal/plaintext"
)

// Result is a measurement and how it was made.
type Result struct {
	Metric  string  // the headline: one of Metrics
	Value   float64 // its value
	Tokens  int64   // how many were predicted
	Metrics Numbers // all numbers
	// Protocol lists the data, the window and every choice that changes the numbers.
	Protocol Settings
	// Published are values reported by others for this measurement, each with its source and protocol.
	Published []Published
	// Near is the size of GPT-3 that is nearest to the model's, the only one that Print prints; "" prints all.
	Near string
	// Checks are the checks of a measurement that passes or fails.
	Checks []Check
	// Samples are the items that the numbers are computed from, in the order of the data. The JSON of a
	// Result leaves them out.
	Samples []Sample
}

// Sample is the result for a passage, question, document or prompt.
type Sample struct {
	// LogLikelihoods are those of the last word, of each choice or of the document.
	LogLikelihoods []float64
	Text           string // the generated text, if there are no log-likelihoods
	Tokens         int    // how many were predicted or generated
	Right          *bool  // nil if nothing is right or wrong
	Answer         int    // index of the right choice
	Shots          int    // number of examples before the item
	// For samples that are to be shown: Prompts is what the model was given, one for each choice if they
	// differ, and Scored the texts that were scored after it.
	Prompts, Scored []string
}

// MarshalJSON implements json.Marshaler. Values that are not finite, which JSON cannot represent, become null.
func (s Sample) MarshalJSON() ([]byte, error) {
	object := struct {
		LogLikelihoods []*float64 `json:"log_likelihoods,omitempty"`
		Text           *string    `json:"text,omitempty"`
		Tokens         int        `json:"tokens"`
		Right          *bool      `json:"right,omitempty"`
		Shots          int        `json:"shots,omitempty"`
		Prompts        []string   `json:"prompts,omitempty"`
		Scored         []string   `json:"scored,omitempty"`
	}{Tokens: s.Tokens, Right: s.Right, Shots: s.Shots, Prompts: s.Prompts, Scored: s.Scored}
	if s.LogLikelihoods == nil {
		object.Text = &s.Text
	}
	for _, v := range s.LogLikelihoods {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			object.LogLikelihoods = append(object.LogLikelihoods, nil)
		} else {
			object.LogLikelihoods = append(object.LogLikelihoods, &v)
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(object)
	return b.Bytes(), err
}

// Number is a named value.
type Number struct {
	Name  string
	Value float64
}

// Setting is a part of a protocol.
type Setting struct{ Name, Value string }

// Numbers and Settings are ordered lists. In JSON they are objects with the same order.
type (
	Numbers  []Number
	Settings []Setting
)

// Published is a value reported by others.
type Published struct {
	Model  string  `json:"model"`
	Metric string  `json:"metric"`
	Value  float64 `json:"value"`
	Source string  `json:"source"`
}

// Check is a comparison with a known value.
type Check struct {
	Name   string `json:"name"`
	Pass   bool   `json:"pass"`
	Detail string `json:"detail"` // the value and what was expected
}

// Get returns the value with a name, and whether there is one.
func (n Numbers) Get(name string) (float64, bool) {
	for _, m := range n {
		if m.Name == name {
			return m.Value, true
		}
	}
	return 0, false
}

// String returns the settings as "name value, …".
func (s Settings) String() string {
	var b strings.Builder
	for i, p := range s {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(p.Name + " " + p.Value)
	}
	return b.String()
}

// MarshalJSON implements json.Marshaler: an object in the order of the list.
func (n Numbers) MarshalJSON() ([]byte, error) {
	return object(len(n), func(i int) (string, any) { return n[i].Name, number(n[i].Value) })
}

// MarshalJSON implements json.Marshaler: an object in the order of the list.
func (s Settings) MarshalJSON() ([]byte, error) {
	return object(len(s), func(i int) (string, any) { return s[i].Name, s[i].Value })
}

// MarshalJSON implements json.Marshaler. The object has the keys metric, value, tokens and protocol and, unless
// they are empty, metrics, published, checks, and shown: the samples that contain what the model was given.
func (r Result) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Metric    string      `json:"metric"`
		Value     *float64    `json:"value"`
		Tokens    int64       `json:"tokens"`
		Protocol  Settings    `json:"protocol"`
		Metrics   Numbers     `json:"metrics,omitempty"`
		Published []Published `json:"published,omitempty"`
		Checks    []Check     `json:"checks,omitempty"`
		Shown     []Sample    `json:"shown,omitempty"`
	}{r.Metric, number(r.Value), r.Tokens, r.Protocol, r.Metrics, r.Published, r.Checks, r.shown()})
}

// number returns x for JSON; nil if it is not finite.
func number(x float64) *float64 {
	if x-x != 0 {
		return nil
	}
	return &x
}

func object(n int, pair func(i int) (string, any)) ([]byte, error) {
	b := []byte{'{'}
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		name, value := pair(i)
		key, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		b = append(append(append(b, key...), ':'), text...)
	}
	return append(b, '}'), nil
}

// Print writes the result for people to read: samples to show, checks, the numbers with the headline
// marked, the protocol, and the values reported by others.
func (r Result) Print(w io.Writer) error {
	var b strings.Builder
	for i, s := range r.shown() {
		s.print(&b, i+1)
	}
	for _, c := range r.Checks {
		word := "pass"
		if !c.Pass {
			word = "FAIL"
		}
		fmt.Fprintf(&b, "%s  %s: %s\n", word, c.Name, c.Detail)
	}
	if len(r.Metrics) == 0 {
		fmt.Fprintf(&b, "%s %.6g\n", r.Metric, r.Value)
	}
	for _, m := range r.Metrics {
		mark := " "
		if m.Name == r.Metric {
			mark = "*"
		}
		fmt.Fprintf(&b, "%s %-28s %.6g\n", mark, m.Name, m.Value)
	}
	fmt.Fprintln(&b, "protocol")
	for _, p := range r.Protocol {
		fmt.Fprintf(&b, "  %-28s %s\n", p.Name, p.Value)
	}
	if len(r.Published) > 0 {
		fmt.Fprintln(&b, "published")
		for _, p := range r.Published {
			if r.Near != "" && strings.HasPrefix(p.Model, "gpt3-") && p.Model != r.Near {
				continue
			}
			fmt.Fprintf(&b, "  %-28s %-8.6g  %s\n", p.Model+" "+p.Metric, p.Value, p.Source)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// shown returns the samples that contain what the model was given.
func (r Result) shown() []Sample {
	n := slices.IndexFunc(r.Samples, func(s Sample) bool { return s.Prompts == nil })
	if n < 0 {
		n = len(r.Samples)
	}
	return r.Samples[:n]
}

// file reads a data set, and returns it with the settings that identify it.
func file(path string) ([]byte, Settings, error) {
	if path == "" {
		return nil, nil, errNoData
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	text, err := plaintext.Of(path, data)
	return text, Settings{{"data", path}, {"data_sha256", hash(data)}}, err // the hash is of the unconverted file
}

// folder returns the settings that identify a data set. It may be a folder, whose files are hashed one
// after another in the order of their names.
func folder(path string) (Settings, error) {
	if path == "" {
		return nil, errNoData
	}
	sum := sha256.New()
	err := filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(sum, f)
		return err
	})
	return Settings{{"data", path}, {"data_sha256", hex.EncodeToString(sum.Sum(nil))}}, err
}

var errNoData = errors.New("eval: no data file given")

// hash returns the SHA-256 of a data set.
func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
