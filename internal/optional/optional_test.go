package optional

import (
	"fmt"
	"testing"
)

type plain struct{}

type named struct{ name string }

func (n named) String() string { return n.name }

// proxy hides the methods of the value in it.
type proxy struct{ in any }

func TestAs(t *testing.T) {
	Hidden = func(v, target any) bool {
		p, ok := v.(proxy)
		if s, is := target.(*fmt.Stringer); ok && is {
			*s, ok = p.in.(fmt.Stringer)
			return ok
		}
		return false
	}
	t.Cleanup(func() { Hidden = nil })
	for _, test := range []struct {
		v    any
		want string
		ok   bool
	}{
		{named{"own"}, "own", true},
		{proxy{named{"hidden"}}, "hidden", true},
		{proxy{plain{}}, "", false},
		{plain{}, "", false},
		{nil, "", false},
	} {
		s, ok := As[fmt.Stringer](test.v)
		if ok != test.ok || ok && s.String() != test.want {
			t.Errorf("As(%v) = %v, %v; want %q, %v", test.v, s, ok, test.want, test.ok)
		}
	}
	if _, ok := As[fmt.GoStringer](proxy{named{"n"}}); ok {
		t.Error("a proxy gives what it does not have")
	}
}
