package chat

import (
	"errors"
	"fmt"

	"github.com/ardanlabs/jinja"
)

// What a template may do for one prompt. A range is at most as long as in Jinja's sandbox.
const (
	maxRange  = 100_000
	maxRounds = 1_000_000 // of loops, and calls of macros
	maxDepth  = 30        // of macros
)

// render runs the template on messages, for the assistant to go on with if asked to.
func (t *Template) render(messages []Message, prompt bool) (text string, err error) {
	defer func() { // of the library, which panics at what Python has errors for
		if r := recover(); r != nil {
			err = fmt.Errorf("chat template: %v", r)
		}
	}()
	list := make([]jinja.Value, len(messages))
	for i, m := range messages {
		list[i] = jinja.NewDict()
		d := list[i].AsDict()
		d.Set("role", jinja.NewString(m.Role))
		d.Set("content", jinja.NewString(m.Content))
		if m.Name != "" {
			d.Set("name", jinja.NewString(m.Name))
		}
	}
	values := map[string]jinja.Value{
		"messages": jinja.NewList(list), "add_generation_prompt": jinja.NewBool(prompt),
		"tools": jinja.None(), "documents": jinja.None(),
		"range": jinja.NewCallable("range", boundedRange),
		t.watch: jinja.NewCallable(t.watch, new(watch).call),
	}
	for name, token := range t.special {
		values[name] = jinja.NewString(token)
	}
	if text, err = t.program.RenderValues(values); err != nil {
		return "", fmt.Errorf("chat template: %w", err)
	}
	return text, nil
}

// watch counts what a template does.
type watch struct{ rounds, depth int }

// call is called at the beginning of a loop's round and of a macro, and at the end of that.
func (w *watch) call(args []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) {
	w.rounds++
	switch args[0].AsString() {
	case "macro":
		w.depth++
	case "return":
		w.depth--
	}
	switch {
	case w.rounds > maxRounds:
		return jinja.None(), fmt.Errorf("more than %d rounds of loops and calls of macros", maxRounds)
	case w.depth > maxDepth:
		return jinja.None(), fmt.Errorf("macros call each other more than %d deep", maxDepth)
	}
	return jinja.None(), nil
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
