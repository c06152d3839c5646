package cli

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

func TestOneLine(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{errors.New("a:\n\tb"), "a: b"},
		{fmt.Errorf("train: interrupted after step 3 of 9: %w", context.Canceled), "train: interrupted after step 3 of 9"},
		{fmt.Errorf("finetune: %w", context.Canceled), "finetune: interrupted"},
		{context.Canceled, "interrupted"},
	} {
		if got := oneLine(c.err); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
