// Package store reads and writes files by name: a path on this machine, or the URL of an object in
// an object store, as in s3://bucket/texts/a.jsonl.
//
// A name with the scheme file: is a path and is treated like any other: files are synced and renamed,
// and may be mapped. After any other scheme come a bucket and a key in it, taken literally; settings
// of the driver may follow, as in s3://bucket/texts?region=eu-west-1. A driver is linked into a program
// that imports it; it calls [Register]. The only driver in this module is mem:, which keeps objects in
// the process, for tests. The module gorgpt/cloud has s3: and gs:, and a gorgpt with both.
//
//	f, err := store.Open("s3://bucket/texts/a.jsonl")  // read at any offset, a range at a time
//	w, err := store.Create("s3://bucket/packed/x.bin") // exists in full after Commit, or not at all
//
// Object stores have no directories and no renaming, so a file that marks others as complete is written last.
package store
