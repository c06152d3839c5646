package main

import (
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
)

// setup is the first cell of a notebook for GoNB. GoNB works in a separate module, and GONB_DIR is the notebook's
// folder. A workspace with both modules makes GoNB use this module, with the versions that it pins. GoNB must not
// get other versions.
const setup = `!*go work init . "$(cd "$GONB_DIR" && go list -m -f '{{.Dir}}')"
%noautoget`

// convertAll rewrites all of notebooks/gonb.
func convertAll(root string) error {
	files, err := filepath.Glob(filepath.Join(root, "notebooks", "*.ipynb"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := convertFile(file, filepath.Join(root, "notebooks", "gonb", filepath.Base(file))); err != nil {
			return err
		}
	}
	return nil
}

// convertFile writes the GoNB version of a notebook.
func convertFile(in, out string) error {
	text, err := os.ReadFile(in)
	if err != nil {
		return err
	}
	if text, err = convert(text); err != nil {
		return fmt.Errorf("%s: %w", in, err)
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o777); err != nil {
		return err
	}
	return os.WriteFile(out, text, 0o666)
}

// convert turns a notebook for gophernotes into one for GoNB, which makes a program of each cell. A cell consists
// of either declarations or statements; statements go below a line %%.
func convert(in []byte) ([]byte, error) {
	var nb map[string]any
	if err := json.Unmarshal(in, &nb); err != nil {
		return nil, err
	}
	cells, _ := nb["cells"].([]any)
	for i, c := range cells {
		cell, ok := c.(map[string]any)
		if !ok || cell["cell_type"] != "code" {
			continue
		}
		src, err := body(source(cell["source"]))
		if err != nil {
			return nil, fmt.Errorf("cell %d: %w", i+1, err)
		}
		cell["source"], cell["outputs"], cell["execution_count"] = src, []any{}, nil
	}
	nb["cells"] = append([]any{map[string]any{
		"cell_type": "code", "id": "gonb", "metadata": map[string]any{}, "source": setup, "outputs": []any{}, "execution_count": nil,
	}}, cells...)
	nb["metadata"] = map[string]any{
		"kernelspec":    map[string]any{"name": "gonb", "display_name": "Go (GoNB)", "language": "go"},
		"language_info": map[string]any{"name": "go"},
	}
	return json.MarshalIndent(nb, "", " ")
}

// source returns the text of a cell, which is stored as a string or a list of lines.
func source(v any) string {
	lines, ok := v.([]any)
	if !ok {
		s, _ := v.(string)
		return s
	}
	var b strings.Builder
	for _, line := range lines {
		s, _ := line.(string)
		b.WriteString(s)
	}
	return b.String()
}

// body returns a cell's text in the form that GoNB expects.
func body(src string) (string, error) {
	if _, err := parser.ParseFile(token.NewFileSet(), "", "package p\n"+src, 0); err == nil {
		return src, nil
	}
	if _, err := parser.ParseFile(token.NewFileSet(), "", "package p\nfunc _() {"+src+"\n}", 0); err != nil {
		return "", fmt.Errorf("neither declarations nor statements: %w", err)
	}
	return "%%\n" + src, nil
}
