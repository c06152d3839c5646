package run

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/internal/wholefile"
	"github.com/gorgpt/gorgpt/store"
)

// remoteName is the file in a run's directory that contains the URL to which the directory is sent.
const remoteName = "remote.txt"

// Remote returns the URL to which the run is sent, "" if there is none.
func (d Dir) Remote() string {
	text, err := os.ReadFile(filepath.Join(string(d), remoteName))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// vacantURL refuses a URL in an object store below which there is something already.
func vacantURL(url string) error {
	for _, name := range []string{recipeName, tunedName} {
		if _, err := store.Stat(store.Join(url, name)); err == nil {
			return fmt.Errorf("%s already holds a run; choose another --out, or continue it with --resume %s", url, url)
		}
	}
	for name, err := range store.Files(url) {
		if err != nil {
			return err
		}
		return fmt.Errorf("%s has %s in it; choose another --out", url, name)
	}
	return nil
}

// send brings the copy of a run at its URL up to date: first the checkpoints, one complete one
// after another, then the logs, and last the pointers, so that these always name what is there.
// Nothing that the pointers named before is overwritten.
func (d Dir) send() error {
	url := d.Remote()
	steps, err := checkpoint.Steps(d.Checkpoints())
	if err != nil {
		return err
	}
	sent := store.Join(url, "checkpoints")
	for _, name := range steps {
		to := store.Join(sent, name)
		there, err := checkpoint.Sent(to)
		if err == nil && !there {
			err = checkpoint.Send(filepath.Join(d.Checkpoints(), name), to)
		}
		if err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || e.Name() == remoteName || e.Name() == checkpoint.ClaimName || strings.HasSuffix(e.Name(), ".tmp") {
			continue
		}
		if err := store.Copy(filepath.Join(string(d), e.Name()), store.Join(url, e.Name())); err != nil {
			return err
		}
	}
	for _, pointer := range []string{checkpoint.Plateau, checkpoint.Best, checkpoint.Latest} {
		at := store.Join(sent, pointer)
		c, err := checkpoint.Open(filepath.Join(d.Checkpoints(), pointer))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = store.Write(at, []byte(filepath.Base(c.Path())+"\n"))
		}
		if err != nil {
			return err
		}
	}
	return pruneSent(sent, steps)
}

// pruneSent removes the checkpoints in a store except those named in keep and the last two: the one
// before the latest is kept for programs that are reading it, and in case the latest is damaged.
func pruneSent(url string, keep []string) error {
	there := make(map[string]bool)
	for name, err := range store.Files(url) {
		if err != nil {
			return err
		}
		if step, _, below := strings.Cut(name, "/"); below {
			there[step] = true
		}
	}
	all := slices.SortedFunc(maps.Keys(there), checkpoint.CompareSteps)
	for _, step := range all[:max(0, len(all)-2)] {
		if slices.Contains(keep, step) {
			continue
		}
		// The manifest goes first, so that what is left is not taken for a complete checkpoint.
		if err := errors.Join(store.RemoveAll(store.Join(url, step, "manifest.json")), store.RemoveAll(store.Join(url, step))); err != nil {
			return err
		}
	}
	return nil
}

// sendOn sends the run to its URL, if it has one. If that fails, it is tried again at the next
// checkpoint, and is an error at the end.
func (j *Job) sendOn() {
	if !j.first() || j.Dir.Remote() == "" {
		return
	}
	if j.unsent = j.Dir.send(); j.unsent != nil {
		j.say(fmt.Sprintf("not sent: %v; the checkpoint is in %s, and will be sent with the next one", j.unsent, j.Dir))
	}
}

// Fetch copies a run from a URL to a new directory in runs, where it can be resumed; its
// checkpoints will be sent back to the URL. A path is returned unchanged. The latest complete
// checkpoint is used; say is called with a line for each one that is not complete.
func Fetch(url string, say func(line string)) (Dir, error) {
	url, err := store.Local(url)
	if err != nil || !store.IsURL(url) {
		return Dir(url), err
	}
	var files []string
	steps := make(map[string]bool)
	isRun := false
	for name, err := range store.Files(url) {
		if err != nil {
			return "", err
		}
		if step, ok := strings.CutPrefix(name, "checkpoints/"); ok {
			if step, _, ok := strings.Cut(step, "/"); ok {
				steps[step] = true
			}
		} else if !strings.Contains(name, "/") {
			if !filepath.IsLocal(name) {
				return "", fmt.Errorf("%s: %q cannot be used as a file name here", url, name)
			}
			files = append(files, name)
			isRun = isRun || name == recipeName || name == tunedName
		}
	}
	if !isRun {
		return "", fmt.Errorf("%s: neither %s nor %s in it: not a run directory", url, recipeName, tunedName)
	}
	made, err := newName(filepath.Join("runs", store.Base(url)+"-"+time.Now().Format("20060102-150405")))
	if err != nil {
		return "", err
	}
	d := Dir(made)
	for _, name := range files {
		if err == nil {
			err = store.Copy(store.Join(url, name), filepath.Join(made, name))
		}
	}
	if err == nil {
		err = d.fetchCheckpoints(store.Join(url, "checkpoints"), steps, say)
	}
	if err == nil {
		err = wholefile.Write(filepath.Join(made, remoteName), []byte(url+"\n"))
	}
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(made))
	}
	return d, nil
}

// fetchCheckpoints copies the checkpoints that pointers name, and the one before the latest if the
// latest is not complete.
func (d Dir) fetchCheckpoints(url string, steps map[string]bool, say func(line string)) error {
	for _, pointer := range []string{checkpoint.Latest, checkpoint.Best, checkpoint.Plateau} {
		text, err := store.ReadFile(store.Join(url, pointer), 4096)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		name := strings.TrimSpace(string(text))
		if err := d.fetchCheckpoint(url, name); err != nil {
			before := ""
			if pointer == checkpoint.Latest {
				if before = d.fetchBefore(url, name, steps); before == "" {
					return fmt.Errorf("%w; no earlier checkpoint is complete", err)
				}
			}
			say(fmt.Sprintf("%s: %v", pointer, err))
			if name = before; name == "" {
				continue
			}
			say(fmt.Sprintf("continuing from %s, which is complete", name))
		}
		if err := checkpoint.Point(d.Checkpoints(), pointer, name); err != nil {
			return err
		}
	}
	return nil
}

// fetchCheckpoint copies a checkpoint. Its name comes from the store, and must not lead to another
// directory.
func (d Dir) fetchCheckpoint(url, name string) error {
	if !filepath.IsLocal(name) || name != filepath.Base(name) || name == "." {
		return fmt.Errorf("%s: %q is not a valid checkpoint name", url, name)
	}
	to := filepath.Join(d.Checkpoints(), name)
	if exists(to) {
		return nil
	}
	return checkpoint.FetchTo(store.Join(url, name), to)
}

// fetchBefore copies the last complete checkpoint other than the named one, and returns its name,
// or "".
func (d Dir) fetchBefore(url, name string, steps map[string]bool) string {
	delete(steps, name)
	for len(steps) > 0 {
		last := slices.MaxFunc(slices.Collect(maps.Keys(steps)), checkpoint.CompareSteps)
		if d.fetchCheckpoint(url, last) == nil {
			return last
		}
		delete(steps, last)
	}
	return ""
}
