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

// What a template may do for one prompt. A range is at most as long as in Jinja's sandbox.
const (
	maxRange  = 100_000
	maxRounds = 1_000_000 // of loops, and calls of macros
	maxDepth  = 30        // of macros, and of lists within each other

	// maxText bounds the bytes that are written, and those of each value that has a name; that many more bytes are allowed for each
	// that messages have.
	maxText, maxTimes = 1 << 20, 16

	maxGrowth = 1000 // how much longer than its values a tag may make a text, by what [growing] names
)

// growing finds, in a tag whose literals are in single quotes, what makes a text longer by more than the operands' lengths, what changes a
// list in place, and calls of what has no name. Literals are found too, as nothing in them counts.
var growing = regexp.MustCompile(`'(?:[^'\\]|\\.)*'` +
	`|(?P<call>[)\]]\s*\()` +
	`|\.\s*(?P<change>append|extend|insert|pop|update|clear|remove|setdefault|format)\s*\(` +
	`|(?:[.|]\s*(?P<text>replace|join)\s*\(|(?P<between>\bseparators)\s*=\s*[(\[])\s*(?P<first>'(?:[^'\\]|\\.)*')?\s*(?:,\s*(?P<second>'(?:[^'\\]|\\.)*')\s*)?(?P<end>[,)\]])?` +
	`|\bindent(?P<pad>\s*[=(])\s*(?P<width>(?:width\s*=\s*)?[0-9]{1,2})?\s*(?P<last>[,)])?` +
	`|[|.]\s*(?P<each>tojson|escape|e|list|split)\b`)

// method are the names of functions that belong to a value.
var method = regexp.MustCompile(`^(str|list|dict)\.`)

// bounded tells why a tag may make a text that is too long, or nil.
func bounded(body string) error {
	growth := 1
	for _, found := range growing.FindAllStringSubmatch(body, -1) {
		part := func(name string) string { return found[growing.SubexpIndex(name)] }
		switch {
		case part("call") != "":
			return errors.New("a call of what has no name")
		case part("change") != "":
			return fmt.Errorf("%s(): Jinja's sandbox has lists and dicts stay as they are, and format is not known here", part("change"))
		case part("text")+part("between") != "":
			from, to := part("first"), part("second")
			if part("text") != "replace" {
				from, to = "''", from+to
			}
			if part("end") == "" || to == "" {
				return fmt.Errorf("%s of other than texts in quotes", part("text")+part("between"))
			}
			growth *= 1 + (len(to)-2)/max(1, len(from)-2)
		case part("pad") != "":
			width, err := strconv.Atoi(part("width")[strings.LastIndexAny(part("width"), "= ")+1:])
			if err != nil || part("last") == "" {
				return errors.New("indent of other than a number of one or two digits")
			}
			growth *= 1 + width
		case part("each") != "":
			growth *= 5 // '"' in JSON and HTML, a letter in a list's text
		}
		if growth > maxGrowth {
			return fmt.Errorf("a tag that may make a text %d times as long", growth)
		}
	}
	return nil
}

// maxTime is how long a template may take, and errLate what is said then.
const maxTime = 20 * time.Second

var errLate = fmt.Errorf("not done after %v", maxTime)

// watch counts what a template does.
type watch struct {
	rounds, depth int
	most, written int // bytes
	late          atomic.Bool
}

// newWatch is one for a prompt of some messages.
func newWatch(messages []Message) *watch {
	w := &watch{most: maxText}
	for _, m := range messages {
		w.most += maxTimes * (len(m.Content) + len(m.Name))
	}
	return w
}

// call is called, with what it is called for and values, at the beginning of a loop's round and of a macro, with the variables that these set, and at
// the end of a macro; after a variable is set; and with what is written, which it returns.
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
			return jinja.None(), errors.New("a tag {{ of more than one value")
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
		return jinja.None(), fmt.Errorf("a text of more than %d bytes, and %d for each that messages have", maxText, maxTimes)
	case w.rounds > maxRounds:
		return jinja.None(), fmt.Errorf("more than %d rounds of loops and calls of macros", maxRounds)
	case w.depth > maxDepth:
		return jinja.None(), fmt.Errorf("macros call each other more than %d deep", maxDepth)
	}
	return jinja.None(), nil
}

// size takes the bytes of a value as text from those that are left, until there are none.
func size(v jinja.Value, depth int, left *int) error {
	if depth < 0 {
		return fmt.Errorf("lists and dicts within each other more than %d deep", maxDepth)
	}
	*left--
	switch {
	case v.IsString():
		*left -= len(v.AsString())
	case v.IsCallable() && method.MatchString(v.AsCallable().Name):
		return fmt.Errorf("%s as a value", v.AsCallable().Name) // which could be called where bounded does not see it
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

// boundedRange is Jinja's range, of no more numbers than its sandbox allows.
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
