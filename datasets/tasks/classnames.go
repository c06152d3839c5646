package tasks

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/gorgpt/gorgpt/internal/parquetfile"
)

// classNames returns the names of the classes, by column, that Hugging Face's datasets records in the metadata of a
// Parquet file (ClassLabel). It returns nil if there are none.
func classNames(data []byte) (names map[string][]string) {
	defer func() {
		if recover() != nil { // the library panics on some damaged files, which eachParquet reports
			names = nil
		}
	}()
	f, err := parquetfile.Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil
	}
	text, _ := f.Lookup("huggingface")
	var about struct {
		Info struct {
			Features map[string]json.RawMessage `json:"features"`
		} `json:"info"`
	}
	if json.Unmarshal([]byte(text), &about) != nil {
		return nil
	}
	names = make(map[string][]string)
	for column, feature := range about.Info.Features {
		var class struct {
			Names []string `json:"names"`
			Type  string   `json:"_type"`
		}
		number := func(name string) bool { _, err := strconv.Atoi(name); return err == nil } // which says nothing
		if json.Unmarshal(feature, &class) == nil && class.Type == "ClassLabel" && !slices.ContainsFunc(class.Names, number) {
			names[column] = class.Names
		}
	}
	return names
}

// nameClasses replaces numbers of classes by their names: releases of a data set differ in the order of its classes.
func nameClasses(rows []row, names map[string][]string) {
	for _, r := range rows {
		for column, classes := range names {
			if n, err := strconv.Atoi(r.values[column]); err == nil && n >= 0 && n < len(classes) {
				r.values[column] = classes[n]
			}
		}
	}
}
