package train

import (
	"encoding/json"
	"math"
	"testing"
)

// TestVectorsJSON: a state whose vectors have numbers that are not finite can still be saved.
func TestVectorsJSON(t *testing.T) {
	b, err := json.Marshal(State{Last: &Step{Vectors: Vectors{"h.0.x": {1, math.Inf(-1), math.NaN()}}}})
	if err != nil {
		t.Fatal(err)
	}
	var s State
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	if x := s.Last.Vectors["h.0.x"]; len(x) != 3 || x[0] != 1 || !math.IsNaN(x[1]) || !math.IsNaN(x[2]) {
		t.Errorf("%v", x)
	}
}
