package chat

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ardanlabs/jinja"
)

// mostRenders is how many prompts a template renders at once. A rendering that exceeds its time runs on until its
// next tag, which may take long; this bounds how many of them there can be.
const mostRenders = 4

// render runs the template on messages; prompt says whether the assistant is to continue. If it takes too long, it
// ends at its next tag.
func (t *Template) render(messages []Message, prompt bool) (string, error) {
	late := time.After(t.most)
	select {
	case t.renders <- struct{}{}:
	case <-late:
		return "", fmt.Errorf("chat template: %d prompts were still being rendered after %v", mostRenders, t.most)
	}
	w := newWatch(messages)
	done := make(chan struct{})
	var made string
	var failed error
	go func() {
		defer func() { <-t.renders }()
		defer close(done)
		made, failed = t.run(w, messages, prompt)
	}()
	select {
	case <-done:
		return made, failed
	case <-late:
		w.late.Store(true)
		return "", fmt.Errorf("chat template: %w", errLate)
	}
}

// run runs the template within the limits of w.
func (t *Template) run(w *watch, messages []Message, prompt bool) (text string, err error) {
	defer func() { // the library panics where Python has errors
		if r := recover(); r != nil {
			err = fmt.Errorf("chat template: %v", r)
			if strings.HasPrefix(fmt.Sprint(r), "strings: negative Repeat") { // see tag.read
				err = errors.New("chat template: multiplying a string is not supported")
			}
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
		t.watch: jinja.NewCallable(t.watch, w.call),
	}
	for name, token := range t.special {
		values[name] = jinja.NewString(token)
	}
	if text, err = t.program.RenderValues(values); err != nil {
		return "", fmt.Errorf("chat template: %w", err)
	}
	return text, nil
}
