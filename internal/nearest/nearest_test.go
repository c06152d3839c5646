package nearest

import "testing"

func TestUnknown(t *testing.T) {
	known := []string{"cosine", "linear", "constant"}
	for _, c := range []struct{ got, want string }{
		{"cosin", `unknown schedule "cosin"; did you mean "cosine"?`},
		{"Linear", `unknown schedule "Linear"; did you mean "linear"?`},
		{"step", `unknown schedule "step"; want one of cosine, linear, constant`},
		{"", `unknown schedule ""; want one of cosine, linear, constant`},
	} {
		if got := Unknown("schedule", c.got, known).Error(); got != c.want {
			t.Errorf("%s\nwant %s", got, c.want)
		}
	}
	if got, want := Unknown("order", "x", []string{"up", ""}).Error(), `unknown order "x"; want one of up`; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}
