package plural_test

import (
	"fmt"
	"testing"

	"github.com/gorgpt/gorgpt/internal/plural"
)

func ExampleOf() {
	fmt.Println(plural.Of(1, "token"), plural.Of(2, "token"), plural.Of(2, "batch"))
	// Output: 1 token 2 tokens 2 batches
}

func TestOf(t *testing.T) {
	for n, want := range map[int64]string{-1: "-1 texts", 0: "0 texts", 1: "1 text", 1 << 40: "1099511627776 texts"} {
		if got := plural.Of(n, "text"); got != want {
			t.Errorf("Of(%d) is %q, want %q", n, got, want)
		}
	}
}
