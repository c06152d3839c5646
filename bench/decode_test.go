package bench

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestDecodeShare: the rate at which weights are read is reported as a share of memory's bandwidth, unless it
// is higher, which means that they came from a cache.
func TestDecodeShare(t *testing.T) {
	for _, c := range []struct {
		read, share float64
		text, json  string
	}{
		{15, 0.75, "75 % of the 20 GB/s that memory gives", `"share":0.75,"in_cache":false`},
		{50, 0, "in cache: memory gives 20 GB/s", `"share":0,"in_cache":true`},
	} {
		r := &Decoding{Read: c.read, Limit: 20}
		r.setShare()
		var text strings.Builder
		if err := r.Print(&text); err != nil {
			t.Fatal(err)
		}
		object, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if r.Share != c.share || !strings.Contains(text.String(), c.text) || !strings.Contains(string(object), c.json) {
			t.Errorf("%g GB/s: share %g, want %g\n%s\n%s", c.read, r.Share, c.share, &text, object)
		}
	}
}
