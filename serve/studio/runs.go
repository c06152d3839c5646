package studio

import (
	"bufio"
	"cmp"
	"errors"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gorgpt/gorgpt/run"
)

// Limits of what is shown of runs.
const (
	mostRuns   = 200
	mostPoints = 2000
	mostFile   = 64 << 10    // bytes of a recipe; an eighth of it of the end of the samples
	quiet      = time.Minute // a run that has not written for this long is not live
)

// listed is a run in the list.
type listed struct {
	Name     string       `json:"name"`
	Live     bool         `json:"live"` // it has written something within the last minute
	Changed  time.Time    `json:"changed"`
	Summary  *run.Summary `json:"summary,omitempty"`
	Problem  string       `json:"problem,omitempty"`
	Confused bool         `json:"confused"` // it has predictions.tsv
}

// dirs returns the folders of the runs, the most recently changed first.
func (st *studio) dirs() (all []run.Dir, changed map[run.Dir]time.Time, err error) {
	if st.config.Runs == "" {
		return nil, nil, wrong(http.StatusNotFound, "", "no folder of runs: name one with --runs")
	}
	if all, err = run.Find(st.config.Runs); err != nil {
		return nil, nil, wrong(http.StatusNotFound, "", "%v", err)
	}
	changed = make(map[run.Dir]time.Time)
	for _, d := range all {
		if info, err := os.Stat(d.MetricsPath()); err == nil {
			changed[d] = info.ModTime()
		}
	}
	slices.SortStableFunc(all, func(a, b run.Dir) int { return changed[b].Compare(changed[a]) })
	return all[:min(len(all), mostRuns)], changed, nil
}

// listRuns lists the runs of the folder.
func (st *studio) listRuns(w http.ResponseWriter, _ *http.Request) error {
	dirs, changed, err := st.dirs()
	if err != nil {
		return err
	}
	all := []listed{}
	for _, d := range dirs {
		one := listed{Name: filepath.Base(string(d)), Changed: changed[d], Live: time.Since(changed[d]) < quiet}
		if one.Summary, err = st.follow(d).summary(); err != nil {
			one.Summary, one.Problem = nil, oneLine(err)
		}
		one.Confused = there(predictionsOf(d))
		all = append(all, one)
	}
	return write(w, http.StatusOK, map[string]any{"folder": st.config.Runs, "runs": all})
}

// there reports whether a file or folder exists.
func there(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// follow returns the follower of a run.
func (st *studio) follow(d run.Dir) *follower {
	st.mu.Lock()
	defer st.mu.Unlock()
	f := st.runs[string(d)]
	if f == nil {
		f = &follower{dir: d}
		st.runs[string(d)] = f
	}
	return f
}

// dirOf returns the folder of the run that the query of the URL names.
func (st *studio) dirOf(r *http.Request) (run.Dir, error) {
	dirs, _, err := st.dirs()
	if err != nil {
		return "", err
	}
	name := r.URL.Query().Get("run")
	i := slices.IndexFunc(dirs, func(d run.Dir) bool { return filepath.Base(string(d)) == name })
	if i < 0 {
		return "", wrong(http.StatusNotFound, "run", "no run %q", name)
	}
	return dirs[i], nil
}

// curves answers with the curves of a run in at most that many points, each with a mean, a minimum and a maximum.
func (st *studio) curves(w http.ResponseWriter, r *http.Request) error {
	points, err := whole(r.URL.Query(), "points", 600, 2, mostPoints)
	if err != nil {
		return err
	}
	d, err := st.dirOf(r)
	if err != nil {
		return err
	}
	c, err := st.follow(d).curves(points)
	if err != nil {
		return wrong(http.StatusBadRequest, "run", "%v", err)
	}
	if r.URL.Query().Get("files") != "" {
		c.Recipe = start(d.RecipePath())
		if c.Recipe == "" {
			c.Recipe = start(d.TunedPath())
		}
		c.Samples = end(d.SamplesPath())
	}
	return write(w, http.StatusOK, c)
}

// start returns the beginning of a file; "" if it does not exist.
func start(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	text, _ := io.ReadAll(io.LimitReader(f, mostFile))
	return strings.ToValidUTF8(string(text), "�")
}

// end returns the end of a file; "" if it does not exist.
func end(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	if size, err := f.Seek(0, io.SeekEnd); err == nil {
		_, err = f.Seek(max(size-mostFile/8, 0), io.SeekStart)
		if err != nil {
			return ""
		}
	}
	text, _ := io.ReadAll(io.LimitReader(f, mostFile/8))
	return strings.ToValidUTF8(string(text), "�")
}

// predictionsOf returns the path of the file with the predictions of a fine-tuned run's best model on the evaluation
// examples.
func predictionsOf(d run.Dir) string { return filepath.Join(string(d), "predictions.tsv") }

// confusion answers with the confusion matrix of a run or a classifier.
func (st *studio) confusion(w http.ResponseWriter, r *http.Request) error {
	path, err := st.predictions(r)
	if err != nil {
		return err
	}
	a, err := readConfusion(path)
	if errors.Is(err, os.ErrNotExist) {
		return wrong(http.StatusNotFound, "model", "no predictions.tsv beside the checkpoint: gorgpt finetune writes it")
	}
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, a)
}

// predictions returns the path of the predictions of a run, or of the run of a classifier's checkpoint,
// RUN/checkpoints/best.
func (st *studio) predictions(r *http.Request) (string, error) {
	id := r.URL.Query().Get("model")
	if id == "" {
		d, err := st.dirOf(r)
		return predictionsOf(d), err
	}
	for _, m := range st.models() {
		if m.ID == id && m.Trained != nil {
			path := m.Path
			if real, err := filepath.EvalSymlinks(path); err == nil {
				path = real
			}
			return predictionsOf(run.Dir(filepath.Dir(filepath.Dir(path)))), nil
		}
	}
	return "", wrong(http.StatusNotFound, "model", "no classifier %q", id)
}

// confused is a confusion matrix, with some of the mistakes.
type confused struct {
	Labels []string       `json:"labels"`
	Counts map[string]int `json:"counts"` // by truth, a tab, and what was predicted
	Total  int            `json:"total"`
	Right  int            `json:"right"`
	Some   []said         `json:"some"` // mistakes
}

type said struct {
	Line      string `json:"line"`
	Truth     string `json:"truth"`
	Predicted string `json:"predicted"`
}

// Limits of what is shown of predictions.
const (
	mostLabels   = 40
	mostMistakes = 200
)

// readConfusion reads predictions.tsv.
func readConfusion(path string) (*confused, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	a := &confused{Counts: make(map[string]int), Some: []said{}}
	lines := bufio.NewScanner(file)
	lines.Scan() // the names of the columns
	for lines.Scan() {
		f := strings.Split(lines.Text(), "\t")
		if len(f) != 3 {
			return nil, wrong(http.StatusBadRequest, "model", "%s: a line of %d columns, want 3: line, truth, predicted", path, len(f))
		}
		a.Total++
		if len(a.Labels) <= mostLabels {
			a.Counts[f[1]+"\t"+f[2]]++
		}
		for _, label := range f[1:] {
			if !slices.Contains(a.Labels, label) && len(a.Labels) <= mostLabels {
				a.Labels = append(a.Labels, label)
			}
		}
		if f[1] == f[2] {
			a.Right++
		} else if len(a.Some) < mostMistakes {
			a.Some = append(a.Some, said{f[0], f[1], f[2]})
		}
	}
	if err := lines.Err(); err != nil {
		return nil, wrong(http.StatusBadRequest, "model", "%s: %v", path, err)
	}
	if len(a.Labels) > mostLabels { // scores, or too many classes for a table
		a.Labels, a.Counts = []string{}, nil
	}
	slices.SortFunc(a.Labels, cmp.Compare[string])
	return a, nil
}

// finite returns x, or NaN if it is infinite.
func finite(x float64) float64 {
	if math.IsInf(x, 0) {
		return math.NaN()
	}
	return x
}
