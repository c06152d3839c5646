package setting

import "github.com/spf13/pflag"

// Flags declares a flag for each setting, with its default.
func (l List) Flags(f *pflag.FlagSet) {
	l.Reset()
	for _, s := range l {
		switch at := s.value.(type) {
		case *bool:
			f.BoolVar(at, s.Name, *at, s.Help)
		case *int:
			f.IntVar(at, s.Name, *at, s.Help)
		case *uint64:
			f.Uint64Var(at, s.Name, *at, s.Help)
		case *float64:
			f.Float64Var(at, s.Name, *at, s.Help)
		case *string:
			f.StringVar(at, s.Name, *at, s.Help)
		case *[]string:
			f.StringArrayVar(at, s.Name, *at, s.Help)
		}
	}
}
