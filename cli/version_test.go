package cli

import (
	"runtime"
	"strings"
	"testing"

	legal "github.com/gorgpt/gorgpt"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

// TestVersion: version prints what a bug report needs, and the licenses of everything linked.
func TestVersion(t *testing.T) {
	status, stdout, stderr := gorgpt(t, t.Context(), "version")
	for _, want := range []string{"gorgpt ", "\nrevision ", "\n" + runtime.Version() + ", " + runtime.GOOS + "/", "\ninstructions " + kernel.ISA() + "\n"} {
		if status != 0 || !strings.Contains("\n"+stdout, want) {
			t.Errorf("status %d, %s%s; want %q", status, stdout, stderr, want)
		}
	}
	status, stdout, stderr = gorgpt(t, t.Context(), "version", "--licenses")
	if status != 0 || !strings.HasPrefix(stdout, legal.License) || !strings.HasSuffix(stdout, legal.Notice) {
		t.Errorf("status %d, %d bytes of licences, %s", status, len(stdout), stderr)
	}
	for _, of := range []string{"gorgonia.org/gorgonia v", "gonum.org/v1/plot v", "The Go standard library", "GPT-2's vocabulary", "Apache License"} {
		if !strings.Contains(stdout, of) {
			t.Errorf("no licence of %q", of)
		}
	}
	if strings.Contains(stdout, "tiktoken-go-loader v") {
		t.Error("four vocabularies of tiktoken are linked again")
	}
}

// TestUnknownISA: an instruction set that the machine does not have is reported and otherwise ignored.
func TestUnknownISA(t *testing.T) {
	t.Setenv("GORGPT_ISA", "AVX-2")
	status, out, stderr := gorgpt(t, t.Context(), "models")
	if status != 0 || out == "" || !strings.HasPrefix(stderr, "gorgpt: GORGPT_ISA=AVX-2: this machine has ") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("status %d, %q", status, stderr)
	}
}
