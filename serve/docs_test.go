package serve_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/serve"
)

// curlLine matches a line of docs/serve.md that sends a request to the server.
var curlLine = regexp.MustCompile(`(?m)^curl .*$`)

// TestCurl: the requests of docs/serve.md all succeed.
func TestCurl(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("there is no curl")
	}
	text, err := os.ReadFile("../docs/serve.md")
	if err != nil {
		t.Fatal(err)
	}
	talking := open(t, saveTalking(t), serve.Options{ID: "small"})
	_, web := start(t, serve.Config{}, talking)
	_, classes := start(t, serve.Config{}, open(t, saveClassifier(t, tasks.Task{Name: "toy", Kind: tasks.Classification, Labels: []string{"bad", "good"}}), serve.Options{ID: "classifier"}))
	asked := make(map[string]bool)
	for _, line := range curlLine.FindAllString(string(text), -1) {
		path := regexp.MustCompile(`\$URL(\S*)`).FindStringSubmatch(line)[1]
		asked[path] = true
		url := web.URL
		if path == "/classify" {
			url = classes.URL
		}
		cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.Replace(line, "curl ", "curl --fail-with-body ", 1))
		cmd.Env = append(os.Environ(), "URL="+url)
		out, err := cmd.CombinedOutput()
		if err != nil || len(out) == 0 || strings.Contains(string(out), `"error"`) {
			t.Errorf("%s\n%v %s", line, err, out)
		}
	}
	for _, path := range []string{"/v1/completions", "/v1/chat/completions", "/v1/embeddings", "/v1/models", "/tokenize", "/detokenize", "/tokenizer_info", "/classify", "/health", "/metrics"} {
		if !asked[path] {
			t.Errorf("docs/serve.md does not ask %s", path)
		}
	}
}
