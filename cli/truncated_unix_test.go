//go:build unix

package cli

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestTruncatedWeights truncates the weights between two prompts, in a separate process, which ends with
// an error of one line.
func TestTruncatedWeights(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	if status, _, stderr := gorgpt(t, t.Context(), "train", "--data", "text.txt", "--out", "run", "--steps", "1", "--layers", "2", "--width", "128", "--batch", "1"); status != 0 {
		t.Fatal(stderr)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "generate", "--from", "run/checkpoints/latest", "--tokens", "5", "--json")
	cmd.Env = append(os.Environ(), asCommand+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write([]byte("the \n")); err != nil {
		t.Fatal(err)
	}
	first, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(first, "{") {
		t.Fatalf("%q, %v\n%s", first, err, &stderr)
	}
	if err := os.Truncate("run/checkpoints/latest/model.safetensors", 0); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write([]byte("the \n")); err != nil {
		t.Fatal(err)
	}
	in.Close()
	err = cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("it ended with %v, want status 1", err)
	}
	want := regexp.MustCompile(`^gorgpt: .*model\.safetensors: byte \d+ cannot be read: the file was cut short while it was in use\n$`)
	if !want.MatchString(stderr.String()) {
		t.Errorf("standard error\n%s\nwant one line that matches %s", &stderr, want)
	}
}
