// Package cli is the command gorgpt: it declares, trains, samples and inspects GPT models.
//
// A program of your own can include the whole command, with the models that it registers itself:
//
//	func main() { cli.Main() }
//
// Results go to standard output, progress to standard error. The exit status is 0, 1 after a failure, 2 after
// wrong usage, and 130 after an interrupt. The first interrupt lets the command save its work, the second ends
// it at once.
package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/cli/internal/command"
	"github.com/gorgpt/gorgpt/cli/internal/model"
	"github.com/gorgpt/gorgpt/cli/internal/tokens"
	"github.com/gorgpt/gorgpt/cli/internal/training"
	"github.com/gorgpt/gorgpt/cli/internal/using"
	"github.com/gorgpt/gorgpt/internal/kernel"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/memory"
	"github.com/gorgpt/gorgpt/store"
)

// Main runs the command line of this process and exits.
func Main() {
	store.Fetching = func(name string, bytes int64) {
		if bytes >= 16<<20 { // which takes a while
			fmt.Fprintf(os.Stderr, "fetching %s, %.0f MB\n", name, float64(bytes)/1e6)
		}
	}
	os.Exit(execute(command.UntilInterrupt(), os.Args[1:], os.Stdout, os.Stderr))
}

// execute runs the command line and returns the exit status.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	memory.Machine() // before any memory is used
	if asked := os.Getenv("GORGPT_ISA"); asked != "" && !slices.Contains(kernel.ISAs(), asked) {
		fmt.Fprintf(stderr, "gorgpt: GORGPT_ISA=%s: this machine has %s; using %s\n", asked, strings.Join(kernel.ISAs(), ", "), kernel.ISA())
	}
	out := &results{w: stdout}
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(&command.Input{Context: ctx, File: os.Stdin})
	root.SetOut(out)
	root.SetErr(stderr)
	ctx, ranks := command.WithRanks(ctx)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = out.close()
	}
	status := statusOf(err)
	if ranks.Follows() && status == command.Interrupted { // the first rank reports it for all
		status = 0
	} else if err != nil {
		fmt.Fprintf(stderr, "gorgpt: %s%s\n", ranks.Name(), oneLine(err))
	}
	if err := ranks.Part(err, stderr); err != nil {
		fmt.Fprintf(stderr, "gorgpt: %s%s\n", ranks.Name(), oneLine(err))
		return max(status, 1)
	}
	return status
}

// statusOf returns the exit status of a command that returned err, which may be nil.
func statusOf(err error) int {
	switch {
	case err == nil:
		return 0
	case usage.Is(err):
		return 2
	case errors.Is(err, context.Canceled):
		return command.Interrupted
	}
	return 1
}

// results is standard output. It remembers write errors even if the command ignores them: a full
// disk is a failure.
type results struct {
	w   io.Writer
	err error
}

func (r *results) Write(p []byte) (int, error) {
	n, err := r.w.Write(p)
	return n, r.note(err)
}

// note adds "standard output" to an error of the output, and remembers the first one.
func (r *results) note(err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("standard output: %w", weights.Bare(err))
	r.err = cmp.Or(r.err, err)
	return err
}

// close closes the output and returns its first error. Some file systems report errors only then.
func (r *results) close() error {
	if f, ok := r.w.(*os.File); ok {
		r.note(f.Close())
	}
	return r.err
}

// oneLine returns an error as one line, whatever a library has wrapped into it. For the user, a
// canceled context is an interrupt.
func oneLine(err error) string {
	line := strings.Join(strings.Fields(paths(err)), " ")
	if begin, ok := strings.CutSuffix(line, context.Canceled.Error()); ok {
		if strings.Contains(begin, "interrupted") {
			return strings.TrimSuffix(begin, ": ")
		}
		return begin + "interrupted"
	}
	return line
}

// paths returns the text of an error without the names of system calls: "x: no such file or
// directory" instead of "stat x: …".
func paths(err error) string {
	text := err.Error()
	var each func(err error)
	each = func(err error) {
		switch e := err.(type) {
		case *fs.PathError:
			text = strings.Replace(text, e.Error(), e.Path+": "+e.Err.Error(), 1)
			text = strings.Replace(text, e.Path+": "+e.Path+": ", e.Path+": ", 1) // if a wrapper named the path already
		case *os.LinkError:
			text = strings.Replace(text, e.Error(), fmt.Sprintf("%s to %s: %v", e.Old, e.New, e.Err), 1)
		case interface{ Unwrap() error }:
			if under := e.Unwrap(); under != nil {
				each(under)
			}
		case interface{ Unwrap() []error }:
			for _, under := range e.Unwrap() {
				each(under)
			}
		}
	}
	each(err)
	return text
}

// newRoot returns the command with all its subcommands.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "gorgpt",
		Short:         "Declare, train, sample and inspect GPT models as symbolic Gorgonia graphs",
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version(),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return unknownCommand(cmd, args[0])
		},
		PersistentPreRunE: command.CheckValues,

		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("gorgpt {{.Version}}\n")
	root.SetHelpCommand(&cobra.Command{
		Use:   "help [command]",
		Short: "Help about any command",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return unknownCommand(root, args[0])
			}
			return about.Help()
		},
	})
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(newVersion())
	for _, group := range [][]*cobra.Command{training.Commands(), using.Commands(), tokens.Commands(), model.Commands()} {
		root.AddCommand(group...)
	}
	return root
}

// unknownCommand returns the error for a command that there is not. Some have other names elsewhere.
func unknownCommand(root *cobra.Command, name string) error {
	for _, c := range root.Commands() {
		if slices.Contains(c.SuggestFor, name) {
			return usage.Errorf("unknown command %q; did you mean %q?", name, c.Name())
		}
	}
	return usage.Unknown("command", name, names(root))
}

// names lists the subcommands of a command.
func names(cmd *cobra.Command) []string {
	var known []string
	for _, c := range cmd.Commands() {
		if c.Name() != "completion" {
			known = append(known, c.Name())
		}
	}
	return known
}

// flagError turns an error of the flag parser into a usage error that suggests the nearest flag.
func flagError(cmd *cobra.Command, err error) error {
	if words := cmd.Flags().Args(); !cmd.HasParent() && len(words) > 0 { // the flag belongs to a command that there is not
		return unknownCommand(cmd, words[0])
	}
	var missing *pflag.NotExistError
	if errors.As(err, &missing) {
		return unknownFlag(cmd, missing)
	}
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		if want := numbers[invalid.GetFlag().Value.Type()]; want != "" {
			return usage.Errorf("--%s %s: want %s; see %s -h", invalid.GetFlag().Name, invalid.GetValue(), want, cmd.CommandPath())
		}
	}
	return usage.Errorf("%w; see %s -h", err, cmd.CommandPath())
}

// unknownFlag returns the error for a flag that a command does not have. Flags of one letter are
// answered with those that begin with it.
func unknownFlag(cmd *cobra.Command, missing *pflag.NotExistError) error {
	letters := missing.GetSpecifiedShortnames()
	var known, begin []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		known = append(known, "--"+f.Name)
		if letters != "" && f.Name[0] == letters[0] {
			begin = append(begin, "--"+f.Name)
		}
	})
	switch {
	case letters == "":
		return usage.Unknown("flag", "--"+missing.GetSpecifiedName(), known)
	case len(begin) > 0:
		return usage.Errorf("unknown flag \"-%s\": flags are whole words, as in %s; see %s -h", letters, strings.Join(begin, ", "), cmd.CommandPath())
	}
	return usage.Errorf("unknown flag \"-%s\": flags are whole words, as in %s; see %s -h", letters, known[0], cmd.CommandPath())
}

// numbers describes the values of each type of flag, in place of strconv's own words.
var numbers = map[string]string{
	"int": "a whole number", "uint64": "a whole number from 0", "float64": "a number",
}
