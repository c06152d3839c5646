//go:build unix

package datasets

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestOpenUnreadable checks the errors for unreadable files and folders. If it is run as root, to whom permissions do
// not apply, it runs itself again as nobody.
func TestOpenUnreadable(t *testing.T) {
	const env = "DATASETS_UNREADABLE"
	dir := os.Getenv(env)
	if dir == "" {
		dir = write(t, map[string]string{"sub/secret.txt": "x", "locked/x.txt": "x"})
		for path, mode := range map[string]fs.FileMode{"sub/secret.txt": 0, "locked": 0, ".": 0o755, "sub": 0o755} {
			if err := os.Chmod(filepath.Join(dir, path), mode); err != nil {
				t.Fatal(err)
			}
		}
		t.Cleanup(func() { os.Chmod(filepath.Join(dir, "locked"), 0o777) })
		if os.Geteuid() == 0 {
			asNobody(t, env+"="+dir)
			return
		}
	}
	for spec, want := range map[string]string{
		"sub/secret.txt": "open DIR/sub/secret.txt: permission denied",
		"sub":            "open DIR/sub/secret.txt: permission denied",
		"sub/*.txt":      "open DIR/sub/secret.txt: permission denied",
		"locked":         "open DIR/locked/: permission denied",
		"locked/x.txt":   "stat DIR/locked/x.txt: permission denied",
	} {
		_, err := Open(filepath.Join(dir, spec))
		if err == nil || strings.ReplaceAll(err.Error(), dir, "DIR") != want {
			t.Errorf("%s: error %v\nwant  %s", spec, err, want)
		}
	}
}

func asNobody(t *testing.T, env string) {
	t.Helper()
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Skip("running as root, and there is no /proc to run again from")
	}
	dir, err := os.MkdirTemp("", "datasets") // other users cannot enter t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	exe := filepath.Join(dir, "test")
	if err := os.WriteFile(exe, self, 0o755); err != nil {
		t.Fatal(err)
	}
	// The user nobody must be able to search the folder of the binary and the parent of the test's folder.
	_, path, _ := strings.Cut(env, "=")
	for _, d := range []string{dir, filepath.Dir(path)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(exe, "-test.run=^TestOpenUnreadable$")
	cmd.Env = append(os.Environ(), env)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("as nobody: %v\n%s", err, out)
	}
}
