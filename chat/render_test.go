package chat

import (
	"sync"
	"testing"
	"time"
)

// TestStuck: rendering stops waiting for a template that exceeds its time. However often this happens, only a few
// renderings keep running, and once these reach a tag, everything works as before.
func TestStuck(t *testing.T) {
	f := compiled(t, "{% for i in range(100000) %}{% for j in range(9) %}{{ '' }}{% endfor %}{% endfor %}done", nil)
	f.most = 0
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			if _, err := f.render(nil, false); err == nil {
				t.Error("a template without time is done")
			}
		})
	}
	wait.Wait()
	if n := len(f.renders); n > mostRenders {
		t.Errorf("%d go on, want at most %d", n, mostRenders)
	}
	for range mostRenders {
		select {
		case f.renders <- struct{}{}: // one has ended
		case <-time.After(maxTime):
			t.Fatal("goes on for ever")
		}
	}
	for range mostRenders {
		<-f.renders
	}
	f.most = maxTime
	if text, err := f.render(nil, false); err != nil || text != "done" {
		t.Errorf("then %q, %v", text, err)
	}
}
