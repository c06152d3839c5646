//go:build linux

package datasets

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// resident is the environment variable that makes the test binary stream a file, in a separate process, and print its
// memory and speed.
const resident = "GORGPT_TEST_STREAM"

func TestMain(m *testing.M) {
	if path := os.Getenv(resident); path != "" {
		if err := streamOnce(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// streamOnce reads a file for the number of epochs in the environment, and prints its peak memory in bytes and its speed
// in tokens a second.
func streamOnce(path string) error {
	src, err := Open(path)
	if err != nil {
		return err
	}
	tokens := src.Size()
	if filepath.Ext(path) == ".bin" {
		tokens /= 2
	}
	epochs, err := strconv.ParseInt(os.Getenv("GORGPT_TEST_EPOCHS"), 10, 64)
	if err != nil {
		return err
	}
	// Even the small file fills a block of this size.
	c := Config{Batch: 8, Context: 1024, Seed: 1, Buffer: 1 << 19}
	s, err := NewTraining(src, bytesTokenizer, c)
	if err != nil {
		return err
	}
	stream := Prefetch(s, 4)
	defer stream.Close()
	began := time.Now()
	n := epochs * tokens / int64(c.Batch*c.Context)
	for range n {
		if _, err := stream.Next(context.Background()); err != nil {
			return err
		}
	}
	speed := float64(n) * float64(c.Batch*c.Context) / time.Since(began).Seconds()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	for line := range bytes.Lines(status) {
		var kilobytes int64
		if k, _ := fmt.Sscanf(string(line), "VmHWM: %d kB", &kilobytes); k == 1 {
			fmt.Println(kilobytes<<10, int64(speed))
		}
	}
	return nil
}

// residentSlack is how much the peak memory of two runs may differ, since the garbage
// collector runs at different times.
const residentSlack = 4 << 20

// TestResident: reading a large file takes no more memory than reading the same amount of text from a small file in
// several epochs, and 120 epochs take no more than 30. Pages of mapped files are counted. GORGPT_STREAM_BYTES sets the
// size of the large file; with -v, the figures are printed.
func TestResident(t *testing.T) {
	if testing.Short() {
		t.Skip("starts seven processes")
	}
	size := int64(60e6)
	if s := os.Getenv("GORGPT_STREAM_BYTES"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		size = n
	}
	dir := t.TempDir()
	line := strings.Repeat("all work and no play makes a dull text; ", 25) + "\n"
	for ending, begin := range map[string]string{".txt": line, ".bin": "\x01\x00", ".jsonl": "{\"text\": \"" + strings.TrimSpace(line) + "\"}\n"} {
		measure := func(size, epochs int64) (peak, speed int64) {
			path := filepath.Join(dir, fmt.Sprint(size, ending))
			writeRepeated(t, path, begin, size)
			defer os.Remove(path)
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), resident+"="+path, fmt.Sprint("GORGPT_TEST_EPOCHS=", epochs))
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if _, err := fmt.Sscan(string(out), &peak, &speed); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			t.Logf("%s of %s, %d epochs: %.1f MB, %.1f million tokens/s", ending, byteSize(size), epochs, float64(peak)/1e6, float64(speed)/1e6)
			return peak, speed
		}
		// least returns the lowest peak of up to three runs: memory that a size really needs is needed in all of them.
		least := func(size, epochs, enough int64) (peak int64) {
			peak = math.MaxInt64
			for attempt := 0; attempt < 3 && peak > enough; attempt++ {
				again, _ := measure(size, epochs)
				peak = min(peak, again)
			}
			return peak
		}
		// Both files give the same number of tokens.
		small, _ := measure(2e6, size/2e6)
		if large := least(size, 1, small+residentSlack); large > small+residentSlack {
			t.Errorf("%s: %d bytes of memory for %d bytes, %d for 2,000,000", ending, large, size, small)
		}
		if ending == ".bin" {
			if often := least(2e6, 4*size/2e6, small+residentSlack); often > small+residentSlack {
				t.Errorf("%s: %d bytes of memory after four times the epochs, %d before", ending, often, small)
			}
		}
	}
}

func writeRepeated(t *testing.T, path, begin string, size int64) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := strings.Repeat(begin, 1<<20/len(begin))
	for written := int64(0); written < size; written += int64(len(block)) {
		if left := size - written; left < int64(len(block)) {
			block = block[:left/int64(len(begin))*int64(len(begin))]
		}
		if len(block) == 0 {
			break
		}
		if _, err := f.WriteString(block); err != nil {
			t.Fatal(err)
		}
	}
}
