package chat

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ardanlabs/jinja"
)

// Limits of a template for one prompt. That of a range is the one of Jinja's sandbox.
const (
	maxRange  = 100_000
	maxRounds = 1_000_000 // iterations of loops, and calls of macros
	maxDepth  = 30        // nesting of macro calls, and of lists

	// maxText bounds the bytes that are written, and those of each named value; maxTimes more bytes are allowed for
	// each byte of the messages.
	maxText, maxTimes = 1 << 20, 16

	maxGrowth = 1000 // how many times longer a tag may make a text by the operations that [growing] finds
)

// growing finds, in a tag whose literals are in single quotes, the operations that make a text longer than all
// operands together, those that change a list in place, and calls of values without a name. It also matches literals,
// so that nothing in them counts.
var growing = regexp.MustCompile(`'(?:[^'\\]|\\.)*'` +
	`|(?P<call>[)\]]\s*\()` +
	`|\.\s*(?P<change>append|extend|insert|pop|update|clear|remove|setdefault|format)\s*\(` +
	`|(?:[.|]\s*(?P<text>replace|join)\s*\(|(?P<between>\bseparators)\s*=\s*[(\[])\s*(?P<first>'(?:[^'\\]|\\.)*')?\s*(?:,\s*(?P<second>'(?:[^'\\]|\\.)*')\s*)?(?P<end>[,)\]])?` +
	`|\bindent(?P<pad>\s*[=(])\s*(?P<width>(?:width\s*=\s*)?[0-9]{1,2})?\s*(?P<last>[,)])?` +
	`|[|.]\s*(?P<each>tojson|escape|e|list|split)\b`)

// method matches the names of a value's methods.
var method = regexp.MustCompile(`^(str|list|dict)\.`)

// bounded returns an error if a tag may make a text that is too long.
func bounded(body string) error {
	growth := 1
	for _, found := range growing.FindAllStringSubmatch(body, -1) {
		part := func(name string) string { return found[growing.SubexpIndex(name)] }
		switch {
		case part("call") != "":
			return errors.New("calling an expression that is not a name is not supported")
		case part("change") != "":
			return fmt.Errorf("%s(): Jinja's sandbox does not allow changing lists and dicts, and format is not supported", part("change"))
		case part("text")+part("between") != "":
			from, to := part("first"), part("second")
			if part("text") != "replace" {
				from, to = "''", from+to
			}
			if part("end") == "" || to == "" {
				return fmt.Errorf("%s is supported only with quoted strings", part("text")+part("between"))
			}
			growth *= 1 + (len(to)-2)/max(1, len(from)-2)
		case part("pad") != "":
			width, err := strconv.Atoi(part("width")[strings.LastIndexAny(part("width"), "= ")+1:])
			if err != nil || part("last") == "" {
				return errors.New("indent is supported only with a number of one or two digits")
			}
			growth *= 1 + width
		case part("each") != "":
			growth *= 5 // for '"' in JSON and HTML, or a letter in a list's text
		}
		if growth > maxGrowth {
			return fmt.Errorf("a tag may make a string %d times as long, which is too much", growth)
		}
	}
	return nil
}

// maxTime is how long a template may take; errLate is the error if it takes longer.
const maxTime = 20 * time.Second

var errLate = fmt.Errorf("not finished after %v", maxTime)

// watch keeps count of what a template does.
type watch struct {
	rounds, depth int
	most, written int // bytes
	late          atomic.Bool
}

// newWatch returns a watch for a prompt of messages.
func newWatch(messages []Message) *watch {
	w := &watch{most: maxText}
	for _, m := range messages {
		w.most += maxTimes * (len(m.Content) + len(m.Name))
	}
	return w
}

// call is the function that a template calls, with the reason and values: at the start of a loop's iteration and of a
// macro, with the variables that these set; at the end of a macro; after a variable is set; and with each value that
// is written, which it returns.
func (w *watch) call(args []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) {
	what, values := args[0].AsString(), args[1:]
	switch what {
	case "macro":
		w.depth++
		w.rounds++
	case "for":
		w.rounds++
	case "return":
		w.depth--
	}
	left := w.most
	for _, v := range values {
		if err := size(v, maxDepth, &left); err != nil {
			return jinja.None(), err
		}
	}
	if what == "write" {
		if len(values) != 1 {
			return jinja.None(), errors.New("a {{ tag with more than one value")
		}
		if w.written += w.most - left; w.written <= w.most {
			return values[0], nil
		}
		left = -1
	}
	switch {
	case w.late.Load():
		return jinja.None(), errLate
	case left < 0:
		return jinja.None(), fmt.Errorf("output of more than %d bytes plus %d for each byte of the messages", maxText, maxTimes)
	case w.rounds > maxRounds:
		return jinja.None(), fmt.Errorf("more than %d loop iterations and macro calls", maxRounds)
	case w.depth > maxDepth:
		return jinja.None(), fmt.Errorf("macro calls nested more than %d deep", maxDepth)
	}
	return jinja.None(), nil
}

// size subtracts the length of a value as text, in bytes, from left, and stops when left is negative.
func size(v jinja.Value, depth int, left *int) error {
	if depth < 0 {
		return fmt.Errorf("lists and dicts nested more than %d deep", maxDepth)
	}
	*left--
	switch {
	case v.IsString():
		*left -= len(v.AsString())
	case v.IsCallable() && method.MatchString(v.AsCallable().Name):
		return fmt.Errorf("%s used as a value; want it called", v.AsCallable().Name) // it could be called where bounded does not see it
	case v.IsList():
		for _, item := range v.AsList().Items {
			if err := size(item, depth-1, left); err != nil || *left < 0 {
				return err
			}
		}
	case v.IsDict():
		for key, item := range v.AsDict().Data {
			*left -= len(key)
			if err := size(item, depth-1, left); err != nil || *left < 0 {
				return err
			}
		}
	}
	return nil
}

// boundedRange is Jinja's range, with no more numbers than its sandbox allows.
func boundedRange(args []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) {
	limits := [3]int64{0, 0, 1} // start, stop, step
	for i, a := range args {
		if i > 2 || !a.IsInt() {
			return jinja.None(), errors.New("range: want one to three integers")
		}
		limits[i] = a.AsInt()
	}
	if len(args) == 1 {
		limits[0], limits[1] = 0, limits[0]
	}
	var list []jinja.Value
	start, stop, step := limits[0], limits[1], limits[2]
	if step == 0 || len(args) == 0 {
		return jinja.None(), errors.New("range: want one to three integers, the third not 0")
	}
	for i := start; step > 0 && i < stop || step < 0 && i > stop; i += step {
		if len(list) == maxRange {
			return jinja.None(), fmt.Errorf("range: more than %d numbers", maxRange)
		}
		list = append(list, jinja.NewInt(i))
	}
	return jinja.NewList(list), nil
}
