package cli

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"

	"github.com/spf13/cobra"

	legal "github.com/gorgpt/gorgpt"
	"github.com/gorgpt/gorgpt/cli/internal/command"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

func newVersion() *cobra.Command {
	licenses := false
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print what this program was built from, and its licenses",
		Long: `Print what this program was built from: its version, the revision of its source, Go's version, the
system, and the instruction set of its matrix products on this machine.`,
		Example: `  gorgpt version
  gorgpt version --licenses | less`,
		Args: command.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if licenses {
				_, err := io.WriteString(cmd.OutOrStdout(), legal.License+"\n"+legal.Notice)
				return err
			}
			return writeVersion(cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&licenses, "licenses", false, "print the licenses of gorgpt and of everything linked into it")
	return cmd
}

// writeVersion prints what the program was built from.
func writeVersion(w io.Writer) error {
	revision, program := "unknown", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Path != module {
			program = " in " + info.Main.Path + " " + info.Main.Version
		}
		of := make(map[string]string)
		for _, s := range info.Settings {
			of[s.Key] = s.Value
		}
		if of["vcs.revision"] != "" {
			revision = of["vcs.revision"] + " of " + of["vcs.time"]
		}
		if of["vcs.modified"] == "true" {
			revision += ", modified"
		}
	}
	_, err := fmt.Fprintf(w, "gorgpt %s%s\nrevision %s\n%s, %s/%s\ninstructions %s\n",
		moduleVersion(), program, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH, kernel.ISA())
	return err
}

// module is the path of this module.
const module = "github.com/gorgpt/gorgpt"

// moduleVersion returns the version of this module, as the main module or as a dependency of
// another program: a release, or a name for the revision of a checkout.
func moduleVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "of an unknown version"
	}
	m := info.Main
	if i := slices.IndexFunc(info.Deps, func(m *debug.Module) bool { return m.Path == module }); i >= 0 {
		m = *info.Deps[i]
	}
	if m.Replace != nil {
		m.Version = cmp.Or(m.Replace.Version, m.Version)
	}
	return cmp.Or(m.Version, "of an unknown version")
}

// version returns the versions of this module and of Go in one line.
func version() string { return moduleVersion() + ", " + runtime.Version() }
